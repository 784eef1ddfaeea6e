//! How much one address or one device may ask for, so that the others can too.
//!
//! - [`Doors`]: connections, from the moment they are accepted until they have shown who they are, and for as long as they
//!   are open.
//! - [`Bucket`]: something that fills up at a steady rate and is spent in bursts.

mod bucket;
mod doors;

pub use bucket::Bucket;
pub use doors::{DoorStats, Doors, Refusal, Standing};
