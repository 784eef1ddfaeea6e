mod properties;

use super::*;
use crate::FEATURE_NOTICE;
use crate::doc_sync::{Outgoing, OutgoingKind};
use crate::frame::encode_sync_shared;

fn peer(text: &str) -> PeerId {
    PeerId::new(text).unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn document() -> DocumentId {
    DocumentId::from_bytes([3; 16])
}

fn client() -> Connection {
    Connection::client(ConnectionConfig::new(peer("phone"), StorageId::new("phone-disk").ok()))
}

fn server() -> Connection {
    Connection::server(ConnectionConfig::new(peer("hall"), StorageId::new("hall-disk").ok()))
}

/// A handshake in which each way takes 50 ms and the server's clock is 5 s ahead.
fn established() -> (Connection, Connection) {
    let (mut client, mut server) = (client(), server());
    let join = client.handle(at(1_000), ConnectionEvent::Opened);
    assert_eq!(server.handle(at(6_000), ConnectionEvent::Opened), ConnectionOutput::default());
    let answer = server.handle(at(6_050), ConnectionEvent::Frame(&join.send[0]));
    let [PeerMessage::Established(info)] = &answer.deliver[..] else { panic!("{answer:?}") };
    assert_eq!((info.peer_id.as_str(), info.skew_ms), ("phone", Some(-5_050)));
    assert_eq!(info.durable_storage().unwrap().as_str(), "phone-disk");
    let done = client.handle(at(1_100), ConnectionEvent::Frame(&answer.send[0]));
    let [PeerMessage::Established(info)] = &done.deliver[..] else { panic!("{done:?}") };
    assert_eq!((info.peer_id.as_str(), info.round_trip_ms, info.skew_ms), ("hall", 100, Some(5_000)));
    assert!(info.has_feature(FEATURE_NOTICE));
    (client, server)
}

#[test]
fn a_clock_that_is_set_during_the_handshake_measures_nothing() {
    for (answered_at, skew_ms) in [(11_000, Some(0)), (11_001, None), (3_600_000, None), (999, None)] {
        let (mut client, mut server) = (client(), server());
        let join = client.handle(at(1_000), ConnectionEvent::Opened);
        server.handle(at(6_000), ConnectionEvent::Opened);
        let answer = server.handle(at(6_000), ConnectionEvent::Frame(&join.send[0]));
        let done = client.handle(at(answered_at), ConnectionEvent::Frame(&answer.send[0]));
        let [PeerMessage::Established(info)] = &done.deliver[..] else { panic!("{done:?}") };
        assert_eq!(info.skew_ms, skew_ms, "{answered_at}");
    }
}

fn hear(connection: &mut Connection, bytes: &[u8]) -> ConnectionOutput {
    connection.handle(at(10_000), ConnectionEvent::Frame(bytes))
}

fn code(output: &ConnectionOutput) -> &'static str {
    output.close.as_ref().map_or("open", |reason| reason.code.as_str())
}

/// The code and the target of the `error` frame that goes with a close.
fn error_frame(output: &ConnectionOutput) -> (String, Option<PeerId>) {
    let frame = Frame::decode(output.send.last().unwrap(), &FrameLimits::default()).unwrap();
    let Frame::Error { message, target, .. } = frame else { panic!("{frame:?}") };
    (message.split(':').next().unwrap().to_owned(), target)
}

#[test]
fn messages_go_both_ways_and_arrive_checked() {
    let (mut client, mut server) = established();
    let outgoing = |kind| Outgoing { data: vec![0x42, 1], kind };
    let request = client.sync_frame(document(), outgoing(OutgoingKind::Request)).unwrap();
    let heard = hear(&mut server, &request);
    let data = vec![0x42, 1];
    assert_eq!(heard.deliver, [PeerMessage::Sync { document: document(), data: data.clone(), is_request: true }]);
    let shared = encode_sync_shared(&peer("hall"), &document(), &data);
    let heard = hear(&mut client, &server.shared_sync_frame(&shared).unwrap());
    assert_eq!(heard.deliver, [PeerMessage::Sync { document: document(), data, is_request: false }]);
    let heard = hear(&mut client, &server.unavailable_frame(document()).unwrap());
    assert_eq!(heard.deliver, [PeerMessage::DocUnavailable { document: document() }]);
    let notice = server.notice_frame(Some(document()), ("read_only", "kept"), &[ChangeHash([7; 32])]).unwrap();
    let (code, detail) = ("read_only".to_owned(), "kept".to_owned());
    let expected = PeerMessage::Notice { document: Some(document()), code, detail, changes: vec![ChangeHash([7; 32])] };
    assert_eq!(hear(&mut client, &notice).deliver, [expected]);
    let storage = StorageId::new("gate").unwrap();
    let change = client.subscription_frame(std::slice::from_ref(&storage), &[]).unwrap();
    let expected = PeerMessage::SubscriptionChange { add: vec![storage.clone()], remove: vec![] };
    assert_eq!(hear(&mut server, &change).deliver, [expected]);
    let heads = BTreeMap::from([(storage, RemoteHeads { heads: vec![], timestamp: at(5) })]);
    let news = server.remote_heads_frame(document(), heads.clone()).unwrap();
    assert_eq!(hear(&mut client, &news).deliver, [PeerMessage::RemoteHeads { document: document(), heads }]);
}

