package muster.mobile

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import muster.mobile.examples.door
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Stories of phones and the real server, as an app in Kotlin would live them. */
class StoriesTest {
    @Test
    fun `two phones without network meet again`() = runBlocking {
        val (gateA, gateB) = listOf(Stage.phone("Gate A"), Stage.phone("Gate B"))
        val entrance = gateA.checkpoints().first()
        for (phone in listOf(gateA, gateB)) {
            phone.stopSync()
            assertEquals(LinkState.Stopped, phone.status().servers.single().link)
        }

        val ticket = Stage.ticket()
        val shown = listOf(gateA, gateB).map { it.scan(entrance.id, ticket) }
        assertEquals(listOf(Verdict.Admitted, Verdict.Admitted), shown.map { it.verdict })
        assertTrue(shown.all { it.recorded?.durability == Durability.ON_THIS_PHONE })
        val attendee = shown.first().card!!.id
        assertTrue(gateA.doubleAdmissions().none { it.attendee == attendee })

        val row = gateB.readinessBoard(SessionFilter()).first { it.items.isNotEmpty() }
        for (item in row.items) gateB.observe(row.session.id, item.id, ItemState.OK)
        assertEquals(ReadinessState.READY, gateB.checklist(row.session.id).state)
        assertNotEquals(ReadinessState.READY, gateA.checklist(row.session.id).state)
        assertEquals(1 + row.items.size, gateB.unsentFacts().size)

        for (phone in listOf(gateA, gateB)) phone.startSync()
        for (phone in listOf(gateA, gateB)) {
            phone.until("the double admission is seen") {
                phone.doubleAdmissions().any { it.attendee == attendee } && allIsOnTheServer(phone)
            }
            assertTrue(phone.unsentFacts().isEmpty())
            val facts = phone.attendee(attendee).facts.map { it.fact.id }
            assertEquals(shown.map { it.recorded!!.fact }.toSet(), facts.toSet())
        }
        gateA.until("the room is ready") { gateA.checklist(row.session.id).state == ReadinessState.READY }

        val double = gateB.doubleAdmissions().first { it.attendee == attendee }
        assertEquals(2, double.admissions.size)
        assertNull(double.settledBy)
        val settled = gateB.settle(Settle(attendee, entrance.id, ResolutionKind.SAME_PERSON, note = "came back in"))
        gateA.until("it is settled") {
            gateA.doubleAdmissions().first { it.attendee == attendee }.settledBy == settled.fact
        }
        assertEquals(gateA.counts(entrance.id), gateB.counts(entrance.id))
        val again = gateA.checkIn(CheckIn(entrance.id, attendee, EntryVia.SEARCH))
        assertEquals(entrance.id, assertInstanceOf(Verdict.AlreadyIn::class.java, again.verdict).checkpoint)
        for (phone in listOf(gateA, gateB)) phone.shutdown()
    }

    @Test
    fun `a day with everything that can be asked`() = runBlocking {
        val desk = Stage.phone("Desk")
        val me = desk.me()!!
        assertEquals(Stage.event to Role.Staff, me.event to me.role)
        assertEquals("Europe/Riga", desk.event().timeZone)
        val entrance = desk.checkpoints().first()

        val unpaid = desk.search("number ${ATTENDEES - 1}").first().id
        val wish = CheckIn(entrance.id, unpaid, EntryVia.SEARCH)
        assertEquals(Verdict.Unpaid, desk.checkIn(wish).verdict)
        val entry = desk.checkIn(wish.copy(despite = "pays at the desk")).recorded!!
        assertEquals(listOf(entrance.id), desk.search("number ${ATTENDEES - 1}", 1U).single().inside)
        val before = desk.counts(entrance.id).total
        desk.exit(entrance.id, unpaid)
        assertEquals(before.inside - 1UL, desk.counts(entrance.id).total.inside)
        desk.undo(entry.fact, "wrong person")
        val facts = desk.attendee(unpaid).facts
        assertFalse(facts.first { it.fact.id == entry.fact }.stands)
        assertTrue(facts.any { it.fact.body is FactBody.Undo })

        val walkIn = desk.walkIn(NewWalkIn(entrance.id, "Ilze Bērziņa", category = "Guest"))
        assertEquals("Ilze Bērziņa", desk.attendee(walkIn.attendee!!).attendee.name)
        assertEquals(walkIn.attendee, desk.search("berzina ilze").first().id)

        val room = desk.rooms().first()
        val sessions = desk.sessions(SessionFilter(room = room.id))
        assertEquals(setOf(room.name), sessions.map { it.roomName }.toSet())
        val earlier = SessionFilter(room = room.id, startsBefore = sessions.first().startsAt)
        assertTrue(desk.sessions(earlier).isEmpty())

        val incident = desk.reportIncident(NewIncident("The lift is stuck", Severity.URGENT, room = room.id))
        val seen = desk.incidents().first { it.fact.id == incident.fact }
        assertEquals(listOf<Any>("The lift is stuck", Severity.URGENT, room.name), seen.run { listOf(text, severity, roomName) })
        desk.setLabel("Desk, evening")
        assertEquals("Desk, evening", desk.status().label)
        assertEquals(incident.fact, desk.ownFacts().last().id)
        desk.shutdown()
    }

