//! Scans and check-ins: from a code or a name to a verdict and, for whoever is admitted, an entry.

use muster_model::document::{DocKind, DocRef, checkins_shard};
use muster_model::fact::{Entry, EntryVia, FactBody};
use muster_model::fact_order::{in_order, standing};
use muster_model::id::{AttendeeId, CheckpointId, EventId, FactId};
use muster_model::ticket::code::{self, Form};
use muster_model::ticket::signed::{self, Checked, SignedTicket};
use muster_model::ticket::withdrawn::Withdrawal;
use muster_model::ticket::{TicketHash, bearer};
use muster_model::verdict::{Found, Scan, Verdict, decide};

use super::{Cx, Engine, LastScan};
use crate::command::{Answers, CheckIn, Recorded, ScanResult};
use crate::error::{EngineError, Missing};
use crate::store::{AttendeeRow, Origin};
use crate::view::{AttendeeCard, BearerView, CardFact, Durability};

/// How long a scanner's second reading of a code gets the first answer again, in milliseconds.
const REPEAT_MS: i64 = 3_000;

/// Whom a code belongs to.
enum Owner {
    Nobody,
    OtherEvent,
    BadSignature,
    UnknownKey,
    Withdrawn(Withdrawal),
    One(Box<AttendeeRow>, TicketHash),
    Several(Vec<AttendeeId>),
    /// The bearer of a good ticket, of whose attendee nothing has arrived.
    Bearer(Box<SignedTicket>),
}

impl Owner {
    fn found(&self) -> (Found<'_>, Option<TicketHash>) {
        match self {
            Self::Nobody => (Found::Nobody, None),
            Self::OtherEvent => (Found::OtherEvent, None),
            Self::BadSignature => (Found::BadSignature, None),
            Self::UnknownKey => (Found::UnknownKey, None),
            Self::Withdrawn(withdrawal) => (Found::Withdrawn(*withdrawal), None),
            Self::Several(ids) => (Found::Several(ids), None),
            Self::One(row, ticket) => (Found::One(row.id, &row.attendee), Some(*ticket)),
            Self::Bearer(ticket) => (Found::Ticket(ticket), Some(ticket.hash)),
        }
    }
}

/// Who stands at which checkpoint, and what is known besides.
struct Door<'d> {
    checkpoint: CheckpointId,
    found: Found<'d>,
    ticket: Option<TicketHash>,
    answers: &'d Answers,
}

impl Engine {
    pub(super) fn scan(
        &mut self,
        cx: &mut Cx<'_>,
        checkpoint: CheckpointId,
        code: String,
        answers: Answers,
    ) -> Result<ScanResult, EngineError> {
        if let Some(last) = self.last_scans.get(&checkpoint)
            && last.code == code
            && last.answers == answers
            && (0..REPEAT_MS).contains(&cx.now.since_ms(last.at))
        {
            return Ok(ScanResult { repeated: true, ..last.result.clone() });
        }
        let owner = self.owner_of(cx, &code)?;
        let (found, ticket) = owner.found();
        let verdict = self.verdict(cx, &Door { checkpoint, found, ticket, answers: &answers })?;
        let who = match &owner {
            Owner::One(row, _) => Some((row.id, Some(row.origin))),
            Owner::Bearer(ticket) => Some((ticket.holder, None)),
            _ => None,
        };
        let recorded = match (&verdict, who) {
            (Verdict::Admitted, Some((attendee, origin))) => {
                let (answers, despite) = (answers.clone(), String::new());
                let entry = Entry { attendee, checkpoint, via: EntryVia::Scan, ticket, answers, despite };
                Some(self.enter(cx, origin, entry)?)
            }
            _ => None,
        };
        let card = match &owner {
            Owner::One(row, _) => Some(self.card_of(cx, row)?),
            _ => None,
        };
        let bearer = match &owner {
            Owner::Bearer(ticket) => Some(self.bearer_view(cx, ticket)?),
            _ => None,
        };
        let result = ScanResult { verdict, recorded, card, bearer, repeated: false };
        let last = LastScan { code, answers, at: cx.now, result: result.clone() };
        self.last_scans.insert(checkpoint, last);
        Ok(result)
    }

