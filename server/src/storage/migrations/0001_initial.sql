-- Times are milliseconds since 1970-01-01T00:00:00Z. Ids of events are UUIDs as text, ids of devices 16 hexadecimal
-- digits, ids of documents 16 bytes.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    event_id   TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE devices (
    device_id    TEXT    NOT NULL PRIMARY KEY,
    event_id     TEXT    NOT NULL REFERENCES events (event_id),
    role         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    enrolled_at  INTEGER NOT NULL,
    last_seen_at INTEGER,
    revoked_at   INTEGER
) STRICT;

CREATE INDEX devices_by_event ON devices (event_id);

-- A code is kept as its SHA-256. checkpoints: a JSON list of checkpoint ids, empty for all.
CREATE TABLE enrolment_codes (
    code_hash   BLOB    NOT NULL PRIMARY KEY,
    event_id    TEXT    NOT NULL REFERENCES events (event_id),
    role        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    checkpoints TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER,
    device_id   TEXT REFERENCES devices (device_id)
) STRICT;

-- What a source said at its last import, record by record: an import writes only what the source changed since.
CREATE TABLE import_bases (
    event_id   TEXT NOT NULL REFERENCES events (event_id),
    source     TEXT NOT NULL,
    collection TEXT NOT NULL,
    key        TEXT NOT NULL,
    json       TEXT NOT NULL,
    PRIMARY KEY (event_id, source, collection, key)
) STRICT, WITHOUT ROWID;

-- heads: the hashes of the document's heads, 32 bytes each, sorted.
CREATE TABLE documents (
    doc_id   BLOB NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (event_id),
    ref      TEXT NOT NULL,
    heads    BLOB NOT NULL,
    UNIQUE (event_id, ref)
) STRICT;

-- A document is its chunks in the order of seq. checksum: the first 8 bytes of the SHA-256 of bytes.
CREATE TABLE chunks (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    doc_id   BLOB    NOT NULL REFERENCES documents (doc_id),
    kind     TEXT    NOT NULL CHECK (kind IN ('snapshot', 'change')),
    bytes    BLOB    NOT NULL,
    checksum BLOB    NOT NULL
) STRICT;

CREATE INDEX chunks_by_document ON chunks (doc_id, seq);

-- What a device's storage and this server are known to share of a document. Losing a row costs a round trip.
CREATE TABLE sync_states (
    device_id  TEXT    NOT NULL,
    storage_id TEXT    NOT NULL,
    doc_id     BLOB    NOT NULL,
    bytes      BLOB    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (device_id, storage_id, doc_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sync_states_by_age ON sync_states (updated_at);

-- Changes that were refused, kept as they came. digest: SHA-256 of bytes.
CREATE TABLE quarantine (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    doc_id      BLOB    NOT NULL,
    event_id    TEXT    NOT NULL REFERENCES events (event_id),
    device_id   TEXT    NOT NULL,
    code        TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    bytes       BLOB    NOT NULL,
    digest      BLOB    NOT NULL,
    received_at INTEGER NOT NULL,
    UNIQUE (device_id, doc_id, digest)
) STRICT;

CREATE INDEX quarantine_by_event ON quarantine (event_id);
