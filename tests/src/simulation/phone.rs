//! A phone: the real core on a disk and a clock of its own, and what its screen has said.

use std::collections::{BTreeMap, BTreeSet};

use muster_client_core::driver::Driver;
use muster_client_core::event::{Enrolment, Event, LinkId, ServerId, Unsent};
use muster_model::access::Role;
use muster_model::document::DocRef;
use muster_model::fact::Fact;
use muster_model::id::{DeviceId, EventId, FactId};
use muster_model::time::Timestamp;
use muster_model::verdict::Verdict;

use super::disk::Disk;
use super::dismissals::{Dismissal, credentials};
use super::draw::Draw;
use super::erasures::Erased;
use super::finding::{Checked, Rule, own_fault};
use super::shadow::Shadows;
use super::wire::Pace;

/// The only server.
pub(super) const SERVER: &str = "server";

/// A clock that is wrong, runs wrong, and may be set.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// How far it is ahead, in milliseconds, when the day begins.
    pub(super) ahead_ms: i64,
    /// How much it gains, in millionths.
    pub(super) gains_ppm: i64,
}

impl Clock {
    pub(super) fn at(&self, opening: Timestamp, now_ms: i64) -> Timestamp {
        opening.plus_ms(now_ms + self.ahead_ms + now_ms * self.gains_ppm / 1_000_000)
    }

    /// When it will show this time, or now if it does.
    fn shows(&self, opening: Timestamp, time: Timestamp, now_ms: i64) -> i64 {
        let left = time.since_ms(self.at(opening, now_ms));
        if left <= 0 { now_ms } else { now_ms.saturating_add(left + left.abs() * self.gains_ppm.abs() / 1_000_000) }
    }
}

/// Whether the phone is on.
pub(super) enum Power {
    On(Box<Driver<Disk>>),
    Off(Disk),
    /// Being switched.
    Between,
}

/// A phone.
pub(super) struct Phone {
    pub(super) number: usize,
    pub(super) role: Role,
    /// What the server says it may do, which a coordinator may change.
    pub(super) granted: Role,
    /// What a coordinator has decided about it for good, and whether it knows.
    pub(super) dismissal: Option<Dismissal>,
    pub(super) knows_dismissal: bool,
    /// Whether it had to forget documents, for what was decided now or before.
    pub(super) had_to_forget: bool,
    /// What it is handing over.
    pub(super) handing: Vec<Unsent>,
    pub(super) device: DeviceId,
    pub(super) enrolled: bool,
    pub(super) power: Power,
    pub(super) boots: u32,
    pub(super) clock: Clock,
    /// When the core wants to be woken, by the phone's clock.
    pub(super) wake_at: Option<Timestamp>,
    /// When the timer rings that was set for it, in the simulation's time. A clock that is set meanwhile puts it forward,
    /// never off.
    pub(super) rings_ms: Option<i64>,
    pub(super) pace: Pace,
    /// How many reasons there are for it to have no network.
    pub(super) outages: u32,
    pub(super) dialling: BTreeSet<LinkId>,
    /// The open links, and the wires that carry them.
    pub(super) links: BTreeMap<LinkId, u64>,
    /// What its screen has shown: facts, as they were recorded.
    pub(super) told: BTreeMap<FactId, Fact>,
    /// Those that it has shown as being on the server. The loss of power may take that knowledge.
    pub(super) shown_on_server: BTreeSet<FactId>,
    /// The last answer to each code at each checkpoint.
    pub(super) last_verdicts: BTreeMap<String, Verdict>,
    pub(super) shadows: Shadows,
    /// When its clock was set last.
    pub(super) clock_set_ms: i64,
    /// What it measured of its clock last, and when that was.
    pub(super) measured: (Option<Vec<u8>>, i64),
    pub(super) sync_wanted: bool,
}

impl Phone {
    pub(super) fn new(number: usize, role: Role, disk: Disk, draw: &mut Draw) -> Self {
        let number_byte = u8::try_from(number + 1).unwrap_or(u8::MAX);
        Self {
            number,
            role,
            granted: role,
            dismissal: None,
            knows_dismissal: false,
            had_to_forget: false,
            handing: Vec::new(),
            device: DeviceId::from_random([number_byte; 8]),
            enrolled: false,
            power: Power::Off(disk),
            boots: 0,
            clock: Clock::default(),
            wake_at: None,
            rings_ms: None,
            pace: pace(draw),
            outages: 0,
            dialling: BTreeSet::new(),
            links: BTreeMap::new(),
            told: BTreeMap::new(),
            shown_on_server: BTreeSet::new(),
            last_verdicts: BTreeMap::new(),
            shadows: Shadows::default(),
            clock_set_ms: 0,
            measured: (None, 0),
            sync_wanted: false,
        }
    }

    pub(super) fn enrolment(&self, event: EventId) -> Event {
        Event::Enrolled(Box::new(Enrolment {
            server_url: "wss://server/sync".to_owned(),
            api_url: "https://server".to_owned(),
            server_id: ServerId(SERVER.to_owned()),
            event,
            device: self.device,
            role: self.role,
            credentials: credentials(),
            device_name: format!("Phone {}", self.number),
        }))
    }

