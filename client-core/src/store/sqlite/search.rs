//! Search: whole words first, then beginnings of words, then parts of words, each only if the one before left room; within
//! each, names before organisations.
//!
//! The first two come from the full-text index. Parts of words come from reading the folded words of everybody, which is
//! fast enough (50,000 attendees are some 3 MB) and rarely needed, since people type the beginnings of names.

use std::collections::HashSet;

use muster_model::id::AttendeeId;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::{Parsed, SqliteStore};
use crate::search::{Term, by_organisation};
use crate::store::StoreError;

pub(super) fn search(store: &SqliteStore, terms: &[Term], limit: usize) -> Result<Vec<AttendeeId>, StoreError> {
    let mut found = Vec::new();
    if terms.is_empty() || limit == 0 {
        return Ok(found);
    }
    // A term is letters and digits only, so quoting it is enough.
    let words: Vec<String> = terms.iter().map(|term| format!("\"{}\"", term.as_str())).collect();
    let beginnings: Vec<String> = words.iter().map(|word| format!("{word}*")).collect();
    let mut seen = HashSet::new();
    let stages = [(INDEXED, vec![words.join(" ")]), (INDEXED, vec![beginnings.join(" ")]), ("", Vec::new())];
    for (sql, query) in stages {
        let room = limit - found.len();
        if room == 0 {
            break;
        }
        // Those of the stages before come again, so as many more are asked for.
        let wanted = Value::from(i64::try_from(room + seen.len()).unwrap_or(i64::MAX));
        let rows = if sql.is_empty() {
            let (sql, parts) = parts_of_words(terms);
            rows(store, &sql, parts.into_iter().chain([wanted]))?
        } else {
            rows(store, sql, query.into_iter().map(Value::from).chain([wanted]))?
        };
        let mut new: Vec<(String, AttendeeId)> = rows.into_iter().filter(|(_, id)| seen.insert(*id)).collect();
        new.truncate(room);
        new.sort_by_cached_key(|(name, id)| (by_organisation(name, terms), name.clone(), *id));
        found.extend(new.into_iter().map(|(_, id)| id));
    }
    Ok(found)
}

const INDEXED: &str = "SELECT name, id FROM attendees WHERE nr IN
    (SELECT rowid FROM attendee_index WHERE attendee_index MATCH ? LIMIT ?)";

fn parts_of_words(terms: &[Term]) -> (String, Vec<Value>) {
    let conditions = vec!["instr(words, ?)"; terms.len()].join(" AND ");
    let sql = format!(
        "SELECT name, id FROM attendees WHERE nr IN (SELECT nr FROM attendee_words WHERE {conditions} LIMIT ?)"
    );
    (sql, terms.iter().map(|term| Value::from(term.as_str().to_owned())).collect())
}

fn rows(
    store: &SqliteStore,
    sql: &str,
    params: impl Iterator<Item = Value>,
) -> Result<Vec<(String, AttendeeId)>, StoreError> {
    store.all(sql, params_from_iter(params), |row| Ok((row.get(0)?, row.get::<_, Parsed<AttendeeId>>(1)?.0)))
}
