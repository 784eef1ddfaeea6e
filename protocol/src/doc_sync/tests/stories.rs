use super::*;

#[test]
fn both_edit_and_both_get_everything() {
    let mut phone = Side::new(document("phone"), FULL, bulk());
    let mut server = Side::new(document("server"), FULL, plain());
    edit(&mut phone.doc, "a");
    edit(&mut server.doc, "b");
    assert!(converse(&mut phone, &mut server) <= 6);
    for key in ["a", "b"] {
        assert!(value(&phone.doc, key).is_some() && value(&server.doc, key).is_some(), "{key}");
    }
    assert!(server.received.last().unwrap().peer_has_all_of_ours);
    let applied: Vec<ChangeHash> = server.received.iter().flat_map(|r| r.applied.clone()).collect();
    assert_eq!(applied.len(), 1);
    assert_eq!(converse(&mut phone, &mut server), 0, "nothing is left to say");

    let late = edit(&mut phone.doc, "c");
    assert!(converse(&mut phone, &mut server) <= 3);
    let heads = phone.sync.peer_heads().unwrap();
    assert_eq!(acknowledged(&phone.doc, heads, &[late]), [late]);
}

#[test]
fn uploads_are_plain_lists_when_asked_for_and_downloads_are_not_affected() {
    let mut phone = Side::new(document("phone"), FULL, bulk());
    let mut server = Side::new(document("server"), FULL, plain());
    server.limits = GuardLimits::phone();
    for i in 0..50 {
        edit(&mut phone.doc, &format!("p{i}"));
    }
    converse(&mut phone, &mut server);
    assert!(phone.sent.iter().all(|m| m.data[0] == 0x42), "the phone was never told of V2");
    assert_eq!(server.doc.get_heads(), phone.doc.get_heads());

    let mut newcomer = Side::new(document("newcomer"), FULL, bulk());
    server.reconnect(DocSync::new(FULL, plain()));
    converse(&mut newcomer, &mut server);
    assert!(server.sent.iter().any(|m| m.data[0] == 0x43), "a download in one piece");
    assert_eq!(server.doc.get_heads(), newcomer.doc.get_heads());
}

#[test]
fn a_refused_change_ends_the_talk_and_pushes_still_arrive() {
    for options in [plain(), bulk()] {
        let mut phone = Side::new(document("phone"), FULL, bulk());
        let mut server = Side::new(document("server"), Role::ReadOnlyPeer, options);
        edit(&mut server.doc, "ours");
        converse(&mut phone, &mut server);
        let before = server.doc.get_heads();

        let forbidden = edit(&mut phone.doc, "forbidden");
        let messages = converse(&mut phone, &mut server);
        assert!(messages <= 3, "{messages} messages");
        assert_eq!(server.doc.get_heads(), before);
        assert_eq!(server.sync.phase(), Phase::ReadOnly);
        let refused = server.received.iter().find_map(|r| r.refused.clone()).unwrap();
        if options.plain_uploads {
            assert_eq!(refused.hashes, [forbidden]);
            let change = automerge::Change::try_from(refused.bytes.as_slice()).unwrap();
            assert_eq!(change.hash(), forbidden, "the quarantine has the change itself");
        } else {
            let mut quarantined = document("reader");
            quarantined.load_incremental(&refused.bytes).unwrap();
            assert!(has_change(&quarantined, &forbidden), "inside a whole document");
        }
        let heads = phone.sync.peer_heads().unwrap().to_vec();
        assert_eq!(acknowledged(&phone.doc, &heads, &[forbidden]), []);

        edit(&mut server.doc, "news");
        assert!(converse(&mut phone, &mut server) <= 3);
        assert!(value(&phone.doc, "news").is_some());
        edit(&mut phone.doc, "forbidden too");
        assert!(converse(&mut phone, &mut server) <= 3);
        assert_eq!(value(&server.doc, "forbidden too"), None);
    }
}

#[test]
fn a_peer_that_may_write_again_is_asked_for_what_was_refused() {
    let mut phone = Side::new(document("phone"), FULL, bulk());
    let mut server = Side::new(document("server"), Role::ReadOnlyPeer, bulk());
    edit(&mut server.doc, "ours");
    edit(&mut phone.doc, "theirs");
    converse(&mut phone, &mut server);
    assert_eq!(value(&server.doc, "theirs"), None);
    server.sync.turn_full();
    converse(&mut phone, &mut server);
    assert!(value(&server.doc, "theirs").is_some());
}