    pub(super) fn check_in(&mut self, cx: &mut Cx<'_>, wish: CheckIn) -> Result<ScanResult, EngineError> {
        let CheckIn { checkpoint, attendee, via, answers, despite } = wish;
        let row = cx.projections.attendee(attendee)?.ok_or(EngineError::Missing(Missing::Attendee))?;
        let found = Found::One(row.id, &row.attendee);
        let verdict = self.verdict(cx, &Door { checkpoint, found, ticket: None, answers: &answers })?;
        let admitted = verdict == Verdict::Admitted;
        let despite = if admitted { String::new() } else { despite.trim().to_owned() };
        let recorded = if admitted || !despite.is_empty() {
            let entry = Entry { attendee, checkpoint, via, ticket: None, answers, despite };
            Some(self.enter(cx, Some(row.origin), entry)?)
        } else {
            None
        };
        let card = Some(self.card_of(cx, &row)?);
        Ok(ScanResult { verdict, recorded, card, bearer: None, repeated: false })
    }

    /// Whom a code belongs to: the roster's word comes first, since who has the hash has seen the whole ticket. Then the
    /// signature has the say.
    fn owner_of(&mut self, cx: &mut Cx<'_>, code: &str) -> Result<Owner, EngineError> {
        let (event, view) = (self.event_id(cx)?, self.event_view(cx)?);
        let scanned = code::read(code);
        let checked = signed::check(event, &view.keys, &scanned.form);
        if checked == Checked::Retired {
            return Ok(Owner::Withdrawn(Withdrawal::Revoked));
        }
        let tickets: Vec<TicketHash> =
            scanned.candidates.iter().map(|candidate| TicketHash::of(event, candidate)).collect();
        for ticket in &tickets {
            let ids = cx.store.attendees_by_ticket(*ticket)?;
            match ids.as_slice() {
                [] => {}
                [id] => {
                    let row = cx.projections.attendee(*id)?;
                    return Ok(row.map_or(Owner::Nobody, |row| Owner::One(Box::new(row), *ticket)));
                }
                _ => return self.holders(cx, ids, *ticket),
            }
        }
        Ok(match checked {
            Checked::Good(ticket) => self.bearer_of(cx, event, *ticket)?,
            Checked::Bad => Owner::BadSignature,
            Checked::UnknownKey => Owner::UnknownKey,
            Checked::OtherEvent => Owner::OtherEvent,
            Checked::Unsigned | Checked::Retired => {
                let withdrawn = tickets.iter().find_map(|ticket| view.withdrawn.get(ticket));
                match (withdrawn, &scanned.form) {
                    (Some(withdrawal), _) => Owner::Withdrawn(*withdrawal),
                    (None, Form::Indico { .. }) => Owner::OtherEvent,
                    (None, _) => Owner::Nobody,
                }
            }
        })
    }

    /// Who bears a good ticket that no attendee is known to have: the attendee it names, somebody who was checked in with
    /// it elsewhere, or whoever shows it.
    fn bearer_of(&self, cx: &Cx<'_>, event: EventId, ticket: SignedTicket) -> Result<Owner, EngineError> {
        let hash = ticket.hash;
        let holder = if ticket.holder == bearer::bearer_of(event, hash) {
            cx.projections.holder_of(event, hash)?
        } else {
            ticket.holder
        };
        Ok(match cx.projections.attendee(holder)? {
            Some(row) => Owner::One(Box::new(row), hash),
            None => Owner::Bearer(Box::new(SignedTicket { holder, ..ticket })),
        })
    }

    fn bearer_view(&mut self, cx: &mut Cx<'_>, ticket: &SignedTicket) -> Result<BearerView, EngineError> {
        let view = self.event_view(cx)?;
        let names = view.checkpoints.values().flat_map(|checkpoint| {
            let asked = checkpoint.questions.iter().flat_map(|question| &question.categories);
            checkpoint.categories.iter().chain(asked)
        });
        Ok(BearerView {
            attendee: ticket.holder,
            category: ticket.category.name(names).to_owned(),
            valid_from: ticket.valid_from,
            valid_until: ticket.valid_until,
        })
    }

    /// Of several who have or had a ticket, the one who has it now.
    fn holders(&self, cx: &Cx<'_>, ids: Vec<AttendeeId>, ticket: TicketHash) -> Result<Owner, EngineError> {
        let mut holders = Vec::new();
        for id in &ids {
            holders.extend(cx.projections.attendee(*id)?.filter(|row| row.attendee.ticket == Some(ticket)));
        }
        Ok(match (holders.pop(), holders.is_empty()) {
            (Some(row), true) => Owner::One(Box::new(row), ticket),
            _ => Owner::Several(ids),
        })
    }

