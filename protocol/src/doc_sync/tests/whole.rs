use super::*;

/// A document with its genesis, as every replica begins it.
fn begun(actor: &str) -> (Automerge, ChangeHash) {
    let mut doc = document("genesis");
    let genesis = edit(&mut doc, "genesis");
    (doc.with_actor(ActorId::from(actor.as_bytes())), genesis)
}

/// A server with some history, and its genesis.
fn with_history() -> (Side, ChangeHash) {
    let (mut doc, genesis) = begun("server");
    for number in 0..20 {
        edit(&mut doc, &format!("record {number}"));
    }
    (Side::new(doc, FULL, plain()), genesis)
}

/// The phone says its first words to a fresh session of the server.
fn introduce(phone: &mut Side, server: &mut Side) {
    server.reconnect(DocSync::new(FULL, plain()));
    while phone.speak(server) {}
    while server.take_in() {}
}

fn tell(phone: &mut Side, data: &[u8]) {
    phone.inbox.push_back(Outgoing { data: data.to_vec(), kind: OutgoingKind::Sync });
    while phone.take_in() {}
}

#[test]
fn one_encoding_serves_all_who_have_nothing_yet() {
    let (mut server, genesis) = with_history();
    let whole = Whole::new(&server.doc);
    for doc in [begun("phone 1").0, begun("phone 2").0, document("phone 3")] {
        let mut phone = Side::new(doc, FULL, bulk());
        introduce(&mut phone, &mut server);
        assert!(server.sync.wants_whole(&genesis));
        tell(&mut phone, server.sync.accept_whole(&whole));
        assert!(!server.sync.wants_whole(&genesis), "once is enough");
        assert!(server.sync.generate(&server.doc).is_none(), "nothing more to say");
        assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
        converse(&mut phone, &mut server);
        assert!(server.sync.is_level_with(&server.doc.get_heads()));
        // From here on it goes as always, both ways.
        edit(&mut phone.doc, "from the phone");
        converse(&mut phone, &mut server);
        edit(&mut server.doc, "from the server");
        let messages = converse(&mut phone, &mut server);
        assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
        assert!(messages <= 2, "{messages} messages for one change");
        server.doc = with_history().0.doc;
    }
}

#[test]
fn what_a_phone_wrote_before_it_heard_anything_is_not_lost() {
    let (mut server, genesis) = with_history();
    let whole = Whole::new(&server.doc);
    let mut phone = Side::new(begun("phone").0, FULL, bulk());
    introduce(&mut phone, &mut server);
    // While the answer is on its way, the phone writes.
    let data = server.sync.accept_whole(&whole).to_vec();
    let own = edit(&mut phone.doc, "early");
    tell(&mut phone, &data);
    converse(&mut phone, &mut server);
    assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
    assert_eq!(acknowledged(&phone.doc, phone.sync.peer_heads().unwrap(), &[own]), [own]);
    assert_eq!(value(&server.doc, "early").as_deref(), Some("value of early"));
    assert!(!server.sync.wants_whole(&genesis));
}

#[test]
fn whoever_has_something_or_reads_only_lists_gets_a_message_of_its_own() {
    let (mut server, genesis) = with_history();
    let mut with_own = Side::new(begun("phone").0, FULL, bulk());
    edit(&mut with_own.doc, "own");
    let without_flags = Side::new(begun("old phone").0, FULL, plain());
    for mut phone in [with_own, without_flags] {
        introduce(&mut phone, &mut server);
        assert!(!server.sync.wants_whole(&genesis));
        converse(&mut phone, &mut server);
        assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
    }
}

#[test]
fn changes_that_wait_for_others_are_not_passed_on() {
    let (mut server, _) = with_history();
    let mut elsewhere = with_history().0.doc.with_actor(ActorId::from(&b"elsewhere"[..]));
    edit(&mut elsewhere, "missing");
    edit(&mut elsewhere, "orphan");
    let orphan = elsewhere.get_last_local_change().unwrap();
    server.doc.load_incremental(orphan.raw_bytes()).unwrap();
    let whole = Whole::new(&server.doc);
    let mut phone = Side::new(begun("phone").0, FULL, bulk());
    introduce(&mut phone, &mut server);
    tell(&mut phone, server.sync.accept_whole(&whole));
    assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
    assert!(phone.doc.get_missing_deps(&[]).is_empty());
}

#[test]
fn what_waits_for_others_is_passed_on_to_nobody() {
    for phone in [document("phone 1"), begun("phone 2").0] {
        let (mut server, _) = with_history();
        server.sync = DocSync::new(FULL, bulk());
        let mut author = server.doc.clone().with_actor(ActorId::from(b"author"));
        edit(&mut author, "what the server never gets");
        let waiting = edit(&mut author, "what builds on it");
        server.doc.apply_changes(author.get_change_by_hash(&waiting)).unwrap();
        assert!(!server.doc.get_missing_deps(&[]).is_empty());
        let mut phone = Side::new(phone, FULL, bulk());
        converse(&mut phone, &mut server);
        assert_eq!(phone.doc.get_heads(), server.doc.get_heads());
        assert!(phone.doc.get_missing_deps(&[]).is_empty());
    }
}