    @Test
    fun `a presenter says that they are here`() = runBlocking {
        val staff = Stage.phone("Staff")
        val mine = staff.arrivals().first { it.profile?.name == "Mārtiņš Grāvītis" }.presenter
        val presenter = Stage.phone("Mine", role = "presenter", presenter = mine)
        presenter.until("the honorarium is there") { presenter.myLogistics().honorarium?.amountCents == 35_000L }
        assertEquals(presenter.myLogistics(), presenter.logistics(mine))
        val arrived = presenter.arrive(mine)
        staff.until("staff see that the presenter is here") { staff.arrivals().any { it.arrival?.id == arrived.fact } }
        assertTrue(presenter.editNeeds(mine, listOf(NeedsEdit.Notes("Late on Friday"))))
        assertEquals("Late on Friday", presenter.myLogistics().needs?.notes)
        presenter.until("the server has it") { presenter.myLogistics().needsDurability == Durability.ON_SERVER }
        for (phone in listOf(staff, presenter)) phone.shutdown()
    }

    @Test
    fun `a coordinator edits a session, field by field`() = runBlocking {
        val desk = Stage.phone("Desk", role = "coordinator")
        val session = desk.sessions(SessionFilter()).first()
        val edits = listOf(SessionEdit.Subtitle("With coffee"), SessionEdit.Cancelled(true))
        assertTrue(desk.editSession(session.id, edits))
        val seen = desk.sessions(SessionFilter()).first { it.id == session.id }
        assertEquals(listOf(session.title, "With coffee", true), listOf(seen.title, seen.subtitle, seen.cancelled))
        assertTrue(desk.conflicts().isEmpty())
        desk.until("the server has it") { desk.unsentEdits().isEmpty() }
        val asBefore = listOf(SessionEdit.Subtitle(session.subtitle), SessionEdit.Cancelled(session.cancelled))
        assertTrue(desk.editSession(session.id, asBefore))
        desk.shutdown()
    }

    /** The host's own way to the other phone: here, a queue. */
    private class Wire : HostCarrier {
        val frames = Channel<ByteArray>(Channel.UNLIMITED)
        val ended = CompletableDeferred<Unit>()

        override fun send(frame: ByteArray) {
            frames.trySend(frame).getOrThrow()
        }

        override fun closed() {
            frames.close()
            ended.complete(Unit)
        }
    }

    @Test
    fun `two phones meet over the carrier of the host`() = runBlocking {
        val (one, other) = listOf(Stage.phone("One"), Stage.phone("Other"))
        for (phone in listOf(one, other)) phone.stopSync()
        val entrance = one.checkpoints().first()
        val ticket = Stage.ticket()
        val shown = one.scan(entrance.id, ticket)

        val (wireOne, wireOther) = listOf(Wire(), Wire())
        val linkOne = one.attach(Role.Staff, Side.INITIATOR, wireOne)
        val linkOther = other.attach(Role.Staff, Side.ACCEPTOR, wireOther)
        val carrying = listOf(
            launch { for (frame in wireOne.frames) linkOther.deliver(frame) },
            launch { for (frame in wireOther.frames) linkOne.deliver(frame) },
        )
        other.until("the other phone hears of the check-in") {
            other.attendee(shown.card!!.id).facts.map { it.fact.id } == listOf(shown.recorded!!.fact)
        }
        val again = other.scan(entrance.id, ticket)
        assertEquals(shown.recorded!!.fact, assertInstanceOf(Verdict.AlreadyIn::class.java, again.verdict).fact)

        for (task in carrying) task.cancel()
        linkOne.end()
        withTimeout(WITHIN) { wireOne.ended.await() }
        for (phone in listOf(one, other)) phone.shutdown()
        withTimeout(WITHIN) { wireOther.ended.await() }
        for (link in listOf(linkOne, linkOther)) link.close()
    }

    @Test
    fun `a listener hears of a scan until it is cancelled`() = runBlocking {
        val phone = Stage.phone("Heard")
        val entrance = phone.checkpoints().first()
        val told = Channel<List<Topic>>(Channel.UNLIMITED)
        val listener = object : ChangeListener {
            override fun changed(topics: List<Topic>) {
                told.trySend(topics)
            }
        }
        val subscription = phone.subscribe(listener)
        phone.scan(entrance.id, Stage.ticket())
        withTimeout(WITHIN) { while (Topic.CHECKINS !in told.receive()) Unit }
        subscription.cancel()
        subscription.cancel()
        phone.until("the server has it") { allIsOnTheServer(phone) }
        while (told.tryReceive().isSuccess) Unit
        phone.scan(entrance.id, Stage.ticket())
        phone.until("the server has it") { allIsOnTheServer(phone) }
        assertNull(told.tryReceive().getOrNull())
        subscription.close()
        phone.shutdown()
    }

    @Test
    fun `the example of the readme`() = runBlocking {
        val ticket = Stage.ticket()
        val lines = mutableListOf<String>()
        door(Stage.database(), Stage.invite(), listOf(ticket, "nobody's"), lines::add)
        assertEquals(listOf("admitted", "unknown"), lines.map { it.substringAfter(": ").substringBefore(" ") })
    }
}
