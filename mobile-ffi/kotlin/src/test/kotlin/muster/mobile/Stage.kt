package muster.mobile

import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeout
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.seconds

/** Generous, since the machine may be busy; only a failing test waits for so long. */
val WITHIN = 60.seconds

const val ATTENDEES = 200

/** The real server with an event: the sample programme, and attendees with the tickets `storyticket0`... */
object Stage {
    private val muster = System.getenv("MUSTER_SERVER") ?: "muster"
    private val samples = Path.of("../../samples").toAbsolutePath().normalize()
    private val folder: Path = Files.createTempDirectory("muster-stage")
    private val data: Path = Files.createDirectory(folder.resolve("server"))
    private val log = folder.resolve("server.log").toFile()
    private val server: Process = ProcessBuilder(muster, "serve", "--listen", "127.0.0.1:0", "--data", "$data")
        .redirectError(log).redirectOutput(ProcessBuilder.Redirect.DISCARD).start()
    private val phones = AtomicInteger()
    private val tickets = AtomicInteger()
    val event: String

    init {
        // By values, not through this object: what follows may fail, and then there is no such object.
        val (started, made) = server to folder
        Runtime.getRuntime().addShutdownHook(Thread {
            started.destroy()
            started.waitFor(10, TimeUnit.SECONDS)
            made.toFile().deleteRecursively()
        })
        waitUntilReady()
        event = text(command("event", "create", "--name", "Story", "--time-zone", "Europe/Riga"), "event_id")
        val rows = (0..<ATTENDEES).map { nth ->
            val status = if (nth == ATTENDEES - 1) "unpaid" else "paid"
            "storyticket$nth,Guest,Number $nth,Nobody,Delegate,g$nth@example.org,lv,$status,"
        }
        val head = "Ticket code,First name,Last name,Organisation,Category,E-mail,Language,Status,Notes"
        val attendees = Files.write(folder.resolve("attendees.csv"), listOf(head) + rows)
        val shipped = listOf("conference.xml", "rooms.csv", "presenters.csv").map(samples::resolve)
        for (file in shipped.plusElement(attendees)) command("event", "import", event, "$file")
    }

    private fun waitUntilReady() {
        val deadline = System.nanoTime() + WITHIN.inWholeNanoseconds
        val ready = data.resolve("server.json")
        val ours = Regex("\"pid\"\\s*:\\s*${server.pid()}\\b")
        while (System.nanoTime() < deadline) {
            check(server.isAlive) { log.readText() }
            if (Files.exists(ready) && Files.readString(ready).contains(ours)) return
            Thread.sleep(20) // the file is all that the server says
        }
        error("the server is not ready in time")
    }

    private fun command(vararg args: String): String {
        val said = folder.resolve("command.log").toFile()
        val process = ProcessBuilder(muster, *args, "--json", "--data", "$data").redirectError(said).start()
        val output = process.inputReader().readText()
        check(process.waitFor() == 0) { said.readText() }
        return output
    }

    private fun text(json: String, field: String): String =
        checkNotNull(Regex("\"$field\"\\s*:\\s*\"([^\"]+)\"").find(json)) { "no $field" }.groupValues[1]

    fun invite(role: String = "staff", name: String = "Phone", presenter: String? = null): String {
        val whose = if (presenter == null) emptyArray() else arrayOf("--presenter", presenter)
        return text(command("device", "add", event, "--role", role, "--name", name, *whose), "link")
    }

    /** A ticket that no other test has. */
    fun ticket(): String = "storyticket${tickets.getAndIncrement()}"

    fun database(): String = "${folder.resolve("phone-${phones.incrementAndGet()}.db")}"

    /** A phone that holds the whole event. */
    suspend fun phone(name: String, role: String = "staff", presenter: String? = null): MusterClient {
        val client = MusterClient.open(database())
        client.enrol(invite(role, name, presenter), name)
        client.setLabel(name)
        client.startSync()
        client.until("the event is there") { knowsAll(client) }
        return client
    }
}

suspend fun knowsAll(client: ClientInterface): Boolean =
    client.status().run { enrolled && missing.isEmpty() && !indexing }

suspend fun allIsOnTheServer(client: ClientInterface): Boolean =
    client.status().servers.all { it.factsNotThere + it.editsNotThere == 0UL }

/** Looks again whenever the phone says that something changed, until it is as it should be. */
suspend fun ClientInterface.until(what: String, holds: suspend () -> Boolean) {
    try {
        withTimeout(WITHIN) { changes().first { holds() } }
    } catch (late: TimeoutCancellationException) {
        throw AssertionError("not within $WITHIN: $what", late)
    }
}
