//! The evening: everybody comes together, and what there is then.

use std::collections::{BTreeMap, BTreeSet};

use automerge::ChangeHash;
use muster_client_core::view::{ArrivalView, BoardRow, DoubleView, SessionFilter};
use muster_client_core::{CoreError, Driver, Event};
use muster_model::document::{DocKind, DocRef, Part};
use muster_model::double_admission::State;
use muster_model::fact::FactBody;
use muster_model::id::{CheckpointId, FactId, ItemId, PresenterId, SessionId};
use muster_model::time::Timestamp;

use super::disk::{Disk, Trouble};
use super::finding::{Checked, Finding, Rule, own_fault};
use super::oracle::screens::{self, Double};
use super::shadow::Shadows;
use super::world::{Happening, World, note};

/// How often it is looked whether all have come together, in milliseconds.
const LOOK_EVERY_MS: i64 = 2_000;

/// How long it may take in the evening until everybody has everything: the longest wait before a phone tries again, a
/// silence that the server takes for a dead link, and slow links.
const PATIENCE_MS: i64 = 240_000;

impl World<'_> {
    /// The evening: everything works again, and everybody comes together.
    pub(super) fn close_the_day(&mut self) -> Checked {
        note!(self, "the evening");
        self.call_off(|happening| {
            let acts = matches!(happening, Happening::Act { .. } | Happening::HostileActs { .. });
            let plans = matches!(happening, Happening::BackUp | Happening::Restore);
            acts || plans || matches!(happening, Happening::Trouble | Happening::Edit)
        });
        self.server.disk.set_full(false);
        if !self.server.is_stopping() {
            self.start_server()?;
        }
        for number in 0..self.phones.len() {
            self.phone(number)?.outages = 0;
            let phone = self.phone(number)?;
            phone.disk()?.set_trouble(Trouble::None);
            if phone.granted != phone.role {
                self.rights_back(number)?;
            }
        }
        let end_ms = self.now_ms + PATIENCE_MS;
        let mut offer_at = Some(self.now_ms + PATIENCE_MS / 2).filter(|_| self.counters.restores > 0);
        let mut accepted = 0;
        loop {
            self.run_until(self.now_ms + LOOK_EVERY_MS)?;
            if offer_at.is_some_and(|at| self.now_ms >= at) {
                offer_at = None;
                self.offer_again()?;
            }
            accepted = self.accept_quarantined(accepted);
            self.check_server_disk()?;
            let differs = match self.queue_has_starts() {
                true => Some("a phone is still off".to_owned()),
                false => self.is_not_erased().map_or_else(|| self.differs(), |how| Ok(Some(how)))?,
            };
            match differs {
                None => break,
                Some(how) if self.now_ms >= end_ms => return Err(Rule::Converge.broken(how)),
                Some(_) => {}
            }
        }
        self.check_evening()
    }

    /// How replicas differ; `None` when all have come together.
    fn differs(&mut self) -> Checked<Option<String>> {
        let Some(documents) = self.server.documents() else { return Ok(Some("the server does not answer".to_owned())) };
        let mut heads: BTreeMap<DocRef, Vec<ChangeHash>> = BTreeMap::new();
        for document in documents {
            let Some(found) = self.server.heads(document) else {
                return Ok(Some(format!("the server does not give {document}")));
            };
            heads.insert(document, found);
        }
        // An edit that names a new shard may have been lost with the server: then nobody is to look for that shard.
        let shards = self.server_shadows.event().map_or(0, |event| event.shards);
        heads.retain(|document, _| !matches!(document.part, Part::Shard(shard) if shard >= shards));
        for number in 0..self.phones.len() {
            let now = self.phone_time(number);
            if let Some(how) = self.is_not_settled(number)? {
                return Ok(Some(how));
            }
            let phone = self.phone(number)?;
            if phone.is_gone() {
                continue;
            }
            let reads = |document: &&DocRef| phone.reads(document);
            let expected: Vec<DocRef> = heads.keys().filter(reads).copied().collect();
            let Some(driver) = phone.driver() else { return Ok(Some(format!("phone {number} is off"))) };
            let failed = |error| Rule::Fails.broken(format!("phone {number} does not give its documents: {error}"));
            let own = driver.heads(now).map_err(failed)?;
            let unlike: Vec<DocRef> =
                expected.into_iter().filter(|document| own.get(document) != heads.get(document)).collect();
            if !unlike.is_empty() {
                phone.read_disk()?;
            }
            let Some(phone) = self.phones.get(number) else { continue };
            let unsaid = &self.unsaid;
            let differs = |document: &&DocRef| !lacks_only(unsaid, &self.server_shadows, &phone.shadows, document);
            if let Some(document) = unlike.iter().find(differs) {
                let (here, there) = (own.get(document), heads.get(document));
                return Ok(Some(format!("phone {number} and the server differ in {document}: {here:?}, {there:?}")));
            }
            let Some(driver) = self.phone(number)?.driver() else { continue };
            let status = driver.status(now).map_err(failed)?;
            let waiting: u64 = status.servers.iter().map(|server| server.facts_not_there).sum();
            if waiting > 0 || status.indexing || !status.missing.is_empty() || !status.parked.is_empty() {
                return Ok(Some(format!("phone {number} is not done: {status:?}")));
            }
            if !status.unusable.is_empty() {
                return Err(Rule::Fails.broken(format!("phone {number} cannot use {:?}", status.unusable)));
            }
        }
        Ok(None)
    }

    /// Everybody has everything: now all of it must be there, the same everywhere, and rightly shown.
    fn check_evening(&mut self) -> Checked {
        self.expect_what_was_forgotten();
        self.look_at_phones()?;
        let told: Vec<_> = self.phones.iter().flat_map(|phone| phone.told.clone()).collect();
        for (id, fact) in &told {
            if !self.server_shadows.fact(*id).is_some_and(|(_, held)| self.erased.fits(fact, held)) {
                return Err(Rule::KeepShown.broken(format!("the server does not have {id} as it was shown")));
            }
        }
        if let Some((document, key)) = self.server_shadows.twice_written() {
            return Err(Rule::KeepShown.broken(format!("{document} has {key} twice")));
        }
        let expected = Expected::of(&self.server_shadows);
        self.counters.double_admissions += u64::try_from(expected.doubles.len()).unwrap_or_default();
        for number in 0..self.phones.len() {
            self.check_wiped(number)?;
            if self.phone(number)?.is_gone() {
                continue;
            }
            self.check_contents(number)?;
            let phone = self.phones.get_mut(number).ok_or_else(|| own_fault("no such phone"))?;
            phone.check_told(&self.erased)?;
            self.check_screens(number, &expected)?;
            self.check_rebuilt(number)?;
        }
        self.check_forgotten()?;
        self.check_server_in_the_evening()
    }

    /// Lists and counts follow from the documents.
    fn check_screens(&mut self, number: usize, expected: &Expected) -> Checked {
        let now = self.phone_time(number);
        let phone = self.phone(number)?;
        let reads =
            [DocRef::shard(DocKind::Checkins, 0), DocRef::whole(DocKind::Rooms), DocRef::whole(DocKind::Arrivals)];
        let [checkins, rooms, arrivals] = reads.map(|document| phone.reads(&document));
        let Some(driver) = phone.driver() else { return Err(own_fault("a phone is off in the evening")) };
        let shown = Shown::on(driver, now, expected).map_err(|error| cannot_show(number, &error))?;
        let differs = |what: &str, shown: &dyn std::fmt::Debug, expected: &dyn std::fmt::Debug| {
            Err(Rule::Screens.broken(format!("phone {number} shows the {what} {shown:?}, they are {expected:?}")))
        };
        if checkins && shown.counts != expected.counts {
            return differs("counts", &shown.counts, &expected.counts);
        }
        if checkins && shown.doubles != expected.doubles {
            return differs("double admissions", &shown.doubles, &expected.doubles);
        }
        if rooms && shown.incidents != expected.incidents {
            return differs("incidents", &shown.incidents, &expected.incidents);
        }
        if arrivals && shown.arrivals != expected.arrivals {
            return differs("arrivals", &shown.arrivals, &expected.arrivals);
        }
        let unlike =
            |(session, looks): &(&SessionId, &BTreeMap<ItemId, FactId>)| expected.looks.get(session) != Some(looks);
        match shown.looks.iter().find(unlike).filter(|_| rooms) {
            Some((session, looks)) => differs("looks at rooms", looks, &expected.looks.get(session)),
            None => Ok(()),
        }
    }

    /// Lists made anew are the lists that were kept up to date.
    fn check_rebuilt(&mut self, number: usize) -> Checked {
        let now = self.phone_time(number);
        let Some(driver) = self.phone(number)?.driver() else { return Err(own_fault("a phone is off")) };
        let failed = |error| cannot_show(number, &error);
        let before = driver.dump_projections().map_err(failed)?;
        driver.rebuild_projections(now).map_err(failed)?;
        let after = driver.dump_projections().map_err(failed)?;
        self.perform(number)?;
        if before != after {
            let differing = before.iter().zip(&after).find(|(one, other)| one != other);
            let detail = format!("phone {number} has other lists when they are made anew: {differing:?}");
            return Err(Rule::Screens.broken(detail));
        }
        Ok(())
    }

    /// Documents with the same heads say the same, and a phone's disk has what its memory has.
    fn check_contents(&mut self, number: usize) -> Checked {
        let now = self.phone_time(number);
        let phone = self.phone(number)?;
        phone.read_disk()?;
        let Some(driver) = phone.driver() else { return Err(own_fault("a phone is off")) };
        let heads = driver.heads(now).map_err(|error| cannot_show(number, &error))?;
        let phone = self.phones.get(number).ok_or_else(|| own_fault("no such phone"))?;
        for (document, heads) in &heads {
            let here = phone.shadows.contents(document);
            if here.as_ref().map(|(on_disk, _)| on_disk) != Some(heads) {
                return Err(Rule::KeepShown.broken(format!("phone {number} has more of {document} than its disk")));
            }
            let there = self.server_shadows.contents(document);
            let differs = there.is_some() && here != there;
            if differs && !lacks_only(&self.unsaid, &self.server_shadows, &phone.shadows, document) {
                let detail = format!("phone {number} and the server have other words in {document}");
                return Err(Rule::Converge.broken(detail));
            }
        }
        Ok(())
    }

    /// What failed in the hub must have been made to fail.
    fn check_server_in_the_evening(&mut self) -> Checked {
        self.server.settle();
        self.counters.refused_by_server += self.server.refused;
        match self.server.unexplained {
            0 => Ok(()),
            failures => Err(Rule::Panic.broken(format!("{failures} documents of the hub failed and no disk did"))),
        }
    }

    /// A phone that dies now and starts again has everything and shows the same.
    pub(super) fn wake_up_next_morning(&mut self) -> Checked {
        let number = self.luck.below(self.phones.len());
        // The first phone is never revoked.
        let number = if self.phone(number)?.is_gone() { 0 } else { number };
        let now = self.phone_time(number);
        let dump = |world: &mut Self| {
            let Some(driver) = world.phone(number)?.driver() else { return Err(own_fault("a phone is off")) };
            driver.dump_projections().map_err(own_fault)
        };
        let Some(driver) = self.phone(number)?.driver() else { return Err(own_fault("a phone is off")) };
        // The last commit is flushed by the next that somebody waits for.
        driver.set_label(now, "night watch").map_err(own_fault)?;
        self.perform(number)?;
        let before = dump(self)?;
        self.pull_the_plug(number, true)?;
        self.switch_on(number)?;
        if dump(self)? != before {
            return Err(Rule::Screens.broken(format!("phone {number} shows other lists after a night")));
        }
        self.tell(number, Event::Wake)
    }
}

