//! The write side: one [`Write`] at a time, inside the batch's transaction.

use muster_model::attendance::Count;
use muster_model::fact::FactBody;
use muster_model::id::AttendeeId;
use muster_model::ticket::bearer;
use rusqlite::{OptionalExtension, Transaction, named_params, params};

use super::{failed, migrations};
use crate::search::index_text;
use crate::store::{
    AttendeeRow, ConflictRow, CountDelta, DoubleRow, FactRow, HeardRow, Origin, OutboxRow, StoreError, Tally, Write,
    is_zero, moved,
};

/// Folded words that wait to be indexed, by number.
type Words = Vec<(i64, String)>;

/// Makes all changes of a batch.
///
/// Words go into the full-text index last: SQLite makes the index write out what it has gathered before every statement
/// that may have to be undone alone, which took a third of the time of indexing attendees one by one.
pub(super) fn apply_all(tx: &Transaction<'_>, changes: &[Write]) -> Result<(), StoreError> {
    let mut waiting = Words::new();
    for change in changes {
        let indexes = matches!(change, Write::AttendeeGone(_) | Write::ClearProjections | Write::Wipe | Write::Purge);
        if indexes {
            index_words(tx, &mut waiting)?;
        }
        apply(tx, change, &mut waiting)?;
    }
    index_words(tx, &mut waiting)
}

fn apply(tx: &Transaction<'_>, change: &Write, waiting: &mut Words) -> Result<(), StoreError> {
    match change {
        Write::Meta(key, Some(value)) => run(
            tx,
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            params![key, value],
        ),
        Write::Meta(key, None) => run(tx, "DELETE FROM meta WHERE key = ?", [key]),
        Write::AppendChunk(doc, bytes) => {
            run(tx, "INSERT INTO chunks (doc, is_snapshot, bytes) VALUES (?, 0, ?)", params![doc.to_string(), bytes])
        }
        Write::Snapshot(doc, bytes) => {
            let doc = doc.to_string();
            run(tx, "DELETE FROM chunks WHERE doc = ?", [&doc])?;
            run(tx, "INSERT INTO chunks (doc, is_snapshot, bytes) VALUES (?, 1, ?)", params![doc, bytes])
        }
        Write::OutboxAdd(row) => outbox_add(tx, row),
        Write::OutboxDone(server, doc, change) => run(
            tx,
            "DELETE FROM outbox WHERE server = ? AND doc = ? AND change = ?",
            params![server.0, doc.to_string(), change.0.as_slice()],
        ),
        Write::SyncState(server, doc, bytes) => run(
            tx,
            "INSERT INTO sync_states VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
            params![server.0, doc.to_string(), bytes],
        ),
        // The index keeps deleted words until its parts are joined.
        Write::Purge => run(tx, "INSERT INTO attendee_index (attendee_index) VALUES ('optimize')", []),
        Write::Heard(row) => heard(tx, row),
        Write::Attendee(row) => attendee(tx, row, waiting),
        Write::AttendeeGone(id) => attendee_gone(tx, *id),
        Write::Fact(row) => fact(tx, row),
        Write::FactGone(id) => run(tx, "DELETE FROM facts WHERE id = ?", [id.to_string()]),
        Write::Tally(row) => tally(tx, row),
        Write::Count(delta) => count(tx, delta),
        Write::Doubles(attendee, checkpoint, rows) => {
            let (attendee, checkpoint) = (attendee.to_string(), checkpoint.to_string());
            run(tx, "DELETE FROM doubles WHERE checkpoint = ? AND attendee = ?", [&checkpoint, &attendee])?;
            (0_i64..).zip(rows).try_for_each(|(nth, row)| double(tx, nth, row))
        }
        Write::Conflicts(row) => conflicts(tx, row),
        Write::ClearProjections => clear(tx),
        Write::ForgetDocument(doc) => {
            let doc = doc.to_string();
            ["chunks", "outbox", "sync_states", "conflicts"]
                .into_iter()
                .try_for_each(|table| run(tx, &format!("DELETE FROM {table} WHERE doc = ?"), [&doc]))
        }
        Write::Wipe => {
            for table in migrations::TRUTH {
                run(tx, &format!("DELETE FROM {table}"), [])?;
            }
            clear(tx)
        }
    }
}

fn run(tx: &Transaction<'_>, sql: &str, params: impl rusqlite::Params) -> Result<(), StoreError> {
    tx.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map(drop).map_err(failed)
}

