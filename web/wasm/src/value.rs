//! Ids, times and what else is a plain value in TypeScript; and how arguments become what they have to be.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::{Failed, Problem};

#[wasm_bindgen(typescript_custom_section)]
const IDS: &str = "
/** Milliseconds since 1970-01-01T00:00:00Z: a device's wrong clock may lie outside of what a `Date` can hold. */
export type Timestamp = number;
export type EventId = string;
export type DeviceId = string;
export type AttendeeId = string;
export type CheckpointId = string;
export type FactId = string;
export type SessionId = string;
export type RoomId = string;
export type TrackId = string;
export type PresenterId = string;
export type ItemId = string;
export type QuestionId = string;
export type LogisticsId = string;
export type ServerId = string;
/** A document's name, such as `checkins/00`. */
export type DocRef = string;
";

/// Takes an id; a text that is not one is refused before anything is asked of the core.
pub(crate) fn id<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Failed> {
    text.parse().map_err(Problem::bad_parameter)
}

/// Takes a record.
pub(crate) fn record<T: Tsify + DeserializeOwned>(value: &Ts<T>) -> Result<T, Failed>
where
    T::JsType: Clone,
{
    // What serde says may repeat what was handed over, which may be a name.
    value.to_rust().map_err(|_| Problem::bad_parameter("a record does not have the fields it has to have"))
}

/// Gives a record.
pub(crate) fn given<T, U>(theirs: T) -> Result<Ts<U>, Failed>
where
    U: From<T> + Tsify + serde::Serialize,
{
    U::from(theirs).into_ts().map_err(|_| Problem::internal("a record could not be written"))
}

/// Gives a list of records.
pub(crate) fn given_list<T, U>(theirs: impl IntoIterator<Item = T>) -> Result<Vec<Ts<U>>, Failed>
where
    U: From<T> + Tsify + serde::Serialize,
{
    theirs.into_iter().map(given).collect()
}
