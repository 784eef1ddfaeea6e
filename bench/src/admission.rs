//! `admission`: what it costs to guard and to judge a phone's change, beside what Automerge takes to apply it.

use std::time::{Duration, Instant};

use automerge::sync::{ChunkList, Message, MessageVersion};
use automerge::transaction::CommitOptions;
use automerge::{Automerge, Change};
use muster_model::access::Role;
use muster_model::admission::reading::Awaited;
use muster_model::document::{self, DocKind, DocRef};
use muster_model::fact::{self, Entry, EntryVia, Fact, FactBody};
use muster_model::id::{AttendeeId, CheckpointId, DeviceId, EventId, FactId, RecordId};
use muster_model::time::Timestamp;
use muster_protocol::DocLedger;
use muster_protocol::guard::{DocumentSize, GuardError, GuardLimits, check_sync_message};
use muster_server::hub::{Admission, Decision, Known, Principal, RuleAdmission, Upload};

use crate::error::BenchError;
use crate::report::{Figure, Report, Subject};

/// A shard with a check-in of each of its attendees.
const CHANGES: u32 = 5_000;

/// Phones that check people in.
const AUTHORS: u8 = 50;

/// What a hub gathers in a tick with so many phones.
const TOGETHER: usize = 10;

const CHECKINS: DocRef = DocRef::shard(DocKind::Checkins, 0);

fn event() -> EventId {
    EventId::from_random([7; 16])
}

fn begun(seed: u8) -> Result<Automerge, BenchError> {
    let actor = DeviceId::from_random([seed; 8]).actor([seed; 8]);
    Ok(document::create(event(), &CHECKINS, actor)?)
}

/// The check-ins of all phones, in turns; the phones hear nothing of each other.
fn changes() -> Result<Vec<(DeviceId, Change)>, BenchError> {
    let mut phones: Vec<Automerge> = (1..=AUTHORS).map(begun).collect::<Result<_, _>>()?;
    let mut made = Vec::new();
    for number in 0..CHANGES {
        let seed = u8::try_from(number % u32::from(AUTHORS)).unwrap_or_default();
        let device = DeviceId::from_random([seed.saturating_add(1); 8]);
        let Some(doc) = phones.get_mut(usize::from(seed)) else { continue };
        let attendee = AttendeeId::derive(event(), &number.to_string());
        let checkpoint = CheckpointId::from_random([1; 10]);
        let (via, ticket) = (EntryVia::Scan, None);
        let body = Entry { attendee, checkpoint, via, ticket, answers: Default::default(), despite: String::new() };
        let id = FactId { device, counter: u64::from(number).saturating_add(1) };
        let at = Timestamp::from_ms(1_810_792_800_000_i64.saturating_add(i64::from(number)));
        let fact = Fact { id, at, skew: None, by: "Gate A".to_owned(), body: FactBody::Entry(body) };
        let mut transaction = doc.transaction();
        fact::append(&mut transaction, &fact).map_err(|error| BenchError::Wire(error.to_string()))?;
        transaction.commit_with(CommitOptions::default().with_time(0));
        made.extend(doc.get_last_local_change().map(|change| (device, change)));
    }
    Ok(made)
}

fn message(change: &Change) -> Vec<u8> {
    let changes = ChunkList::from(vec![change.raw_bytes().to_vec()]);
    let (heads, need, have) = (vec![change.hash()], Vec::new(), Vec::new());
    Message { heads, need, have, changes, flags: None, version: MessageVersion::V1 }.encode()
}

/// Microseconds a change.
fn each(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6 / f64::from(CHANGES)
}

/// What it cost, in all.
#[derive(Default)]
struct Spent {
    guarding: Duration,
    judging: Duration,
    applying: Duration,
}

/// What a hub knows of a document while it takes changes in.
struct Hub {
    doc: Automerge,
    ledger: DocLedger,
    awaited: Awaited,
    authors: Known,
}

impl Hub {
    fn new() -> Result<Self, BenchError> {
        Ok(Self { doc: begun(99)?, ledger: DocLedger::default(), awaited: Awaited::default(), authors: Known::new() })
    }

    /// A round: each message is guarded and judged, then all that they bring is applied.
    fn take(&mut self, round: &[(DeviceId, Change)], spent: &mut Spent) -> Result<(), BenchError> {
        let messages: Vec<_> = round.iter().map(|(device, change)| (*device, message(change))).collect();
        let wire = |error: GuardError| BenchError::Wire(error.to_string());
        let begun = Instant::now();
        let check =
            |(_, data): &(_, Vec<u8>)| check_sync_message(data, &GuardLimits::phone(), &DocumentSize::default());
        let summaries: Vec<_> = messages.iter().map(check).collect::<Result<_, _>>().map_err(wire)?;
        spent.guarding = spent.guarding.saturating_add(begun.elapsed());

        let begun = Instant::now();
        let mut admitted = Vec::new();
        self.ledger.refresh(&self.doc);
        for ((device, data), summary) in messages.iter().zip(&summaries) {
            let principal = Principal { device: *device, event: event(), role: Role::Staff, token_expires_at: None };
            let upload = Upload {
                principal: &principal,
                is_stock: false,
                document: CHECKINS,
                access: Role::Staff.access(&CHECKINS),
                doc: &self.doc,
                ledger: &self.ledger,
                summary,
                data,
                authors: &self.authors,
                server: DeviceId::from_random([99; 8]),
            };
            let Decision::Admit(changes) = RuleAdmission.check(&upload, &mut self.awaited) else {
                return Err(BenchError::Wire("an honest change is refused".to_owned()));
            };
            admitted.extend(changes);
        }
        let all = summaries.iter().flat_map(|summary| summary.changes());
        self.ledger.admit(&self.doc, all).map_err(wire)?;
        spent.judging = spent.judging.saturating_add(begun.elapsed());

        let begun = Instant::now();
        self.doc.apply_changes(admitted).map_err(|error| BenchError::Wire(error.to_string()))?;
        spent.applying = spent.applying.saturating_add(begun.elapsed());
        self.awaited.clear();
        Ok(())
    }
}

/// Measures both on the same changes: one by one, as from a single phone, and in rounds, as from many.
pub(crate) fn run(report: &mut Report) -> Result<(), BenchError> {
    report.begin("admission");
    let changes = changes()?;
    let n = changes.len();
    for (together, of_apply, guard, judge, share) in [
        (1, "apply_us", "guard_us", "judge_us", "share_of_apply"),
        (TOGETHER, "apply_of_ten_us", "guard_of_ten_us", "judge_of_ten_us", "share_of_ten"),
    ] {
        let (mut hub, mut spent) = (Hub::new()?, Spent::default());
        for round in changes.chunks(together) {
            hub.take(round, &mut spent)?;
        }
        let Spent { guarding, judging, applying } = spent;
        report.row(Subject::Limit, of_apply, Figure::us(each(applying)), n);
        report.row(Subject::Muster, guard, Figure::us(each(guarding)), n);
        report.row(Subject::Muster, judge, Figure::us(each(judging)), n);
        let share_of_apply = 100.0 * (each(guarding) + each(judging)) / each(applying);
        report.row(Subject::Muster, share, Figure::percent(share_of_apply), n);
    }
    Ok(())
}