/// Whether all that a server lacks of a document, and nothing that it has, is what it said itself and forgot.
fn lacks_only(unsaid: &BTreeSet<ChangeHash>, server: &Shadows, phone: &Shadows, document: &DocRef) -> bool {
    let (here, there) = (phone.changes(document), server.changes(document));
    !unsaid.is_empty() && there.is_subset(&here) && here.difference(&there).all(|change| unsaid.contains(change))
}

fn cannot_show(number: usize, error: &CoreError) -> Finding {
    Rule::Fails.broken(format!("phone {number} cannot show its lists: {error}"))
}

/// What lists and counts should show.
struct Expected {
    counts: BTreeMap<CheckpointId, (u64, u64, u64)>,
    doubles: BTreeSet<Double>,
    incidents: Vec<FactId>,
    arrivals: BTreeMap<PresenterId, FactId>,
    looks: BTreeMap<SessionId, BTreeMap<ItemId, FactId>>,
}

impl Expected {
    fn of(known: &Shadows) -> Self {
        let event = known.event().cloned().unwrap_or_default();
        let sessions = known.facts().filter_map(|(_, fact)| match &fact.body {
            FactBody::Observation(seen) => Some(seen.session),
            _ => None,
        });
        Self {
            counts: known.checkpoints().map(|(id, _)| (*id, screens::counts(known, *id))).collect(),
            doubles: screens::doubles(known, &event),
            incidents: screens::incidents(known),
            arrivals: screens::arrivals(known),
            looks: sessions.map(|session| (session, screens::looks(known, session))).collect(),
        }
    }
}

