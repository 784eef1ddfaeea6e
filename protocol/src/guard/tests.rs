//! What real Automerge makes passes, and nothing panics.

use automerge::sync::{State, SyncDoc};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, Change, ObjType, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "the random actor is replaced at once")]
fn document(actor: u8) -> Automerge {
    Automerge::new().with_actor(ActorId::from([actor; 16]))
}

/// One edit of many kinds.
#[derive(Clone, Debug)]
enum Edit {
    Put(u8, String),
    Delete(u8),
    List(u8, u8),
    Text(u8, String),
    Count(u8, i8),
    Bytes(u8, Vec<u8>),
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<u8>(), ".{0,20}").prop_map(|(k, v)| Edit::Put(k, v)),
        any::<u8>().prop_map(Edit::Delete),
        (any::<u8>(), 1..200_u8).prop_map(|(k, n)| Edit::List(k, n)),
        (any::<u8>(), ".{0,300}").prop_map(|(k, v)| Edit::Text(k, v)),
        (any::<u8>(), any::<i8>()).prop_map(|(k, n)| Edit::Count(k, n)),
        (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..600)).prop_map(|(k, v)| Edit::Bytes(k, v)),
    ]
}

fn apply(tx: &mut impl Transactable, edit: &Edit) -> Result<(), automerge::AutomergeError> {
    let key = |k: &u8| format!("key {}", k % 8);
    match edit {
        Edit::Put(k, v) => tx.put(ROOT, key(k), v.as_str()),
        Edit::Delete(k) => tx.delete(ROOT, key(k)),
        Edit::List(k, n) => {
            let list = tx.put_object(ROOT, key(k), ObjType::List)?;
            (0..usize::from(*n)).try_for_each(|i| tx.insert(&list, i, ScalarValue::Null))
        }
        Edit::Text(k, v) => {
            let text = tx.put_object(ROOT, key(k), ObjType::Text)?;
            tx.splice_text(&text, 0, 0, v)
        }
        Edit::Count(k, n) => match tx.get(ROOT, key(k))? {
            Some((value, _)) if value.is_scalar() && value.as_i64().is_some() => tx.put(ROOT, key(k), i64::from(*n)),
            _ => tx.put(ROOT, key(k), ScalarValue::counter(i64::from(*n))),
        },
        Edit::Bytes(k, v) => tx.put(ROOT, key(k), v.clone()),
    }
}

/// Two authors who edit, and merge now and then.
fn history(edits: &[(bool, bool, Edit)]) -> Automerge {
    let (mut a, mut b) = (document(1), document(2));
    for (i, (first, merge, edit)) in edits.iter().enumerate() {
        let doc = if *first { &mut a } else { &mut b };
        let time = i64::try_from(i).unwrap();
        let options = |_: &()| CommitOptions::default().with_time(time).with_message("why");
        let edited = |tx: &mut automerge::transaction::Transaction<'_>| apply(tx, edit);
        doc.transact_with::<_, _, automerge::AutomergeError, _>(options, edited).unwrap();
        if *merge {
            a.merge(&mut b).unwrap();
            b.merge(&mut a).unwrap();
        }
    }
    a.merge(&mut b).unwrap();
    a
}

fn histories() -> impl Strategy<Value = Automerge> {
    proptest::collection::vec((any::<bool>(), any::<bool>(), edits()), 1..12).prop_map(|e| history(&e))
}

fn agrees(seen: &ChangeSummary, change: &Change) {
    assert_eq!(seen.hash, change.hash());
    assert_eq!(seen.actor, change.actor_id().to_bytes());
    assert_eq!((seen.seq, seen.start_op), (change.seq(), change.start_op().get()));
    assert_eq!(usize::try_from(seen.ops).unwrap(), change.len());
    assert_eq!((&seen.deps[..], seen.time_s), (change.deps(), change.timestamp()));
}

