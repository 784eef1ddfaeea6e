//! What servers refused, as it is kept: each change by itself, until it is in the document after all.

use std::collections::BTreeSet;

use automerge::{Automerge, ChangeHash, ReadDoc};
use muster_model::document::{self, DocRef};
use muster_model::erasure::Erasure;
use muster_model::fact::Fact;
use muster_model::id::{DeviceId, FactId};
use muster_model::record::{EditState, RecordEdit};
use muster_model::time::Timestamp;
use muster_protocol::ProtocolCode;
use muster_protocol::guard::SyncSummary;
use serde::{Deserialize, Serialize};

use super::bookkeeping::put_meta;
use super::{Cx, Engine};
use crate::error::EngineError;
use crate::event::{ServerId, Topic};
use crate::store::{OutboxRow, StoreError, Write};
use crate::view::RefusedWork;

const REFUSED: &str = "refused/";

/// Refused changes of others that are kept of one document. The server has them too.
const MAX_FOREIGN: usize = 1_000;

/// A refused change, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RefusedEntry {
    pub(super) server: ServerId,
    pub(super) code: String,
    pub(super) since: Timestamp,
    pub(super) author: Option<DeviceId>,
    /// The fact that it appends, if it does nothing else.
    pub(super) fact: Option<FactId>,
    pub(super) text: Option<String>,
    /// What it edits of a record, if this device made it.
    #[serde(default)]
    pub(super) edit: Option<RecordEdit>,
    /// The change, in hexadecimal digits.
    pub(super) change: String,
}

impl RefusedEntry {
    /// The fact, if it reads.
    pub(super) fn fact(&self) -> Option<Fact> {
        Fact::from_json(self.fact?, self.text.as_deref()?).ok()
    }
}

impl Engine {
    pub(super) fn put_aside(
        &mut self,
        cx: &mut Cx<'_>,
        doc: DocRef,
        aside: Vec<(ChangeHash, RefusedEntry)>,
    ) -> Result<(), EngineError> {
        let own = self.book(cx)?.1.device;
        let is_foreign = |entry: &RefusedEntry| entry.author != Some(own);
        let mut foreign = entries(cx, &doc)?.iter().filter(|(_, entry)| is_foreign(entry)).count();
        for (hash, entry) in aside {
            foreign += usize::from(is_foreign(&entry));
            if foreign > MAX_FOREIGN && is_foreign(&entry) {
                tracing::warn!(%doc, "too many refused changes of others: one is left to the server");
                continue;
            }
            put_meta(cx, &format!("{REFUSED}{doc}/{hash}"), &entry)?;
        }
        Ok(())
    }

    /// Whether a fact is kept here because a server refused it.
    pub(super) fn is_refused(cx: &Cx<'_>, fact: FactId) -> Result<bool, EngineError> {
        Ok(all_entries(cx)?.iter().any(|(_, _, entry)| entry.fact == Some(fact)))
    }

    /// What servers refused and is kept here.
    pub(crate) fn refused_work(&self, cx: &Cx<'_>) -> Result<Vec<RefusedWork>, EngineError> {
        let work = |(_, document, entry): (String, DocRef, RefusedEntry)| {
            let fact = entry.fact();
            let RefusedEntry { server, code, since, author, edit, .. } = entry;
            RefusedWork { document, server, code, author, fact, edit, since }
        };
        Ok(all_entries(cx)?.into_iter().map(work).collect())
    }
}

fn entries(cx: &Cx<'_>, doc: &DocRef) -> Result<Vec<(String, RefusedEntry)>, StoreError> {
    let all = cx.store.meta_with_prefix(&format!("{REFUSED}{doc}/"))?;
    Ok(all.into_iter().filter_map(|(key, value)| Some((key, serde_json::from_slice(&value).ok()?))).collect())
}

/// Everything that is kept because a server refused it, with its key and its document.
pub(super) fn all_entries(cx: &Cx<'_>) -> Result<Vec<(String, DocRef, RefusedEntry)>, StoreError> {
    let read = |(key, value): (String, Vec<u8>)| {
        let (doc, _) = key.strip_prefix(REFUSED)?.rsplit_once('/')?;
        let doc = doc.parse().ok()?;
        Some((key, doc, serde_json::from_slice(&value).ok()?))
    };
    Ok(cx.store.meta_with_prefix(REFUSED)?.into_iter().filter_map(read).collect())
}

/// What this device wrote and a server refused.
pub(super) struct OwnRefused {
    pub(super) server: ServerId,
    /// The change's hash and the change, in hexadecimal digits.
    pub(super) change: (String, String),
    pub(super) fact: Option<(FactId, String)>,
    pub(super) edit: Option<RecordEdit>,
}

