//! The driver: the engine, its store and its randomness in one hand.
//!
//! Whatever is asked goes the same way: the engine says what is to be done, the batch is committed in one transaction, and
//! only then are the answer given and the effects let out. When the commit fails, nothing was shown and nothing is sent.

mod commands;
mod questions;

use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use rand::RngCore;

use crate::code::CoreCode;
use crate::command::Answer;
use crate::engine::{Cx, Engine, Output};
use crate::error::{CoreError, EngineError};
use crate::event::{Effect, Event};
use crate::store::{Flush, Store};

/// The engine with its store and its randomness. See the [module](self).
pub struct Driver<S> {
    engine: Engine,
    store: S,
    rng: Box<dyn RngCore + Send>,
    effects: Vec<Effect>,
}

/// Who this device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Me {
    /// The event.
    pub event: EventId,
    /// The device.
    pub device: DeviceId,
    /// What it may do.
    pub role: Role,
}

impl<S> std::fmt::Debug for Driver<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("engine", &self.engine)
            .field("effects", &self.effects.len())
            .finish_non_exhaustive()
    }
}

impl<S: Store> Driver<S> {
    /// Takes an opened store and a source of randomness (a cryptographic one: ids of walk-ins come from it), and looks at
    /// what there is to do. Loads no attendees.
    ///
    /// # Errors
    /// If the store fails.
    pub fn open(store: S, rng: Box<dyn RngCore + Send>, now: Timestamp) -> Result<Self, CoreError> {
        let mut driver = Self { engine: Engine::new(), store, rng, effects: Vec::new() };
        driver.dispatch(now, Event::Opened)?;
        Ok(driver)
    }

    /// Handles an event: decides, commits, and gives the answer. [`Driver::take_effects`] then has what is to be done.
    ///
    /// # Errors
    /// If it could not be done or not be made durable. Then it was not done at all; take the effects all the same, since
    /// links may have to be closed.
    pub fn dispatch(&mut self, now: Timestamp, event: Event) -> Result<Answer, CoreError> {
        let flush = flush_after(&event);
        let mut output = self.engine.handle(&self.store, now, &mut *self.rng, event);
        if let Ok(output) = &mut output {
            output.batch.flush = flush;
        }
        self.carry_out(now, output)
    }

    fn carry_out(&mut self, now: Timestamp, output: Result<Output, EngineError>) -> Result<Answer, CoreError> {
        let result = output.map_err(CoreError::from).and_then(|output| {
            if !output.batch.is_empty()
                && let Err(error) = self.store.commit(&output.batch)
            {
                self.engine.forget(&output.touched, &output.effects, now, &mut *self.rng);
                return Err(error.into());
            }
            self.effects.extend(output.effects);
            Ok(output.answer)
        });
        self.effects.extend(self.engine.take_recovery());
        result
    }

    /// What the shell has to do, in this order. To be taken after every call, whether it succeeded or not.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Gives the store back, for example to close it.
    pub fn into_store(self) -> S {
        self.store
    }

    fn read<T>(
        &mut self,
        now: Timestamp,
        question: impl FnOnce(&mut Engine, &mut Cx<'_>) -> Result<T, EngineError>,
    ) -> Result<T, CoreError> {
        self.read_always(now, |engine, cx| {
            engine.check_standing(cx)?;
            question(engine, cx)
        })
    }

    /// Reads what whoever holds the device may know however it stands.
    fn read_always<T>(
        &mut self,
        now: Timestamp,
        question: impl FnOnce(&mut Engine, &mut Cx<'_>) -> Result<T, EngineError>,
    ) -> Result<T, CoreError> {
        let mut cx = Cx::new(&self.store, now, &mut *self.rng);
        self.engine.read_book(&mut cx)?;
        Ok(question(&mut self.engine, &mut cx)?)
    }

    /// Does the work that can wait, as [`Event::Wake`] does piece by piece, until none is left.
    ///
    /// # Errors
    /// If the store fails.
    pub fn work_off(&mut self, now: Timestamp) -> Result<(), CoreError> {
        while self.engine.has_work(now) {
            self.dispatch(now, Event::Wake)?;
        }
        Ok(())
    }

    /// Makes all projections anew from the documents, to the end.
    ///
    /// # Errors
    /// If the store fails; then the rest is made at the next wakes.
    pub fn rebuild_projections(&mut self, now: Timestamp) -> Result<(), CoreError> {
        let mut cx = Cx::new(&self.store, now, &mut *self.rng);
        let output = self.engine.rebuild(&mut cx).map(|()| cx.into_output(Answer::Nothing));
        self.carry_out(now, output)?;
        self.work_off(now)
    }
}

/// What a person did must survive the loss of power before they are told that it is done. What came over a link others have
/// too, and what is done in idle time can be done again.
const fn flush_after(event: &Event) -> Flush {
    match event {
        Event::Opened | Event::Enrolled(_) | Event::Command(_) | Event::SyncStart | Event::SyncStop => Flush::Now,
        Event::LinkUp { .. }
        | Event::PeerUp { .. }
        | Event::LinkDown { .. }
        | Event::LinkFrame { .. }
        | Event::LinkText { .. }
        | Event::Wake => Flush::WithNext,
        // A token that was exchanged is gone, and a nonce has to be found again: see `engine::tokens`.
        Event::Refreshed { .. } | Event::HandedOver { .. } => Flush::Now,
    }
}

fn internal(detail: &str) -> CoreError {
    let code = CoreCode::Internal;
    CoreError { code, retry: code.retry(), detail: detail.to_owned() }
}
