"""Stories of phones and the real server, as an app in Python would live them."""

import asyncio
import pathlib
import subprocess
import sys

import pytest
from stage import ATTENDEES, all_is_on_the_server, until

from muster import (
    ChangeListener,
    CheckIn,
    Choice,
    Durability,
    EntryVia,
    FactBody,
    FieldValue,
    HostCarrier,
    ItemState,
    LinkState,
    MusterError,
    NeedsEdit,
    NewIncident,
    NewWalkIn,
    ReadinessState,
    ResolutionKind,
    Role,
    RoomEdit,
    SessionFilter,
    Settle,
    Severity,
    Side,
    Topic,
    Verdict,
)


async def test_two_phones_without_network_meet_again(stage):
    gate_a, gate_b = await stage.phone("Gate A"), await stage.phone("Gate B")
    entrance = (await gate_a.checkpoints())[0]
    for phone in (gate_a, gate_b):
        await phone.stop_sync()
        assert isinstance((await phone.status()).servers[0].link, LinkState.STOPPED)

    ticket = stage.ticket()
    shown = [await phone.scan(entrance.id, ticket) for phone in (gate_a, gate_b)]
    assert [result.code for result in shown] == ["admitted", "admitted"]
    assert all(result.recorded.durability == Durability.ON_THIS_PHONE for result in shown)
    attendee = shown[0].card.id
    assert not [one for one in await gate_a.double_admissions() if one.attendee == attendee]

    row = next(row for row in await gate_b.readiness_board(SessionFilter()) if row.items)
    for item in row.items:
        await gate_b.observe(row.session.id, item.id, ItemState.OK)
    assert (await gate_b.checklist(row.session.id)).state == ReadinessState.READY
    assert (await gate_a.checklist(row.session.id)).state != ReadinessState.READY
    unsent = await gate_b.unsent_facts()
    assert len(unsent) == 1 + len(row.items)
    assert {fact.by for fact in unsent} == {"Gate B"}

    for phone in (gate_a, gate_b):
        await phone.start_sync()

    async def sees_both(phone):
        doubles = [one for one in await phone.double_admissions() if one.attendee == attendee]
        return bool(doubles) and await all_is_on_the_server(phone)

    for phone in (gate_a, gate_b):
        await until(phone, "the double admission is seen", lambda phone=phone: sees_both(phone))
        assert await phone.unsent_facts() == []
        card = await phone.attendee(attendee)
        assert {fact.fact.id for fact in card.facts} == {result.recorded.fact for result in shown}

    async def ready_at_a():
        return (await gate_a.checklist(row.session.id)).state == ReadinessState.READY

    await until(gate_a, "the room is ready", ready_at_a)

    double = next(one for one in await gate_b.double_admissions() if one.attendee == attendee)
    assert (len(double.admissions), double.settled_by) == (2, None)
    settled = await gate_b.settle(
        Settle(attendee=attendee, checkpoint=entrance.id, found=ResolutionKind.SAME_PERSON, note="came back in")
    )

    async def settled_at_a():
        doubles = [one for one in await gate_a.double_admissions() if one.attendee == attendee]
        return doubles[0].settled_by == settled.fact and doubles[0].found == ResolutionKind.SAME_PERSON

    await until(gate_a, "it is settled", settled_at_a)
    counts = [await phone.counts(entrance.id) for phone in (gate_a, gate_b)]
    assert counts[0] == counts[1]
    assert (await gate_a.scan(entrance.id, ticket)).repeated, "a code that is read twice is one scan"
    again = await gate_a.check_in(CheckIn(checkpoint=entrance.id, attendee=attendee, via=EntryVia.SEARCH))
    assert isinstance(again.verdict, Verdict.ALREADY_IN)
    assert again.verdict.checkpoint == entrance.id
    for phone in (gate_a, gate_b):
        await phone.shutdown()


