package muster.mobile

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.channels.trySendBlocking
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow

/**
 * What to draw again: all topics at first, then what changes, until the collector is cancelled.
 *
 * Nothing is buffered here: what changes while the collector is busy is gathered by the library and comes together.
 */
fun ClientInterface.changes(): Flow<List<Topic>> = callbackFlow {
    val subscription = subscribe(object : ChangeListener {
        override fun changed(topics: List<Topic>) {
            trySendBlocking(topics)
        }
    })
    send(Topic.entries)
    awaitClose { subscription.use { it.cancel() } }
}.buffer(Channel.RENDEZVOUS)
