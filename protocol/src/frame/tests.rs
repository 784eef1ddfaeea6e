//! The traps of the wire, each as bytes built by hand.

mod properties;

use minicbor::Encoder;
use minicbor::data::Tag;

use super::*;

fn limits() -> FrameLimits {
    FrameLimits::default()
}

fn peer(text: &str) -> PeerId {
    PeerId::new(text).unwrap()
}

fn document() -> DocumentId {
    DocumentId::from_bytes([9; 16])
}

/// A frame as `write` puts it.
fn frame(write: impl FnOnce(&mut Encoder<Vec<u8>>)) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    write(&mut e);
    e.into_writer()
}

fn decode(bytes: &[u8]) -> Result<Frame, FrameError> {
    Frame::decode(bytes, &limits())
}

fn fields(e: &mut Encoder<Vec<u8>>, kind: &str) {
    e.str("type").unwrap().str(kind).unwrap();
    e.str("senderId").unwrap().str("a").unwrap();
    e.str("targetId").unwrap().str("b").unwrap();
    e.str("documentId").unwrap().str(&document().to_string()).unwrap();
}

#[test]
fn map_heads_of_any_width_and_indefinite_ones_are_read() {
    let body = frame(|e| {
        e.str("type").unwrap().str("leave").unwrap();
        e.str("senderId").unwrap().str("a").unwrap();
    });
    let heads: [&[u8]; 5] = [&[0xa2], &[0xb8, 2], &[0xb9, 0, 2], &[0xba, 0, 0, 0, 2], &[0xbb, 0, 0, 0, 0, 0, 0, 0, 2]];
    for head in heads {
        let bytes = [head, &body].concat();
        assert_eq!(decode(&bytes), Ok(Frame::Leave { sender: peer("a") }), "{head:x?}");
    }
    let indefinite = [&[0xbf][..], &body, &[0xff]].concat();
    assert_eq!(decode(&indefinite), Ok(Frame::Leave { sender: peer("a") }));
}

#[test]
fn byte_strings_are_plain_tagged_or_in_pieces() {
    let expected = Ok(Frame::Sync { sender: peer("a"), target: peer("b"), document: document(), data: vec![1, 2, 3] });
    let with = |write: fn(&mut Encoder<Vec<u8>>)| {
        frame(|e| {
            e.map(5).unwrap();
            fields(e, "sync");
            e.str("data").unwrap();
            write(e);
        })
    };
    let plain = with(|e| {
        e.bytes(&[1, 2, 3]).unwrap();
    });
    let tagged = with(|e| {
        e.tag(Tag::new(64)).unwrap().bytes(&[1, 2, 3]).unwrap();
    });
    let pieces = with(|e| {
        e.begin_bytes().unwrap().bytes(&[1]).unwrap().bytes(&[2, 3]).unwrap().end().unwrap();
    });
    for bytes in [plain, tagged, pieces] {
        assert_eq!(decode(&bytes), expected);
    }
    let other_tag = with(|e| {
        e.tag(Tag::new(65)).unwrap().bytes(&[1]).unwrap();
    });
    assert!(matches!(decode(&other_tag), Err(FrameError::Malformed { what: "data", .. })));
    let text = with(|e| {
        e.str("no bytes").unwrap();
    });
    assert!(matches!(decode(&text), Err(FrameError::Malformed { what: "data", .. })));
}

#[test]
fn null_and_undefined_mean_absent() {
    let bytes = frame(|e| {
        e.map(5).unwrap();
        e.str("type").unwrap().str("remote-subscription-change").unwrap();
        e.str("senderId").unwrap().str("a").unwrap();
        e.str("targetId").unwrap().str("b").unwrap();
        e.str("add").unwrap().undefined().unwrap();
        e.str("remove").unwrap().null().unwrap();
    });
    let (sender, target) = (peer("a"), peer("b"));
    let expected = Frame::RemoteSubscriptionChange { sender, target, add: vec![], remove: vec![] };
    assert_eq!(decode(&bytes), Ok(expected));

    let bytes = frame(|e| {
        e.map(3).unwrap();
        e.str("type").unwrap().str("join").unwrap();
        e.str("senderId").unwrap().str("a").unwrap();
        e.str("peerMetadata").unwrap().map(2).unwrap();
        e.str("storageId").unwrap().undefined().unwrap();
        e.str("isEphemeral").unwrap().bool(true).unwrap();
    });
    let metadata = PeerMetadata { is_ephemeral: true, ..PeerMetadata::default() };
    let expected = Frame::Join { sender: peer("a"), metadata, versions: vec!["1".to_owned()] };
    assert_eq!(decode(&bytes), Ok(expected), "no versions means version 1");
}

#[test]
fn counts_and_times_are_integers_or_floats() {
    let with = |write: &dyn Fn(&mut Encoder<Vec<u8>>)| {
        decode(&frame(|e| {
            e.map(7).unwrap();
            fields(e, "ephemeral");
            e.str("sessionId").unwrap().str("s").unwrap();
            e.str("data").unwrap().bytes(&[0]).unwrap();
            e.str("count").unwrap();
            write(e);
        }))
    };
    let count = |frame: Result<Frame, FrameError>| match frame {
        Ok(Frame::Ephemeral { count, .. }) => Some(count),
        _ => None,
    };
    assert_eq!(
        count(with(&|e| {
            e.u8(7).unwrap();
        })),
        Some(7)
    );
    assert_eq!(
        count(with(&|e| {
            e.u64(1 << 40).unwrap();
        })),
        Some(1 << 40)
    );
    assert_eq!(
        count(with(&|e| {
            e.f64(4_294_967_296.0).unwrap();
        })),
        Some(1 << 32)
    );
    assert_eq!(
        count(with(&|e| {
            e.f32(12.0).unwrap();
        })),
        Some(12)
    );
    for bad in [-1.0, 0.5, f64::NAN, 1e300] {
        assert_eq!(
            count(with(&|e| {
                e.f64(bad).unwrap();
            })),
            None,
            "{bad}"
        );
    }
    assert_eq!(
        count(with(&|e| {
            e.i8(-1).unwrap();
        })),
        None
    );
}

