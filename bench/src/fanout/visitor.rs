//! A phone that gets everything, keeps none of it, and stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use automerge::ChangeHash;
use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageFlags, MessageVersion};
use muster_protocol::DocumentId;
use muster_protocol::guard::{DocumentSize, GuardLimits, check_sync_message};

use super::link::Link;
use crate::error::BenchError;

/// The documents of a phone, with their heads.
pub(crate) type Documents = Arc<BTreeMap<DocumentId, Vec<ChangeHash>>>;

/// A phone with a connection.
pub(crate) struct Visitor {
    link: Link,
    documents: Documents,
}

impl Visitor {
    pub(crate) const fn new(link: Link, documents: Documents) -> Self {
        Self { link, documents }
    }

    /// Gets every document, as a phone does that comes for the first time.
    pub(crate) async fn join(self) -> Result<Self, BenchError> {
        self.come_back(&Documents::default()).await
    }

    /// Gets what is new since it had these documents up to these heads.
    pub(crate) async fn come_back(mut self, before: &Documents) -> Result<Self, BenchError> {
        for document in self.documents.keys() {
            let heads = before.get(document).cloned().unwrap_or_default();
            self.link.say(*document, message(heads)).await?;
        }
        let mut open: BTreeSet<DocumentId> = self.documents.keys().copied().collect();
        while !open.is_empty() {
            for (document, data) in self.link.hear().await? {
                let size = DocumentSize { stored_changes: 1 << 20 };
                let summary = check_sync_message(&data, &GuardLimits::bulk_import(), &size)
                    .map_err(|error| BenchError::Wire(error.to_string()))?;
                if self.documents.get(&document) == Some(&summary.heads) && open.remove(&document) {
                    self.link.say(document, message(summary.heads)).await?;
                }
            }
        }
        Ok(self)
    }

    /// Answers pings until the connection ends.
    pub(crate) async fn stay(mut self) -> Result<(), BenchError> {
        loop {
            self.link.hear().await?;
        }
    }
}

/// "I have all that there is up to these heads", from somebody who reads whole documents.
fn message(heads: Vec<ChangeHash>) -> Vec<u8> {
    let have = Have { last_sync: heads.clone(), bloom: BloomFilter::from_hashes(std::iter::empty::<&ChangeHash>()) };
    let mut flags = MessageFlags::new();
    flags.set(MessageFlags::SUPPORTS_SYNC_RESET);
    let message = Message {
        heads,
        need: Vec::new(),
        have: vec![have],
        changes: ChunkList::from(Vec::<Vec<u8>>::new()),
        flags: Some(flags),
        version: MessageVersion::V1,
    };
    message.encode()
}