fn outbox_add(tx: &Transaction<'_>, row: &OutboxRow) -> Result<(), StoreError> {
    let edit = row.edit.as_ref().map(serde_json::to_string).transpose();
    let edit = edit.map_err(|_| StoreError::Damaged { what: "an edit" })?;
    let fact = row.fact.map(|fact| fact.to_string());
    run(
        tx,
        "INSERT INTO outbox (server, doc, change, fact, edit) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET fact = excluded.fact, edit = excluded.edit",
        params![row.server.0, row.doc.to_string(), row.change.0.as_slice(), fact, edit],
    )
}

fn conflicts(tx: &Transaction<'_>, row: &ConflictRow) -> Result<(), StoreError> {
    let doc = row.doc.to_string();
    if row.fields.is_empty() {
        let gone = "DELETE FROM conflicts WHERE doc = ? AND collection = ? AND key = ?";
        return run(tx, gone, [&doc, &row.collection, &row.key]);
    }
    let fields = serde_json::to_string(&row.fields).map_err(|_| StoreError::Damaged { what: "a list of fields" })?;
    run(tx, "INSERT OR REPLACE INTO conflicts VALUES (?, ?, ?, ?)", [&doc, &row.collection, &row.key, &fields])
}

fn heard(tx: &Transaction<'_>, row: &HeardRow) -> Result<(), StoreError> {
    run(
        tx,
        "INSERT INTO heard VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
            by = excluded.by, last_fact_at_ms = excluded.last_fact_at_ms, received_at_ms = excluded.received_at_ms",
        params![row.device.to_string(), row.by, row.last_fact_at.ms(), row.received_at.ms()],
    )
}

fn attendee(tx: &Transaction<'_>, row: &AttendeeRow, waiting: &mut Words) -> Result<(), StoreError> {
    let json = serde_json::to_string(&row.attendee).map_err(|_| StoreError::Damaged { what: "an attendee" })?;
    let id = row.id.to_string();
    let nr: i64 = tx
        .prepare_cached(
            "INSERT INTO attendees (id, origin, order_code, name, json) VALUES (:id, :origin, :order, :name, :json)
             ON CONFLICT (id) DO UPDATE SET origin = excluded.origin, order_code = excluded.order_code,
                name = excluded.name, json = excluded.json
             RETURNING nr",
        )
        .and_then(|mut statement| {
            statement.query_row(
                named_params! {
                    ":id": id, ":origin": origin_text(row.origin), ":order": row.attendee.order,
                    ":name": row.attendee.name, ":json": json,
                },
                |found| found.get(0),
            )
        })
        .map_err(failed)?;
    run(tx, "DELETE FROM tickets WHERE attendee = ?", [&id])?;
    for ticket in row.attendee.ticket.iter().chain(&row.attendee.revoked_tickets) {
        run(tx, "INSERT OR IGNORE INTO tickets VALUES (?, ?)", params![ticket.to_string(), id])?;
    }
    waiting.push((nr, index_text(&row.attendee.name, &row.attendee.organisation)));
    Ok(())
}

fn index_words(tx: &Transaction<'_>, waiting: &mut Words) -> Result<(), StoreError> {
    waiting.drain(..).try_for_each(|(nr, text)| words(tx, nr, &text))
}

fn words(tx: &Transaction<'_>, nr: i64, words: &str) -> Result<(), StoreError> {
    let known: Option<String> = tx
        .prepare_cached("SELECT words FROM attendee_words WHERE nr = ?")
        .and_then(|mut statement| statement.query_row([nr], |row| row.get(0)).optional())
        .map_err(failed)?;
    if known.as_deref() == Some(words) {
        return Ok(());
    }
    if known.is_some() {
        run(tx, "DELETE FROM attendee_index WHERE rowid = ?", [nr])?;
    }
    run(tx, "INSERT OR REPLACE INTO attendee_words VALUES (?, ?)", params![nr, words])?;
    run(tx, "INSERT INTO attendee_index (rowid, words) VALUES (?, ?)", params![nr, words])
}

