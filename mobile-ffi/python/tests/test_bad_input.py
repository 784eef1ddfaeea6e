"""What an app may do wrong, and what it is told."""

import asyncio
import ctypes
import json
import pathlib
import subprocess
import sys
import threading

import pytest
from stage import all_is_on_the_server, until

from muster import ChangeListener, Client, Config, DatabaseKey, HostCarrier, MusterError, RetryClass, Role, Side
from muster import muster_mobile, recover_database


async def refused(call) -> MusterError:
    with pytest.raises(MusterError) as caught:
        await call
    assert caught.value.code() and caught.value.remedy() and caught.value.detail()
    return caught.value


async def test_a_listener_that_throws_stops_nobody(stage):
    phone = await stage.phone("Thrown")
    entrance = (await phone.checkpoints())[0]
    loop, calls, heard = asyncio.get_running_loop(), asyncio.Queue(), asyncio.Queue()

    class Throws(ChangeListener):
        def changed(self, topics):
            loop.call_soon_threadsafe(calls.put_nowait, topics)
            raise ValueError("on purpose")

    class Hears(ChangeListener):
        def changed(self, topics):
            loop.call_soon_threadsafe(heard.put_nowait, topics)

    subscriptions = [phone.subscribe(Throws()), phone.subscribe(Hears())]
    for _ in range(3):
        await phone.scan(entrance.id, stage.ticket())
        await asyncio.wait_for(calls.get(), 60)
        await asyncio.wait_for(heard.get(), 60)
    await until(phone, "the server has it", lambda: all_is_on_the_server(phone))
    for subscription in subscriptions:
        subscription.cancel()
    await phone.shutdown()


async def test_many_threads_may_call_at_once(stage):
    phone = await stage.phone("Busy")
    entrance = (await phone.checkpoints())[0]
    shared, own = stage.ticket(), [[stage.ticket() for _ in range(3)] for _ in range(8)]
    results = [[] for _ in own]

    def gate(nth):
        async def scan():
            for ticket in [*own[nth], shared]:
                results[nth].append(await phone.scan(entrance.id, ticket))
                await phone.status()

        asyncio.run(scan())

    threads = [threading.Thread(target=gate, args=[nth]) for nth in range(len(own))]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    facts = [result.recorded.fact for some in results for result in some[:-1]]
    assert len(set(facts)) == 24
    last = [some[-1] for some in results]
    assert sum(result.code == "admitted" and not result.repeated for result in last) == 1
    assert len(await phone.own_facts()) == 25
    await phone.shutdown()


async def test_a_handle_used_after_close_says_closed(stage):
    phone = await stage.phone("Closed")
    entrance = (await phone.checkpoints())[0]
    scan = asyncio.create_task(phone.scan(entrance.id, stage.ticket()))
    await asyncio.sleep(0)
    await phone.shutdown()
    assert (await scan).code == "admitted", "what was asked before is done first"
    await phone.shutdown()
    error = await refused(phone.scan(entrance.id, stage.ticket()))
    assert isinstance(error, MusterError.Closed) and error.code() == "closed"
    assert (await refused(phone.status())).code() == "closed"
    with pytest.raises(MusterError.Closed):
        phone.subscribe(ChangeListener())


async def test_a_database_is_open_once(stage):
    database = stage.database()
    first = await Client.open(Config(database=database))
    error = await refused(Client.open(Config(database=database)))
    assert isinstance(error, MusterError.StorageBusy)
    assert (error.code(), error.retry()) == ("storage_busy", RetryClass.TRANSIENT)
    assert (await refused(recover_database(Config(database=database)))).code() == "storage_busy"

    program = f"""
import asyncio, muster
try:
    asyncio.run(muster.Client.open(muster.Config(database={database!r})))
except muster.MusterError as error:
    print(error.code())
"""
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert other.stdout.strip() == "storage_busy", other.stderr
    await first.shutdown()
    again = await Client.open(Config(database=database))
    assert await again.me() is None
    await again.shutdown()


async def test_a_damaged_database_is_put_aside(tmp_path):
    database = tmp_path / "event.db"
    database.write_bytes(b"not a database " * 1_000)
    error = await refused(Client.open(Config(database=str(database))))
    assert isinstance(error, MusterError.StorageDamaged) and error.retry() == RetryClass.NEEDS_USER
    recovered = await recover_database(Config(database=str(database)))
    assert await recovered.client.me() is None
    assert pathlib.Path(recovered.aside.database).read_bytes().startswith(b"not a database")
    exported = json.loads(pathlib.Path(recovered.aside.export_file).read_text())
    assert exported == {"complete": False, "facts": [], "edits": []}
    await recovered.client.shutdown()


