//! What the store says about this device: who it is, whom it talks to, how its clock stands.

use std::collections::BTreeMap;

use muster_model::access::{Access, Role};
use muster_model::document::DocRef;
use muster_model::fact::Skew;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::handing::HandOver;
use super::standing::{KEPT, RevokedEntry};
use super::tokens::ServerEntry;
use super::{Cx, Engine, ServerState};
use crate::error::EngineError;
use crate::event::{Enrolment, ServerId, Topic};
use crate::store::{StoreRead, Write};

pub(super) const IDENTITY: &str = "identity";
pub(super) const REVOKED: &str = "revoked";
const LABEL: &str = "label";
const SKEW: &str = "skew";
const COUNTER: &str = "fact_counter";
pub(super) const SERVERS: &str = "server/";
pub(super) const PARKED: &str = "parked/";
pub(super) const CONTACT: &str = "contact/";

/// Who this device is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) event: EventId,
    pub(crate) device: DeviceId,
    pub(crate) role: Role,
    pub(crate) device_name: String,
}

/// How far this clock was off, and when that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MeasuredSkew {
    pub(crate) ms: i64,
    pub(crate) measured_at: Timestamp,
}

/// Why a server refuses a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParkedEntry {
    pub(crate) code: String,
    pub(crate) since: Timestamp,
}

/// What the store says about this device.
#[derive(Debug, Default)]
pub(crate) struct Bookkeeping {
    pub(crate) identity: Option<Identity>,
    pub(crate) servers: BTreeMap<ServerId, ServerEntry>,
    pub(crate) label: Option<String>,
    pub(crate) skew: Option<MeasuredSkew>,
    pub(crate) fact_counter: u64,
    /// Whether a server revoked this device.
    pub(crate) revoked: Option<RevokedEntry>,
}

pub(super) fn read_meta<T: DeserializeOwned>(
    store: &dyn StoreRead,
    key: &'static str,
) -> Result<Option<T>, EngineError> {
    let Some(bytes) = store.meta(key)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|_| EngineError::Bookkeeping { key })
}

impl Engine {
    pub(crate) fn read_book(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        if self.book.is_none() {
            self.book = Some(self.stored_book(cx)?);
        }
        let identity = self.book.as_ref().and_then(|book| book.identity.as_ref());
        cx.projections.set_event(identity.map(|identity| identity.event));
        Ok(())
    }

    fn stored_book(&mut self, cx: &Cx<'_>) -> Result<Bookkeeping, EngineError> {
        let mut book = Bookkeeping {
            identity: read_meta(cx.store, IDENTITY)?,
            label: read_meta(cx.store, LABEL)?,
            skew: read_meta(cx.store, SKEW)?,
            fact_counter: read_meta(cx.store, COUNTER)?.unwrap_or_default(),
            servers: BTreeMap::new(),
            revoked: read_meta(cx.store, REVOKED)?,
        };
        for (key, value) in cx.store.meta_with_prefix(SERVERS)? {
            let id = ServerId(key.strip_prefix(SERVERS).unwrap_or_default().to_owned());
            let entry = serde_json::from_slice(&value).map_err(|_| EngineError::Bookkeeping { key: SERVERS })?;
            self.servers.entry(id.clone()).or_default();
            book.servers.insert(id, entry);
        }
        self.servers.retain(|id, _| book.servers.contains_key(id));
        for (key, value) in cx.store.meta_with_prefix(CONTACT)? {
            let id = ServerId(key.strip_prefix(CONTACT).unwrap_or_default().to_owned());
            if let Some(state) = self.servers.get_mut(&id)
                && state.last_contact.is_none()
            {
                state.last_contact = serde_json::from_slice(&value).ok();
            }
        }
        for (key, _) in cx.store.meta_with_prefix(KEPT)? {
            let rest = key.strip_prefix(KEPT).unwrap_or_default();
            let server = rest.rsplit_once('/').map(|(server, _)| ServerId(server.to_owned()));
            if let Some(state) = server.and_then(|server| self.servers.get_mut(&server))
                && state.hand_over == HandOver::Nothing
            {
                state.hand_over = HandOver::Waiting { since: cx.now, at: cx.now };
            }
        }
        if book.revoked.as_ref().is_some_and(|revoked| !revoked.done) {
            // All may have been handed over, and the loss of power have taken that the rest was forgotten.
            for state in self.servers.values_mut().filter(|state| state.hand_over == HandOver::Nothing) {
                state.hand_over = HandOver::Waiting { since: cx.now, at: cx.now };
            }
        }
        Ok(book)
    }

    /// The bookkeeping of an enrolled device.
    pub(crate) fn book(&self, _cx: &Cx<'_>) -> Result<(&Bookkeeping, &Identity), EngineError> {
        let book = self.book.as_ref().ok_or(EngineError::NotEnrolled)?;
        let identity = book.identity.as_ref().ok_or(EngineError::NotEnrolled)?;
        Ok((book, identity))
    }

