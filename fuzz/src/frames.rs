//! Frames, one by one and as a conversation with one end of a connection.

use muster_protocol::{
    Connection, ConnectionConfig, ConnectionEvent, DocumentId, Frame, FrameLimits, MusterMetadata, PeerId,
    PeerMetadata, StorageId, Timestamp,
};

use crate::meter::peak_of;
use crate::seed;

/// A single frame.
const ONE: u8 = 0;
/// A conversation with the side that answers.
const SERVER: u8 = 1;
/// A conversation with the side that called.
const CLIENT: u8 = 2;

/// The most bytes that a conversation may hold per byte that came, and apart from that: ids, sessions and metadata are
/// kept, each with its own allocations.
const BYTES_PER_BYTE: usize = 64;
const BYTES_BESIDES: usize = 256 << 10;

/// Takes a frame, or the events of a connection.
pub fn run(data: &[u8]) {
    let Some((mode, bytes)) = data.split_first() else { return };
    let ((), peak) = peak_of(|| match mode % 3 {
        ONE => frame(bytes),
        SERVER => conversation(Connection::server(config("server")), bytes),
        _ => conversation(Connection::client(config("client")), bytes),
    });
    let most = bytes.len().saturating_mul(BYTES_PER_BYTE).saturating_add(BYTES_BESIDES);
    assert!(peak <= most, "{} bytes made it hold {peak}", bytes.len());
}

/// What is read is written in a form that reads the same.
fn frame(bytes: &[u8]) {
    let Ok(frame) = Frame::decode(bytes, &FrameLimits::default()) else { return };
    if matches!(frame, Frame::Unknown { .. } | Frame::ForeignDocument { .. }) {
        // Nothing of ours: there is no way to write it.
        return;
    }
    let again = Frame::decode(&frame.encode(), &FrameLimits::default());
    assert_eq!(again.as_ref(), Ok(&frame), "what we write we read");
}

fn conversation(mut connection: Connection, mut rest: &[u8]) {
    let mut now = Timestamp::from_ms(1_800_000_000_000);
    let mut ended = false;
    while let Some((kind, after)) = rest.split_first() {
        rest = after;
        let event = match kind % 6 {
            0 => ConnectionEvent::Opened,
            1 | 2 => ConnectionEvent::Frame(piece(&mut rest)),
            3 => ConnectionEvent::Text,
            4 => {
                now = Timestamp::from_ms(time(piece(&mut rest)));
                ConnectionEvent::Tick
            }
            _ => ConnectionEvent::Closed,
        };
        let output = connection.handle(now, event);
        if ended {
            assert_eq!(output, muster_protocol::ConnectionOutput::default(), "nothing follows the end");
        }
        ended = ended || output.close.is_some();
        assert_eq!(ended, connection.is_closed(), "an end is told");
        for frame in &output.send {
            assert!(Frame::decode(frame, &FrameLimits::default()).is_ok(), "what we send can be read");
        }
    }
}

/// The next piece: two bytes of length, the first the lower, then as much as there is of it.
fn piece<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let Some((length, after)) = rest.split_first_chunk::<2>() else { return std::mem::take(rest) };
    let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
    let (piece, after) = after.split_at(length);
    *rest = after;
    piece
}

fn time(bytes: &[u8]) -> i64 {
    // Wrong by thousands of years, but a time that JavaScript can tell.
    bytes.first_chunk().map_or(1_800_000_020_000, |bytes| i64::from_le_bytes(*bytes) % (1 << 52))
}

fn config(name: &str) -> ConnectionConfig {
    ConnectionConfig::new(peer(name), StorageId::new(name).ok())
}

#[expect(clippy::expect_used, reason = "the names are those of this file")]
fn peer(name: &str) -> PeerId {
    PeerId::new(name).expect("a short name")
}

/// A frame of every kind, and conversations of both sides with all of them.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = all("client", "server").iter().map(|frame| seed(ONE, frame.encode())).collect();
    for (mode, us, them) in [(SERVER, "server", "client"), (CLIENT, "client", "server")] {
        let all = all(them, us);
        let (first, rest) = all.split_at(2);
        let greeting = first.get(usize::from(mode == CLIENT)).map(Frame::encode).unwrap_or_default();
        for frame in rest {
            let words = [vec![0], piece_of(&greeting), piece_of(&frame.encode()), piece_of(&frame.encode())];
            seeds.push(seed(mode, words.concat()));
        }
        let everything: Vec<u8> = rest.iter().flat_map(|frame| piece_of(&frame.encode())).collect();
        seeds.push(seed(mode, [vec![0], piece_of(&greeting), everything, vec![5, 0]].concat()));
        seeds.push(seed(mode, [&[0, 4][..], &[8, 0], &1_800_000_020_000_i64.to_le_bytes()].concat()));
        seeds.push(seed(mode, [0, 3]));
    }
    seeds
}

#[expect(clippy::expect_used, reason = "the seeds are short")]
fn piece_of(frame: &[u8]) -> Vec<u8> {
    let length = u16::try_from(frame.len()).expect("a short frame");
    [&[1][..], &length.to_le_bytes(), frame].concat()
}

/// `join` and `peer` first.
fn all(from: &str, to: &str) -> Vec<Frame> {
    let (sender, target) = (peer(from), peer(to));
    let document = DocumentId::from_bytes([7; 16]);
    let muster = MusterMetadata {
        now: Some(Timestamp::from_ms(1_800_000_000_000)),
        ..MusterMetadata::with_features(&[muster_protocol::FEATURE_NOTICE])
    };
    let metadata = PeerMetadata { storage_id: StorageId::new(from).ok(), is_ephemeral: false, muster: Some(muster) };
    let storages: Vec<StorageId> = StorageId::new("storage").into_iter().collect();
    let heads = muster_protocol::RemoteHeads {
        heads: vec![automerge::ChangeHash([9; 32])],
        timestamp: Timestamp::from_ms(1_800_000_000_000),
    };
    let (sync, text) = (vec![0x42, 0, 0, 0, 0], "storage-1".to_owned());
    vec![
        Frame::Join { sender: sender.clone(), metadata: metadata.clone(), versions: vec!["1".to_owned()] },
        Frame::Peer { sender: sender.clone(), target: target.clone(), metadata, version: "1".to_owned() },
        Frame::Sync { sender: sender.clone(), target: target.clone(), document, data: sync.clone() },
        Frame::Request { sender: sender.clone(), target: target.clone(), document, data: sync },
        Frame::DocUnavailable { sender: sender.clone(), target: target.clone(), document },
        Frame::Ephemeral {
            sender: sender.clone(),
            target: target.clone(),
            document,
            session: text.clone(),
            count: 3,
            data: vec![0x83, 1, 2, 3],
        },
        Frame::Notice {
            sender: sender.clone(),
            target: target.clone(),
            document: Some(document),
            code: "read_only".to_owned(),
            detail: text.clone(),
            changes: Vec::new(),
        },
        Frame::RemoteSubscriptionChange {
            sender: sender.clone(),
            target: target.clone(),
            add: storages.clone(),
            remove: storages.clone(),
        },
        Frame::RemoteHeadsChanged {
            sender: sender.clone(),
            target: target.clone(),
            document,
            heads: storages.into_iter().map(|storage| (storage, heads.clone())).collect(),
        },
        Frame::Leave { sender: sender.clone() },
        Frame::Error { sender: Some(sender), target: Some(target), message: text },
    ]
}
