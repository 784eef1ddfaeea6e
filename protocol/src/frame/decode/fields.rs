//! All fields any message has, read in one pass: `type` may stand anywhere in the map.

use std::collections::BTreeMap;

use automerge::ChangeHash;

use super::{FrameError, Reader};
use crate::frame::{Frame, MusterMetadata, PROTOCOL_VERSION, PeerMetadata, RemoteHeads, Secret};
use crate::ids::MAX_ID_BYTES;
use crate::{DocumentId, DocumentIdError, IdError, PeerId, StorageId, Timestamp};

#[derive(Default)]
pub(super) struct Fields {
    kind: Option<String>,
    sender: Option<PeerId>,
    target: Option<PeerId>,
    metadata: Option<PeerMetadata>,
    versions: Option<Vec<String>>,
    version: Option<String>,
    document: Option<String>,
    data: Option<Vec<u8>>,
    count: Option<u64>,
    session: Option<String>,
    add: Vec<StorageId>,
    remove: Vec<StorageId>,
    new_heads: Option<BTreeMap<StorageId, RemoteHeads>>,
    message: Option<String>,
    code: Option<String>,
    detail: Option<String>,
    changes: Vec<ChangeHash>,
    token: Option<Secret>,
}

impl Fields {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let mut fields = Self::default();
        reader.map("the message", |r| {
            let Some(key) = key(r)? else { return r.skip() };
            if r.take_absent()? {
                return Ok(());
            }
            fields.read_value(&key, r)
        })?;
        Ok(fields)
    }

    fn read_value(&mut self, key: &str, r: &mut Reader<'_>) -> Result<(), FrameError> {
        let max = r.limits.max_text_bytes;
        match key {
            "type" => self.kind = Some(r.text("type", max)?),
            "senderId" => self.sender = Some(peer_id(r, "senderId")?),
            "targetId" => self.target = Some(peer_id(r, "targetId")?),
            "peerMetadata" => self.metadata = Some(metadata(r)?),
            "supportedProtocolVersions" => {
                self.versions = Some(texts(r, "supportedProtocolVersions")?);
            }
            "selectedProtocolVersion" => self.version = Some(r.text("version", max)?),
            "documentId" => self.document = Some(r.text("documentId", max)?),
            "data" => self.data = Some(r.bytes("data")?),
            "count" => self.count = Some(r.count("count")?),
            "sessionId" => self.session = Some(r.text("sessionId", MAX_ID_BYTES)?),
            "add" => self.add = storage_ids(r, "add")?,
            "remove" => self.remove = storage_ids(r, "remove")?,
            "newHeads" => self.new_heads = Some(new_heads(r)?),
            "message" => self.message = Some(r.text("message", max)?),
            "code" => self.code = Some(r.text("code", max)?),
            "detail" => self.detail = Some(r.text("detail", max)?),
            "changes" => self.changes = hashes(r, "changes")?,
            "token" => self.token = Some(Secret::new(r.text("token", max)?)),
            _ => r.skip()?,
        }
        Ok(())
    }

    pub(super) fn into_frame(self) -> Result<Frame, FrameError> {
        let Some(kind) = self.kind.clone() else {
            return Err(FrameError::Missing { kind: "untyped", field: "type" });
        };
        match kind.as_str() {
            "join" => self.join(),
            "peer" => self.peer(),
            "error" => {
                Ok(Frame::Error { message: self.message.unwrap_or_default(), sender: self.sender, target: self.target })
            }
            "leave" => Ok(Frame::Leave { sender: self.sender.ok_or_else(missing("leave", "senderId"))? }),
            "remote-subscription-change" => {
                const KIND: &str = "remote-subscription-change";
                Ok(Frame::RemoteSubscriptionChange {
                    sender: self.sender.ok_or_else(missing(KIND, "senderId"))?,
                    target: self.target.ok_or_else(missing(KIND, "targetId"))?,
                    add: self.add,
                    remove: self.remove,
                })
            }
            "muster-notice" => self.notice(),
            "muster-token" => self.token(),
            "sync" => self.about_document("sync"),
            "request" => self.about_document("request"),
            "doc-unavailable" => self.about_document("doc-unavailable"),
            "ephemeral" => self.about_document("ephemeral"),
            "remote-heads-changed" => self.about_document("remote-heads-changed"),
            _ => Ok(Frame::Unknown { kind }),
        }
    }

    fn join(self) -> Result<Frame, FrameError> {
        Ok(Frame::Join {
            sender: self.sender.ok_or_else(missing("join", "senderId"))?,
            metadata: self.metadata.unwrap_or_default(),
            versions: self.versions.unwrap_or_else(|| vec![PROTOCOL_VERSION.to_owned()]),
        })
    }

    fn peer(self) -> Result<Frame, FrameError> {
        Ok(Frame::Peer {
            sender: self.sender.ok_or_else(missing("peer", "senderId"))?,
            target: self.target.ok_or_else(missing("peer", "targetId"))?,
            metadata: self.metadata.unwrap_or_default(),
            version: self.version.ok_or_else(missing("peer", "selectedProtocolVersion"))?,
        })
    }

    fn notice(self) -> Result<Frame, FrameError> {
        const KIND: &str = "muster-notice";
        Ok(Frame::Notice {
            sender: self.sender.ok_or_else(missing(KIND, "senderId"))?,
            target: self.target.ok_or_else(missing(KIND, "targetId"))?,
            document: self.document.as_deref().map(str::parse).transpose()?,
            code: self.code.ok_or_else(missing(KIND, "code"))?,
            detail: self.detail.unwrap_or_default(),
            changes: self.changes,
        })
    }

    fn token(self) -> Result<Frame, FrameError> {
        const KIND: &str = "muster-token";
        Ok(Frame::Token {
            sender: self.sender.ok_or_else(missing(KIND, "senderId"))?,
            target: self.target.ok_or_else(missing(KIND, "targetId"))?,
            token: self.token.ok_or_else(missing(KIND, "token"))?,
        })
    }

    fn about_document(self, kind: &'static str) -> Result<Frame, FrameError> {
        let sender = self.sender.ok_or_else(missing(kind, "senderId"))?;
        let target = self.target.ok_or_else(missing(kind, "targetId"))?;
        let text = self.document.ok_or_else(missing(kind, "documentId"))?;
        let document: DocumentId = match text.parse() {
            Ok(document) => document,
            Err(DocumentIdError::Length { .. }) => {
                return Ok(Frame::ForeignDocument { kind: kind.to_owned(), sender, target, document: text });
            }
            Err(error) => return Err(error.into()),
        };
        let data = self.data.ok_or_else(missing(kind, "data"));
        Ok(match kind {
            "sync" => Frame::Sync { sender, target, document, data: data? },
            "request" => Frame::Request { sender, target, document, data: data? },
            "doc-unavailable" => Frame::DocUnavailable { sender, target, document },
            "ephemeral" => Frame::Ephemeral {
                sender,
                target,
                document,
                session: self.session.ok_or_else(missing(kind, "sessionId"))?,
                count: self.count.ok_or_else(missing(kind, "count"))?,
                data: data?,
            },
            _ => Frame::RemoteHeadsChanged {
                sender,
                target,
                document,
                heads: self.new_heads.ok_or_else(missing(kind, "newHeads"))?,
            },
        })
    }
}