/// Removes what is kept of a document because a server refused it; gives what of that is our own.
pub(super) fn take_refused(cx: &mut Cx<'_>, doc: DocRef, own: DeviceId) -> Result<Vec<OwnRefused>, EngineError> {
    let mut taken = Vec::new();
    for (key, entry) in entries(cx, &doc)? {
        if entry.author == Some(own) && !entry.change.is_empty() {
            let hash = key.rsplit_once('/').map(|(_, hash)| hash.to_owned()).unwrap_or_default();
            let (change, fact) = ((hash, entry.change), entry.fact.zip(entry.text));
            taken.push(OwnRefused { server: entry.server, change, fact, edit: entry.edit });
        }
        cx.write(Write::Meta(key, None));
    }
    Ok(taken)
}

/// Whether a message brings what a server refused.
pub(super) fn brings_refused(cx: &Cx<'_>, doc: DocRef, summary: &SyncSummary) -> Result<bool, StoreError> {
    if !summary.has_changes() {
        return Ok(false);
    }
    let prefix = format!("{REFUSED}{doc}/");
    let refused = cx.store.meta_with_prefix(&prefix)?;
    let hashes: BTreeSet<&str> = refused.iter().filter_map(|(key, _)| key.strip_prefix(&prefix)).collect();
    Ok(!hashes.is_empty() && summary.changes().iter().any(|change| hashes.contains(change.hash.to_string().as_str())))
}

/// A document was begun anew to forget somebody: what was refused of it forgets them too. Of others' work a server keeps
/// what may be kept.
pub(super) fn strike(cx: &mut Cx<'_>, doc: DocRef, own: DeviceId, erasure: &Erasure) -> Result<(), EngineError> {
    for (key, mut entry) in entries(cx, &doc)? {
        let is_erased = |edit: &RecordEdit| erasure.takes_record(doc.kind, &edit.key);
        if entry.author != Some(own) || entry.edit.as_ref().is_some_and(is_erased) {
            cx.write(Write::Meta(key, None));
            continue;
        }
        entry.text = entry.text.map(|text| erasure.of_fact(&text, false));
        entry.change.clear();
        put_meta(cx, &key, &entry)?;
    }
    Ok(())
}

/// Strikes off what was refused once and is in the document now: somebody accepted it.
pub(super) fn unpark(cx: &mut Cx<'_>, doc: DocRef, am: &Automerge) -> Result<(), EngineError> {
    let entries = entries(cx, &doc)?;
    if entries.is_empty() {
        return Ok(());
    }
    for (key, entry) in entries {
        if is_there(&doc, am, &entry) {
            cx.write(Write::Meta(key, None));
            cx.topics.insert(Topic::Status);
        }
    }
    Ok(())
}

/// The edits of a document that are kept because a server refused them.
pub(super) fn refused_edits(cx: &Cx<'_>, doc: &DocRef) -> Result<Vec<RecordEdit>, StoreError> {
    Ok(entries(cx, doc)?.into_iter().filter_map(|(_, entry)| entry.edit).collect())
}

/// Puts an edit aside whose change is gone, because the record says something else by now.
pub(super) fn put_edit_aside(
    cx: &mut Cx<'_>,
    doc: DocRef,
    (row, own): (&OutboxRow, DeviceId),
    code: ProtocolCode,
) -> Result<(), EngineError> {
    let entry = RefusedEntry {
        server: row.server.clone(),
        code: code.as_str().to_owned(),
        since: cx.now,
        author: Some(own),
        fact: None,
        text: None,
        edit: row.edit.as_ref().map(|unsent| unsent.edit.clone()),
        change: String::new(),
    };
    cx.topics.insert(Topic::Status);
    put_meta(cx, &format!("{REFUSED}{doc}/{}", row.change), &entry)
}

/// Whether a document has the fact of a refused change as that says it, or says what it edits.
pub(super) fn is_there(doc: &DocRef, am: &Automerge, entry: &RefusedEntry) -> bool {
    if let Some(edit) = &entry.edit {
        return edit.stands_in(am, doc).is_ok_and(|state| state == EditState::Done);
    }
    let (Ok(facts), Some(id)) = (document::collection(am, "facts"), entry.fact) else { return false };
    let there = am.get(&facts, id.to_string()).ok().flatten();
    let there = there.as_ref().and_then(|(value, _)| value.as_str());
    // Whom it is about may have been erased before somebody accepted it.
    let left = |text: &str| {
        let left = Erasure::default().of_fact(text, true);
        serde_json::from_str::<serde_json::Value>(&left).ok()
    };
    let is_left = |there: &str, text: &str| left(there).is_some_and(|there| Some(there) == left(text));
    there.zip(entry.text.as_deref()).is_some_and(|(there, text)| there == text || is_left(there, text))
}
