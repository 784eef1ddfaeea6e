//! A phone that has everything already: it says so, hears that it is so, and stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use automerge::ChangeHash;
use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageVersion};
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

    /// Opens every document, as a phone does that comes back and lacks nothing.
    pub(crate) async fn level(mut self) -> Result<Self, BenchError> {
        for (document, heads) in &*self.documents {
            let have = Have { last_sync: heads.clone(), bloom: BloomFilter::from_hashes(std::iter::empty::<&ChangeHash>()) };
            let message = Message {
                heads: heads.clone(),
                need: Vec::new(),
                have: vec![have],
                changes: ChunkList::from(Vec::<Vec<u8>>::new()),
                flags: None,
                version: MessageVersion::V1,
            };
            self.link.say(*document, message.encode()).await?;
        }
        let mut open: BTreeSet<DocumentId> = self.documents.keys().copied().collect();
        while !open.is_empty() {
            for (document, data) in self.link.hear().await? {
                let size = DocumentSize { stored_changes: 1 << 20 };
                let summary = check_sync_message(&data, &GuardLimits::bulk_import(), &size)
                    .map_err(|error| BenchError::Wire(error.to_string()))?;
                if self.documents.get(&document) == Some(&summary.heads) {
                    open.remove(&document);
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
