//! What presenters are paid.

use muster_model::logistics::{Honorarium, HonorariumState};

use super::{BadCell, CURRENCY, HONORARIUM, RowReader, STATE};

/// The most digits before the point: more than any honorarium has, fewer than would overflow in cents.
const MAX_DIGITS: usize = 12;

impl RowReader<'_> {
    /// The honorarium, if there is one.
    pub(super) fn honorarium(&mut self) -> Result<Option<Honorarium>, BadCell> {
        let amount = match self.text(HONORARIUM) {
            "" => None,
            text => Some(cents(text).ok_or(BadCell {
                column: HONORARIUM.heading,
                expected: "an amount such as 350.00, with at most two decimals and no sign",
            })?),
        };
        let state = match self.text(STATE).to_lowercase().as_str() {
            "" | "none" if amount.unwrap_or_default() == 0 => return Ok(None),
            "" => {
                self.assume(STATE, "there is an amount and no state: taken as agreed");
                HonorariumState::Agreed
            }
            text => state_of(text).ok_or(BadCell {
                column: STATE.heading,
                expected: "none (without an amount), agreed, invoiced, approved, paid or waived",
            })?,
        };
        let amount_cents = match amount {
            Some(cents) => cents,
            // Who takes none need not say how much it would have been.
            None if state == HonorariumState::Waived => 0,
            None => return Err(BadCell { column: HONORARIUM.heading, expected: "an amount, as there is a state" }),
        };
        let currency = self.text(CURRENCY).to_uppercase();
        let is_code = currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase());
        let is_needless = currency.is_empty() && amount_cents == 0;
        if !is_code && !is_needless {
            return Err(BadCell { column: CURRENCY.heading, expected: "a code of three letters such as EUR" });
        }
        Ok(Some(Honorarium { amount_cents, currency, state, ..Honorarium::default() }))
    }
}

fn state_of(text: &str) -> Option<HonorariumState> {
    match text {
        "agreed" => Some(HonorariumState::Agreed),
        "invoiced" => Some(HonorariumState::Invoiced),
        "approved" => Some(HonorariumState::Approved),
        "paid" => Some(HonorariumState::Paid),
        "waived" => Some(HonorariumState::Waived),
        _ => None,
    }
}

/// An amount in hundredths. A comma may stand for the point; neither may group thousands, as `1,200` would be read as
/// two amounts.
pub(super) fn cents(text: &str) -> Option<i64> {
    let (units, decimals) = text.split_once(['.', ',']).map_or((text, None), |(units, rest)| (units, Some(rest)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !digits(units) || units.len() > MAX_DIGITS || decimals.is_some_and(|text| !digits(text) || text.len() > 2) {
        return None;
    }
    let units: i64 = units.parse().ok()?;
    let decimals: i64 = format!("{:0<2}", decimals.unwrap_or_default()).parse().ok()?;
    units.checked_mul(100)?.checked_add(decimals)
}