/// What lists and counts do show.
struct Shown(Expected);

impl std::ops::Deref for Shown {
    type Target = Expected;

    fn deref(&self) -> &Expected {
        &self.0
    }
}

impl Shown {
    fn on(driver: &mut Driver<Disk>, now: Timestamp, expected: &Expected) -> Result<Self, CoreError> {
        let mut counts = BTreeMap::new();
        for id in expected.counts.keys() {
            let total = driver.counts(now, *id)?.total;
            counts.insert(*id, (total.admitted, total.inside, total.admissions));
        }
        let double = |double: DoubleView| {
            let admissions = double.admissions.iter().map(|fact| fact.id).collect();
            (double.attendee, double.checkpoint, admissions, double.state != State::Open)
        };
        let arrival = |view: ArrivalView| Some((view.presenter, view.arrival?.id));
        let look = |row: BoardRow| {
            let looks = row.readiness.items.into_iter().filter_map(|item| Some((item.item.id, item.last?.0)));
            (row.session.id, looks.collect::<BTreeMap<_, _>>())
        };
        let board = driver.readiness_board(now, &SessionFilter::default())?;
        Ok(Self(Expected {
            counts,
            doubles: driver.double_admissions(now)?.into_iter().map(double).collect(),
            incidents: driver.incidents(now)?.into_iter().map(|view| view.fact.id).collect(),
            arrivals: driver.arrivals(now)?.into_iter().filter_map(arrival).collect(),
            // Cancelled sessions are on no board, and nobody has looked at some.
            looks: board.into_iter().map(look).filter(|(_, looks)| !looks.is_empty()).collect(),
        }))
    }
}
