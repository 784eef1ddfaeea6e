//! Frames captured from the real JavaScript packages, and ours as those packages read them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use automerge::ChangeHash;
use muster_protocol::guard::{DocumentSize, GuardLimits, SyncVersion, check_sync_message};
use muster_protocol::{
    DocumentId, Frame, FrameLimits, MusterMetadata, PeerId, PeerMetadata, RemoteHeads, StorageId, Timestamp,
};
use serde_json::{Value, json};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

fn vectors(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path(name)).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    json["vectors"].as_array().unwrap().clone()
}

/// The captured vector of this name, decoded, next to what the capture says about it.
fn captured(name: &str) -> (Frame, Value) {
    let all = vectors("automerge-repo-2.5.6.json");
    let vector = all.into_iter().find(|vector| vector["name"] == name).unwrap();
    let bytes = hex::decode(vector["hex"].as_str().unwrap()).unwrap();
    (Frame::decode(&bytes, &FrameLimits::default()).unwrap(), vector)
}

#[test]
fn every_captured_frame_is_read_and_survives_our_writing() {
    let all = vectors("automerge-repo-2.5.6.json");
    assert!(all.len() >= 13);
    for vector in all {
        let name = vector["name"].as_str().unwrap();
        let (frame, _) = captured(name);
        assert_eq!(frame.kind(), vector["type"], "{name}");
        assert!(!matches!(frame, Frame::Unknown { .. } | Frame::ForeignDocument { .. }), "{name}");
        let again = Frame::decode(&frame.encode(), &FrameLimits::default()).unwrap();
        assert_eq!(again, frame, "{name}");
    }
}

#[test]
fn the_handshake_of_javascript() {
    let (Frame::Join { sender, metadata, versions }, vector) = captured("join") else { panic!() };
    assert_eq!(sender.as_str(), vector["senderId"]);
    assert!(metadata.storage_id.is_some() && !metadata.is_ephemeral && metadata.muster.is_none());
    assert_eq!(versions, ["1"]);
    let (Frame::Peer { target, version, .. }, vector) = captured("peer") else { panic!() };
    assert_eq!((target.as_str(), version.as_str()), (vector["targetId"].as_str().unwrap(), "1"));
    let (Frame::Join { versions, .. }, _) = captured("join-version-2") else { panic!() };
    assert_eq!(versions, ["2"]);
    let (Frame::Error { message, sender, target }, _) = captured("error") else { panic!() };
    assert_eq!(message, "unsupported protocol version");
    assert!(sender.is_some() && target.is_some());
}

#[test]
fn sync_messages_of_javascript_pass_the_guard_and_are_read_by_automerge() {
    let expected = [
        ("sync-v1-without-changes", SyncVersion::V1, false, false),
        ("sync-v1-with-changes", SyncVersion::V1, true, false),
        ("sync-v2-with-changes", SyncVersion::V2, true, false),
        ("sync-v2-with-document", SyncVersion::V2, false, true),
        ("request", SyncVersion::V1, false, false),
    ];
    for (name, version, changes, documents) in expected {
        let (frame, vector) = captured(name);
        let (Frame::Sync { data, document, .. } | Frame::Request { data, document, .. }) = frame else {
            panic!("{name}")
        };
        assert_eq!(hex::encode(&data), vector["data"], "{name}");
        assert_eq!(document.to_string(), vector["documentId"], "{name}");
        let summary = check_sync_message(&data, &GuardLimits::bulk_import(), &DocumentSize::default()).unwrap();
        assert_eq!(summary.version, version, "{name}");
        assert_eq!(!summary.changes().is_empty(), changes, "{name}");
        assert_eq!(summary.has_document_chunk(), documents, "{name}");
        let message = automerge::sync::Message::decode(&data).unwrap();
        assert_eq!(message.heads, summary.heads, "{name}");
        for seen in summary.changes() {
            let change = automerge::Change::try_from(&data[seen.range.clone()]).unwrap();
            assert_eq!(seen.hash, change.hash(), "{name}");
            assert_eq!(seen.actor, change.actor_id().to_bytes(), "{name}");
            assert_eq!((seen.seq, seen.start_op), (change.seq(), change.start_op().get()), "{name}");
            assert_eq!(usize::try_from(seen.ops).unwrap(), change.len(), "{name}");
            assert_eq!((&seen.deps[..], seen.time_s), (change.deps(), change.timestamp()), "{name}");
        }
    }
}

#[test]
fn gossip_and_ephemeral_messages_of_javascript() {
    let (Frame::RemoteSubscriptionChange { add, remove, .. }, _) = captured("remote-subscription-change") else {
        panic!()
    };
    assert_eq!((add.len(), remove.len()), (1, 0));
    let (Frame::RemoteHeadsChanged { heads, .. }, _) = captured("remote-heads-changed") else { panic!() };
    let known = heads.values().next().unwrap();
    assert_eq!(known.heads.len(), 1);
    assert!(known.timestamp.as_ms() > 1_700_000_000_000);
    let (Frame::Ephemeral { count, session, data, .. }, _) = captured("ephemeral") else { panic!() };
    assert!(count >= 1 && !session.is_empty() && !data.is_empty());
}

