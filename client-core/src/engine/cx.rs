//! What one event is handled with, and what it gathers.

use std::collections::BTreeSet;

use muster_model::document::DocRef;
use muster_model::time::Timestamp;
use rand::RngCore;

use super::{Output, Touched};
use crate::command::Answer;
use crate::event::{Effect, Topic};
use crate::projection::Projections;
use crate::store::{StoreRead, Write, WriteBatch};

/// One event's context: the arguments of the engine, and what is gathered for the output.
pub(crate) struct Cx<'a> {
    pub(crate) store: &'a dyn StoreRead,
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut dyn RngCore,
    pub(crate) projections: Projections<'a>,
    pub(crate) batch: WriteBatch,
    pub(crate) effects: Vec<Effect>,
    /// What memory holds that is true only when the batch is committed.
    pub(crate) touched: Touched,
    /// Documents about which peers may be owed a message.
    pub(crate) speak: BTreeSet<DocRef>,
    pub(crate) topics: BTreeSet<Topic>,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(store: &'a dyn StoreRead, now: Timestamp, rng: &'a mut dyn RngCore) -> Self {
        Self {
            store,
            now,
            rng,
            projections: Projections::new(store),
            batch: WriteBatch::default(),
            effects: Vec::new(),
            touched: Touched::default(),
            speak: BTreeSet::new(),
            topics: BTreeSet::new(),
        }
    }

    pub(crate) fn write(&mut self, write: Write) {
        self.batch.push(write);
    }

    /// The projections' writes go last: clearing them, if asked for, goes before.
    pub(crate) fn into_output(mut self, answer: Answer) -> Output {
        self.batch.writes.extend(self.projections.into_writes());
        if !self.topics.is_empty() {
            self.effects.push(Effect::Changed(self.topics.into_iter().collect()));
        }
        Output { batch: self.batch, effects: self.effects, answer, touched: self.touched }
    }
}