#[test]
fn heads_are_read_as_hex_and_as_base58check() {
    let hash = ChangeHash([0xab; 32]);
    let base58 = bs58::encode(hash.0).with_check().into_string();
    for text in [hex::encode(hash.0), base58] {
        let bytes = frame(|e| {
            e.map(5).unwrap();
            fields(e, "remote-heads-changed");
            e.str("newHeads").unwrap().map(1).unwrap().str("storage").unwrap().map(2).unwrap();
            e.str("heads").unwrap().array(1).unwrap().str(&text).unwrap();
            e.str("timestamp").unwrap().u64(1_763_897_000_000).unwrap();
        });
        let Ok(Frame::RemoteHeadsChanged { heads, .. }) = decode(&bytes) else { panic!() };
        let known = &heads[&StorageId::new("storage").unwrap()];
        assert_eq!(known.heads, [hash]);
        assert_eq!(known.timestamp.as_ms(), 1_763_897_000_000);
    }
}

#[test]
fn unknown_types_fields_and_keys_are_skipped_with_bounded_nesting() {
    let nested = |depth: usize| {
        frame(|e| {
            e.map(3).unwrap();
            e.str("type").unwrap().str("novelty").unwrap();
            e.u8(4).unwrap().str("a key that is no text").unwrap();
            e.str("extra").unwrap();
            for _ in 1..depth {
                e.array(1).unwrap();
            }
            e.map(0).unwrap();
        })
    };
    assert_eq!(decode(&nested(16)), Ok(Frame::Unknown { kind: "novelty".to_owned() }));
    assert_eq!(decode(&nested(17)), Err(FrameError::Limit { what: "nesting" }));
}

#[test]
fn every_limit_is_an_error_of_its_own() {
    let small = FrameLimits { max_frame_bytes: 10, ..limits() };
    let error = Frame::decode(&[0; 11], &small).unwrap_err();
    assert_eq!(error, FrameError::TooLarge { bytes: 11, limit: 10 });
    assert_eq!(error.code().as_str(), "frame_too_large");

    let versions = |n: u64| {
        frame(|e| {
            e.map(3).unwrap().str("type").unwrap().str("join").unwrap();
            e.str("senderId").unwrap().str("a").unwrap();
            e.str("supportedProtocolVersions").unwrap().array(n).unwrap();
            for _ in 0..n.min(2_000) {
                e.str("1").unwrap();
            }
        })
    };
    assert!(decode(&versions(1_024)).is_ok());
    for n in [1_025, u64::MAX] {
        let error = decode(&versions(n)).unwrap_err();
        assert_eq!(error.code().as_str(), "frame_limit", "{n}");
    }
    let long = Frame::Error { sender: None, target: None, message: "x".repeat(5_000) };
    assert_eq!(decode(&long.encode()), Err(FrameError::Limit { what: "message" }));
}

#[test]
fn what_is_not_cbor_or_lacks_a_field_is_malformed() {
    for bytes in [&[][..], &[0xf6], &[0xff], &[0xa1], &[0xb9], &[0x82, 1, 2], b"hello"] {
        assert_eq!(decode(bytes).unwrap_err().code().as_str(), "frame_malformed", "{bytes:x?}");
    }
    let mut trailing = Frame::Leave { sender: peer("a") }.encode();
    trailing.push(0);
    assert!(matches!(decode(&trailing), Err(FrameError::Malformed { .. })));
    for kind in ["sync", "ephemeral", "remote-heads-changed", "peer", "muster-notice"] {
        let bytes = frame(|e| {
            e.map(4).unwrap();
            fields(e, kind);
        });
        assert!(matches!(decode(&bytes), Err(FrameError::Missing { .. })), "{kind}");
    }
}

#[test]
fn a_document_of_another_kind_is_not_an_error() {
    let keyhive = bs58::encode([1_u8; 32]).with_check().into_string();
    let with = |id: &str| {
        frame(|e| {
            e.map(5).unwrap();
            e.str("type").unwrap().str("sync").unwrap();
            e.str("senderId").unwrap().str("a").unwrap();
            e.str("targetId").unwrap().str("b").unwrap();
            e.str("documentId").unwrap().str(id).unwrap();
            e.str("data").unwrap().bytes(&[1]).unwrap();
        })
    };
    let (kind, sender, target) = ("sync".to_owned(), peer("a"), peer("b"));
    let foreign = Frame::ForeignDocument { kind, sender, target, document: keyhive.clone() };
    assert_eq!(decode(&with(&keyhive)), Ok(foreign));
    let (kind, sender, target) = ("doc-unavailable".to_owned(), peer("b"), peer("a"));
    let answer = Frame::ForeignDocument { kind, sender, target, document: keyhive };
    assert_eq!(decode(&answer.encode()), Ok(answer));
    assert!(matches!(decode(&with("nonsense")), Err(FrameError::DocumentId(_))));
}

#[test]
fn a_shared_frame_is_the_frame() {
    let data = vec![7; 1_000];
    let shared = encode_sync_shared(&peer("server"), &document(), &data);
    for target in ["gate-a", "a much longer id that needs another head width than the first one"] {
        let (sender, target) = (peer("server"), peer(target));
        let alone = Frame::Sync { sender, target: target.clone(), document: document(), data: data.clone() };
        assert_eq!(shared.for_target(&target), alone.encode());
    }
}
