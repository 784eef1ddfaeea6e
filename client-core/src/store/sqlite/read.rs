//! The read side.

use automerge::ChangeHash;
use muster_model::attendance::Count;
use muster_model::document::DocRef;
use muster_model::fact::Fact;
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, FactId};
use muster_model::ticket::TicketHash;
use muster_model::time::Timestamp;
use rusqlite::{OptionalExtension, Params, Row, params};

use super::{Parsed, SqliteStore, failed, search};
use crate::event::ServerId;
use crate::search::Term;
use crate::store::{
    AttendeeRow, ConflictRow, DocSize, DoubleRow, FactRow, HeardRow, Origin, OutboxRow, Place, StoreError, StoreRead,
    Tally,
};

type Sql<T> = rusqlite::Result<T>;

impl SqliteStore {
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> Sql<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let rows = statement.query_map(params, read).map_err(failed)?;
        rows.collect::<Sql<Vec<T>>>().map_err(failed)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Sql<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        statement.query_row(params, read).optional().map_err(failed)
    }

    /// Facts in the order of their ids: the running number counts as a number, which its text does not.
    fn facts(&self, condition: &str, params: impl Params) -> Result<Vec<FactRow>, StoreError> {
        let sql = format!("SELECT id, doc, place, json, borne FROM facts WHERE {condition}");
        let mut rows = self.all(&sql, params, fact_row)?;
        rows.sort_unstable_by_key(|row| row.fact.id);
        Ok(rows)
    }
}

fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> Sql<T> {
    row.get::<_, Parsed<T>>(column).map(|parsed| parsed.0)
}

fn parsed_option<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> Sql<Option<T>> {
    row.get::<_, Option<Parsed<T>>>(column).map(|parsed| parsed.map(|parsed| parsed.0))
}

fn unreadable(column: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, String::new(), rusqlite::types::Type::Text)
}

fn change(row: &Row<'_>, column: usize) -> Sql<ChangeHash> {
    row.get::<_, [u8; 32]>(column).map(ChangeHash)
}

fn time(row: &Row<'_>, column: usize) -> Sql<Timestamp> {
    row.get(column).map(Timestamp::from_ms)
}

/// A count in four columns from `first`.
pub(super) fn count(row: &Row<'_>, first: usize) -> Sql<Count> {
    let value = |column: usize| row.get::<_, i64>(column).map(|value| u64::try_from(value).unwrap_or_default());
    Ok(Count {
        admitted: value(first)?,
        inside: value(first + 1)?,
        admissions: value(first + 2)?,
        extra_inside: value(first + 3)?,
    })
}

fn fact_row(row: &Row<'_>) -> Sql<FactRow> {
    let id: FactId = parsed(row, 0)?;
    let place = Place::parse(row.get_ref(2)?.as_str()?).ok_or_else(|| unreadable(2))?;
    let fact = Fact::from_json(id, row.get_ref(3)?.as_str()?).map_err(|_| unreadable(3))?;
    Ok(FactRow { fact, doc: parsed(row, 1)?, place, borne: row.get(4)? })
}

fn attendee_row(row: &Row<'_>) -> Sql<AttendeeRow> {
    let origin = row.get_ref(1)?.as_str()?;
    let origin = match origin.strip_prefix("fact ") {
        Some(fact) => fact.parse().ok().map(Origin::WalkIn),
        None => origin.parse().ok().map(Origin::Roster),
    };
    let attendee = serde_json::from_str(row.get_ref(2)?.as_str()?).map_err(|_| unreadable(2))?;
    Ok(AttendeeRow { id: parsed(row, 0)?, origin: origin.ok_or_else(|| unreadable(1))?, attendee })
}

fn double_row(row: &Row<'_>) -> Sql<DoubleRow> {
    let admissions = row.get_ref(2)?.as_str()?.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    Ok(DoubleRow {
        checkpoint: parsed(row, 0)?,
        attendee: parsed(row, 1)?,
        admissions: admissions.map_err(|_| unreadable(2))?,
        settled_by: parsed_option(row, 3)?,
    })
}

fn tally_row(row: &Row<'_>) -> Sql<Tally> {
    Ok(Tally { checkpoint: parsed(row, 0)?, attendee: parsed(row, 1)?, category: row.get(2)?, count: count(row, 3)? })
}

fn outbox_row(row: &Row<'_>) -> Sql<OutboxRow> {
    let edit: Option<String> = row.get(4)?;
    Ok(OutboxRow {
        server: ServerId(row.get(0)?),
        doc: parsed(row, 1)?,
        change: change(row, 2)?,
        fact: parsed_option(row, 3)?,
        edit: edit.map(|edit| serde_json::from_str(&edit)).transpose().map_err(|_| unreadable(4))?,
    })
}