fn missing(kind: &'static str, field: &'static str) -> impl FnOnce() -> FrameError {
    move || FrameError::Missing { kind, field }
}

/// The next key, or `None` when it is no text (and has been skipped).
fn key(r: &mut Reader<'_>) -> Result<Option<String>, FrameError> {
    if r.at_text()? {
        let max = r.limits.max_text_bytes;
        return r.text("a key", max).map(Some);
    }
    r.skip()?;
    Ok(None)
}

fn id_error(what: &'static str, r: &Reader<'_>) -> impl FnOnce(IdError) -> FrameError {
    let malformed = r.malformed(what);
    move |_| malformed
}

fn peer_id(r: &mut Reader<'_>, what: &'static str) -> Result<PeerId, FrameError> {
    let text = r.text(what, MAX_ID_BYTES)?;
    PeerId::new(&text).map_err(id_error(what, r))
}

fn storage_id(r: &mut Reader<'_>, what: &'static str) -> Result<StorageId, FrameError> {
    let text = r.text(what, MAX_ID_BYTES)?;
    StorageId::new(&text).map_err(id_error(what, r))
}

fn texts(r: &mut Reader<'_>, what: &'static str) -> Result<Vec<String>, FrameError> {
    let mut out = Vec::new();
    r.array(what, |r| {
        let max = r.limits.max_text_bytes;
        out.push(r.text(what, max)?);
        Ok(())
    })?;
    Ok(out)
}