#[test]
fn reconnecting_with_a_dropped_state_converges() {
    let mut phone = Side::new(document("phone"), FULL, bulk());
    let mut server = Side::new(document("server"), FULL, plain());
    edit(&mut phone.doc, "a");
    converse(&mut phone, &mut server);
    edit(&mut server.doc, "while away");
    edit(&mut phone.doc, "offline");
    // The connection broke with a message under way, both start anew.
    phone.speak(&mut server);
    phone.reconnect(DocSync::new(FULL, bulk()));
    server.reconnect(DocSync::new(FULL, plain()));
    assert!(converse(&mut phone, &mut server) <= 6);
    assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
}

#[test]
fn a_second_join_under_the_same_peer_id_is_no_loop_when_states_are_dropped() {
    let mut phone = Side::new(document("phone"), FULL, bulk());
    let mut server = Side::new(document("server"), FULL, plain());
    edit(&mut server.doc, "a");
    phone.speak(&mut server);
    server.take_in();
    server.speak(&mut phone);
    // The phone joins again: a new session there, and the server drops the old one.
    phone.reconnect(DocSync::new(FULL, bulk()));
    server.reconnect(DocSync::new(FULL, plain()));
    assert!(converse(&mut phone, &mut server) <= 6);
    assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
}

#[test]
fn resuming_says_little_and_resuming_wrongly_loses_nothing() {
    let mut phone = Side::new(document("phone"), FULL, bulk());
    let mut server = Side::new(document("server"), FULL, bulk());
    for i in 0..200 {
        edit(&mut server.doc, &i.to_string());
    }
    converse(&mut phone, &mut server);
    let (of_phone, of_server) = (phone.sync.encode_state(), server.sync.encode_state());
    edit(&mut phone.doc, "one more");

    phone.reconnect(DocSync::resume(FULL, bulk(), &of_phone).unwrap());
    server.reconnect(DocSync::resume(FULL, bulk(), &of_server).unwrap());
    converse(&mut phone, &mut server);
    assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
    let bytes: usize = phone.sent.iter().chain(&server.sent).map(|m| m.data.len()).sum();
    assert!(bytes < 1_000, "{bytes} bytes for one change");

    // The server's document comes from an old backup, its saved state and the phone's are newer.
    let mut old = document("server-restored");
    edit(&mut old, "from before");
    server.doc = old;
    let of_phone = phone.sync.encode_state();
    for saved in [of_server.clone(), DocSync::new(FULL, bulk()).encode_state()] {
        phone.reconnect(DocSync::resume(FULL, bulk(), &of_phone).unwrap());
        server.reconnect(DocSync::resume(FULL, bulk(), &saved).unwrap());
        assert!(converse(&mut phone, &mut server) <= 8);
        assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
        assert!(value(&server.doc, "one more").is_some() && value(&phone.doc, "from before").is_some());
    }
    assert!(DocSync::resume(FULL, bulk(), b"nonsense").is_err());
}

/// The server was restored from a backup and went on; the phone, which may not write here, holds what came after it.
#[test]
fn whom_nothing_is_taken_from_still_hears_what_a_restored_server_says() {
    for options in [plain(), bulk()] {
        let mut phone = Side::new(document("phone"), FULL, bulk());
        let mut server = Side::new(document("server"), Role::ReadOnlyPeer, options);
        edit(&mut server.doc, "in the backup");
        let mut restored = server.doc.clone().with_actor(ActorId::from(b"server restored".as_slice()));
        edit(&mut server.doc, "after the backup");
        converse(&mut phone, &mut server);
        let of_phone = phone.sync.encode_state();

        edit(&mut restored, "since then");
        server.doc = restored;
        phone.reconnect(DocSync::resume(FULL, bulk(), &of_phone).unwrap());
        server.reconnect(DocSync::new(Role::ReadOnlyPeer, options));
        assert!(converse(&mut phone, &mut server) <= 10);
        assert!(value(&phone.doc, "since then").is_some());
        assert!(value(&server.doc, "after the backup").is_none());
    }
}

/// Two phones come back to a restored server at once: what the first builds on arrives from the second before the first is
/// answered.
#[test]
fn what_a_peer_builds_on_may_come_from_another_before_the_answer() {
    let mut phones = [Side::new(document("first"), FULL, bulk()), Side::new(document("second"), FULL, bulk())];
    let mut server = Side::new(document("server"), FULL, plain());
    edit(&mut server.doc, "in the backup");
    let backup = server.doc.clone();
    edit(&mut phones[0].doc, "after the backup");
    for phone in &mut phones {
        server.reconnect(DocSync::new(FULL, plain()));
        converse(phone, &mut server);
    }
    let [first, second] = &mut phones;
    server.doc = backup;
    for phone in [&mut *first, &mut *second] {
        let saved = phone.sync.encode_state();
        phone.reconnect(DocSync::resume(FULL, bulk(), &saved).unwrap());
    }

    // The first one's message waits for its answer, until the second has brought everything.
    server.reconnect(DocSync::new(FULL, plain()));
    assert!(first.speak(&mut server));
    server.take_in();
    let with_first = std::mem::replace(&mut server.sync, DocSync::new(FULL, plain()));
    converse(second, &mut server);
    assert!(value(&server.doc, "after the backup").is_some());
    server.sync = with_first;
    converse(first, &mut server);

    edit(&mut server.doc, "news");
    converse(first, &mut server);
    assert!(value(&first.doc, "news").is_some());
}

