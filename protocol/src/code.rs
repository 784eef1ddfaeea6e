//! The stable codes of everything that can go wrong on the wire.
//!
//! One list for server, phone and browser: a code never changes its meaning, new ones are added at
//! the end of [`ProtocolCode::ALL`]. `docs/PROTOCOL.md` shows the list.

use std::fmt;

/// When it makes sense to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// Try again soon, with backoff and jitter: nothing has to change first.
    Transient,
    /// Try again when the network is back.
    NeedsNetwork,
    /// A person has to do something first (update the app, ask a coordinator).
    NeedsUser,
    /// The same bytes will be refused again.
    Permanent,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $text:literal, $retry:ident, $remedy:literal;)*) => {
        /// Why a frame, a message or a connection was refused. The text form is stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ProtocolCode { $($(#[$doc])* $name,)* }

        impl ProtocolCode {
            /// Every code, in the order in which they were introduced.
            pub const ALL: &'static [ProtocolCode] = &[$(ProtocolCode::$name,)*];

            /// The stable text, as it stands in `error` and `muster-notice` frames and in logs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(ProtocolCode::$name => $text,)* }
            }

            /// When to try again.
            #[must_use]
            pub const fn retry(self) -> RetryClass {
                match self { $(ProtocolCode::$name => RetryClass::$retry,)* }
            }

            /// What is wrong and what to do about it, in one English sentence without personal data.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(ProtocolCode::$name => $remedy,)* }
            }
        }
    };
}

