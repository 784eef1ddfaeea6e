//! Which documents this device holds: those its role may read, by the access table and the event's shards.

use muster_model::access::Role;
use muster_model::document::{Division, DocKind, DocRef};

use super::{Cx, Engine};
use crate::error::EngineError;

/// The order in which documents matter to a phone that has none yet: what a scan needs comes first.
const ORDER: [DocKind; 12] = [
    DocKind::Event,
    DocKind::Checkins,
    DocKind::Roster,
    DocKind::Rooms,
    DocKind::Program,
    DocKind::Arrivals,
    DocKind::Presenter,
    DocKind::Survey,
    DocKind::Plan,
    DocKind::Budget,
    DocKind::Contacts,
    DocKind::Answers,
];

impl Engine {
    /// Finds out anew which documents this device holds; says which are new, or begun anew.
    pub(super) fn find_held(&mut self, cx: &mut Cx<'_>) -> Result<Vec<DocRef>, EngineError> {
        let (role, event_id) = {
            let (_, identity) = self.book(cx)?;
            (identity.role, identity.event)
        };
        let shards = self.event_view(cx)?.event.shard_range();
        let mut held = Vec::new();
        for kind in ORDER {
            match kind.division() {
                Division::Whole => held.push(DocRef::whole(kind)),
                Division::Shards => held.extend(shards.clone().map(|shard| DocRef::shard(kind, shard))),
                Division::Presenters => match role {
                    Role::Presenter(own) => held.push(DocRef::presenter(own)),
                    _ if role.kind_may_read(kind) => {
                        held.extend(self.program_view(cx)?.presenters.keys().copied().map(DocRef::presenter));
                    }
                    _ => {}
                },
            }
        }
        // What may be appended to but not read (survey answers) is not opened before something was appended.
        held.retain(|doc| role.access(doc).may_read());
        let wanted = self.event_view(cx)?.epochs.clone();
        let moved = self.epochs_wanted(wanted, &held);
        let mut new: Vec<DocRef> = held.iter().filter(|doc| !self.held.contains(doc)).copied().collect();
        new.extend(moved.into_iter().filter(|doc| self.held.contains(doc)));
        self.by_id = held.iter().map(|doc| (self.spoken_id(event_id, doc), *doc)).collect();
        self.held = held;
        Ok(new)
    }

    /// Finds documents that are new since the event or the programme changed, and has them synced.
    pub(super) fn open_new_documents(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let new = self.find_held(cx)?;
        for doc in new {
            self.greet_about(doc);
        }
        Ok(())
    }
}

trait KindAccess {
    fn kind_may_read(&self, kind: DocKind) -> bool;
}

impl KindAccess for Role {
    fn kind_may_read(&self, kind: DocKind) -> bool {
        muster_model::access::access(self.kind(), kind).may_read()
    }
}
