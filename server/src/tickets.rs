//! Tickets that Muster issues: their keys, the codes for attendees, and what is withdrawn.
//!
//! The public halves of the keys are part of the event, so that every phone checks tickets by itself; the private halves
//! never leave the data directory ([`secrets`]). A code is made when somebody asks for it and kept nowhere: the roster has
//! its hash, and the same attendee with the same key and validity gets the same code again.

use std::collections::BTreeMap;

use automerge::Automerge;
use automerge::transaction::Transaction;
use ed25519_dalek::SigningKey;
use muster_model::document::{DocKind, DocRef, DocumentError, later_collection};
use muster_model::id::EventId;
use muster_model::record::{self, Record, RecordError};
use muster_model::ticket::TicketHash;
use muster_model::ticket::key::{KeyId, Scheme, TicketKey};
use muster_model::ticket::withdrawn::{self, MAX_WITHDRAWN, Withdrawal, Withdrawn};
use muster_model::time::Timestamp;

pub mod issue;
pub mod secrets;

use crate::app::App;
use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::clock;
use crate::documents::Documents;
use crate::error::{ApiError, ErrorCode};
use secrets::Secrets;

/// A key of the event's tickets, and whether new tickets are signed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// Its id.
    pub id: KeyId,
    /// The public half.
    pub key: TicketKey,
    /// Whether new tickets are signed with it.
    pub signs: bool,
}

/// The event's keys, from its document. An event that was begun before there were any has none.
pub(crate) fn read_keys(doc: &Automerge) -> Result<BTreeMap<KeyId, TicketKey>, RecordError> {
    match record::read_all::<TicketKey>(doc) {
        Err(RecordError::Document(DocumentError::NotGenesis { .. })) => Ok(BTreeMap::new()),
        found => Ok(found?.records),
    }
}

/// The event's keys.
pub(crate) async fn keys(documents: &Documents, event: EventId) -> Result<BTreeMap<KeyId, TicketKey>, ApiError> {
    documents.read(event, DocRef::whole(DocKind::Event), read_keys).await
}

/// Writes a key into the event's document.
pub(crate) fn put_key(tx: &mut Transaction<'_>, id: KeyId, key: &TicketKey) -> Result<bool, RecordError> {
    later_collection(tx, TicketKey::COLLECTION)?;
    record::put(tx, &id, key)
}

/// The event's withdrawn tickets.
pub(crate) async fn withdrawn(documents: &Documents, event: EventId) -> Result<Withdrawn, ApiError> {
    documents.read(event, DocRef::whole(DocKind::Event), withdrawn::read_all).await
}

async fn secrets_of(app: &App, event: EventId) -> Secrets {
    Secrets::of(app.data(), event)
}

/// The key that signs: the latest of Muster's that is not retired and whose private half is here.
fn signing(keys: &BTreeMap<KeyId, TicketKey>, secrets: &Secrets) -> Result<Option<(KeyId, SigningKey)>, ApiError> {
    let ours = |key: &TicketKey| key.scheme == Scheme::Muster && key.retired_at.is_none();
    let mut latest: Vec<_> = keys.iter().filter(|(_, key)| ours(key)).collect();
    latest.sort_by_key(|(id, key)| std::cmp::Reverse((key.valid_from, **id)));
    for (id, _) in latest {
        if let Some(key) = secrets.load(*id)? {
            return Ok(Some((*id, key)));
        }
    }
    Ok(None)
}

/// The event's keys, the latest first.
///
/// # Errors
/// If the event's document or a private half cannot be read.
pub async fn list(app: &App, event: EventId) -> Result<Vec<KeyStatus>, ApiError> {
    let keys = keys(&app.documents, event).await?;
    let signs = signing(&keys, &secrets_of(app, event).await)?.map(|(id, _)| id);
    let status = |(id, key): (KeyId, TicketKey)| KeyStatus { id, key, signs: signs == Some(id) };
    let mut list: Vec<KeyStatus> = keys.into_iter().map(status).collect();
    list.sort_by_key(|status| std::cmp::Reverse((status.key.valid_from, status.id)));
    Ok(list)
}