async def test_bytes_that_are_not_utf8(stage, monkeypatch):
    phone = await stage.phone("Bytes")
    entrance = (await phone.checkpoints())[0]
    ticket = stage.ticket()
    error = await refused(phone.scan_bytes(entrance.id, ticket.encode() + b"\xff"))
    assert isinstance(error, MusterError.BadParameter) and error.code() == "bad_parameter"
    with pytest.raises(UnicodeEncodeError):
        await phone.scan(entrance.id, "\ud800")
    with pytest.raises(TypeError):
        await phone.scan(entrance.id, ticket.encode())

    with monkeypatch.context() as broken:
        alloc = muster_mobile._UniffiRustBuffer.alloc_with_builder

        def lower(text):  # as a binding would that does not keep UniFFI's promise that a text is UTF-8
            with alloc() as builder:
                builder.write(text.encode("utf-8", "surrogatepass"))
                return builder.finalize()

        broken.setattr(muster_mobile._UniffiFfiConverterString, "lower", staticmethod(lower))
        assert (await refused(phone.scan(entrance.id, "\ud800"))).code() == "bad_parameter"
        assert (await refused(phone.scan("\ud800", ticket))).code() == "bad_parameter"
        assert (await refused(phone.set_label("\udfff"))).code() == "bad_parameter"
    assert await phone.own_facts() == []
    assert (await phone.scan_bytes(entrance.id, ticket.encode())).code == "admitted"
    await phone.shutdown()


def keyed(database):
    return Config(database=database, key=DatabaseKey(b"7" * 32))


async def test_what_cannot_be_done_has_a_code(stage):
    nobody = await Client.open(Config(database=stage.database()))
    cases = [
        (nobody.checkpoints(), MusterError.NotEnrolled, "not_enrolled"),
        (nobody.enrol("K7Q2M4", "x"), MusterError.EnrolmentLink, "enrolment_link"),
        (nobody.enrol("http://127.0.0.1:1/enrol#abc", "x"), MusterError.Unreachable, "unreachable"),
        (nobody.attendee("not an id"), MusterError.BadParameter, "bad_parameter"),
        (Client.open(Config(database="x.db", extra_roots=[b"?"])), MusterError.BadParameter, "bad_parameter"),
        (Client.open(Config(database="/no/such/folder/x.db")), MusterError.StorageFailed, "storage_failed"),
        # The tests' library is built without the feature `sqlcipher`: it must not write plain text instead.
        (Client.open(keyed(stage.database())), MusterError.StorageNoEncryption, "storage_no_encryption"),
    ]
    with pytest.raises(MusterError.BadParameter):
        DatabaseKey(b"short")
    assert "7777" not in str(keyed("x.db"))
    for call, kind, code in cases:
        error = await refused(call)
        assert isinstance(error, kind) and error.code() == code, error
    link = stage.invite()
    await nobody.enrol(link, "First")
    other = await Client.open(Config(database=stage.database()))
    error = await refused(other.enrol(link, "Second"))
    assert isinstance(error, MusterError.Refused) and error.code() == "enrolment_code_used"
    assert error.retry() == RetryClass.NEEDS_USER
    for phone in (nobody, other):
        await phone.shutdown()


async def test_a_call_that_is_cancelled_is_done_all_the_same(stage):
    phone = await stage.phone("Hasty")
    entrance = (await phone.checkpoints())[0]
    scan = asyncio.create_task(phone.scan(entrance.id, stage.ticket()))
    await asyncio.sleep(0)  # it begins
    scan.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scan

    async def recorded():
        return len(await phone.own_facts()) == 1 and await all_is_on_the_server(phone)

    await until(phone, "the check-in is recorded", recorded)
    await phone.shutdown()


async def test_a_carrier_that_throws_ends_its_link_only(stage):
    phone = await stage.phone("Carried")
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    class Broken(HostCarrier):
        def send(self, frame):
            raise OSError("on purpose")

        def closed(self):
            loop.call_soon_threadsafe(closed.set)
            raise OSError("on purpose")

    link = await phone.attach(Role.STAFF(), Side.INITIATOR, Broken())
    await asyncio.wait_for(closed.wait(), 60)
    error = await refused(link.deliver(b"frame"))
    assert isinstance(error, MusterError.LinkEnded) and error.code() == "link_ended"
    assert await phone.checkpoints()
    await phone.shutdown()


def test_an_app_that_just_ends_does_not_crash(stage, tmp_path):
    program = f"""
import asyncio, muster
class Listener(muster.ChangeListener):
    def changed(self, topics):
        pass
async def run():
    global client, subscription
    client = await muster.Client.open(muster.Config(database={str(tmp_path / "ends.db")!r}))
    await client.enrol({stage.invite()!r}, "Ends")
    subscription = client.subscribe(Listener())
    await client.start_sync()
    await client.status()
asyncio.run(run())
print("ended")
"""
    for _ in range(1):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout.strip()) == (0, "ended"), done.stderr


def test_the_library_is_the_one_in_the_wheel():
    library = pathlib.Path(muster_mobile.__file__).with_name(f"libmuster_mobile{_suffix()}")
    assert library.is_file() and ctypes.CDLL(str(library))


def _suffix():
    return {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