#[test]
fn a_peer_of_format_v1_only_never_sees_v2() {
    let mut old = Side::new(document("old"), FULL, plain());
    let mut new = Side::new(document("new"), FULL, plain());
    edit(&mut old.doc, "a");
    for i in 0..50 {
        edit(&mut new.doc, &i.to_string());
    }
    converse(&mut old, &mut new);
    assert_eq!(old.doc.get_heads(), new.doc.get_heads());
    assert!(old.sent.iter().chain(&new.sent).all(|m| m.data[0] == 0x42));
}

#[test]
fn what_nobody_has_is_requested_refused_once_and_revived() {
    let mut phone = Side::new(document("phone"), FULL, bulk());
    let mut server = Side::new(document("server"), FULL, plain());
    assert!(phone.speak(&mut server));
    assert_eq!(phone.sent[0].kind, OutgoingKind::Request);
    server.take_in();
    assert!(!server.sync.take_unavailable_answer(&server.doc, true), "others may have it");
    assert!(server.sync.take_unavailable_answer(&server.doc, false));
    assert!(!server.sync.take_unavailable_answer(&server.doc, false), "once per request");
    phone.sync.peer_lacks_document();
    assert_eq!(phone.sync.phase(), Phase::Unavailable);
    assert!(!phone.speak(&mut server), "nothing to offer, nothing to ask again");

    edit(&mut server.doc, "there it is");
    converse(&mut phone, &mut server);
    assert_eq!(phone.sync.phase(), Phase::Syncing);
    assert!(value(&phone.doc, "there it is").is_some());
    assert!(server.sent.iter().all(|m| m.kind == OutgoingKind::Sync));

    // And from the other end: unavailable, until the phone has something itself.
    let mut phone = Side::new(document("phone2"), FULL, bulk());
    let mut server = Side::new(document("server2"), FULL, plain());
    phone.speak(&mut server);
    server.take_in();
    phone.sync.peer_lacks_document();
    edit(&mut phone.doc, "mine");
    converse(&mut phone, &mut server);
    assert!(value(&server.doc, "mine").is_some());
}

#[test]
fn unsorted_and_repeated_hashes_from_a_peer_do_no_harm() {
    let mut server = Side::new(document("server"), FULL, bulk());
    edit(&mut server.doc, "a");
    let heads = server.doc.get_heads();
    let message = |heads: &[ChangeHash]| {
        let mut bytes = vec![0x42, u8::try_from(heads.len()).unwrap()];
        heads.iter().for_each(|hash| bytes.extend(hash.0));
        bytes.extend([0, 1, 0, 0, 0]);
        bytes
    };
    let (low, high) = (ChangeHash([0; 32]), ChangeHash([0xff; 32]));
    let data = message(&[high, heads[0], low, high]);
    server.inbox.push_back(Outgoing { data, kind: OutgoingKind::Sync });
    server.take_in();
    assert_eq!(server.received[0].peer_heads, [low, heads[0], high]);
    assert!(server.sync.generate(&server.doc).is_some());
}

#[test]
fn a_peer_that_always_builds_on_the_unknown_gets_one_answer_per_message() {
    let mut server = Side::new(document("server"), FULL, bulk());
    edit(&mut server.doc, "a");
    let mut data = vec![0x42, 0, 0, 1, 1];
    data.extend([7; 32]);
    data.extend([0, 0]);
    for _ in 0..3 {
        let message = Outgoing { data: data.clone(), kind: OutgoingKind::Sync };
        server.inbox.push_back(message);
        server.take_in();
        assert!(server.sync.generate(&server.doc).is_some(), "start over");
        assert!(server.sync.generate(&server.doc).is_none(), "said once");
    }
}

#[test]
fn acknowledged_counts_only_what_the_peers_heads_cover() {
    let mut doc = document("phone");
    let first = edit(&mut doc, "a");
    let second = edit(&mut doc, "b");
    let foreign = ChangeHash([1; 32]);
    assert_eq!(acknowledged(&doc, &[first], &[first, second, foreign]), [first]);
    assert_eq!(acknowledged(&doc, &[second], &[first, second, foreign]), [first, second]);
    assert_eq!(acknowledged(&doc, &[foreign], &[first]), []);
    assert_eq!(acknowledged(&doc, &[foreign, first], &[first, second]), [first]);
    assert_eq!(acknowledged(&doc, &[], &[first]), []);
}