/// Makes a new key, which signs from now on. Tickets of the keys before stay good.
///
/// # Errors
/// If the key cannot be kept or the event's document cannot be written.
pub async fn rotate(app: &App, event: EventId, actor: Actor) -> Result<KeyStatus, ApiError> {
    let _order = app.imports.order(event).await;
    let keys = keys(&app.documents, event).await?;
    let (id, key) = new_key(app, event, &keys, actor).await?;
    let signs = true;
    let record = crate::tickets::keys(&app.documents, event).await?.remove(&id).unwrap_or_default();
    drop(key);
    Ok(KeyStatus { id, key: record, signs })
}

/// Makes a key: the private half is on the disk before the event names the public one.
async fn new_key(
    app: &App,
    event: EventId,
    keys: &BTreeMap<KeyId, TicketKey>,
    actor: Actor,
) -> Result<(KeyId, SigningKey), ApiError> {
    let now = clock::now();
    let latest = keys.values().map(|key| key.valid_from.plus_ms(1)).max();
    let valid_from = latest.map_or(now, |latest| latest.max(now));
    let (id, key) = secrets_of(app, event).await.create(|id| keys.contains_key(&id))?;
    let public = key.verifying_key().to_bytes();
    let record = TicketKey::new(Scheme::Muster, &public, valid_from).map_err(|_| ErrorCode::Internal)?;
    let entry = Entry::new(now, actor, Action::KeyRotated).event(event).subject(Subject::Key(id.to_string()));
    audit::record(&app.storage, entry.detail("scheme", Scheme::Muster.as_str())).await?;
    let edit = move |tx: &mut Transaction<'_>| put_key(tx, id, &record);
    app.documents.edit(event, DocRef::whole(DocKind::Event), edit).await??;
    tracing::info!(%event, key = %id, "a key of tickets was made");
    Ok((id, key))
}

/// The key that signs, made if there is none.
async fn signing_key(app: &App, event: EventId, actor: &Actor) -> Result<(KeyId, SigningKey), ApiError> {
    let keys = keys(&app.documents, event).await?;
    match signing(&keys, &secrets_of(app, event).await)? {
        Some(found) => Ok(found),
        None => new_key(app, event, &keys, actor.clone()).await,
    }
}

/// Retires a key: what it signed is worth nothing as soon as the phones hear of it, and its private half is removed.
///
/// # Errors
/// `ticket_key_not_found`, or if the event's document cannot be written.
pub async fn retire(app: &App, event: EventId, id: KeyId, actor: Actor) -> Result<(), ApiError> {
    let _order = app.imports.order(event).await;
    let mut keys = keys(&app.documents, event).await?;
    let key = keys.remove(&id).ok_or(ErrorCode::TicketKeyNotFound)?;
    if key.retired_at.is_none() {
        let now = clock::now();
        let entry = Entry::new(now, actor, Action::KeyRetired).event(event).subject(Subject::Key(id.to_string()));
        audit::record(&app.storage, entry.detail("scheme", key.scheme.as_str())).await?;
        let retired = TicketKey { retired_at: Some(now), ..key };
        let edit = move |tx: &mut Transaction<'_>| put_key(tx, id, &retired);
        app.documents.edit(event, DocRef::whole(DocKind::Event), edit).await??;
        tracing::info!(%event, key = %id, "a key of tickets was retired");
    }
    // Also after a crash between the two.
    Ok(secrets_of(app, event).await.remove(id)?)
}

/// Withdraws tickets, or gives them back (`None`).
///
/// # Errors
/// `withdrawn_full` if the event has as many as it may, or if its document cannot be written.
pub(crate) async fn withdraw(
    app: &App,
    event: EventId,
    tickets: Vec<(TicketHash, Option<Withdrawal>)>,
) -> Result<(), ApiError> {
    if tickets.is_empty() {
        return Ok(());
    }
    let mut after = withdrawn(&app.documents, event).await?;
    for (ticket, withdrawal) in &tickets {
        match withdrawal {
            Some(withdrawal) => drop(after.insert(*ticket, *withdrawal)),
            None => drop(after.remove(ticket)),
        }
    }
    if after.len() > MAX_WITHDRAWN {
        return Err(ErrorCode::WithdrawnFull.into());
    }
    let edit = move |tx: &mut Transaction<'_>| {
        tickets.iter().try_for_each(|(ticket, withdrawal)| withdrawn::put(tx, *ticket, *withdrawal).map(drop))
    };
    app.documents.edit(event, DocRef::whole(DocKind::Event), edit).await??;
    Ok(())
}

/// How the API names a point in time that may not be.
pub(crate) fn ms(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::ms)
}
