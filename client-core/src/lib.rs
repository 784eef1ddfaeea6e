//! The offline core: engine, store, projections and outbox, without a runtime.