fn attendee_gone(tx: &Transaction<'_>, id: AttendeeId) -> Result<(), StoreError> {
    let id = id.to_string();
    let nr: Option<i64> = tx
        .prepare_cached("DELETE FROM attendees WHERE id = ? RETURNING nr")
        .and_then(|mut statement| statement.query_row([&id], |row| row.get(0)).optional())
        .map_err(failed)?;
    run(tx, "DELETE FROM tickets WHERE attendee = ?", [&id])?;
    let Some(nr) = nr else { return Ok(()) };
    run(tx, "DELETE FROM attendee_words WHERE nr = ?", [nr])?;
    run(tx, "DELETE FROM attendee_index WHERE rowid = ?", [nr])
}

/// Where an attendee is known from, as one text: `roster/NN` or `fact <id>`.
fn origin_text(origin: Origin) -> String {
    match origin {
        Origin::Roster(doc) => doc.to_string(),
        Origin::WalkIn(fact) => format!("fact {fact}"),
    }
}

fn fact(tx: &Transaction<'_>, row: &FactRow) -> Result<(), StoreError> {
    let json = row.fact.to_json().map_err(|_| StoreError::Damaged { what: "a fact" })?;
    let undoes = match &row.fact.body {
        FactBody::Undo { fact, .. } => Some(fact.to_string()),
        _ => None,
    };
    let ticket = bearer::ticket_of(&row.fact).map(|ticket| ticket.to_string());
    run(
        tx,
        "INSERT INTO facts (id, doc, place, undoes, json, ticket, borne) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET doc = excluded.doc, place = excluded.place, undoes = excluded.undoes,
            json = excluded.json, ticket = excluded.ticket, borne = excluded.borne",
        params![row.fact.id.to_string(), row.doc.to_string(), row.place.key(), undoes, json, ticket, row.borne],
    )
}

/// A count as SQLite holds it; counts of people fit.
pub(super) fn columns(count: &Count) -> [i64; 4] {
    [count.admitted, count.inside, count.admissions, count.extra_inside]
        .map(|value| i64::try_from(value).unwrap_or(i64::MAX))
}

fn tally(tx: &Transaction<'_>, row: &Tally) -> Result<(), StoreError> {
    if is_zero(&row.count) {
        let (checkpoint, attendee) = (row.checkpoint.to_string(), row.attendee.to_string());
        return run(tx, "DELETE FROM tallies WHERE checkpoint = ? AND attendee = ?", [checkpoint, attendee]);
    }
    let [admitted, inside, admissions, extra] = columns(&row.count);
    run(
        tx,
        "INSERT OR REPLACE INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![
            row.checkpoint.to_string(),
            row.attendee.to_string(),
            row.category,
            admitted,
            inside,
            admissions,
            extra
        ],
    )
}

fn count(tx: &Transaction<'_>, delta: &CountDelta) -> Result<(), StoreError> {
    let checkpoint = delta.checkpoint.to_string();
    let known = tx
        .prepare_cached(
            "SELECT admitted, inside, admissions, extra_inside FROM counts WHERE checkpoint = ? AND category = ?",
        )
        .and_then(|mut statement| {
            statement.query_row([&checkpoint, &delta.category], |row| super::read::count(row, 0)).optional()
        })
        .map_err(failed)?;
    let count = moved(known.unwrap_or_default(), &delta.minus, &delta.plus);
    if is_zero(&count) {
        return run(tx, "DELETE FROM counts WHERE checkpoint = ? AND category = ?", [&checkpoint, &delta.category]);
    }
    let [admitted, inside, admissions, extra] = columns(&count);
    run(
        tx,
        "INSERT OR REPLACE INTO counts VALUES (?, ?, ?, ?, ?, ?)",
        params![checkpoint, delta.category, admitted, inside, admissions, extra],
    )
}

fn double(tx: &Transaction<'_>, nth: i64, row: &DoubleRow) -> Result<(), StoreError> {
    let admissions: Vec<String> = row.admissions.iter().map(ToString::to_string).collect();
    run(
        tx,
        "INSERT INTO doubles VALUES (?, ?, ?, ?, ?)",
        params![
            row.checkpoint.to_string(),
            row.attendee.to_string(),
            nth,
            admissions.join(" "),
            row.settled_by.map(|fact| fact.to_string()),
        ],
    )
}

fn clear(tx: &Transaction<'_>) -> Result<(), StoreError> {
    for table in migrations::PROJECTIONS {
        run(tx, &format!("DELETE FROM {table}"), [])?;
    }
    run(tx, "INSERT INTO attendee_index (attendee_index) VALUES ('delete-all')", [])
}