    fn verdict(&mut self, cx: &mut Cx<'_>, door: &Door<'_>) -> Result<Verdict, EngineError> {
        let view = self.event_view(cx)?;
        let rules = view.checkpoints.get(&door.checkpoint).ok_or(EngineError::Missing(Missing::Checkpoint))?;
        let facts = match door.found {
            Found::One(id, _) => cx.projections.counted_at(id, door.checkpoint)?,
            Found::Ticket(ticket) => cx.projections.counted_at(ticket.holder, door.checkpoint)?,
            _ => Vec::new(),
        };
        Ok(decide(&Scan {
            now: self.book(cx)?.0.corrected(cx.now),
            event: &view.event,
            checkpoint_id: door.checkpoint,
            checkpoint: rules,
            found: door.found,
            ticket: door.ticket,
            withdrawn: door.ticket.and_then(|ticket| view.withdrawn.get(&ticket)).copied(),
            facts: &facts,
            answers: door.answers,
        }))
    }

    fn enter(&mut self, cx: &mut Cx<'_>, origin: Option<Origin>, entry: Entry) -> Result<Recorded, EngineError> {
        let attendee = entry.attendee;
        let doc = self.checkins_of(cx, attendee, origin.as_ref())?;
        let fact = self.append(cx, doc, FactBody::Entry(entry))?;
        Ok(Recorded { fact, durability: Durability::OnThisPhone, attendee: Some(attendee) })
    }

    /// The shard for an attendee's check-ins: the roster's, else one that every phone finds by the id.
    pub(super) fn checkins_of(
        &mut self,
        cx: &mut Cx<'_>,
        attendee: AttendeeId,
        origin: Option<&Origin>,
    ) -> Result<DocRef, EngineError> {
        if let Some(Origin::Roster(DocRef { part: muster_model::document::Part::Shard(shard), .. })) = origin {
            return Ok(DocRef::shard(DocKind::Checkins, *shard));
        }
        Ok(checkins_shard(attendee, self.event_view(cx)?.event.shards))
    }

    /// Brings the card up to date with what the event settled, after it was.
    pub(super) fn complete_scan(&mut self, cx: &mut Cx<'_>, result: &mut ScanResult) -> Result<(), EngineError> {
        if result.repeated
            && let Some(recorded) = &mut result.recorded
        {
            recorded.durability = self.durability(cx, recorded.fact)?;
        }
        Ok(())
    }

    pub(crate) fn card_of(&self, cx: &Cx<'_>, row: &AttendeeRow) -> Result<AttendeeCard, EngineError> {
        let facts = cx.projections.counted_for(row.id)?;
        let stands: std::collections::BTreeSet<FactId> = standing(&facts).into_iter().map(|fact| fact.id).collect();
        let own = self.book(cx)?.1.device;
        let mut shown = Vec::new();
        for fact in in_order(&facts) {
            let durability = if fact.device() == own { Some(self.durability(cx, fact.id)?) } else { None };
            let undo = matches!(fact.body, FactBody::Undo { .. });
            shown.push(CardFact { fact: fact.clone(), stands: undo || stands.contains(&fact.id), durability });
        }
        let mut group = Vec::new();
        if !row.attendee.order.is_empty() {
            group = cx.store.attendees_by_order(&row.attendee.order)?;
            group.retain(|id| *id != row.id);
        }
        let walk_in = match row.origin {
            Origin::WalkIn(fact) => Some(fact),
            Origin::Roster(_) => None,
        };
        Ok(AttendeeCard { id: row.id, attendee: row.attendee.clone(), walk_in, facts: shown, group })
    }

    /// Where a fact of ours is. On a server as soon as one of them is known to have it.
    pub(crate) fn durability(&self, cx: &Cx<'_>, fact: FactId) -> Result<Durability, EngineError> {
        let waits_in_batch = |write: &crate::store::Write| matches!(write, crate::store::Write::OutboxAdd(row) if row.fact == Some(fact));
        if cx.batch.writes.iter().any(waits_in_batch) {
            return Ok(Durability::OnThisPhone);
        }
        if Self::is_refused(cx, fact)? {
            return Ok(Durability::OnThisPhone);
        }
        let lacking = cx.store.servers_lacking(fact)?.len();
        let on_one = lacking < self.book(cx)?.0.servers.len();
        Ok(if on_one { Durability::OnServer } else { Durability::OnThisPhone })
    }
}