fn conflict_row(row: &Row<'_>) -> Sql<ConflictRow> {
    let fields = serde_json::from_str(row.get_ref(3)?.as_str()?).map_err(|_| unreadable(3))?;
    Ok(ConflictRow { doc: parsed(row, 0)?, collection: row.get(1)?, key: row.get(2)?, fields })
}

impl StoreRead for SqliteStore {
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.one("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0))
    }

    fn meta_with_prefix(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        // No key has a character after U+10FFFF, so this is the end of the prefix's range.
        let end = format!("{prefix}\u{10ffff}");
        self.all("SELECT key, value FROM meta WHERE key >= ? AND key < ? ORDER BY key", [prefix, &end], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    fn documents(&self) -> Result<Vec<DocSize>, StoreError> {
        let sql = "SELECT doc, sum(length(bytes) * is_snapshot), sum(length(bytes) * (1 - is_snapshot))
                   FROM chunks GROUP BY doc ORDER BY doc";
        let size =
            |row: &Row<'_>, column| row.get::<_, i64>(column).map(|size| u64::try_from(size).unwrap_or_default());
        self.all(sql, [], |row| {
            Ok(DocSize { doc: parsed(row, 0)?, snapshot_bytes: size(row, 1)?, incremental_bytes: size(row, 2)? })
        })
    }

    fn chunks(&self, doc: &DocRef) -> Result<Vec<Vec<u8>>, StoreError> {
        self.all("SELECT bytes FROM chunks WHERE doc = ? ORDER BY nr", [doc.to_string()], |row| row.get(0))
    }

    fn sync_state(&self, server: &ServerId, doc: &DocRef) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT bytes FROM sync_states WHERE server = ? AND doc = ?";
        self.one(sql, [server.0.as_str(), &doc.to_string()], |row| row.get(0))
    }

    fn outbox(&self, server: &ServerId, doc: &DocRef) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = "SELECT server, doc, change, fact, edit FROM outbox WHERE server = ? AND doc = ? ORDER BY change";
        self.all(sql, [server.0.as_str(), &doc.to_string()], outbox_row)
    }

    fn servers_lacking(&self, fact: FactId) -> Result<Vec<ServerId>, StoreError> {
        let sql = "SELECT DISTINCT server FROM outbox WHERE fact = ? ORDER BY server";
        self.all(sql, [fact.to_string()], |row| row.get(0).map(ServerId))
    }

    fn outbox_counts(&self) -> Result<Vec<(ServerId, DocRef, u64)>, StoreError> {
        let sql = "SELECT server, doc, count(fact) FROM outbox GROUP BY server, doc ORDER BY server, doc";
        self.all(sql, [], |row| {
            let count = u64::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
            Ok((ServerId(row.get(0)?), parsed(row, 1)?, count))
        })
    }

