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
use muster_protocol::guard::{DocumentSize, GuardLimits, check_sync_message};
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

/// Measures both on the same changes.
pub(crate) fn run(report: &mut Report) -> Result<(), BenchError> {
    report.begin("admission");
    let changes = changes()?;
    let wrong = |what: &'static str| BenchError::Wire(what.to_owned());
    let mut together = Duration::ZERO;
    let mut doc = begun(99)?;
    for batch in changes.chunks(TOGETHER) {
        let bytes: Vec<u8> = batch.iter().flat_map(|(_, change)| change.raw_bytes().to_vec()).collect();
        let begun = Instant::now();
        doc.load_incremental(&bytes).map_err(|_| wrong("changes do not apply"))?;
        together = together.saturating_add(begun.elapsed());
    }
    let (mut guarding, mut judging, mut applying) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut doc, mut ledger, mut awaited) = (begun(99)?, DocLedger::default(), Awaited::default());
    let (authors, server) = (Known::new(), DeviceId::from_random([99; 8]));
    for (device, change) in &changes {
        let data = message(change);
        ledger.refresh(&doc);
        let begun = Instant::now();
        let checked = check_sync_message(&data, &GuardLimits::phone(), &DocumentSize::default());
        let summary = checked.map_err(|error| BenchError::Wire(error.to_string()))?;
        guarding = guarding.saturating_add(begun.elapsed());
        let principal = Principal { device: *device, event: event(), role: Role::Staff, token_expires_at: None };
        let begun = Instant::now();
        let upload = Upload {
            principal: &principal,
            is_stock: false,
            document: CHECKINS,
            access: Role::Staff.access(&CHECKINS),
            doc: &doc,
            highest_op: ledger.highest_op(),
            summary: &summary,
            data: &data,
            authors: &authors,
            server,
        };
        let Decision::Admit(admitted) = RuleAdmission.check(&upload, &mut awaited) else {
            return Err(wrong("an honest change is refused"));
        };
        ledger.admit(&doc, summary.changes()).map_err(|error| BenchError::Wire(error.to_string()))?;
        judging = judging.saturating_add(begun.elapsed());
        awaited.clear();
        let begun = Instant::now();
        doc.apply_changes(admitted).map_err(|_| wrong("a change does not apply"))?;
        applying = applying.saturating_add(begun.elapsed());
    }
    let n = changes.len();
    report.row(Subject::Limit, "apply_us", Figure::us(each(applying)), n);
    report.row(Subject::Limit, "apply_ten_together_us", Figure::us(each(together)), n);
    report.row(Subject::Muster, "guard_us", Figure::us(each(guarding)), n);
    report.row(Subject::Muster, "judge_us", Figure::us(each(judging)), n);
    let ours = each(guarding) + each(judging);
    report.row(Subject::Muster, "share_of_apply", Figure::percent(100.0 * ours / each(applying)), n);
    report.row(Subject::Muster, "share_of_ten_together", Figure::percent(100.0 * ours / each(together)), n);
    Ok(())
}
