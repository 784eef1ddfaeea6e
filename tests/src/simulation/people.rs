//! What people do with their phones, and what they are told.

use std::collections::{BTreeMap, BTreeSet};

use muster_client_core::command::{Answers, CheckIn, Recorded, ScanResult};
use muster_client_core::event::Event;
use muster_client_core::view::{Durability, SessionFilter};
use muster_client_core::{CoreCode, CoreError};
use muster_model::access::Role;
use muster_model::checkpoint::Question;
use muster_model::document::{DocKind, DocRef};
use muster_model::fact::{EntryVia, Fact, FactBody};
use muster_model::id::{AttendeeId, CheckpointId};
use muster_model::verdict::Verdict;

use super::finding::{Checked, Rule, own_fault};
use super::oracle::{self, Who};
use super::world::{Happening, World, note};

/// What came of asking a phone for something.
pub(super) type Asked<T> = Result<T, CoreError>;

/// What a phone should say.
#[derive(Debug, PartialEq)]
enum Expected {
    /// This.
    Verdict(Verdict),
    /// That it knows no such checkpoint or attendee.
    Unknown,
    /// Nobody can say: its lists still lack what has arrived.
    Anything,
}

/// An attempt to check somebody in.
struct Attempt {
    /// In words.
    what: String,
    /// What makes it the same again for a scanner that emits twice.
    repeat_key: Option<String>,
    /// Whether staff admit them whatever the verdict.
    overrides: bool,
    expected: Expected,
}

impl Attempt {
    fn at_the_scanner(what: String, checkpoint: CheckpointId, code: &str, expected: Expected) -> Self {
        Self { what, repeat_key: Some(format!("{checkpoint} {code}")), overrides: false, expected }
    }
}

