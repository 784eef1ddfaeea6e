//! Writing frames: short heads, plain byte strings, JavaScript numbers.

use std::convert::Infallible;

use minicbor::Encoder;
use minicbor::encode::Error;

use super::{Frame, PeerMetadata, RemoteHeads};
use crate::{DocumentId, PeerId, StorageId};

type Written = Result<(), Error<Infallible>>;

impl Frame {
    /// Writes the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        // Writing to a Vec cannot fail: the error type has no value.
        let _: Written = self.write(&mut out);
        out.0.into_writer()
    }

    fn write(&self, w: &mut Writer) -> Written {
        match self {
            Self::Join { sender, metadata, versions } => {
                w.open(4, self.kind())?.text("senderId", sender.as_str())?;
                w.metadata(metadata)?;
                w.texts("supportedProtocolVersions", versions)
            }
            Self::Peer { sender, target, metadata, version } => {
                w.open(5, self.kind())?.text("senderId", sender.as_str())?;
                w.metadata(metadata)?;
                w.text("selectedProtocolVersion", version)?.target(target)
            }
            Self::Error { sender, target, message } => {
                let parties = u64::from(sender.is_some()) + u64::from(target.is_some());
                w.open(2 + parties, self.kind())?;
                if let Some(sender) = sender {
                    w.text("senderId", sender.as_str())?;
                }
                w.text("message", message)?;
                target.as_ref().map_or(Ok(()), |target| w.target(target))
            }
            Self::Leave { sender } => w.open(2, self.kind())?.text("senderId", sender.as_str()).map(|_| ()),
            Self::Sync { sender, target, document, data } | Self::Request { sender, target, document, data } => {
                w.open(5, self.kind())?.text("senderId", sender.as_str())?;
                w.document(document)?.bytes("data", data)?.target(target)
            }
            Self::DocUnavailable { sender, target, document } => {
                w.open(4, self.kind())?.text("senderId", sender.as_str())?;
                w.document(document)?.target(target)
            }
            Self::Ephemeral { sender, target, document, session, count, data } => {
                w.open(7, self.kind())?.text("senderId", sender.as_str())?;
                w.document(document)?.text("sessionId", session)?.count("count", *count)?;
                w.bytes("data", data)?.target(target)
            }
            Self::RemoteSubscriptionChange { sender, target, add, remove } => {
                w.open(5, self.kind())?.text("senderId", sender.as_str())?;
                w.storage_ids("add", add)?;
                w.storage_ids("remove", remove)?;
                w.target(target)
            }
            Self::RemoteHeadsChanged { sender, target, document, heads } => {
                w.open(5, self.kind())?.text("senderId", sender.as_str())?;
                w.document(document)?.new_heads(heads)?;
                w.target(target)
            }
            Self::Notice { sender, target, document, code, detail, changes } => {
                let fields = u64::from(document.is_some()) + u64::from(!changes.is_empty());
                w.open(5 + fields, self.kind())?;
                w.text("senderId", sender.as_str())?;
                if let Some(document) = document {
                    w.document(document)?;
                }
                w.text("code", code)?.text("detail", detail)?;
                if !changes.is_empty() {
                    let hashes: Vec<String> = changes.iter().map(ToString::to_string).collect();
                    w.texts("changes", &hashes)?;
                }
                w.target(target)
            }
            Self::Token { sender, target, token } => {
                w.open(4, self.kind())?.text("senderId", sender.as_str())?;
                w.text("token", token.reveal())?.target(target)
            }
            Self::ForeignDocument { kind, sender, target, document } => {
                w.open(4, kind)?.text("senderId", sender.as_str())?.text("documentId", document)?.target(target)
            }
            Self::Unknown { kind } => w.open(1, kind).map(|_| ()),
        }
    }
}

struct Writer(Encoder<Vec<u8>>);

impl Writer {
    fn new() -> Self {
        Self(Encoder::new(Vec::new()))
    }

    fn open(&mut self, fields: u64, kind: &str) -> Result<&mut Self, Error<Infallible>> {
        self.0.map(fields)?.str("type")?.str(kind)?;
        Ok(self)
    }

    fn text(&mut self, key: &str, value: &str) -> Result<&mut Self, Error<Infallible>> {
        self.0.str(key)?.str(value)?;
        Ok(self)
    }

    fn bytes(&mut self, key: &str, value: &[u8]) -> Result<&mut Self, Error<Infallible>> {
        self.0.str(key)?.bytes(value)?;
        Ok(self)
    }

