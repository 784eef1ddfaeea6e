-- How often a document was begun anew to forget what it held: its id follows from its name and this.
ALTER TABLE documents ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;

-- Whom was erased, and when. Ids only: a backup is asked by these whom it still knows.
CREATE TABLE erasures (
    event_id    TEXT    NOT NULL REFERENCES events (event_id),
    attendee_id TEXT    NOT NULL,
    erased_at   INTEGER NOT NULL,
    PRIMARY KEY (event_id, attendee_id)
) STRICT, WITHOUT ROWID;

-- For how long personal data is kept after the end, and when it was erased. No row: not erased by itself.
CREATE TABLE retention (
    event_id  TEXT    NOT NULL PRIMARY KEY REFERENCES events (event_id),
    days      INTEGER,
    erased_at INTEGER
) STRICT, WITHOUT ROWID;

-- Copies of this database. folder: where it was put, on the server's machine.
CREATE TABLE backups (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    folder  TEXT    NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;