impl World<'_> {
    /// Whoever works with a phone does the next thing, and has another to do later.
    pub(super) fn act(&mut self, number: usize) -> Checked {
        let wait_ms = self.people.wait(self.weather.pause_ms);
        if self.now_ms + wait_ms < self.weather.length_ms {
            self.after(wait_ms, Happening::Act { phone: number });
        }
        let phone = self.phone(number)?;
        if !phone.is_on() || !phone.enrolled || phone.is_gone() {
            return Ok(());
        }
        if let Role::Presenter(own) = phone.role {
            return self.present(number, own);
        }
        match self.people.below(100) {
            0..50 => self.scan(number),
            50..58 => self.check_in_by_name(number),
            58..66 => self.exit(number),
            66..72 => self.undo(number),
            72..76 => self.walk_in(number),
            76..81 => self.settle(number),
            81..89 => self.observe(number),
            89..92 => self.report(number),
            92..95 => self.arrive_staff(number),
            95 => {
                let label = format!("Crew {}", self.people.below(5));
                self.ask(number, |driver, now| driver.set_label(now, &label)).map(drop)
            }
            _ => self.look_at_screens(number),
        }
    }

    /// Asks a phone; what fails must have been made to fail.
    pub(super) fn ask<T>(
        &mut self,
        number: usize,
        question: impl FnOnce(&mut muster_client_core::Driver<super::disk::Disk>, muster_model::time::Timestamp) -> Asked<T>,
    ) -> Checked<Option<Asked<T>>> {
        let now = self.phone_time(number);
        let phone = self.phone(number)?;
        let failures = phone.disk()?.failures();
        let Some(driver) = phone.driver() else { return Ok(None) };
        let answer = question(driver, now);
        self.perform(number)?;
        match answer {
            Err(error) if matches!(error.code, CoreCode::StorageFull | CoreCode::StorageFailed) => {
                self.check_failure(number, failures, &error)?;
                Ok(None)
            }
            other => Ok(Some(other)),
        }
    }

    pub(super) fn any_checkpoint(&mut self) -> Checked<CheckpointId> {
        // Most of it happens at the entrance.
        let place = if self.people.percent(55) { 0 } else { self.people.below(self.day.checkpoints.len()) };
        self.day.checkpoints.get(place).map(|(id, _)| *id).ok_or_else(|| own_fault("no checkpoints"))
    }

    // Scans and check-ins.

    fn scan(&mut self, number: usize) -> Checked {
        let checkpoint = self.any_checkpoint()?;
        let code = self.people.pick(&self.day.codes).cloned().unwrap_or_default();
        let mut answers = Answers::new();
        for _ in 0..2 {
            let expected = self.expected(number, checkpoint, Who::Code(&code), &answers)?;
            let Some(answer) = self.ask(number, |driver, now| driver.scan(now, checkpoint, &code, answers.clone()))?
            else {
                return Ok(());
            };
            let attempt = Attempt::at_the_scanner(format!("scans {code}"), checkpoint, &code, expected);
            let verdict = self.shown(number, attempt, answer)?;
            match verdict {
                Some(Verdict::AnswersRequired { questions }) => answers = answered(&questions),
                _ => break,
            }
        }
        Ok(())
    }

    fn check_in_by_name(&mut self, number: usize) -> Checked {
        let checkpoint = self.any_checkpoint()?;
        let Some(attendee) = self.somebody(number)? else { return Ok(()) };
        let despite = if self.people.percent(30) { "their colleague vouches for them" } else { "" };
        let answers = Answers::new();
        let expected = self.expected(number, checkpoint, Who::Attendee(attendee), &answers)?;
        let via = if self.people.percent(50) { EntryVia::Search } else { EntryVia::Group };
        let wish = CheckIn { checkpoint, attendee, via, answers, despite: despite.to_owned() };
        let Some(answer) = self.ask(number, |driver, now| driver.check_in(now, wish))? else { return Ok(()) };
        let what = format!("checks in {attendee}");
        let attempt = Attempt { what, repeat_key: None, overrides: !despite.is_empty(), expected };
        self.shown(number, attempt, answer).map(drop)
    }

    /// What the phone should say, from what its disk has.
    fn expected(
        &mut self,
        number: usize,
        checkpoint: CheckpointId,
        who: Who<'_>,
        answers: &Answers,
    ) -> Checked<Expected> {
        let (now, event) = (self.phone_time(number), self.day.event);
        let phone = self.phone(number)?;
        if phone.is_indexing()? {
            self.counters.verdicts_unchecked += 1;
            return Ok(Expected::Anything);
        }
        phone.read_disk()?;
        let now = now.plus_ms(phone.skew_ms()?);
        let answered: BTreeSet<_> =
            answers.iter().filter(|(_, answer)| !answer.trim().is_empty()).map(|(id, _)| *id).collect();
        let record = phone.shadows.event().cloned().unwrap_or_default();
        let asked = oracle::Question { checkpoint, who, now, answered };
        let verdict = oracle::verdict(&phone.shadows, &record, &asked, event);
        Ok(verdict.map_or(Expected::Unknown, Expected::Verdict))
    }

    /// A verdict is shown: it must be the one that follows from what the phone knew, and an admission is a fact from now on.
    fn shown(&mut self, number: usize, attempt: Attempt, answer: Asked<ScanResult>) -> Checked<Option<Verdict>> {
        let Attempt { what, repeat_key, overrides, expected } = attempt;
        let result = match answer {
            Ok(result) => result,
            Err(error) => {
                note!(self, "phone {number} {what}: {}", error.code);
                self.counters.refused += 1;
                let unknown = matches!(error.code, CoreCode::CheckpointUnknown | CoreCode::AttendeeUnknown);
                let may_not = error.code == CoreCode::NotAllowed && !self.may_append(number, DocKind::Checkins)?;
                if may_not || (unknown && !matches!(expected, Expected::Verdict(_))) {
                    return Ok(None);
                }
                return Err(Rule::Verdict.broken(format!("phone {number} {what}: {error}, expected {expected:?}")));
            }
        };
        let verdict = result.verdict.clone();
        note!(self, "phone {number} {what}: {}{}", verdict.code(), if result.repeated { ", again" } else { "" });
        self.counters.verdicts += 1;
        if result.repeated {
            let key = repeat_key.unwrap_or_default();
            let before = self.phone(number)?.last_verdicts.get(&key).cloned();
            return match before {
                Some(before) if before == verdict => Ok(None),
                before => Err(Rule::Verdict.broken(format!("phone {number} repeats {verdict:?} after {before:?}"))),
            };
        }
        if expected != Expected::Anything && expected != Expected::Verdict(verdict.clone()) {
            let detail = format!("phone {number} {what}: it says {verdict:?}, from what it knows follows {expected:?}");
            return Err(Rule::Verdict.broken(detail));
        }
        let admitted = verdict == Verdict::Admitted;
        if !admitted {
            self.counters.refused += 1;
        }
        if result.recorded.is_some() != (admitted || overrides) {
            return Err(Rule::Verdict.broken(format!("phone {number} {what}: {verdict:?} with {:?}", result.recorded)));
        }
        if let Some(key) = repeat_key {
            self.phone(number)?.last_verdicts.insert(key, verdict.clone());
        }
        if let Some(recorded) = result.recorded {
            self.recorded(number, &what, recorded)?;
            let shows = result.card.is_some_and(|card| card.facts.iter().any(|fact| fact.fact.id == recorded.fact));
            if !shows {
                return Err(Rule::Screens.broken(format!("phone {number}: the card lacks {}", recorded.fact)));
            }
        }
        Ok(Some(verdict))
    }

    /// A fact was recorded and the screen has said so.
    pub(super) fn recorded(&mut self, number: usize, what: &str, recorded: Recorded) -> Checked {
        let now = self.phone_time(number);
        let (opening, now_ms) = (self.day.opening, self.now_ms);
        let phone = self.phone(number)?;
        let row = phone.disk()?.inside().fact(recorded.fact).map_err(own_fault)?;
        let Some(fact) = row.map(|row| row.fact).filter(|_| recorded.durability == Durability::OnThisPhone) else {
            return Err(Rule::KeepShown.broken(format!("phone {number} says that it {what}, and has no such fact")));
        };
        if fact.at != now || fact.device() != phone.device {
            return Err(Rule::KeepShown.broken(format!("phone {number} records {fact:?} at {now:?}")));
        }
        // A clock that was not set since it was measured is corrected to within the time that the messages took.
        if let Some(skew) = fact.skew
            && phone.measured.1 > phone.clock_set_ms
        {
            let off_ms = fact.corrected_at().since_ms(opening.plus_ms(now_ms)).abs();
            let drift_ms = skew.age_ms * phone.clock.gains_ppm.abs() / 1_000_000;
            // A clock may be set during the handshake, which takes ten seconds at most: half of that goes unnoticed.
            let set_meanwhile_ms = if phone.measured.1 < phone.clock_set_ms + 11_000 { 5_000 } else { 0 };
            let allowed_ms = phone.pace.delay_ms.1 * 2 + drift_ms + set_meanwhile_ms + 50;
            if off_ms > allowed_ms {
                let detail = format!("phone {number}: {fact:?} is {off_ms} ms off, {allowed_ms} ms would be well");
                return Err(Rule::Clock.broken(detail));
            }
        }
        note!(self, "phone {number} {what}: {}", recorded.fact);
        self.erased.note(&fact);
        if self.phone(number)?.told.insert(recorded.fact, fact).is_some() {
            return Err(Rule::KeepShown.broken(format!("phone {number} has used {} twice", recorded.fact)));
        }
        self.counters.facts += 1;
        Ok(())
    }

    pub(super) fn may_append(&mut self, number: usize, kind: DocKind) -> Checked<bool> {
        let role = self.phone(number)?.role;
        let document = if kind == DocKind::Checkins { DocRef::shard(kind, 0) } else { DocRef::whole(kind) };
        Ok(role.access(&document).may_write())
    }

    /// What a presenter does: reads, says that they are here, and tries what they may not.
    fn present(&mut self, number: usize, own: muster_model::id::PresenterId) -> Checked {
        match self.people.below(4) {
            0 => {
                let answer = self.ask(number, |driver, now| driver.arrive(now, own))?;
                self.record(number, "says that they are here", DocKind::Arrivals, answer, &[])
            }
            1 => {
                // There is no such fact on a presenter's phone, and no right to one.
                let code = self.people.pick(&self.day.codes).cloned().unwrap_or_default();
                let checkpoint = self.any_checkpoint()?;
                let expected = self.expected(number, checkpoint, Who::Code(&code), &BTreeMap::new())?;
                let Some(answer) =
                    self.ask(number, |driver, now| driver.scan(now, checkpoint, &code, Answers::new()))?
                else {
                    return Ok(());
                };
                let attempt = Attempt::at_the_scanner("tries to scan".to_owned(), checkpoint, &code, expected);
                self.shown(number, attempt, answer).map(drop)
            }
            _ => {
                let read = self.ask(number, |driver, now| driver.my_logistics(now))?;
                self.readable(number, read.map(|answer| answer.map(drop)))?;
                self.look_at_screens(number)
            }
        }
    }

    /// Reads every list: none may fail but for a disk that does.
    fn look_at_screens(&mut self, number: usize) -> Checked {
        let checkpoint = self.any_checkpoint()?;
        let answer = self.ask(number, |driver, now| {
            driver.status(now)?;
            driver.checkpoints(now)?;
            driver.counts(now, checkpoint)?;
            driver.double_admissions(now)?;
            driver.readiness_board(now, &SessionFilter::default())?;
            driver.incidents(now)?;
            driver.arrivals(now)?;
            driver.search(now, "ber", 5)?;
            driver.own_facts(now).map(drop)
        })?;
        note!(self, "phone {number} is looked at");
        self.readable(number, answer)
    }

    fn readable(&mut self, number: usize, answer: Option<Asked<()>>) -> Checked {
        match answer {
            Some(Err(error)) => Err(Rule::Fails.broken(format!("phone {number} cannot show its lists: {error}"))),
            _ => Ok(()),
        }
    }

    /// Somebody whom the phone may know.
    pub(super) fn somebody(&mut self, number: usize) -> Checked<Option<AttendeeId>> {
        let mut known: Vec<AttendeeId> = self.day.attendees.iter().map(|(_, id, _)| *id).collect();
        let phone = self.phone(number)?;
        phone.read_disk()?;
        let walk_ins = phone.shadows.facts().filter_map(|(_, fact): (_, &Fact)| match &fact.body {
            FactBody::WalkIn(walk_in) => Some(walk_in.attendee),
            _ => None,
        });
        known.extend(walk_ins);
        Ok(self.people.pick(&known).copied())
    }

    /// A phone that is told to connect anew, as when an app comes to the foreground.
    pub(super) fn restart_sync(&mut self, number: usize) -> Checked {
        self.tell(number, Event::SyncStop)?;
        self.tell(number, Event::SyncStart)
    }
}

fn answered(questions: &[Question]) -> Answers {
    questions.iter().map(|question| (question.id, "yes".to_owned())).collect()
}