/// Each frame of ours with what a JavaScript peer must read in it.
fn ours() -> Vec<(&'static str, Frame, Value)> {
    let (sender, target) = (PeerId::new("muster-hall").unwrap(), PeerId::new("gate-ā").unwrap());
    let document = DocumentId::from_bytes(*b"muster-test-doc1");
    let id = document.to_string();
    let storage = StorageId::new("5f1c3e9a-0000-4000-8000-000000000001").unwrap();
    let now = Timestamp::from_ms(1_763_897_000_123);
    let muster = MusterMetadata { now: Some(now), ..MusterMetadata::with_features(&["notice"]) };
    let metadata = PeerMetadata { storage_id: Some(storage.clone()), is_ephemeral: false, muster: Some(muster) };
    let metadata_means = json!({ "storageId": storage.as_str(), "isEphemeral": false,
        "muster": { "v": 1, "nowMs": 1_763_897_000_123_i64, "features": ["notice"] } });
    let hash = ChangeHash([0x5a; 32]);
    let heads = BTreeMap::from([(storage.clone(), RemoteHeads { heads: vec![hash], timestamp: now })]);
    let hash_text = bs58::encode(hash.0).with_check().into_string();
    let parties = |kind: &str, more: Value| {
        let mut means = json!({ "type": kind, "senderId": "muster-hall", "targetId": "gate-ā" });
        means.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        means
    };
    let (s, t) = (|| sender.clone(), || target.clone());
    vec![
        (
            "join",
            Frame::Join { sender: s(), metadata: metadata.clone(), versions: vec!["1".into()] },
            json!({ "type": "join", "senderId": "muster-hall", "peerMetadata": metadata_means, "supportedProtocolVersions": ["1"] }),
        ),
        (
            "peer",
            Frame::Peer { sender: s(), target: t(), metadata, version: "1".into() },
            parties("peer", json!({ "peerMetadata": metadata_means, "selectedProtocolVersion": "1" })),
        ),
        (
            "error",
            Frame::Error { sender: Some(s()), target: Some(t()), message: "frame_text: only binary".into() },
            parties("error", json!({ "message": "frame_text: only binary" })),
        ),
        (
            "sync",
            Frame::Sync { sender: s(), target: t(), document, data: vec![0x42; 300] },
            parties("sync", json!({ "documentId": id, "data": { "hex": "42".repeat(300) } })),
        ),
        (
            "request",
            Frame::Request { sender: s(), target: t(), document, data: vec![0x42, 0] },
            parties("request", json!({ "documentId": id, "data": { "hex": "4200" } })),
        ),
        (
            "doc-unavailable",
            Frame::DocUnavailable { sender: s(), target: t(), document },
            parties("doc-unavailable", json!({ "documentId": id })),
        ),
        (
            "ephemeral",
            Frame::Ephemeral {
                sender: s(),
                target: t(),
                document,
                session: "s1".into(),
                count: 4_294_967_296,
                data: vec![0xa0],
            },
            parties(
                "ephemeral",
                json!({ "documentId": id, "sessionId": "s1", "count": 4_294_967_296_i64, "data": { "hex": "a0" } }),
            ),
        ),
        (
            "remote-subscription-change",
            Frame::RemoteSubscriptionChange { sender: s(), target: t(), add: vec![storage.clone()], remove: vec![] },
            parties("remote-subscription-change", json!({ "add": [storage.as_str()], "remove": [] })),
        ),
        (
            "remote-heads-changed",
            Frame::RemoteHeadsChanged { sender: s(), target: t(), document, heads },
            parties(
                "remote-heads-changed",
                json!({ "documentId": id, "newHeads": { storage.as_str(): { "heads": [hash_text], "timestamp": 1_763_897_000_123_i64 } } }),
            ),
        ),
        (
            "muster-notice",
            Frame::Notice {
                sender: s(),
                target: t(),
                document: Some(document),
                code: "read_only".into(),
                detail: "kept aside".into(),
                changes: vec![],
            },
            parties("muster-notice", json!({ "documentId": id, "code": "read_only", "detail": "kept aside" })),
        ),
    ]
}

#[test]
fn our_frames_are_what_the_javascript_check_has_read() {
    let made: Vec<Value> = ours()
        .into_iter()
        .map(|(name, frame, means)| json!({ "name": name, "hex": hex::encode(frame.encode()), "means": means }))
        .collect();
    #[expect(clippy::disallowed_methods, reason = "how a developer asks this test to write the file anew")]
    let write = std::env::var_os("MUSTER_WRITE_VECTORS").is_some();
    if write {
        let text = serde_json::to_string_pretty(&json!({ "vectors": made })).unwrap();
        std::fs::write(path("ours.json"), text + "\n").unwrap();
    }
    assert_eq!(
        made,
        vectors("ours.json"),
        "run with MUSTER_WRITE_VECTORS=1, then `npm run check` in tests/vectors/capture"
    );
}
