//! What the demo shows: live bars in a terminal, plain lines for machines.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where the demo's story goes.
#[derive(Debug)]
pub(super) struct Screen {
    bars: MultiProgress,
    live: bool,
}

impl Screen {
    /// A screen; `live` in a terminal that somebody watches.
    #[must_use]
    pub(super) fn new(live: bool) -> Self {
        let target = if live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), live }
    }

    /// Whether somebody watches.
    #[must_use]
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// Begins a part of the story.
    pub(super) fn stage(&self, text: &str) {
        self.say(&format!("\n== {text}"));
    }

    /// Says something.
    #[expect(clippy::print_stdout, reason = "the demo's story is its output")]
    pub(super) fn say(&self, text: &str) {
        if !self.live || self.bars.println(text).is_err() {
            println!("{text}");
        }
    }

    /// A bar for a phone, or for work of so many steps.
    #[must_use]
    pub(super) fn bar(&self, name: &str, steps: usize) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX)));
        let style = ProgressStyle::with_template("{prefix:>8} {bar:28} {pos:>5}/{len}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(name.to_owned());
        bar
    }
}
