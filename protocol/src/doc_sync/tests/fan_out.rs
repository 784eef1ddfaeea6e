use super::*;

/// A hub with some phones, all level.
fn hub(phones: usize) -> (Side, Vec<(Side, DocSync)>) {
    let mut server = Side::new(document("server"), FULL, plain());
    edit(&mut server.doc, "start");
    let mut all = Vec::new();
    for i in 0..phones {
        let mut phone = Side::new(document(&format!("phone{i}")), FULL, bulk());
        server.reconnect(DocSync::new(FULL, plain()));
        converse(&mut phone, &mut server);
        let session = std::mem::replace(&mut server.sync, DocSync::new(FULL, plain()));
        all.push((phone, session));
    }
    (server, all)
}

/// Everything the phone has to say, to the hub; the hub does not answer yet.
fn listen(server: &mut Side, phone: &mut Side, session: &mut DocSync) {
    while phone.speak(server) {}
    std::mem::swap(&mut server.sync, session);
    while server.take_in() {}
    std::mem::swap(&mut server.sync, session);
}

fn tell(phone: &mut Side, data: &[u8]) {
    phone.inbox.push_back(Outgoing { data: data.to_vec(), kind: OutgoingKind::Sync });
    while phone.take_in() {}
}

#[test]
fn one_encoding_serves_all_and_is_the_writers_acknowledgement() {
    let (mut server, mut phones) = hub(4);
    for round in 0..10 {
        let from = server.doc.get_heads();
        let mut written = Vec::new();
        for (i, (phone, session)) in phones.iter_mut().enumerate().take(2) {
            written.push(edit(&mut phone.doc, &format!("{round}-{i}")));
            listen(&mut server, phone, session);
        }
        let fan_out = FanOut::new(&server.doc, &from, &server.doc.get_heads());
        for (phone, session) in &mut phones {
            let data = session.accept_fan_out(&fan_out).expect("everybody is level");
            tell(phone, data);
            assert!(session.generate(&server.doc).is_none(), "nothing more to say");
            assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
        }
        let phone = &phones[0].0;
        let heads = phone.sync.peer_heads().unwrap();
        assert_eq!(acknowledged(&phone.doc, heads, &written), written);
        for (phone, session) in &mut phones {
            listen(&mut server, phone, session);
            assert!(session.generate(&server.doc).is_none(), "acks need no answer");
        }
    }
}

#[test]
fn ticks_go_out_before_the_last_one_is_acknowledged() {
    let (mut server, mut phones) = hub(1);
    let (phone, session) = &mut phones[0];
    for i in 0..20 {
        let from = server.doc.get_heads();
        edit(&mut server.doc, &format!("tick {i}"));
        let fan_out = FanOut::new(&server.doc, &from, &server.doc.get_heads());
        let data = session.accept_fan_out(&fan_out).expect("level with what was sent");
        phone.inbox.push_back(Outgoing { data: data.to_vec(), kind: OutgoingKind::Sync });
    }
    // The phone answers each; only the last answer leaves nothing on its way.
    while phone.take_in() {
        phone.speak(&mut server);
    }
    assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
    let answers = server.inbox.len();
    assert!(answers >= 1);
    std::mem::swap(&mut server.sync, session);
    while server.take_in() {
        assert!(server.sync.generate(&server.doc).is_none(), "a late ack needs no answer");
    }
    assert!(server.sync.is_level_with(&server.doc.get_heads()));
}

#[test]
fn whoever_is_elsewhere_gets_a_message_of_its_own() {
    let (mut server, mut phones) = hub(1);
    let start = server.doc.get_heads();
    edit(&mut server.doc, "missed");
    let between = server.doc.get_heads();
    edit(&mut server.doc, "next");
    let fan_out = FanOut::new(&server.doc, &between, &server.doc.get_heads());
    let (phone, session) = &mut phones[0];
    assert!(session.is_level_with(&start));
    assert_eq!(session.accept_fan_out(&fan_out), None);
    let mut fresh = DocSync::new(FULL, plain());
    assert_eq!(fresh.accept_fan_out(&fan_out), None, "before the first exchange");
    std::mem::swap(&mut server.sync, session);
    converse(phone, &mut server);
    assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
    assert!(server.sync.is_level_with(&server.doc.get_heads()), "and is level again");
}