async def test_a_day_with_everything_that_can_be_asked(stage):
    async with await stage.phone("Desk") as desk:
        me = await desk.me()
        assert me.event == stage.event and isinstance(me.role, Role.STAFF)
        event = await desk.event()
        assert (event.name != "", event.time_zone) == (True, "Europe/Riga")
        entrance = (await desk.checkpoints())[0]

        hits = await desk.search(f"number {ATTENDEES - 1}")
        unpaid = hits[0].id
        wish = CheckIn(checkpoint=entrance.id, attendee=unpaid, via=EntryVia.SEARCH)
        assert isinstance((await desk.check_in(wish)).verdict, Verdict.UNPAID)
        wish.despite = "pays at the desk"
        entry = (await desk.check_in(wish)).recorded
        assert [hit.inside for hit in await desk.search(f"number {ATTENDEES - 1}", limit=1)] == [[entrance.id]]
        before = await desk.counts(entrance.id)
        await desk.exit(entrance.id, unpaid)
        assert (await desk.counts(entrance.id)).total.inside == before.total.inside - 1
        await desk.undo(entry.fact, "wrong person")
        card = await desk.attendee(unpaid)
        assert [fact.stands for fact in card.facts if fact.fact.id == entry.fact] == [False]
        assert any(isinstance(fact.fact.body, FactBody.UNDO) for fact in card.facts)

        question = "0123456789abcdef"
        answered = await desk.scan(entrance.id, stage.ticket(), {question: "vegetarian"})
        assert answered.card.facts[-1].fact.body.answers == {question: "vegetarian"}

        walk_in = await desk.walk_in(NewWalkIn(checkpoint=entrance.id, name="Ilze Bērziņa", category="Guest"))
        assert (await desk.attendee(walk_in.attendee)).attendee.name == "Ilze Bērziņa"
        assert (await desk.search("berzina ilze"))[0].id == walk_in.attendee

        rooms = await desk.rooms()
        sessions = await desk.sessions(SessionFilter(room=rooms[0].id))
        assert sessions and {session.room_name for session in sessions} == {rooms[0].name}
        first = sessions[0].starts_at
        assert await desk.sessions(SessionFilter(starts_before=first, room=rooms[0].id)) == []

        incident = NewIncident(text="The lift is stuck", severity=Severity.URGENT, room=rooms[0].id)
        reported = await desk.report_incident(incident)
        seen = next(one for one in await desk.incidents() if one.fact.id == reported.fact)
        assert (seen.text, seen.severity, seen.room_name) == ("The lift is stuck", Severity.URGENT, rooms[0].name)
        await desk.set_label("Desk, evening")
        assert (await desk.status()).label == "Desk, evening"
        assert (await desk.own_facts())[-1].id == reported.fact


async def test_a_presenter_says_that_they_are_here(stage):
    staff = await stage.phone("Staff")
    listed = await staff.arrivals()
    mine = next(one for one in listed if one.profile.name == "Mārtiņš Grāvītis")
    presenter = await stage.phone("Mine", role="presenter", presenter=mine.presenter)

    async def paid():
        logistics = await presenter.my_logistics()
        return logistics.honorarium is not None and logistics.honorarium.amount_cents == 35_000

    await until(presenter, "the honorarium is there", paid)
    assert (await presenter.logistics(mine.presenter)) == (await presenter.my_logistics())
    arrived = await presenter.arrive(mine.presenter)

    async def seen():
        return any(one.arrival and one.arrival.id == arrived.fact for one in await staff.arrivals())

    await until(staff, "staff see that the presenter is here", seen)

    assert await presenter.edit_needs(mine.presenter, [NeedsEdit.AIDS("HDMI adapter")])
    assert (await presenter.my_logistics()).needs.aids == "HDMI adapter"

    async def stored():
        return (await presenter.my_logistics()).needs_durability == Durability.ON_SERVER

    await until(presenter, "the server has it", stored)
    with pytest.raises(MusterError.NotAllowed):
        await presenter.edit_room((await presenter.rooms())[0].id, [RoomEdit.FLOOR("2")])
    for phone in (staff, presenter):
        await phone.shutdown()


