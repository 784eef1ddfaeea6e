//! What staff record besides check-ins by ticket and name.

use muster_client_core::CoreCode;
use muster_client_core::command::{NewIncident, NewWalkIn, Recorded, Settle};
use muster_model::document::DocKind;
use muster_model::fact::{ItemState, ResolutionKind, Severity};
use muster_model::id::FactId;

use super::event_day::CATEGORIES;
use super::finding::{Checked, Rule};
use super::people::Asked;
use super::world::{World, note};

impl World<'_> {
    /// Takes the answer to a command that records a fact. Codes in `allowed` may come back instead.
    pub(super) fn record(
        &mut self,
        number: usize,
        what: &str,
        kind: DocKind,
        answer: Option<Asked<Recorded>>,
        allowed: &[CoreCode],
    ) -> Checked {
        match answer {
            None => Ok(()),
            Some(Ok(recorded)) => self.recorded(number, what, recorded),
            Some(Err(error)) => {
                note!(self, "phone {number} {what}: {}", error.code);
                self.counters.refused += 1;
                let not_allowed = error.code == CoreCode::NotAllowed && !self.may_append(number, kind)?;
                if not_allowed || allowed.contains(&error.code) {
                    return Ok(());
                }
                Err(Rule::Fails.broken(format!("phone {number} {what}: {error}")))
            }
        }
    }

    pub(super) fn exit(&mut self, number: usize) -> Checked {
        let checkpoint = self.any_checkpoint()?;
        let Some(attendee) = self.somebody(number)? else { return Ok(()) };
        let answer = self.ask(number, |driver, now| driver.exit(now, checkpoint, attendee))?;
        let what = format!("sees {attendee} leave");
        self.record(number, &what, DocKind::Checkins, answer, &[CoreCode::CheckpointUnknown, CoreCode::AttendeeUnknown])
    }

    pub(super) fn undo(&mut self, number: usize) -> Checked {
        let own_only = self.people.percent(70);
        let phone = self.phone(number)?;
        phone.read_disk()?;
        let device = phone.device;
        let facts = phone.shadows.facts().filter(|(_, fact)| !own_only || fact.device() == device);
        let known: Vec<(DocKind, FactId)> = facts.map(|(document, fact)| (document.kind, fact.id)).collect();
        let indexing = phone.is_indexing()?;
        let Some((kind, fact)) = self.people.pick(&known).copied() else { return Ok(()) };
        let answer = self.ask(number, |driver, now| driver.undo(now, fact, "a mistake"))?;
        let allowed: &[CoreCode] = if indexing { &[CoreCode::FactUnknown] } else { &[] };
        self.record(number, &format!("takes back {fact}"), kind, answer, allowed)
    }

    pub(super) fn walk_in(&mut self, number: usize) -> Checked {
        let checkpoint = self.any_checkpoint()?;
        let name = format!("Walk-in {:03}-{:05}", self.people.below(1_000), self.counters.facts);
        let category = self.people.pick(&CATEGORIES).copied().unwrap_or_default().to_owned();
        let wish = NewWalkIn { checkpoint, name, organisation: String::new(), category };
        let answer = self.ask(number, |driver, now| driver.walk_in(now, wish))?;
        self.record(number, "registers a walk-in", DocKind::Checkins, answer, &[CoreCode::CheckpointUnknown])
    }

    pub(super) fn settle(&mut self, number: usize) -> Checked {
        let Some(Ok(doubles)) = self.ask(number, |driver, now| driver.double_admissions(now))? else { return Ok(()) };
        let Some(double) = self.people.pick(&doubles).cloned() else { return Ok(()) };
        let kinds = [ResolutionKind::SamePerson, ResolutionKind::SecondAdmitted, ResolutionKind::SecondRemoved];
        let found = self.people.pick(&kinds).copied().unwrap_or(ResolutionKind::SamePerson);
        let (attendee, checkpoint) = (double.attendee, double.checkpoint);
        let wish = Settle { attendee, checkpoint, admissions: Vec::new(), found, note: String::new() };
        let answer = self.ask(number, |driver, now| driver.settle(now, wish))?;
        let settled = matches!(answer, Some(Ok(_)));
        self.record(number, "settles a double admission", DocKind::Checkins, answer, &[])?;
        self.counters.settled += u64::from(settled);
        Ok(())
    }

    pub(super) fn observe(&mut self, number: usize) -> Checked {
        let session = self.people.pick(&self.day.sessions).map(|(id, _)| *id);
        let item = self.people.pick(&self.day.items).copied();
        let (Some(session), Some(item)) = (session, item) else { return Ok(()) };
        let state = [ItemState::Ok, ItemState::Problem, ItemState::NotNeeded];
        let state = self.people.pick(&state).copied().unwrap_or(ItemState::Ok);
        let answer = self.ask(number, |driver, now| driver.observe(now, (session, item), state, ""))?;
        let allowed = [CoreCode::SessionUnknown, CoreCode::ItemUnknown];
        self.record(number, "looks at a room", DocKind::Rooms, answer, &allowed)
    }

    pub(super) fn report(&mut self, number: usize) -> Checked {
        let room = self.people.pick(&self.day.rooms).copied();
        let text = "the projector smokes".to_owned();
        let wish = NewIncident { room, session: None, severity: Severity::Urgent, text };
        let answer = self.ask(number, |driver, now| driver.report_incident(now, wish))?;
        self.record(number, "reports an incident", DocKind::Rooms, answer, &[])
    }

    pub(super) fn arrive_staff(&mut self, number: usize) -> Checked {
        let Some(presenter) = self.people.pick(&self.day.presenters).copied() else { return Ok(()) };
        let answer = self.ask(number, |driver, now| driver.arrive(now, presenter))?;
        self.record(number, "sees a presenter", DocKind::Arrivals, answer, &[])
    }
}
