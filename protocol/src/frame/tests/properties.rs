use automerge::ChangeHash;
use proptest::prelude::*;

use super::*;

fn texts() -> impl Strategy<Value = String> {
    "[a-z0-9-]{1,40}"
}

fn frames() -> impl Strategy<Value = Frame> {
    let bytes = proptest::collection::vec(any::<u8>(), 1..200);
    (texts(), texts(), any::<[u8; 16]>(), bytes, any::<u32>(), 0..7_u8).prop_map(
        |(sender, target, id, data, count, kind)| {
            let (sender, target) = (peer(&sender), peer(&target));
            let document = DocumentId::from_bytes(id);
            match kind {
                0 => Frame::Sync { sender, target, document, data },
                1 => Frame::Request { sender, target, document, data },
                2 => Frame::DocUnavailable { sender, target, document },
                3 => {
                    let (session, count) = (target.to_string(), u64::from(count));
                    Frame::Ephemeral { sender, target, document, session, count, data }
                }
                4 => {
                    let now = Some(Timestamp::from_ms(i64::from(count)));
                    let muster = MusterMetadata { now, ..MusterMetadata::with_features(&["notice"]) };
                    let storage_id = StorageId::new(target.as_str()).ok();
                    let metadata = PeerMetadata { storage_id, is_ephemeral: false, muster: Some(muster) };
                    Frame::Peer { sender, target, metadata, version: "1".to_owned() }
                }
                5 => Frame::Token { token: Secret::new(target.to_string()), sender, target },
                _ => {
                    let (code, detail) = ("read_only".to_owned(), target.to_string());
                    let changes = vec![ChangeHash([7; 32]); usize::from(count % 3 == 0)];
                    Frame::Notice { sender, target, document: Some(document), code, detail, changes }
                }
            }
        },
    )
}

proptest! {
    #[test]
    fn what_we_write_we_read(frame in frames()) {
        prop_assert_eq!(decode(&frame.encode()), Ok(frame));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn no_damage_panics(frame in frames(), at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = frame.encode();
        let length = bytes.len();
        bytes[at.index(length)] = to;
        let _ = decode(&bytes);
        let _ = decode(&bytes[..cut.index(length)]);
    }
}