async def test_what_two_people_edit_is_kept_and_what_clashes_is_chosen(stage):
    desks = [await stage.phone(name, role="coordinator") for name in ("Desk one", "Desk two")]
    room = (await desks[0].rooms())[-1]
    capacity = 500 if room.capacity != 500 else 501
    for desk in desks:
        await desk.stop_sync()
    assert await desks[0].edit_room(room.id, [RoomEdit.NAME("Great hall"), RoomEdit.CAPACITY(capacity)])
    assert await desks[1].edit_room(room.id, [RoomEdit.NAME("Small hall")])
    assert not await desks[1].edit_room(room.id, [RoomEdit.NAME("Small hall")])
    with pytest.raises(MusterError.OutOfRange):
        await desks[1].edit_room(room.id, [RoomEdit.CAPACITY(0)])
    unsent = (await desks[0].unsent_edits())[0]
    assert {(field.field, field.after) for field in unsent.fields} == {
        ("name", '"Great hall"'),
        ("capacity", str(capacity)),
    }
    for desk in desks:
        await desk.start_sync()

    async def clash(desk):
        return [one for one in await desk.conflicts() if one.key == room.id]

    for desk in desks:
        await until(desk, "both are told of the two names", lambda desk=desk: clash(desk))
    shown = (await clash(desks[0]))[0]
    assert (shown.collection, shown.field) == ("rooms", "name")
    great = next(value for value in shown.values if value.value == FieldValue.PLAIN("Great hall"))
    assert great.own and great.device == (await desks[0].me()).device
    choice = Choice(
        document=shown.document, collection=shown.collection, key=shown.key, field=shown.field, value=great.id
    )
    assert await desks[1].choose(choice)
    with pytest.raises(MusterError.ConflictUnknown):
        await desks[1].choose(choice)

    async def settled(desk):
        seen = next(one for one in await desk.rooms() if one.id == room.id)
        return (seen.name, seen.capacity) == ("Great hall", capacity) and not await clash(desk)

    for desk in desks:
        await until(desk, "it is settled", lambda desk=desk: settled(desk))
    # Others go on with the room as it was called.
    await desks[0].edit_room(room.id, [RoomEdit.NAME(room.name)])
    await until(desks[0], "the server has it", lambda: all_is_on_the_server(desks[0]))
    for desk in desks:
        await desk.shutdown()


class Wire(HostCarrier):
    """The host's own way to the other phone: here, a queue."""

    def __init__(self, loop):
        self.loop, self.frames, self.ended = loop, asyncio.Queue(), asyncio.Event()

    def send(self, frame):
        self.loop.call_soon_threadsafe(self.frames.put_nowait, frame)

    def closed(self):
        self.loop.call_soon_threadsafe(self.ended.set)

    async def carry_to(self, link):
        while True:
            await link.deliver(await self.frames.get())


async def test_two_phones_meet_over_the_hosts_own_carrier(stage):
    one, other = await stage.phone("One"), await stage.phone("Other")
    for phone in (one, other):
        await phone.stop_sync()
    entrance = (await one.checkpoints())[0]
    ticket = stage.ticket()
    shown = await one.scan(entrance.id, ticket)

    loop = asyncio.get_running_loop()
    wires = Wire(loop), Wire(loop)
    link_one = await one.attach(Role.STAFF(), Side.INITIATOR, wires[0])
    link_other = await other.attach(Role.STAFF(), Side.ACCEPTOR, wires[1])
    carrying = [loop.create_task(wires[0].carry_to(link_other)), loop.create_task(wires[1].carry_to(link_one))]

    async def heard():
        return [fact.fact.id for fact in (await other.attendee(shown.card.id)).facts] == [shown.recorded.fact]

    await until(other, "the other phone hears of the check-in", heard)
    again = await other.scan(entrance.id, ticket)
    assert isinstance(again.verdict, Verdict.ALREADY_IN) and again.verdict.fact == shown.recorded.fact

    link_one.end()
    await asyncio.wait_for(wires[0].ended.wait(), 60)
    for task in carrying:
        task.cancel()
    await one.shutdown()
    await other.shutdown()
    await asyncio.wait_for(wires[1].ended.wait(), 60)


async def test_a_listener_hears_of_a_scan_until_it_is_cancelled(stage):
    phone = await stage.phone("Heard")
    entrance = (await phone.checkpoints())[0]
    loop, told = asyncio.get_running_loop(), asyncio.Queue()

    class Listener(ChangeListener):
        def changed(self, topics):
            loop.call_soon_threadsafe(told.put_nowait, topics)

    subscription, other = phone.subscribe(Listener()), phone.subscribe(Listener())
    await phone.scan(entrance.id, stage.ticket())
    while Topic.CHECKINS not in await asyncio.wait_for(told.get(), 60):
        pass
    for handle in (subscription, other):
        handle.cancel()
        handle.cancel()
    await until(phone, "the server has it", lambda: all_is_on_the_server(phone))
    while not told.empty():
        told.get_nowait()
    await phone.scan(entrance.id, stage.ticket())
    await until(phone, "the server has it", lambda: all_is_on_the_server(phone))
    assert told.empty()
    await phone.shutdown()


def test_the_example_of_the_readme(stage, tmp_path):
    example = pathlib.Path(__file__).parents[1] / "examples" / "door.py"
    ticket = stage.ticket()
    args = [str(tmp_path / "door.db"), stage.invite(), ticket, ticket, "nobody's"]
    done = subprocess.run([sys.executable, str(example), *args], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(": ")[1].split(" ")[0] for line in lines] == ["admitted", "admitted", "unknown"], done.stdout
    assert "changed: " in done.stderr
