//! Issuing tickets: a code for each attendee, its hash for the roster.

use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::Transaction;
use ed25519_dalek::SigningKey;
use muster_model::attendee::{Attendee, Registration};
use muster_model::document::{DocKind, DocRef};
use muster_model::id::{AttendeeId, EventId};
use muster_model::record::{self, RecordError};
use muster_model::ticket::TicketHash;
use muster_model::ticket::key::KeyId;
use muster_model::ticket::muster::{CategoryTag, MusterTicket};
use muster_model::ticket::withdrawn::Withdrawal;

use super::{put_key, read_keys, signing_key, withdraw};
use crate::app::App;
use crate::audit::{self, Action, Actor, Entry, Subject};
use crate::clock;
use crate::error::{ApiError, ErrorCode};
use crate::records;

/// How many attendees are written in one change: what a phone takes in at once.
const PER_CHANGE: usize = 500;

/// Who gets tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// Everybody whose registration stands and whose source gave them no ticket.
    All,
    /// These.
    Some(BTreeSet<AttendeeId>),
}

/// What is to be issued.
#[derive(Debug, Clone)]
pub struct IssueJob {
    /// In which event.
    pub event: EventId,
    /// To whom.
    pub to: Recipients,
    /// Whether a ticket that another system gave is replaced; it lets nobody in then.
    pub replace: bool,
    /// Who issues them.
    pub actor: Actor,
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Whose it is.
    pub id: AttendeeId,
    /// The attendee, as they are known now.
    pub attendee: Attendee,
    /// The code for the QR code: whoever has it can come in.
    pub code: String,
}

/// What was issued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The tickets.
    pub tickets: Vec<Issued>,
    /// How many attendees keep the ticket that another system gave them.
    pub kept: u64,
    /// How many got none because their registration does not stand.
    pub not_standing: u64,
}

/// Signs for one event with one key.
#[derive(Clone)]
struct Signer {
    event: EventId,
    id: KeyId,
    key: SigningKey,
}

impl Signer {
    fn code(&self, id: AttendeeId, attendee: &Attendee) -> String {
        let mut ticket = MusterTicket::new(self.event, self.id, id);
        ticket.category = CategoryTag::of(&attendee.category);
        ticket.valid_from = attendee.valid_from;
        ticket.valid_until = attendee.valid_until;
        ticket.sign(self.event, &self.key)
    }

    /// Gives an attendee their ticket; says whether anything differs.
    fn give(&self, attendee: &mut Attendee, code: &str) -> bool {
        let hash = TicketHash::of(self.event, code);
        let before = attendee.clone();
        if attendee.ticket != Some(hash) {
            attendee.revoked_tickets.retain(|revoked| *revoked != hash);
            let old = attendee.ticket.replace(hash);
            attendee.revoked_tickets.extend(old.filter(|old| !before.revoked_tickets.contains(old)));
        }
        attendee.ticket_key = Some(self.id);
        *attendee != before
    }
}

/// Whether an attendee gets a ticket.
enum Fate {
    Gets,
    Keeps,
    NotStanding,
}

fn fate(attendee: &Attendee, job: &IssueJob) -> Fate {
    let of_another_system = attendee.ticket.is_some() && attendee.ticket_key.is_none();
    match attendee.registration {
        Registration::Cancelled | Registration::Blocked => Fate::NotStanding,
        _ if of_another_system && !job.replace => Fate::Keeps,
        _ => Fate::Gets,
    }
}

