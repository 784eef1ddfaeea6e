package muster.mobile

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.fail
import java.nio.charset.CharacterCodingException
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.Executors

/** What an app may do wrong, and what it is told. */
class BadInputTest {
    private inline fun <reified E : MusterException> refused(call: () -> Any?): E {
        val error = try {
            call()
            null
        } catch (error: MusterException) {
            error
        }
        val refusal = error ?: fail("it was not refused")
        assertTrue(refusal.code().isNotEmpty() && refusal.remedy().isNotEmpty() && refusal.detail().isNotEmpty())
        return assertInstanceOf(E::class.java, refusal)
    }

    @Test
    fun `a listener that throws stops nobody`() = runBlocking {
        val phone = Stage.phone("Thrown")
        val entrance = phone.checkpoints().first()
        val (unchecked, declared, heard) = List(3) { Channel<Unit>(Channel.UNLIMITED) }
        fun listener(tells: Channel<Unit>, thrown: Throwable?) = phone.subscribe(object : ChangeListener {
            override fun changed(topics: List<Topic>) {
                tells.trySend(Unit)
                thrown?.let { throw it }
            }
        })
        val subscriptions = listOf(
            listener(unchecked, IllegalStateException("on purpose")),
            listener(declared, ListenerException.Failed()),
            listener(heard, null),
        )
        repeat(3) {
            phone.scan(entrance.id, Stage.ticket())
            withTimeout(WITHIN) { for (tells in listOf(unchecked, declared, heard)) tells.receive() }
        }
        for (subscription in subscriptions) subscription.close()
        phone.shutdown()
    }

    @Test
    fun `many threads may call at once`() = runBlocking {
        val phone = Stage.phone("Busy")
        val entrance = phone.checkpoints().first()
        val shared = Stage.ticket()
        val own = List(8) { List(3) { Stage.ticket() } }
        val results = Executors.newFixedThreadPool(own.size).asCoroutineDispatcher().use { threads ->
            withContext(threads) {
                own.map { tickets -> async { (tickets + shared).map { code -> phone.scan(entrance.id, code) } } }.awaitAll()
            }
        }
        assertEquals(24, results.flatMap { it.dropLast(1) }.map { it.recorded!!.fact }.toSet().size)
        assertEquals(1, results.map { it.last() }.count { it.verdict == Verdict.Admitted && !it.repeated })
        assertEquals(25, phone.ownFacts().size)
        phone.shutdown()
    }

    @Test
    fun `a handle used after close says closed`() = runBlocking {
        val phone = Stage.phone("Closed")
        val entrance = phone.checkpoints().first()
        phone.close()
        phone.close()
        val closed = refused<MusterException.Closed> { phone.scan(entrance.id, Stage.ticket()) }
        assertEquals("closed", closed.code())
        refused<MusterException.Closed> { phone.status() }
        refused<MusterException.Closed> {
            phone.subscribe(object : ChangeListener {
                override fun changed(topics: List<Topic>) = Unit
            })
        }
        phone.shutdown()
    }

    @Test
    fun `a database is open once`() = runBlocking {
        val database = Stage.database()
        val first = MusterClient.open(database)
        val busy = refused<MusterException.StorageBusy> { MusterClient.open(database) }
        assertEquals("storage_busy" to RetryClass.TRANSIENT, busy.code() to busy.retry())
        refused<MusterException.StorageBusy> { MusterClient.recover(database) }
        val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
        val libraries = "-Djna.library.path=${System.getProperty("jna.library.path")}"
        val paths = System.getProperty("java.class.path")
        val other = ProcessBuilder(java, libraries, "-cp", paths, "muster.mobile.OtherProcessKt", database)
            .redirectErrorStream(true).start()
        assertEquals("storage_busy", other.inputReader().readText().trim())
        first.shutdown()
        MusterClient.open(database).use { assertNull(it.me()) }
    }

