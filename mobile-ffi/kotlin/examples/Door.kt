// A door in 30 lines: open, enrol, listen, scan, show the verdict.
package muster.mobile.examples

import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import muster.mobile.MusterClient
import muster.mobile.MusterException
import muster.mobile.Verdict
import muster.mobile.changes

suspend fun door(database: String, link: String, codes: List<String>, show: (String) -> Unit) {
    MusterClient.open(database).use { client ->
        if (client.me() == null) client.enrol(link, "Gate A")
        client.startSync()
        client.changes().first { topics -> // an app draws again what these are about, and goes on collecting
            System.err.println("changed: $topics")
            client.status().run { missing.isEmpty() && !indexing }
        }
        val entrance = client.checkpoints().first()
        for (code in codes) {
            try {
                val result = client.scan(entrance.id, code)
                val since = (result.verdict as? Verdict.AlreadyIn)?.let { " since ${it.at}" }.orEmpty()
                show("${entrance.name}: ${result.code} ${result.card?.attendee?.name ?: "?"}$since")
            } catch (error: MusterException) { // nothing was recorded, nobody admitted
                show("$code: ${error.code()}: ${error.remedy()}")
            }
        }
    }
}

fun main(args: Array<String>) = runBlocking { door(args[0], args[1], args.drop(2), ::println) }
