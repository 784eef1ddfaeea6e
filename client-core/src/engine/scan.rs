//! Scans and check-ins: from a code or a name to a verdict and, for whoever is admitted, an entry.

use muster_model::document::{DocKind, DocRef, checkins_shard};
use muster_model::fact::{Entry, EntryVia, Fact, FactBody};
use muster_model::fact_order::{in_order, standing};
use muster_model::id::{AttendeeId, CheckpointId, FactId};
use muster_model::ticket::TicketHash;
use muster_model::verdict::{Found, Scan, Verdict, decide};

use super::code_form::{CodeForm, is_of_another_system, read};
use super::{Cx, Engine, LastScan};
use crate::command::{Answers, CheckIn, Recorded, ScanResult};
use crate::error::{EngineError, Missing};
use crate::store::{AttendeeRow, Origin, Place};
use crate::view::{AttendeeCard, CardFact, Durability};

/// How long a scanner's second reading of a code gets the first answer again, in milliseconds.
const REPEAT_MS: i64 = 3_000;

/// Whom a code belongs to.
enum Owner {
    Nobody,
    OtherEvent,
    One(Box<AttendeeRow>, TicketHash),
    Several(Vec<AttendeeId>),
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
        let (found, ticket) = match &owner {
            Owner::Nobody => (Found::Nobody, None),
            Owner::OtherEvent => (Found::OtherEvent, None),
            Owner::Several(ids) => (Found::Several(ids), None),
            Owner::One(row, ticket) => (Found::One(row.id, &row.attendee), Some(*ticket)),
        };
        let verdict = self.verdict(cx, &Door { checkpoint, found, ticket, answers: &answers })?;
        let recorded = match (&verdict, &owner) {
            (Verdict::Admitted, Owner::One(row, ticket)) => {
                let ticket = Some(*ticket);
                let (answers, despite) = (answers.clone(), String::new());
                let entry = Entry { attendee: row.id, checkpoint, via: EntryVia::Scan, ticket, answers, despite };
                Some(self.enter(cx, row, entry)?)
            }
            _ => None,
        };
        let card = match &owner {
            Owner::One(row, _) => Some(self.card_of(cx, row)?),
            _ => None,
        };
        let result = ScanResult { verdict, recorded, card, repeated: false };
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
            Some(self.enter(cx, &row, entry)?)
        } else {
            None
        };
        let card = Some(self.card_of(cx, &row)?);
        Ok(ScanResult { verdict, recorded, card, repeated: false })
    }

    fn owner_of(&mut self, cx: &mut Cx<'_>, code: &str) -> Result<Owner, EngineError> {
        let event = self.event_id(cx)?;
        let CodeForm::Candidates(candidates) = read(code) else { return Ok(Owner::Nobody) };
        for candidate in &candidates {
            let ticket = TicketHash::of(event, candidate);
            let ids = cx.store.attendees_by_ticket(ticket)?;
            match ids.as_slice() {
                [] => {}
                [id] => {
                    let row = cx.projections.attendee(*id)?;
                    return Ok(row.map_or(Owner::Nobody, |row| Owner::One(Box::new(row), ticket)));
                }
                _ => return self.holders(cx, ids, ticket),
            }
        }
        let foreign = candidates.first().is_some_and(|code| is_of_another_system(code));
        Ok(if foreign { Owner::OtherEvent } else { Owner::Nobody })
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
            Found::One(id, _) => cx.projections.facts_at(&Place::Attendance(id, door.checkpoint))?,
            _ => Vec::new(),
        };
        let facts: Vec<Fact> = facts.into_iter().map(|row| row.fact).collect();
        Ok(decide(&Scan {
            now: self.book(cx)?.0.corrected(cx.now),
            event: &view.event,
            checkpoint_id: door.checkpoint,
            checkpoint: rules,
            found: door.found,
            ticket: door.ticket,
            facts: &facts,
            answers: door.answers,
        }))
    }

    fn enter(&mut self, cx: &mut Cx<'_>, row: &AttendeeRow, entry: Entry) -> Result<Recorded, EngineError> {
        let doc = self.checkins_of(cx, row.id, Some(&row.origin))?;
        let fact = self.append(cx, doc, FactBody::Entry(entry))?;
        Ok(Recorded { fact, durability: Durability::OnThisPhone, attendee: Some(row.id) })
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
        let facts: Vec<Fact> = cx.projections.facts_of(row.id)?.into_iter().map(|row| row.fact).collect();
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
        let lacking = cx.store.servers_lacking(fact)?.len();
        let on_one = lacking < self.book(cx)?.0.servers.len();
        Ok(if on_one { Durability::OnServer } else { Durability::OnThisPhone })
    }
}
