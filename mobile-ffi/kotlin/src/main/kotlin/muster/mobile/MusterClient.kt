package muster.mobile

/**
 * A phone's whole state behind one handle, which any number of threads and coroutines may use at once.
 *
 * It is the generated [Client] with one thing changed: [close] closes the database and the links, and every call after it
 * fails with [MusterException.Closed], where a generated object that was closed throws an [IllegalStateException].
 */
class MusterClient private constructor(private val client: Client) : ClientInterface by client, AutoCloseable {
    /** Begins to close and waits for nothing, so it may be called from any thread; [shutdown] waits. */
    override fun close() = client.beginShutdown()

    companion object {
        /**
         * Opens a client on a database file; it is created if it is not there. One file an event.
         *
         * @param extraRoots PEM certificates to trust besides the usual authorities.
         * @param key what the database is encrypted with, in a library that was built with the feature `sqlcipher`.
         * @throws MusterException.StorageBusy if it is open already, in this app or another.
         * @throws MusterException.StorageDamaged if it does not read: [recover] puts it aside.
         */
        suspend fun open(database: String, extraRoots: List<ByteArray> = emptyList(), key: DatabaseKey? = null) =
            MusterClient(Client.open(Config(database, extraRoots, key)))

        /**
         * Opens a client in the place of a damaged database, which is put aside with what it had not sent beside it. The
         * new one has to be enrolled anew.
         */
        suspend fun recover(
            database: String,
            extraRoots: List<ByteArray> = emptyList(),
            key: DatabaseKey? = null,
        ): Pair<MusterClient, PutAside> {
            val recovered = recoverDatabase(Config(database, extraRoots, key))
            return MusterClient(recovered.client) to recovered.aside
        }
    }
}