    fn document(&mut self, document: &DocumentId) -> Result<&mut Self, Error<Infallible>> {
        self.text("documentId", &document.to_string())
    }

    fn target(&mut self, target: &PeerId) -> Written {
        self.text("targetId", target.as_str()).map(|_| ())
    }

    /// Integers from 2^32 on become BigInts in JavaScript, so those go out as floats.
    #[expect(clippy::as_conversions, reason = "a counter beyond 2^53 is beyond JavaScript anyway")]
    fn count(&mut self, key: &str, value: u64) -> Result<&mut Self, Error<Infallible>> {
        self.0.str(key)?;
        match u32::try_from(value) {
            Ok(small) => self.0.u32(small)?,
            Err(_) => self.0.f64(value as f64)?,
        };
        Ok(self)
    }

    fn texts(&mut self, key: &str, values: &[String]) -> Written {
        self.list(key, values.iter().map(String::as_str))
    }

    fn storage_ids(&mut self, key: &str, values: &[StorageId]) -> Written {
        self.list(key, values.iter().map(StorageId::as_str))
    }

    fn list<'a>(&mut self, key: &str, values: impl ExactSizeIterator<Item = &'a str>) -> Written {
        self.0.str(key)?.array(length(values.len()))?;
        for value in values {
            self.0.str(value)?;
        }
        Ok(())
    }

    fn metadata(&mut self, metadata: &PeerMetadata) -> Written {
        let fields = 1 + u64::from(metadata.storage_id.is_some()) + u64::from(metadata.muster.is_some());
        self.0.str("peerMetadata")?.map(fields)?;
        if let Some(storage) = &metadata.storage_id {
            self.text("storageId", storage.as_str())?;
        }
        self.0.str("isEphemeral")?.bool(metadata.is_ephemeral)?;
        if let Some(muster) = &metadata.muster {
            let fields = 2 + u64::from(muster.now.is_some());
            self.0.str("muster")?.map(fields)?.str("v")?.u32(muster.version)?;
            if let Some(now) = muster.now {
                self.0.str("nowMs")?.f64(now.as_js_number())?;
            }
            self.texts("features", &muster.features)?;
        }
        Ok(())
    }

    fn new_heads<'a>(
        &mut self,
        heads: impl IntoIterator<Item = (&'a StorageId, &'a RemoteHeads), IntoIter: ExactSizeIterator>,
    ) -> Written {
        let heads = heads.into_iter();
        self.0.str("newHeads")?.map(length(heads.len()))?;
        for (storage, known) in heads {
            self.0.str(storage.as_str())?.map(2)?;
            let texts: Vec<String> =
                known.heads.iter().map(|hash| bs58::encode(hash.0).with_check().into_string()).collect();
            self.texts("heads", &texts)?;
            self.0.str("timestamp")?.f64(known.timestamp.as_js_number())?;
        }
        Ok(())
    }
}

fn length(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A `sync` frame for many receivers: all but the receiver is encoded once.
#[derive(Clone, Debug)]
pub struct SharedSync {
    head: Vec<u8>,
}

/// Encodes a `sync` frame up to its `targetId`.
#[must_use]
pub fn encode_sync_shared(sender: &PeerId, document: &DocumentId, data: &[u8]) -> SharedSync {
    let mut w = Writer(Encoder::new(Vec::with_capacity(data.len().saturating_add(160))));
    // Writing to a Vec cannot fail: the error type has no value.
    let _: Written = (|| {
        w.open(5, "sync")?.text("senderId", sender.as_str())?;
        w.document(document)?.bytes("data", data)?;
        Ok(())
    })();
    SharedSync { head: w.0.into_writer() }
}

impl SharedSync {
    /// The frame but for its receiver, the same for all: followed by [`tail_for`](Self::tail_for) it is the frame.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// What follows the head for one receiver: a few bytes.
    #[must_use]
    pub fn tail_for(&self, target: &PeerId) -> Vec<u8> {
        finish(Vec::with_capacity(target.as_str().len().saturating_add(16)), target)
    }

    /// The whole frame for one receiver: one allocation and one copy, no encoding of the big part.
    #[must_use]
    pub fn for_target(&self, target: &PeerId) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.head.len().saturating_add(target.as_str().len()).saturating_add(16));
        out.extend_from_slice(&self.head);
        finish(out, target)
    }
}

fn finish(out: Vec<u8>, target: &PeerId) -> Vec<u8> {
    let mut w = Writer(Encoder::new(out));
    let _: Written = w.target(target);
    w.0.into_writer()
}