#[test]
fn a_token_goes_only_to_a_server_that_takes_one_and_shows_in_no_log() {
    let (client, _) = established();
    assert_eq!(client.token_frame(Secret::new("eyJ")), None, "this one announced nothing of the kind");
    let frame = Frame::Token { sender: peer("phone"), target: peer("hall"), token: Secret::new("eyJ") };
    assert!(!format!("{frame:?}").contains("eyJ"));
    let (_, mut server) = established();
    assert_eq!(hear(&mut server, &frame.encode()).deliver, [PeerMessage::Token { token: Secret::new("eyJ") }]);
}

#[test]
fn an_ephemeral_message_names_its_author_and_counts_once() {
    let (client, mut server) = established();
    let author = peer("somebody behind");
    let message = EphemeralMessage { author: &author, document: document(), session: "s", count: 1, data: &[0xa0] };
    let frame = client.ephemeral_frame(&message).unwrap();
    assert_eq!(hear(&mut server, &frame).deliver.len(), 1);
    assert_eq!(hear(&mut server, &frame).deliver.len(), 0);
    assert_eq!(server.ignored_frames(), 1);
}

#[test]
fn frames_of_somebody_else_or_for_somebody_else_end_the_connection() {
    let frame = |sender: &str, target: &str| {
        let (sender, target) = (peer(sender), peer(target));
        Frame::DocUnavailable { sender, target, document: document() }.encode()
    };
    let (_, mut server) = established();
    let output = hear(&mut server, &frame("mallory", "hall"));
    assert_eq!(error_frame(&output), ("sender_mismatch".to_owned(), Some(peer("phone"))));
    assert!(server.is_closed() && server.peer().is_none());
    let (mut client, mut server) = established();
    assert_eq!(code(&hear(&mut server, &frame("phone", "mallory"))), "target_mismatch");
    let output = hear(&mut client, &frame("mallory", "phone"));
    assert_eq!((code(&output), output.send.len()), ("sender_mismatch", 0), "a client sends no errors");
}