    pub(super) fn book_mut(&mut self) -> Result<&mut Bookkeeping, EngineError> {
        self.book.as_mut().ok_or(EngineError::NotEnrolled)
    }

    pub(crate) fn event_id(&self, cx: &Cx<'_>) -> Result<EventId, EngineError> {
        Ok(self.book(cx)?.1.event)
    }

    /// Fails unless the role may change the document.
    pub(super) fn check_may_write(&self, cx: &Cx<'_>, doc: &DocRef) -> Result<Access, EngineError> {
        let access = self.book(cx)?.1.role.access(doc);
        if access.may_write() { Ok(access) } else { Err(EngineError::NotAllowed(*doc)) }
    }

    pub(super) fn enrolled(&mut self, cx: &mut Cx<'_>, enrolment: Enrolment) -> Result<(), EngineError> {
        let Enrolment { server_url, api_url, server_id, event, device, role, credentials, device_name } = enrolment;
        let identity = Identity { event, device, role, device_name };
        let now = cx.now;
        let book = self.book_mut()?;
        if book.revoked.is_some() && book.identity.is_some() {
            return Err(EngineError::Revoked);
        }
        let fits = |known: &Identity| known.event == event && known.device == device;
        if book.identity.as_ref().is_some_and(|known| !fits(known)) {
            return Err(EngineError::EnrolmentMismatch);
        }
        if book.revoked.take().is_some() {
            cx.write(Write::Meta(REVOKED.to_owned(), None));
        }
        let other_role = book.identity.as_ref().is_some_and(|known| known.role != role);
        let entry = ServerEntry::new(server_url, api_url, credentials, now);
        put_meta(cx, &format!("{SERVERS}{server_id}"), &entry)?;
        put_meta(cx, &format!("{CONTACT}{server_id}"), &now)?;
        book.servers.insert(server_id.clone(), entry);
        self.servers.insert(server_id, ServerState { last_contact: Some(now), ..ServerState::default() });
        if other_role {
            self.change_role(cx, role)?;
        } else {
            put_meta(cx, IDENTITY, &identity)?;
            self.book_mut()?.identity = Some(identity);
        }
        self.jobs_known = false;
        cx.topics.insert(Topic::Status);
        if self.sync_wanted {
            self.start_sync(cx)?;
        }
        Ok(())
    }

    pub(super) fn set_label(&mut self, cx: &mut Cx<'_>, label: &str) -> Result<(), EngineError> {
        let label: String = label.trim().chars().take(200).collect();
        put_meta(cx, LABEL, &label)?;
        self.book_mut()?.label = Some(label);
        cx.topics.insert(Topic::Status);
        Ok(())
    }

    pub(super) fn measured_skew(&mut self, cx: &mut Cx<'_>, ms: i64) -> Result<(), EngineError> {
        let skew = MeasuredSkew { ms, measured_at: cx.now };
        put_meta(cx, SKEW, &skew)?;
        self.book_mut()?.skew = Some(skew);
        Ok(())
    }

    /// A fact of this number is written with this batch.
    pub(super) fn use_up_counter(&mut self, cx: &mut Cx<'_>, counter: u64) -> Result<(), EngineError> {
        self.book_mut()?.fact_counter = counter;
        put_meta(cx, COUNTER, &counter)
    }
}

impl Bookkeeping {
    /// The number of the next fact.
    pub(super) fn next_counter(&self) -> Result<u64, EngineError> {
        self.fact_counter.checked_add(1).ok_or(EngineError::OutOfRange { what: "the fact counter" })
    }

    /// Who acts with this device.
    pub(crate) fn by(&self) -> String {
        let name = || self.identity.as_ref().map(|identity| identity.device_name.clone());
        self.label.clone().filter(|label| !label.is_empty()).or_else(name).unwrap_or_default()
    }

    pub(crate) fn skew_at(&self, now: Timestamp) -> Option<Skew> {
        self.skew.map(|skew| Skew { ms: skew.ms, age_ms: now.since_ms(skew.measured_at) })
    }

    /// The time by the server's clock, as well as this device can know.
    pub(crate) fn corrected(&self, now: Timestamp) -> Timestamp {
        now.plus_ms(self.skew.map_or(0, |skew| skew.ms))
    }
}

pub(super) fn put_meta<T: Serialize>(cx: &mut Cx<'_>, key: &str, value: &T) -> Result<(), EngineError> {
    let bytes = serde_json::to_vec(value).map_err(|_| EngineError::OutOfRange { what: "bookkeeping" })?;
    cx.write(Write::Meta(key.to_owned(), Some(bytes)));
    Ok(())
}
