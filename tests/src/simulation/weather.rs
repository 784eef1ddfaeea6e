//! What kind of day it is: how many phones, how long, and how much goes wrong.

use muster_model::access::Role;

use super::draw::Draw;
use super::event_day::EventDay;
use super::phone::Clock;

/// What kind of day it is.
#[derive(Debug, Clone)]
pub(super) struct Weather {
    /// When the last person goes, in milliseconds.
    pub(super) length_ms: i64,
    /// The mean time between two things that one person does, in milliseconds.
    pub(super) pause_ms: i64,
    /// The mean time between two troubles, in milliseconds.
    pub(super) trouble_ms: i64,
    /// The mean time between two edits of coordinators, in milliseconds.
    pub(super) edit_ms: i64,
    /// Whether the first phone keeps its data in SQLite.
    pub(super) sqlite: bool,
    /// Whether clocks are wrong by hours.
    wrong_clocks: bool,
    staff: usize,
    /// The phone that hears of nobody all day.
    pub(super) hermit: Option<usize>,
    /// How long a phone without network stays so, in milliseconds.
    pub(super) outage_ms: i64,
}

impl Weather {
    pub(super) fn new(draw: &mut Draw) -> Self {
        let calm = draw.percent(20);
        let staff = 2 + draw.below(3);
        Self {
            length_ms: draw.between(180_000, 600_000),
            pause_ms: draw.between(8_000, 20_000),
            trouble_ms: if calm { 60_000 } else { draw.between(5_000, 20_000) },
            edit_ms: draw.between(20_000, 90_000),
            sqlite: draw.percent(6),
            wrong_clocks: draw.percent(70),
            staff,
            hermit: draw.percent(25).then(|| draw.below(staff)),
            outage_ms: draw.between(5_000, 90_000),
        }
    }

    /// Who has a phone.
    pub(super) fn roles(&self, day: &EventDay, draw: &mut Draw) -> Vec<Role> {
        let mut roles = vec![Role::Staff; self.staff];
        if draw.percent(15) {
            roles.push(if draw.percent(70) { Role::Coordinator } else { Role::Finance });
        }
        if draw.percent(50) {
            roles.extend(draw.pick(&day.presenters).copied().map(Role::Presenter));
        }
        roles
    }

    pub(super) fn clock(&self, draw: &mut Draw) -> Clock {
        let ahead_ms = match self.wrong_clocks {
            true if draw.percent(60) => draw.between(-6 * 3_600_000, 6 * 3_600_000),
            _ => draw.between(-2_000, 2_000),
        };
        Clock { ahead_ms, gains_ppm: draw.between(-150, 150) }
    }

    /// When a phone joins: most before the doors open, some in the middle of the day.
    pub(super) fn joins_ms(&self, number: usize, draw: &mut Draw) -> i64 {
        let late = number > 0 && draw.percent(25);
        if late { draw.between(10_000, self.length_ms / 2) } else { draw.between(1_000, 5_000) }
    }
}
