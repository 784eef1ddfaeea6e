package muster.mobile

import kotlinx.coroutines.runBlocking

/** A second app that opens a database: says with which code it fails. */
fun main(args: Array<String>) = runBlocking {
    try {
        MusterClient.open(args[0]).use { println("open") }
    } catch (error: MusterException) {
        println(error.code())
    }
}