#[test]
fn a_phone_that_never_acknowledges_costs_bounded_memory_and_loses_nothing() {
    let (mut server, mut phones) = hub(1);
    let (phone, session) = &mut phones[0];
    let mut own = 0;
    for i in 0..600 {
        let from = server.doc.get_heads();
        edit(&mut server.doc, &format!("tick {i}"));
        let fan_out = FanOut::new(&server.doc, &from, &server.doc.get_heads());
        let data = session.accept_fan_out(&fan_out).map(<[u8]>::to_vec);
        let message = match data {
            Some(data) => Outgoing { data, kind: OutgoingKind::Sync },
            None => {
                own += 1;
                session.generate(&server.doc).unwrap()
            }
        };
        phone.inbox.push_back(message);
        assert!(session.unacknowledged.len() <= 256);
    }
    assert!(own >= 2, "{own}");
    while phone.take_in() {}
    assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
    assert!(session.state.sent_hashes.len() <= 4_096);
}

#[test]
fn sending_a_whole_document_leaves_no_list_of_its_changes_behind() {
    let mut server = Side::new(document("server"), FULL, plain());
    for i in 0..5_000 {
        edit(&mut server.doc, &i.to_string());
    }
    let mut phone = Side::new(document("phone"), FULL, bulk());
    phone.speak(&mut server);
    server.take_in();
    server.speak(&mut phone);
    assert!(server.sync.state.sent_hashes.is_empty());
    converse(&mut phone, &mut server);
    assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
    let big = server.sent.iter().filter(|m| m.data.len() > 10_000).count();
    assert_eq!(big, 1, "sent once");
}

#[test]
fn a_shared_message_is_also_made_from_the_chunks_that_came_in() {
    let mut doc = document("server");
    edit(&mut doc, "a");
    let from = doc.get_heads();
    edit(&mut doc, "b");
    let to = doc.get_heads();
    let chunks = doc.get_changes(&from).iter().map(|c| (c.hash(), c.raw_bytes().to_vec())).collect();
    let made = FanOut::from_changes(&from, &to, chunks);
    assert_eq!(made.data(), FanOut::new(&doc, &from, &to).data());
    assert_eq!((made.from(), made.to()), (&from[..], &to[..]));
}

/// The hub takes in all that came during a tick before it says anything.
#[test]
fn a_change_is_acknowledged_though_a_message_without_changes_came_after_it() {
    let (mut server, mut phones) = hub(1);
    let (phone, session) = &mut phones[0];
    for key in ["one", "other"] {
        let from = server.doc.get_heads();
        edit(&mut server.doc, key);
        let fan_out = FanOut::new(&server.doc, &from, &server.doc.get_heads());
        let data = session.accept_fan_out(&fan_out).expect("level").to_vec();
        phone.inbox.push_back(Outgoing { data, kind: OutgoingKind::Sync });
    }
    let written = edit(&mut phone.doc, "mine");
    while phone.take_in() {
        assert!(phone.speak(&mut server), "it answers each");
    }
    std::mem::swap(&mut server.sync, session);
    while server.take_in() {}
    assert!(!server.received.last().unwrap().has_new_heads(), "the last message brought nothing");
    assert!(server.speak(phone), "the change is acknowledged");
    while phone.take_in() {}
    let heads = phone.sync.peer_heads().unwrap();
    assert_eq!(acknowledged(&phone.doc, heads, &[written]), [written]);
}

/// What a phone wrote came to the hub through another phone.
#[test]
fn a_phone_is_told_that_its_change_is_there_whoever_brought_it() {
    let (mut server, mut phones) = hub(1);
    let (phone, _) = &mut phones[0];
    let written = edit(&mut phone.doc, "mine");
    phone.reconnect(DocSync::new(FULL, DocSyncOptions::default()));
    server.reconnect(DocSync::new(FULL, plain()));
    assert!(server.speak(phone));
    assert!(phone.speak(&mut server));
    server.doc.merge(&mut phone.doc.clone()).unwrap();
    assert!(server.take_in());
    assert!(server.speak(phone), "it is told although it knows as much");
    while phone.take_in() {}
    let heads = phone.sync.peer_heads().unwrap();
    assert_eq!(acknowledged(&phone.doc, heads, &[written]), [written]);
    converse(phone, &mut server);
}
