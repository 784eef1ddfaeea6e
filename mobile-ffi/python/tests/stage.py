"""What every story needs: the real server with an event, and phones that can wait for what they shall hear of."""

import asyncio
import contextlib
import json
import os
import pathlib
import subprocess
import time

from muster import ChangeListener, Client, Config

MUSTER = os.environ.get("MUSTER_SERVER", "muster")
SAMPLES = pathlib.Path(__file__).parents[3] / "samples"

ATTENDEES = 200

# Generous, since the machine may be busy; only a failing test waits for so long.
WITHIN_S = 60


class Stage:
    """A running server with an event: the sample programme, and attendees with the tickets `storyticket0`..."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.data = folder / "server"
        self.data.mkdir()
        with open(folder / "server.log", "ab") as log:
            serve = [MUSTER, "serve", "--listen", "127.0.0.1:0", "--data", str(self.data)]
            self.process = subprocess.Popen(serve, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        self._phones = 0
        self._tickets = iter(range(ATTENDEES - 1))
        try:
            self._wait_until_ready()
            self._fill()
        except BaseException:
            self.stop()
            raise

    def _fill(self):
        created = self.command("event", "create", "--name", "Story", "--time-zone", "Europe/Riga")
        self.event = created["event_id"]
        rows = ["Ticket code,First name,Last name,Organisation,Category,E-mail,Language,Status,Notes"]
        for nth in range(ATTENDEES):
            status = "unpaid" if nth == ATTENDEES - 1 else "paid"
            rows.append(f"storyticket{nth},Guest,Number {nth},Nobody,Delegate,g{nth}@example.org,lv,{status},")
        attendees = self.folder / "attendees.csv"
        attendees.write_text("\n".join(rows) + "\n")
        for file in [SAMPLES / "conference.xml", SAMPLES / "rooms.csv", SAMPLES / "presenters.csv", attendees]:
            self.command("event", "import", self.event, str(file))

    def _wait_until_ready(self):
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "server.log").read_text())
            with contextlib.suppress(OSError, ValueError):
                written = json.loads((self.data / "server.json").read_bytes())
                if written["pid"] == self.process.pid:
                    return
            time.sleep(0.02)  # the file is all that the server says
        raise RuntimeError("the server is not ready in time")

    def command(self, *args: str) -> dict:
        done = subprocess.run([MUSTER, *args, "--json", "--data", str(self.data)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def invite(self, role: str = "staff", name: str = "Phone", presenter: str | None = None) -> str:
        args = ["device", "add", self.event, "--role", role, "--name", name]
        if presenter:
            args += ["--presenter", presenter]
        return self.command(*args)["link"]

    def ticket(self) -> str:
        """A ticket that no other test has."""
        return f"storyticket{next(self._tickets)}"

    def database(self) -> str:
        self._phones += 1
        return str(self.folder / f"phone-{self._phones}.db")

    async def phone(self, name: str, **invitation: str) -> Client:
        """A phone that holds the whole event."""
        client = await Client.open(Config(database=self.database()))
        await client.enrol(self.invite(name=name, **invitation), name)
        await client.set_label(name)
        await client.start_sync()
        await until(client, "the event is there", lambda: knows_all(client))
        return client

    def stop(self):
        self.process.terminate()
        self.process.wait()


async def knows_all(client: Client) -> bool:
    status = await client.status()
    return status.enrolled and not status.missing and not status.indexing


async def all_is_on_the_server(client: Client) -> bool:
    return all(server.facts_not_there + server.edits_not_there == 0 for server in (await client.status()).servers)


async def until(client: Client, what: str, holds) -> None:
    """Looks again whenever the phone says that something changed, until it is as it should be."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    class Look(ChangeListener):
        def changed(self, topics):
            loop.call_soon_threadsafe(changed.set)

    subscription = client.subscribe(Look())
    deadline = loop.time() + WITHIN_S
    try:
        while not await holds():
            try:
                await asyncio.wait_for(changed.wait(), deadline - loop.time())
            except TimeoutError:
                raise AssertionError(f"not within {WITHIN_S} s: {what}") from None
            changed.clear()
    finally:
        subscription.cancel()