fn message_for_newcomer(doc: &Automerge, plain: bool) -> Vec<u8> {
    let (mut theirs, mut state) = (State::new(), State::new());
    let mut empty = document(9);
    let mut hello = empty.generate_sync_message(&mut theirs).unwrap();
    if plain {
        hello.flags = None;
    }
    let mut doc = doc.clone();
    doc.receive_sync_message(&mut state, hello).unwrap();
    let answer = doc.generate_sync_message(&mut state).unwrap();
    empty.receive_sync_message(&mut theirs, answer.clone()).unwrap();
    assert_eq!(empty.get_heads(), doc.get_heads());
    answer.encode()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn real_changes_pass_compressed_or_not(doc in histories()) {
        for mut change in doc.get_changes(&[]) {
            prop_assert!(is_in_own_form(change.decode()));
            let raw = check_chunks(change.raw_bytes(), &GuardLimits::phone()).unwrap();
            agrees(&raw.changes[0], &change);
            let bytes = change.bytes().into_owned();
            let checked = check_chunks(&bytes, &GuardLimits::phone()).unwrap();
            agrees(&checked.changes[0], &change);
            prop_assert_eq!(checked.changes[0].range.clone(), 0..bytes.len());
        }
    }

    #[test]
    fn real_documents_pass_and_are_counted(doc in histories()) {
        let changes = doc.get_changes(&[]);
        for bytes in [doc.save(), doc.save_nocompress()] {
            let summary = check_chunks(&bytes, &GuardLimits::bulk_import()).unwrap();
            let seen = &summary.documents[0];
            prop_assert_eq!(usize::try_from(seen.changes).unwrap(), changes.len());
            prop_assert_eq!(&seen.heads, &doc.get_heads());
            prop_assert_eq!(seen.ops, doc.stats().num_ops);
        }
    }

    #[test]
    fn real_sync_messages_pass(doc in histories()) {
        let plain = message_for_newcomer(&doc, true);
        let summary = check_sync_message(&plain, &GuardLimits::phone(), &DocumentSize::default()).unwrap();
        prop_assert_eq!(summary.version, SyncVersion::V1);
        for (seen, change) in summary.changes().iter().zip(doc.get_changes(&[])) {
            agrees(seen, &change);
            prop_assert_eq!(&plain[seen.range.clone()], change.raw_bytes());
        }
        let whole = message_for_newcomer(&doc, false);
        let summary = check_sync_message(&whole, &GuardLimits::bulk_import(), &DocumentSize::default()).unwrap();
        prop_assert!(summary.has_document_chunk() && summary.flags.is_some_and(|f| f.supports_reset));
        prop_assert_eq!(summary.heads, doc.get_heads());
    }

    #[test]
    fn damaged_messages_do_not_panic_the_guard(
        doc in histories(),
        plain in any::<bool>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = message_for_newcomer(&doc, plain);
        for (at, to) in damage {
            let length = bytes.len();
            bytes[at.index(length)] = to;
        }
        let _ = check_sync_message(&bytes, &GuardLimits::bulk_import(), &DocumentSize::default());
        let _ = check_sync_message(&bytes[..cut.index(bytes.len())], &GuardLimits::phone(), &DocumentSize::default());
    }

    /// The checksum stops most damage early: here it is made right again, so that the insides are
    /// reached.
    #[test]
    fn well_sealed_nonsense_does_not_panic_the_guard(
        doc in histories(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        whole in any::<bool>(),
    ) {
        let bytes = if whole { doc.save_nocompress() } else { doc.get_changes(&[]).first().map_or_else(|| doc.save(), |first| first.raw_bytes().to_vec()) };
        let mut cursor = leb128::Cursor::new(&bytes[9..]);
        let mut body = cursor.prefixed("body").unwrap().to_vec();
        for (at, to) in damage {
            let length = body.len();
            body[at.index(length)] = to;
        }
        let limits = GuardLimits { documents: true, ..GuardLimits::phone() };
        let mut budget = chunk::Budget::new(&limits);
        if whole {
            let _ = document::check(&body, 0..0, &mut budget);
        } else {
            let envelope = change::Envelope { hash: ChangeHash([0; 32]), range: 0..0, compressed: false };
            let _ = change::check(&body, envelope, &mut budget);
        }
    }

    #[test]
    fn random_bytes_do_not_panic_the_guard(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), v2 in any::<bool>()) {
        if let Some(first) = bytes.first_mut() {
            *first = if v2 { 0x43 } else { 0x42 };
        }
        let _ = check_sync_message(&bytes, &GuardLimits::bulk_import(), &DocumentSize::default());
        let _ = check_chunks(&bytes, &GuardLimits::bulk_import());
    }
}

/// Whatever Automerge writes is in its own form: lists, texts, marks, counters, deletions, conflicts, long changes, empty ones.
#[test]
fn honest_work_of_every_kind_is_in_its_own_form() {
    use automerge::marks::{ExpandMark, Mark};

    let mut doc = document(2);
    let mut tx = doc.transaction();
    let list = tx.put_object(ROOT, "list", ObjType::List).unwrap();
    let text = tx.put_object(ROOT, "text", ObjType::Text).unwrap();
    tx.put(ROOT, "counter", ScalarValue::counter(3)).unwrap();
    (0..40).for_each(|at| tx.insert(&list, at, i64::try_from(at).unwrap() * 7 % 5).unwrap());
    tx.splice_text(&text, 0, 0, &"Rīga and ☂ ".repeat(200)).unwrap();
    tx.commit_with(CommitOptions::default().with_message("begun").with_time(1_810_771_200));
    let mut others = [document(1), document(3)];
    for (number, other) in others.iter_mut().enumerate() {
        other.merge(&mut doc).unwrap();
        let mut tx = other.transaction();
        tx.increment(ROOT, "counter", 1 + i64::try_from(number).unwrap()).unwrap();
        tx.delete(&list, 5).unwrap();
        tx.put(&list, 0, "first").unwrap();
        tx.splice_text(&text, 3, 2, "x").unwrap();
        tx.mark(&text, Mark::new("bold".to_owned(), true, 2, 9), ExpandMark::Both).unwrap();
        let map = tx.insert_object(&list, 1, ObjType::Map).unwrap();
        for value in [ScalarValue::Null, 1.5.into(), ScalarValue::Timestamp(7), vec![1_u8, 2].into(), u64::MAX.into()] {
            tx.put(&map, "value", value).unwrap();
        }
        tx.commit();
    }
    for other in &mut others {
        doc.merge(other).unwrap();
    }
    let mut tx = doc.transaction();
    tx.delete(ROOT, "list").unwrap();
    tx.commit();
    doc.empty_commit(CommitOptions::default());
    let stored = Automerge::load(&doc.save()).unwrap();
    for change in doc.get_changes(&[]).iter().chain(&stored.get_changes(&[])) {
        assert!(is_in_own_form(change.decode()), "{:?}", change.decode());
        let compressed = Change::from_bytes(change.clone().bytes().to_vec()).unwrap();
        assert!(is_in_own_form(compressed.decode()));
    }
}
