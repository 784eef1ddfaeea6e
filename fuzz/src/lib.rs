//! What a stranger can send, one target for each way in.
//!
//! A target takes bytes, gives them to the code that would meet them first, and checks what must hold whatever they are:
//! nothing panics, what is accepted is what it says, and what it costs is in proportion to what came. `cargo xtask fuzz`
//! looks for bytes that break this, guided by the code that they reach (`fuzz/libfuzzer`); the test of this crate replays
//! all that was ever kept in `fuzz/corpus`, without any instrument.
//!
//! The first byte of an input says in which of a target's ways the others are used, so that one corpus serves all of them.

pub mod escaped;
pub mod frames;
pub mod guard;
pub mod importers;
pub mod meter;
pub mod seeds;
pub mod tickets;
pub mod tokens;

/// A target: a name, which is also that of its corpus, what it does with bytes, and what to begin with.
pub struct Target {
    /// The name, as in `cargo xtask fuzz NAME`.
    pub name: &'static str,
    /// Takes any bytes; panics if something does not hold.
    pub run: fn(&[u8]),
    /// Inputs made by Muster's own code.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 5] = [
    Target { name: "frames", run: frames::run, seeds: frames::seeds },
    Target { name: "guard", run: guard::run, seeds: guard::seeds },
    Target { name: "importers", run: importers::run, seeds: importers::seeds },
    Target { name: "tickets", run: tickets::run, seeds: tickets::seeds },
    Target { name: "tokens", run: tokens::run, seeds: tokens::seeds },
];

/// The first byte, and the text that the others are; `None` if there is no byte.
fn mode_and_text(data: &[u8]) -> Option<(u8, String)> {
    let (mode, text) = data.split_first()?;
    Some((*mode, String::from_utf8_lossy(text).into_owned()))
}

/// An input for one of a target's ways.
fn seed(mode: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    [&[mode], bytes.as_ref()].concat()
}