    @Test
    fun `a damaged database is put aside`() = runBlocking {
        val database = Path.of(Stage.database())
        Files.writeString(database, "not a database ".repeat(1_000))
        val damaged = refused<MusterException.StorageDamaged> { MusterClient.open("$database") }
        assertEquals(RetryClass.NEEDS_USER, damaged.retry())
        val (client, aside) = MusterClient.recover("$database")
        assertNull(client.me())
        assertTrue(Files.readString(Path.of(aside.database)).startsWith("not a database"))
        assertEquals(0UL to false, aside.facts to aside.complete)
        client.shutdown()
    }

    @Test
    fun `bytes that are not UTF-8`() = runBlocking {
        val phone = Stage.phone("Bytes")
        val entrance = phone.checkpoints().first()
        val ticket = Stage.ticket().toByteArray()
        val error = refused<MusterException.BadParameter> { phone.scanBytes(entrance.id, ticket + 0xFF.toByte()) }
        assertEquals("bad_parameter", error.code())
        val half = "\uD800"
        val calls = listOf<suspend () -> Any>({ phone.scan(entrance.id, half) }, { phone.setLabel(half) })
        for (call in calls) {
            assertInstanceOf(CharacterCodingException::class.java, runCatching { call() }.exceptionOrNull())
        }
        assertTrue(phone.ownFacts().isEmpty())
        assertEquals(Verdict.Admitted, phone.scanBytes(entrance.id, ticket).verdict)
        phone.shutdown()
    }

    @Test
    fun `what cannot be done has a code`() = runBlocking {
        val nobody = MusterClient.open(Stage.database())
        refused<MusterException.NotEnrolled> { nobody.checkpoints() }
        refused<MusterException.EnrolmentLink> { nobody.enrol("K7Q2M4", "x") }
        refused<MusterException.Unreachable> { nobody.enrol("http://127.0.0.1:1/enrol#abc", "x") }
        refused<MusterException.BadParameter> { nobody.attendee("not an id") }
        refused<MusterException.BadParameter> { MusterClient.open("x.db", listOf("?".toByteArray())) }
        refused<MusterException.BadParameter> { DatabaseKey(ByteArray(5)) }
        // The tests' library is built without the feature `sqlcipher`: it must not write plain text instead.
        val key = DatabaseKey(ByteArray(32) { 7 })
        refused<MusterException.StorageNoEncryption> { MusterClient.open(Stage.database(), key = key) }
        refused<MusterException.StorageFailed> { MusterClient.open("/no/such/folder/x.db") }
        val link = Stage.invite()
        nobody.enrol(link, "First")
        val other = MusterClient.open(Stage.database())
        val used = refused<MusterException.Refused> { other.enrol(link, "Second") }
        assertEquals("enrolment_code_used" to RetryClass.NEEDS_USER, used.code() to used.retry())
        for (phone in listOf(nobody, other)) phone.shutdown()
    }

    @Test
    fun `a call that is cancelled is done all the same`() = runBlocking {
        val phone = Stage.phone("Hasty")
        val entrance = phone.checkpoints().first()
        val scan = launch(Dispatchers.Unconfined) { phone.scan(entrance.id, Stage.ticket()) }
        scan.cancelAndJoin()
        phone.until("the check-in is recorded") { phone.ownFacts().size == 1 && allIsOnTheServer(phone) }
        phone.shutdown()
    }

    @Test
    fun `a carrier that throws ends its link only`() = runBlocking {
        val phone = Stage.phone("Carried")
        val closed = CompletableDeferred<Unit>()
        val link = phone.attach(Role.Staff, Side.INITIATOR, object : HostCarrier {
            override fun send(frame: ByteArray) = error("on purpose")

            override fun closed() {
                closed.complete(Unit)
                error("on purpose")
            }
        })
        withTimeout(WITHIN) { closed.await() }
        val ended = refused<MusterException.LinkEnded> { link.deliver("frame".toByteArray()) }
        assertEquals("link_ended", ended.code())
        assertTrue(phone.checkpoints().isNotEmpty())
        link.close()
        phone.shutdown()
    }
}