codes! {
    /// Not a CBOR map as the protocol has it.
    FrameMalformed => "frame_malformed", Permanent, "the frame is not a valid automerge-repo message; check the client's version";
    /// More bytes than the receiver takes.
    FrameTooLarge => "frame_too_large", Permanent, "the frame is larger than this side accepts; send smaller messages";
    /// A text frame.
    FrameText => "frame_text", Permanent, "only binary WebSocket messages are used";
    /// A text, list or nesting in the frame exceeds its limit.
    FrameLimit => "frame_limit", Permanent, "a text, a list or the nesting in the frame is over its limit";
    /// No protocol version in common.
    ProtocolVersion => "protocol_version", NeedsUser, "this side speaks automerge-repo protocol version 1; update the client";
    /// `senderId` is not the peer that joined.
    SenderMismatch => "sender_mismatch", Permanent, "senderId must be the peer id of the join";
    /// `targetId` is somebody else.
    TargetMismatch => "target_mismatch", Permanent, "targetId must be the peer id of this side";
    /// No `join` or `peer` in time.
    HandshakeTimeout => "handshake_timeout", Transient, "the other side did not say join or peer in time";
    /// A message out of its turn in the handshake.
    HandshakeOrder => "handshake_order", Permanent, "the first message must be join (client) or peer (server), once";
    /// The other side sent an `error` frame before the handshake was done.
    PeerRefused => "peer_refused", NeedsUser, "the other side refused the connection";
    /// The other side said `leave`.
    PeerLeft => "peer_left", Transient, "the other side said goodbye";
    /// The carrier closed.
    CarrierClosed => "carrier_closed", NeedsNetwork, "the connection was closed; reconnect with backoff";
    /// More frames of unknown type than tolerated.
    FrameUnknown => "frame_unknown", Permanent, "too many frames of unknown type";
    /// A sync message whose structure is broken.
    GuardMalformed => "guard_malformed", Permanent, "the sync message is cut off or is not one";
    /// A Bloom filter that would panic or cost too much.
    GuardBloom => "guard_bloom", Permanent, "the Bloom filter in the sync message is out of bounds";
    /// Compressed data that inflates beyond its limit.
    GuardInflate => "guard_inflate", Permanent, "compressed data inflates beyond its limit";
    /// More operations than this peer may send.
    GuardOps => "guard_ops", Permanent, "a change holds more operations than allowed; split it, or import it";
    /// Too many changes whose dependencies are unknown.
    GuardOrphans => "guard_orphans", Permanent, "too many changes depend on changes that nobody has";
    /// Too many heads, needs, haves or dependencies.
    GuardHashes => "guard_hashes", Permanent, "a list of hashes in the sync message is over its limit";
    /// Too many changes in one message.
    GuardChanges => "guard_changes", Permanent, "the sync message holds more changes than allowed";
    /// A chunk whose checksum does not match.
    GuardChecksum => "guard_checksum", Transient, "a chunk was damaged on its way; reconnect";
    /// A whole document where only changes are accepted.
    GuardDocument => "guard_document", Permanent, "this peer may send changes one by one, not whole documents";
    /// A chunk type that is not accepted.
    GuardChunkType => "guard_chunk_type", Permanent, "the chunk type is not accepted";
    /// A column that is malformed or expands beyond its limit.
    GuardColumn => "guard_column", Permanent, "a column of a change is malformed or expands beyond its limit";
    /// Text that expands beyond its limit.
    GuardText => "guard_text", Permanent, "the texts in a change expand beyond their limit";
    /// A change whose sequence number leaves a gap or is out of range.
    GuardSequence => "guard_sequence", Permanent, "a change skips its author's previous change";
    /// Automerge could not read a sync message which passed the guard.
    SyncDecode => "sync_decode", Permanent, "the sync message could not be read";
    /// Automerge could not apply changes which passed the guard.
    SyncApply => "sync_apply", Permanent, "the changes could not be applied";
    /// The peer may read this document but not write it.
    ReadOnly => "read_only", NeedsUser, "this device may not change the document; its changes were kept aside";
    /// The document is not here, or not for this peer.
    DocumentUnavailable => "document_unavailable", NeedsUser, "the document is not here or not for this device";
    /// A queue of the receiver is full.
    Overload => "overload", Transient, "too much at once; reconnect after the hint";
    /// A second connection took this peer's place.
    Replaced => "replaced", Transient, "the same peer connected again; this connection is closed";
    /// The device sends or costs more than its share.
    RateLimited => "rate_limited", Transient, "this device asks for more than its share; reconnect after the hint";
    /// The device has as many connections as it may.
    TooManyConnections => "too_many_connections", Transient, "this device has too many connections; close some, and reconnect after the hint";
    /// The document was begun anew under another id, to forget what it held.
    DocumentReplaced => "document_replaced", Transient, "the document was begun anew under another id; the document `event` says which";
    /// A change whose actor belongs to no device of the event.
    AuthorUnknown => "author_unknown", Permanent, "the author of a change is no device of this event";
    /// A change of a device that was revoked.
    AuthorRevoked => "author_revoked", NeedsUser, "the author of a change was revoked; a coordinator can accept what it did";
    /// A carried change that nobody vouches for.
    AuthorUnproven => "author_unproven", NeedsUser, "a change of somebody else is not taken from this device; its author has to bring it";
    /// A change under an actor that its author does not use.
    AuthorMismatch => "author_mismatch", Permanent, "a change is written under an actor that belongs to the server";
    /// A fact that is there already, or that is to be changed or deleted.
    FactImmutable => "fact_immutable", Permanent, "facts are never changed or deleted; record another fact";
    /// A fact under the id of another device, or about somebody whom only they may speak for.
    FactForeign => "fact_foreign", Permanent, "a fact is under another device's id, or speaks for somebody else";
    /// What is no fact under a fact's id.
    FactMalformed => "fact_malformed", Permanent, "what was appended is not a fact";
    /// A fact that belongs in another document.
    FactMisplaced => "fact_misplaced", Permanent, "a fact of this kind belongs in another document";
    /// A record or a field that the author may not edit.
    FieldForbidden => "field_forbidden", NeedsUser, "this role may not edit that; ask a coordinator";
    /// A new record under an id that another has.
    IdTaken => "id_taken", Permanent, "another record has this id; make the record anew";
    /// A new record under what is no id.
    IdMalformed => "id_malformed", Permanent, "a record was made under what is no id";
    /// An edit outside of the document's collections and records.
    StructureForbidden => "structure_forbidden", Permanent, "the structure of a document cannot be changed";
    /// A document or a fact of a later version.
    SchemaUnknown => "schema_unknown", NeedsUser, "the server does not know this version of the data; update the server";
    /// A value, a key or a whole change that is too large.
    SizeLimit => "size_limit", Permanent, "a value or a change is over its limit; make it smaller";
    /// A change that depends on one that was refused.
    DependsOnRefused => "depends_on_refused", Transient, "a change builds on one that was refused; it is replayed without that";
}

impl fmt::Display for ProtocolCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_snake_case_words_with_a_remedy() {
        let texts: BTreeSet<&str> = ProtocolCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), ProtocolCode::ALL.len());
        for code in ProtocolCode::ALL {
            let snake = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(code.as_str().chars().all(snake), "{code}");
            assert!(!code.remedy().is_empty(), "{code}");
        }
    }

    #[test]
    fn the_documentation_lists_every_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/PROTOCOL.md");
        let page = std::fs::read_to_string(path).unwrap();
        for code in ProtocolCode::ALL {
            let row = format!("| `{code}` |");
            let line = page.lines().find(|line| line.starts_with(&row));
            assert!(line.is_some_and(|line| line.contains(code.remedy())), "{code}");
        }
    }
}