#[test]
fn bad_frames_have_their_codes() {
    let oversized = vec![0; (16 << 20) + 1];
    let cases: [(ConnectionEvent<'_>, &str); 5] = [
        (ConnectionEvent::Text, "frame_text"),
        (ConnectionEvent::Frame(&[]), "frame_malformed"),
        (ConnectionEvent::Frame(&oversized), "frame_too_large"),
        (ConnectionEvent::Closed, "carrier_closed"),
        (ConnectionEvent::Tick, "open"),
    ];
    for (event, expected) in cases {
        let (_, mut server) = established();
        let output = server.handle(at(20_000), event);
        assert_eq!(code(&output), expected);
        let speaks = !matches!(event, ConnectionEvent::Closed | ConnectionEvent::Tick);
        assert_eq!(!output.send.is_empty(), speaks, "{expected}");
    }
    let mut fresh = server();
    let big = Frame::Unknown { kind: "x".repeat(100_000) }.encode();
    assert_eq!(code(&hear(&mut fresh, &big)), "frame_too_large", "the handshake takes little");
}

#[test]
fn the_handshake_has_an_order_a_version_and_an_end() {
    let join = |version: &str| {
        let (metadata, versions) = (PeerMetadata::default(), vec![version.to_owned()]);
        Frame::Join { sender: peer("old"), metadata, versions }.encode()
    };
    let mut fresh = server();
    let output = hear(&mut fresh, &join("2"));
    assert_eq!(error_frame(&output).0, "protocol_version");
    let (early, _) = established();
    let early = early.unavailable_frame(document()).unwrap();
    assert_eq!(code(&hear(&mut server(), &early)), "handshake_order");
    assert_eq!(code(&hear(&mut client(), &early)), "handshake_order");

    for mut late in [server(), client()] {
        late.handle(at(0), ConnectionEvent::Opened);
        assert_eq!(code(&late.handle(at(10_000), ConnectionEvent::Tick)), "open");
        assert_eq!(code(&late.handle(at(10_001), ConnectionEvent::Tick)), "handshake_timeout");
        assert_eq!(late.handle(at(0), ConnectionEvent::Opened), ConnectionOutput::default());
    }

    let mut turned_away = client();
    turned_away.handle(at(0), ConnectionEvent::Opened);
    let no = Frame::Error { sender: None, target: None, message: "no".to_owned() }.encode();
    let output = hear(&mut turned_away, &no);
    assert_eq!((code(&output), output.deliver.len()), ("peer_refused", 1));
}

#[test]
fn the_servers_answer_must_be_for_us_and_of_our_version() {
    let answer = |target: &str, version: &str| {
        let (sender, target) = (peer("hall"), peer(target));
        let version = version.to_owned();
        Frame::Peer { sender, target, metadata: PeerMetadata::default(), version }.encode()
    };
    let opened = || {
        let mut fresh = client();
        fresh.handle(at(0), ConnectionEvent::Opened);
        fresh
    };
    assert_eq!(code(&hear(&mut opened(), &answer("other", "1"))), "target_mismatch");
    assert_eq!(code(&hear(&mut opened(), &answer("phone", "2"))), "protocol_version");
    assert_eq!(code(&hear(&mut client(), &answer("phone", "1"))), "handshake_order", "before join");
    let output = hear(&mut opened(), &answer("phone", "1"));
    let [PeerMessage::Established(info)] = &output.deliver[..] else { panic!() };
    assert_eq!(info.skew_ms, None, "a stock server tells no clock");
    assert!(!info.has_feature(FEATURE_NOTICE));
}

#[test]
fn a_second_join_on_the_same_connection_starts_over() {
    let (_, mut server) = established();
    let join = |sender: &str| {
        let (sender, versions) = (peer(sender), vec!["1".to_owned()]);
        Frame::Join { sender, metadata: PeerMetadata::default(), versions }.encode()
    };
    let again = hear(&mut server, &join("phone"));
    assert!(matches!(again.deliver[..], [PeerMessage::Established(_)]));
    assert_eq!(again.send.len(), 1);
    assert_eq!(server.notice_frame(None, ("read_only", ""), &[]), None, "this one knows no notices");
    assert_eq!(code(&hear(&mut server, &join("mallory"))), "sender_mismatch");
}

#[test]
fn unknown_frames_are_ignored_up_to_a_point_and_leave_is_a_goodbye() {
    let (_, mut server) = established();
    let novelty = Frame::Unknown { kind: "novelty".to_owned() }.encode();
    for _ in 0..1_000 {
        assert_eq!(hear(&mut server, &novelty), ConnectionOutput::default());
    }
    assert_eq!(code(&hear(&mut server, &novelty)), "frame_unknown");

    let (_, mut server) = established();
    let output = hear(&mut server, &Frame::Leave { sender: peer("phone") }.encode());
    assert_eq!((code(&output), output.send.len()), ("peer_left", 0));
}

#[test]
fn whoever_asks_for_a_document_of_another_kind_is_told_that_we_lack_it() {
    let keyhive = bs58::encode([1_u8; 32]).with_check().into_string();
    let foreign = |kind: &str, sender: &str, target: &str| {
        let (kind, sender, target) = (kind.to_owned(), peer(sender), peer(target));
        Frame::ForeignDocument { kind, sender, target, document: keyhive.clone() }.encode()
    };
    let (_, mut server) = established();
    for kind in ["request", "sync"] {
        let output = hear(&mut server, &foreign(kind, "phone", "hall"));
        assert_eq!(output.send, [foreign("doc-unavailable", "hall", "phone")], "{kind}");
        assert_eq!((output.deliver.len(), code(&output)), (0, "open"));
    }
    for kind in ["doc-unavailable", "ephemeral", "remote-heads-changed"] {
        assert_eq!(hear(&mut server, &foreign(kind, "phone", "hall")), ConnectionOutput::default(), "{kind}");
    }
    assert_eq!(server.ignored_frames(), 5);
    let output = hear(&mut server, &foreign("request", "mallory", "hall"));
    assert_eq!(code(&output), "sender_mismatch");
}

#[test]
fn the_owner_can_close_with_a_code() {
    let (_, mut server) = established();
    let output = server.close(ProtocolCode::GuardBloom, "out of bounds");
    assert_eq!(error_frame(&output), ("guard_bloom".to_owned(), Some(peer("phone"))));
    assert_eq!(server.close(ProtocolCode::GuardBloom, "again"), ConnectionOutput::default());
}
