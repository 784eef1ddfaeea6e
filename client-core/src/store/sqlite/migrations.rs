//! The tables, as numbered steps that never change once they have been shipped.
//!
//! Chunks, outbox, bookkeeping and sync states are the truth; the tables below them are projections that
//! [`Write::ClearProjections`](crate::store::Write::ClearProjections) empties.

use rusqlite::{Connection, Transaction};

use super::failed;
use crate::store::StoreError;

/// Marks the file as a Muster client database (`application_id` of the SQLite file format): "MSTR".
const APPLICATION_ID: i64 = 0x4d53_5452;

/// The steps; the database's `user_version` says how many have been taken.
const STEPS: &[&str] = &["
    CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE chunks (
        nr INTEGER PRIMARY KEY AUTOINCREMENT,
        doc TEXT NOT NULL,
        is_snapshot INTEGER NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE INDEX chunks_by_doc ON chunks (doc, nr);

    CREATE TABLE outbox (
        server TEXT NOT NULL,
        doc TEXT NOT NULL,
        change BLOB NOT NULL,
        fact TEXT,
        PRIMARY KEY (server, doc, change)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX outbox_by_fact ON outbox (fact) WHERE fact IS NOT NULL;

    CREATE TABLE sync_states (
        server TEXT NOT NULL,
        doc TEXT NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (server, doc)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE heard (
        device TEXT PRIMARY KEY,
        by TEXT NOT NULL,
        last_fact_at_ms INTEGER NOT NULL,
        received_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE attendees (
        nr INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        origin TEXT NOT NULL,
        order_code TEXT NOT NULL,
        name TEXT NOT NULL,
        json TEXT NOT NULL
    ) STRICT;
    CREATE INDEX attendees_by_order ON attendees (order_code) WHERE order_code <> '';

    CREATE TABLE tickets (
        ticket TEXT NOT NULL,
        attendee TEXT NOT NULL,
        PRIMARY KEY (ticket, attendee)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX tickets_by_attendee ON tickets (attendee);

    -- The folded words once more, apart from the rows they belong to: a search for parts of words reads them all.
    CREATE TABLE attendee_words (nr INTEGER PRIMARY KEY, words TEXT NOT NULL) STRICT;
    CREATE VIRTUAL TABLE attendee_index USING fts5 (
        words, content = '', contentless_delete = 1, prefix = '2 3', detail = none, tokenize = 'unicode61'
    );

    CREATE TABLE facts (
        id TEXT PRIMARY KEY,
        doc TEXT NOT NULL,
        place TEXT NOT NULL,
        undoes TEXT,
        json TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX facts_by_place ON facts (place);
    CREATE INDEX facts_by_undoes ON facts (undoes) WHERE undoes IS NOT NULL;

    CREATE TABLE tallies (
        checkpoint TEXT NOT NULL,
        attendee TEXT NOT NULL,
        category TEXT NOT NULL,
        admitted INTEGER NOT NULL,
        inside INTEGER NOT NULL,
        admissions INTEGER NOT NULL,
        extra_inside INTEGER NOT NULL,
        PRIMARY KEY (checkpoint, attendee)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tallies_by_attendee ON tallies (attendee);

    CREATE TABLE counts (
        checkpoint TEXT NOT NULL,
        category TEXT NOT NULL,
        admitted INTEGER NOT NULL,
        inside INTEGER NOT NULL,
        admissions INTEGER NOT NULL,
        extra_inside INTEGER NOT NULL,
        PRIMARY KEY (checkpoint, category)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE doubles (
        checkpoint TEXT NOT NULL,
        attendee TEXT NOT NULL,
        nth INTEGER NOT NULL,
        admissions TEXT NOT NULL,
        settled_by TEXT,
        PRIMARY KEY (checkpoint, attendee, nth)
    ) STRICT, WITHOUT ROWID;
", "
    -- The ticket that an entry was made with, and whether its attendee was known by nothing else. Nothing older is borne.
    ALTER TABLE facts ADD COLUMN ticket TEXT;
    ALTER TABLE facts ADD COLUMN borne INTEGER NOT NULL DEFAULT 0;
    UPDATE facts SET ticket = json_extract(json, '$.ticket') WHERE json_extract(json, '$.kind') = 'entry';
    CREATE INDEX facts_by_ticket ON facts (ticket) WHERE ticket IS NOT NULL;
    CREATE INDEX facts_borne ON facts (borne) WHERE borne = 1;
", "
    -- What a change edits of a record, and which fields of which records wait to be settled. Nothing older was edited here;
    -- what waits is looked for when nothing else is to be done.
    ALTER TABLE outbox ADD COLUMN edit TEXT;
    CREATE INDEX outbox_edits ON outbox (server, doc) WHERE edit IS NOT NULL;
    CREATE TABLE conflicts (
        doc TEXT NOT NULL,
        collection TEXT NOT NULL,
        key TEXT NOT NULL,
        fields TEXT NOT NULL,
        PRIMARY KEY (doc, collection, key)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta SELECT DISTINCT 'review/' || doc, x'' FROM chunks;
"];

/// The tables that hold what projections are made of.
pub(super) const TRUTH: &[&str] = &["meta", "chunks", "outbox", "sync_states", "heard"];

/// The tables that hold projections.
pub(super) const PROJECTIONS: &[&str] =
    &["attendees", "tickets", "attendee_words", "facts", "tallies", "counts", "doubles", "conflicts"];

/// Brings a database to the newest version.
///
/// # Errors
/// [`StoreError::Newer`] if it is newer than this program, [`StoreError::Damaged`] if it is no database of Muster's.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_to(connection, STEPS)
}

fn migrate_to(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let found = pragma(connection, "user_version")?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    if found > 0 && pragma(connection, "application_id")? != APPLICATION_ID {
        return Err(StoreError::Damaged { what: "it is not a database of Muster's" });
    }
    let taken = usize::try_from(found).map_err(|_| StoreError::Damaged { what: "its version is negative" })?;
    let transaction = connection.transaction().map_err(failed)?;
    for step in steps.iter().skip(taken) {
        transaction.execute_batch(step).map_err(failed)?;
    }
    if found < known {
        mark(&transaction, known)?;
    }
    transaction.commit().map_err(failed)
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(failed)
}

fn mark(transaction: &Transaction<'_>, version: i64) -> Result<(), StoreError> {
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    transaction.pragma_update(None, "user_version", version).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(connection: &Connection) -> Vec<String> {
        let mut statement =
            connection.prepare("SELECT name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn upgraded_equals_fresh() {
        let mut fresh = Connection::open_in_memory().unwrap();
        migrate(&mut fresh).unwrap();
        for taken in 0..STEPS.len() {
            let mut old = Connection::open_in_memory().unwrap();
            migrate_to(&mut old, &STEPS[..taken]).unwrap();
            migrate(&mut old).unwrap();
            assert_eq!(schema(&old), schema(&fresh), "from version {taken}");
        }
    }

    #[test]
    fn a_later_version_is_refused_and_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let before = schema(&connection);
        assert!(matches!(migrate(&mut connection), Err(StoreError::Newer { found: 99, .. })));
        assert_eq!(schema(&connection), before);
    }

    #[test]
    fn a_database_of_something_else_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        assert!(matches!(migrate(&mut connection), Err(StoreError::Damaged { .. })));
    }
}