    fn unsent_edits(&self) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = "SELECT server, doc, change, fact, edit FROM outbox WHERE edit IS NOT NULL
                   ORDER BY server, doc, json_extract(edit, '$.order')";
        self.all(sql, [], outbox_row)
    }

    fn heard(&self) -> Result<Vec<HeardRow>, StoreError> {
        self.all("SELECT device, by, last_fact_at_ms, received_at_ms FROM heard ORDER BY device", [], |row| {
            let device: DeviceId = parsed(row, 0)?;
            Ok(HeardRow { device, by: row.get(1)?, last_fact_at: time(row, 2)?, received_at: time(row, 3)? })
        })
    }

    fn attendee(&self, id: AttendeeId) -> Result<Option<AttendeeRow>, StoreError> {
        self.one("SELECT id, origin, json FROM attendees WHERE id = ?", [id.to_string()], attendee_row)
    }

    fn attendees_by_ticket(&self, ticket: TicketHash) -> Result<Vec<AttendeeId>, StoreError> {
        let sql = "SELECT attendee FROM tickets WHERE ticket = ? ORDER BY attendee";
        self.all(sql, [ticket.to_string()], |row| parsed(row, 0))
    }

    fn attendees_by_order(&self, order: &str) -> Result<Vec<AttendeeId>, StoreError> {
        let sql = "SELECT id FROM attendees WHERE order_code = ? AND order_code <> '' ORDER BY id";
        self.all(sql, [order], |row| parsed(row, 0))
    }

    fn search(&self, terms: &[Term], limit: usize) -> Result<Vec<AttendeeId>, StoreError> {
        search::search(self, terms, limit)
    }

    fn fact(&self, id: FactId) -> Result<Option<FactRow>, StoreError> {
        self.one("SELECT id, doc, place, json, borne FROM facts WHERE id = ?", [id.to_string()], fact_row)
    }

    fn facts_at(&self, place: &Place) -> Result<Vec<FactRow>, StoreError> {
        self.facts("place = ?", [place.key()])
    }

    fn facts_of(&self, attendee: AttendeeId) -> Result<Vec<FactRow>, StoreError> {
        let prefix = Place::of_attendee(attendee);
        let end = format!("{prefix}\u{10ffff}");
        self.facts("place >= ? AND place < ?", [prefix, end])
    }

    fn facts_with_ticket(&self, ticket: TicketHash) -> Result<Vec<FactRow>, StoreError> {
        self.facts("ticket = ?", [ticket.to_string()])
    }

    fn any_borne(&self) -> Result<bool, StoreError> {
        let found = self.one("SELECT 1 FROM facts WHERE borne = 1 LIMIT 1", [], |row| row.get::<_, i64>(0))?;
        Ok(found.is_some())
    }

    fn undos_of(&self, fact: FactId) -> Result<Vec<FactRow>, StoreError> {
        self.facts("undoes = ?", [fact.to_string()])
    }

    fn tally(&self, attendee: AttendeeId, checkpoint: CheckpointId) -> Result<Option<Tally>, StoreError> {
        let sql = "SELECT * FROM tallies WHERE checkpoint = ? AND attendee = ?";
        self.one(sql, [checkpoint.to_string(), attendee.to_string()], tally_row)
    }

    fn tallies_of(&self, attendee: AttendeeId) -> Result<Vec<Tally>, StoreError> {
        self.all("SELECT * FROM tallies WHERE attendee = ? ORDER BY checkpoint", [attendee.to_string()], tally_row)
    }

    fn attendees_at(
        &self,
        checkpoint: CheckpointId,
        after: Option<AttendeeId>,
        limit: usize,
    ) -> Result<Vec<AttendeeId>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT attendee FROM tallies WHERE checkpoint = ? AND attendee > ? ORDER BY attendee LIMIT ?";
        self.all(sql, params![checkpoint.to_string(), after, limit], |row| parsed(row, 0))
    }

    fn counts(&self, checkpoint: CheckpointId) -> Result<Vec<(String, Count)>, StoreError> {
        let sql = "SELECT category, admitted, inside, admissions, extra_inside FROM counts
                   WHERE checkpoint = ? ORDER BY category";
        self.all(sql, [checkpoint.to_string()], |row| Ok((row.get(0)?, count(row, 1)?)))
    }

    fn doubles(&self) -> Result<Vec<DoubleRow>, StoreError> {
        let sql = "SELECT checkpoint, attendee, admissions, settled_by FROM doubles ORDER BY checkpoint, attendee, nth";
        self.all(sql, [], double_row)
    }

    fn doubles_at(&self, attendee: AttendeeId, checkpoint: CheckpointId) -> Result<Vec<DoubleRow>, StoreError> {
        let sql = "SELECT checkpoint, attendee, admissions, settled_by FROM doubles
                   WHERE checkpoint = ? AND attendee = ? ORDER BY nth";
        self.all(sql, [checkpoint.to_string(), attendee.to_string()], double_row)
    }

    fn conflicts(&self) -> Result<Vec<ConflictRow>, StoreError> {
        let sql = "SELECT doc, collection, key, fields FROM conflicts ORDER BY doc, collection, key";
        self.all(sql, [], conflict_row)
    }

    fn dump_projections(&self) -> Result<Vec<String>, StoreError> {
        let attendees = self.all("SELECT id, origin, json FROM attendees ORDER BY id", [], attendee_row)?;
        let mut facts = self.facts("true", [])?;
        facts.sort_unstable_by_key(|row| row.fact.id);
        let tallies = self.all("SELECT * FROM tallies ORDER BY checkpoint, attendee", [], tally_row)?;
        let counts = self.all("SELECT * FROM counts ORDER BY checkpoint, category", [], |row| {
            Ok((parsed::<CheckpointId>(row, 0)?, row.get::<_, String>(1)?, count(row, 2)?))
        })?;
        let words = "SELECT id, words FROM attendees JOIN attendee_words USING (nr) ORDER BY id";
        let words = self.all(words, [], |row| Ok((parsed::<AttendeeId>(row, 0)?, row.get::<_, String>(1)?)))?;
        Ok(crate::store::dump::lines(&crate::store::dump::Projections {
            attendees,
            words,
            facts,
            tallies,
            counts,
            doubles: self.doubles()?,
            conflicts: self.conflicts()?,
        }))
    }
}