    /// Whether it was revoked and knows.
    pub(super) fn is_gone(&self) -> bool {
        self.knows_dismissal && self.dismissal == Some(Dismissal::Revoked)
    }

    pub(super) const fn is_on(&self) -> bool {
        matches!(self.power, Power::On(_))
    }

    pub(super) fn driver(&mut self) -> Option<&mut Driver<Disk>> {
        match &mut self.power {
            Power::On(driver) => Some(driver),
            Power::Off(_) | Power::Between => None,
        }
    }

    pub(super) fn disk(&self) -> Checked<&Disk> {
        match &self.power {
            Power::On(driver) => Ok(driver.store()),
            Power::Off(disk) => Ok(disk),
            Power::Between => Err(own_fault("a phone is neither on nor off")),
        }
    }

    /// Sets the timer for when the core wants to be woken, unless it rings sooner.
    pub(super) fn set_timer(&mut self, opening: Timestamp, now_ms: i64) {
        let by_clock = self.wake_at.map(|at| self.clock.shows(opening, at, now_ms));
        self.rings_ms = self.rings_ms.into_iter().chain(by_clock).min();
    }

    /// Reads what its disk has of all documents.
    pub(super) fn read_disk(&mut self) -> Checked {
        let disk = match &self.power {
            Power::On(driver) => driver.store(),
            Power::Off(disk) => disk,
            Power::Between => return Err(own_fault("a phone is neither on nor off")),
        };
        let documents = disk.inside().documents().map_err(own_fault)?;
        self.shadows.keep_only(|held| documents.iter().any(|size| size.doc == *held));
        for size in documents {
            let chunks = disk.inside().chunks(&size.doc).map_err(own_fault)?;
            self.shadows.update(size.doc, &chunks)?;
        }
        Ok(())
    }

    /// Whether lists still lack what has arrived.
    pub(super) fn is_indexing(&self) -> Checked<bool> {
        Ok(!self.disk()?.inside().meta_with_prefix("index/").map_err(own_fault)?.is_empty())
    }

    /// Notes whether it has measured its clock anew.
    pub(super) fn note_measure(&mut self, now_ms: i64) -> Checked {
        let measured = self.disk()?.inside().meta("skew").map_err(own_fault)?;
        if measured != self.measured.0 {
            self.measured = (measured, now_ms);
        }
        Ok(())
    }

    /// By how much it corrects its clock.
    pub(super) fn skew_ms(&self) -> Checked<i64> {
        let Some(skew) = self.disk()?.inside().meta("skew").map_err(own_fault)? else { return Ok(0) };
        let skew: serde_json::Value = serde_json::from_slice(&skew).map_err(own_fault)?;
        skew.get("ms").and_then(serde_json::Value::as_i64).ok_or_else(|| own_fault("a skew without a number"))
    }

    /// Whether a fact of its own is on the server, as its screen says.
    pub(super) fn is_on_server(&self, fact: FactId) -> Checked<bool> {
        let disk = self.disk()?.inside();
        Ok(disk.servers_lacking(fact).map_err(own_fault)?.is_empty() && self.refused(fact)?.is_none())
    }

    /// A fact that is kept aside because a server refused it.
    fn refused(&self, fact: FactId) -> Checked<Option<Fact>> {
        let kept = self.disk()?.inside().meta_with_prefix("refused/").map_err(own_fault)?;
        let id = serde_json::to_value(fact).map_err(own_fault)?;
        let text = kept.iter().find_map(|(_, value)| {
            let entry = serde_json::from_slice::<serde_json::Value>(value).ok()?;
            (entry.get("fact") == Some(&id)).then(|| entry.get("text")?.as_str().map(str::to_owned))?
        });
        text.map(|text| Fact::from_json(fact, &text).map_err(own_fault)).transpose()
    }

    /// Every fact that was shown is on its disk, as it was shown.
    pub(super) fn check_told(&mut self, erased: &Erased) -> Checked {
        self.read_disk()?;
        // Where it had to forget, the server has it or keeps it aside: that is looked at in the evening.
        if self.had_to_forget {
            return Ok(());
        }
        for (id, told) in &self.told {
            match self.shadows.fact(*id) {
                Some((_, held)) if erased.fits(told, held) => {}
                Some(_) => {
                    let detail = format!("phone {} shows {id} otherwise than when it was recorded", self.number);
                    return Err(Rule::KeepShown.broken(detail));
                }
                None if self.refused(*id)?.is_some_and(|held| erased.fits(told, &held)) => {}
                None => {
                    let detail = format!("phone {} no longer has {id}, which it showed", self.number);
                    return Err(Rule::KeepShown.broken(detail));
                }
            }
        }
        Ok(())
    }

    /// Whether its role lets it read a document.
    pub(super) fn reads(&self, document: &DocRef) -> bool {
        self.role.access(document).may_read()
    }
}

fn pace(draw: &mut Draw) -> Pace {
    match draw.below(10) {
        0 => Pace { delay_ms: (200, 3_000), bytes_per_ms: 4 },
        1..=3 => Pace { delay_ms: (40, 400), bytes_per_ms: 50 },
        _ => Pace { delay_ms: (2, 60), bytes_per_ms: 1_000 },
    }
}