/// Issues tickets. Asked again, it gives the same codes.
///
/// # Errors
/// `attendee_not_found` if one is named who is not on the roster, or why keys or documents cannot be used.
pub async fn issue(app: &App, job: IssueJob) -> Result<Report, ApiError> {
    let event = job.event;
    let _order = app.imports.order(event).await;
    let data = records::event_data(&app.documents, event).await?;
    let mut report = Report::default();
    let mut shards: BTreeMap<DocRef, Vec<(AttendeeId, Attendee)>> = BTreeMap::new();
    let mut missing = match &job.to {
        Recipients::All => BTreeSet::new(),
        Recipients::Some(ids) => ids.clone(),
    };
    for number in data.event.shard_range() {
        let document = DocRef::shard(DocKind::Roster, number);
        let (attendees, _) = records::shard::<Attendee>(&app.documents, event, document).await?;
        for (id, attendee) in attendees {
            let wanted = match &job.to {
                Recipients::All => true,
                Recipients::Some(_) => missing.remove(&id),
            };
            match fate(&attendee, &job) {
                _ if !wanted => {}
                Fate::Gets => shards.entry(document).or_default().push((id, attendee)),
                Fate::Keeps => report.kept += 1,
                Fate::NotStanding => report.not_standing += 1,
            }
        }
    }
    if !missing.is_empty() {
        return Err(ErrorCode::AttendeeNotFound.into());
    }
    let (id, key) = signing_key(app, event, &job.actor).await?;
    let signer = Signer { event, id, key };
    let all = shards.values().flatten();
    name_categories(app, event, id, all.map(|(_, attendee)| attendee.category.clone()).collect()).await?;
    withdraw_replaced(app, &signer, &shards).await?;
    let count: usize = shards.values().map(Vec::len).sum();
    let entry = Entry::new(clock::now(), job.actor.clone(), Action::TicketsIssued).event(event);
    audit::record(&app.storage, entry.subject(Subject::Key(id.to_string())).detail("tickets", count)).await?;
    for (document, attendees) in shards {
        for some in attendees.chunks(PER_CHANGE) {
            let ids: Vec<AttendeeId> = some.iter().map(|(id, _)| *id).collect();
            let signer = signer.clone();
            let edit = move |tx: &mut Transaction<'_>| give_all(tx, &signer, &ids);
            report.tickets.extend(app.documents.edit(event, document, edit).await??.value);
        }
    }
    tracing::info!(%event, tickets = count, "tickets were issued");
    Ok(report)
}

/// Gives tickets to those who are still there, by what their records say now.
fn give_all(tx: &mut Transaction<'_>, signer: &Signer, ids: &[AttendeeId]) -> Result<Vec<Issued>, RecordError> {
    let mut issued = Vec::new();
    for id in ids {
        let Some(mut attendee) = record::read::<Attendee>(tx, id)? else { continue };
        let code = signer.code(*id, &attendee);
        if signer.give(&mut attendee, &code) {
            record::put(tx, id, &attendee)?;
        }
        issued.push(Issued { id: *id, attendee, code });
    }
    Ok(issued)
}

/// Has the key's record name the categories that tickets carry as tags.
async fn name_categories(app: &App, event: EventId, id: KeyId, categories: BTreeSet<String>) -> Result<(), ApiError> {
    let edit = move |tx: &mut Transaction<'_>| {
        let Some(mut key) = record::read::<muster_model::ticket::key::TicketKey>(tx, &id)? else { return Ok(false) };
        let new: Vec<String> = categories
            .into_iter()
            .filter(|category| !category.is_empty() && !key.categories.contains(category))
            .collect();
        if new.is_empty() {
            return Ok(false);
        }
        key.categories.extend(new);
        put_key(tx, id, &key)
    };
    app.documents.edit(event, DocRef::whole(DocKind::Event), edit).await??;
    Ok(())
}

/// A signed ticket is good without the roster, so one that is replaced must be known at every door, unless its key is
/// retired and says so already.
async fn withdraw_replaced(
    app: &App,
    signer: &Signer,
    shards: &BTreeMap<DocRef, Vec<(AttendeeId, Attendee)>>,
) -> Result<(), ApiError> {
    let keys = app.documents.read(signer.event, DocRef::whole(DocKind::Event), read_keys).await?;
    let still_good = |key: &KeyId| keys.get(key).is_some_and(|key| key.retired_at.is_none());
    let replaced = shards.values().flatten().filter_map(|(id, attendee)| {
        attendee.ticket_key.as_ref().filter(|key| still_good(key))?;
        let new = TicketHash::of(signer.event, &signer.code(*id, attendee));
        attendee.ticket.filter(|old| *old != new).map(|old| (old, Some(Withdrawal::Revoked)))
    });
    withdraw(app, signer.event, replaced.collect()).await
}