fn storage_ids(r: &mut Reader<'_>, what: &'static str) -> Result<Vec<StorageId>, FrameError> {
    let mut out = Vec::new();
    r.array(what, |r| {
        out.push(storage_id(r, what)?);
        Ok(())
    })?;
    Ok(out)
}

fn metadata(r: &mut Reader<'_>) -> Result<PeerMetadata, FrameError> {
    let mut out = PeerMetadata::default();
    r.map("peerMetadata", |r| {
        let Some(key) = key(r)? else { return r.skip() };
        if r.take_absent()? {
            return Ok(());
        }
        match key.as_str() {
            "storageId" => out.storage_id = Some(storage_id(r, "storageId")?),
            "isEphemeral" => out.is_ephemeral = r.boolean("isEphemeral")?,
            "muster" => out.muster = Some(muster(r)?),
            _ => r.skip()?,
        }
        Ok(())
    })?;
    Ok(out)
}

fn muster(r: &mut Reader<'_>) -> Result<MusterMetadata, FrameError> {
    let mut out = MusterMetadata::default();
    r.map("muster", |r| {
        let Some(key) = key(r)? else { return r.skip() };
        if r.take_absent()? {
            return Ok(());
        }
        match key.as_str() {
            "v" => {
                let version = r.count("v")?;
                out.version = u32::try_from(version).map_err(|_| r.malformed("v"))?;
            }
            "nowMs" => out.now = Some(r.timestamp("nowMs")?),
            "features" => out.features = texts(r, "features")?,
            _ => r.skip()?,
        }
        Ok(())
    })?;
    Ok(out)
}

fn new_heads(r: &mut Reader<'_>) -> Result<BTreeMap<StorageId, RemoteHeads>, FrameError> {
    let mut out = BTreeMap::new();
    r.map("newHeads", |r| {
        let storage = storage_id(r, "newHeads")?;
        let mut heads = Vec::new();
        let mut timestamp = Timestamp::default();
        r.map("newHeads", |r| {
            let Some(key) = key(r)? else { return r.skip() };
            match key.as_str() {
                "heads" => r.array("heads", |r| {
                    heads.push(change_hash(r)?);
                    Ok(())
                })?,
                "timestamp" => timestamp = r.timestamp("timestamp")?,
                _ => r.skip()?,
            }
            Ok(())
        })?;
        out.insert(storage, RemoteHeads { heads, timestamp });
        Ok(())
    })?;
    Ok(out)
}

fn hashes(r: &mut Reader<'_>, what: &'static str) -> Result<Vec<ChangeHash>, FrameError> {
    let mut out = Vec::new();
    r.array(what, |r| {
        out.push(change_hash(r)?);
        Ok(())
    })?;
    Ok(out)
}

/// A hash as 64 hex digits (automerge-repo 1.x) or base58check (2.x).
fn change_hash(r: &mut Reader<'_>) -> Result<ChangeHash, FrameError> {
    const WHAT: &str = "a change hash";
    let text = r.text(WHAT, 128)?;
    if text.len() == 64
        && let Ok(hash) = text.parse()
    {
        return Ok(hash);
    }
    let bytes = bs58::decode(&text).with_check(None).into_vec();
    let hash = bytes.ok().and_then(|bytes| ChangeHash::try_from(bytes.as_slice()).ok());
    hash.ok_or_else(|| r.malformed(WHAT))
}
