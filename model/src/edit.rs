//! What people edit of records by hand, field by field, and what they must not make of them.
//!
//! Only what somebody edits is looked at: a title that was imported too long does not keep anybody from moving the session.

use crate::attendee::{Attendee, Registration};
use crate::checkpoint::{AdmissionRule, Checkpoint};
use crate::id::RoomId;
use crate::logistics::Needs;
use crate::program::{Room, Session};
use crate::record::Record;
use crate::time::Timestamp;

/// The most characters of a name or a title.
pub const MAX_NAME_CHARS: usize = 300;

/// The most characters of a note.
pub const MAX_NOTE_CHARS: usize = 2_000;

/// The most people that a room or a checkpoint has place for.
pub const MAX_CAPACITY: u32 = 1_000_000;

/// The most minutes that a session lasts: a week.
pub const MAX_DURATION_MIN: u32 = 7 * 24 * 60;

/// The most things in a list.
const MAX_ITEMS: usize = 100;

/// The beginning of the year 10000: no calendar goes on after it.
const MAX_TIME: Timestamp = Timestamp::from_ms(253_402_300_800_000);

/// Why an edit cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A name or a title that says nothing.
    #[error("a text that must say something says nothing")]
    TextMissing,
    /// A text or a list that is too long.
    #[error("a text is too long")]
    TextTooLong,
    /// An end that is not after its beginning.
    #[error("the end is not after the beginning")]
    TimesReversed,
    /// A number or a time that cannot be.
    #[error("a number is out of range")]
    OutOfRange,
}

/// An edit of one field.
pub trait FieldOf: Sized {
    /// The kind of record that has the field.
    type Record: Record + Clone;

    /// Makes the edit.
    ///
    /// # Errors
    /// If the field must not say that.
    fn set(self, record: &mut Self::Record) -> Result<(), EditError>;

    /// Looks at what all edits together made of the record.
    ///
    /// # Errors
    /// If fields do not fit each other.
    fn check(_before: &Self::Record, _after: &Self::Record) -> Result<(), EditError> {
        Ok(())
    }
}

/// The record as these edits make it.
///
/// # Errors
/// If a field must not say what it would.
pub fn edited<F: FieldOf>(record: &F::Record, edits: Vec<F>) -> Result<F::Record, EditError> {
    let mut after = record.clone();
    edits.into_iter().try_for_each(|edit| edit.set(&mut after))?;
    F::check(record, &after)?;
    Ok(after)
}

/// An edit of an attendee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttendeeEdit {
    /// The name on the badge.
    Name(String),
    /// The organisation on the badge.
    Organisation(String),
    /// What kind of attendee.
    Category(String),
    /// Whether the registration stands.
    Registration(Registration),
    /// What staff at the door should know.
    Notes(String),
    /// Whether staff should be made to look at the notes.
    Attention(bool),
}

/// An edit of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEdit {
    /// Its title.
    Title(String),
    /// A line under the title.
    Subtitle(String),
    /// When it starts. It lasts as long as before, unless its end is edited after this.
    StartsAt(Timestamp),
    /// When it ends.
    EndsAt(Timestamp),
    /// Where it is.
    Room(Option<RoomId>),
    /// Whether it does not take place.
    Cancelled(bool),
}

/// An edit of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEdit {
    /// Its name on the door.
    Name(String),
    /// How many people it seats.
    Capacity(Option<u32>),
    /// Floor or part of the building.
    Floor(String),
    /// What stands in it.
    Equipment(Vec<String>),
}

/// An edit of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointEdit {
    /// Its name.
    Name(String),
    /// How many people fit behind it.
    Capacity(Option<u32>),
    /// How often it admits an attendee.
    Rule(AdmissionRule),
    /// From when it admits.
    ValidFrom(Option<Timestamp>),
    /// Until when it admits.
    ValidUntil(Option<Timestamp>),
    /// Whether those who have not paid are let in.
    AdmitsUnpaid(bool),
}

/// An edit of what a presenter needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NeedsEdit {
    /// Presentation aids wished for.
    Aids(String),
    /// What they do not eat.
    Dietary(String),
    /// What they need to take part.
    Access(String),
    /// Anything else.
    Notes(String),
}

fn text(field: &mut String, text: &str, max_chars: usize) -> Result<(), EditError> {
    let text = text.trim();
    if text.chars().nth(max_chars).is_some() {
        return Err(EditError::TextTooLong);
    }
    text.clone_into(field);
    Ok(())
}

fn name(field: &mut String, name: &str) -> Result<(), EditError> {
    if name.trim().is_empty() {
        return Err(EditError::TextMissing);
    }
    text(field, name, MAX_NAME_CHARS)
}

fn capacity(field: &mut Option<u32>, capacity: Option<u32>) -> Result<(), EditError> {
    if capacity.is_some_and(|count| !(1..=MAX_CAPACITY).contains(&count)) {
        return Err(EditError::OutOfRange);
    }
    *field = capacity;
    Ok(())
}

fn time(at: Timestamp) -> Result<Timestamp, EditError> {
    if at < Timestamp::default() || at >= MAX_TIME { Err(EditError::OutOfRange) } else { Ok(at) }
}

impl FieldOf for AttendeeEdit {
    type Record = Attendee;

    fn set(self, attendee: &mut Attendee) -> Result<(), EditError> {
        match self {
            Self::Name(value) => name(&mut attendee.name, &value),
            Self::Organisation(value) => text(&mut attendee.organisation, &value, MAX_NAME_CHARS),
            Self::Category(value) => text(&mut attendee.category, &value, MAX_NAME_CHARS),
            Self::Registration(value) => {
                attendee.registration = value;
                Ok(())
            }
            Self::Notes(value) => text(&mut attendee.notes, &value, MAX_NOTE_CHARS),
            Self::Attention(value) => {
                attendee.attention = value;
                Ok(())
            }
        }
    }
}

impl FieldOf for SessionEdit {
    type Record = Session;

    fn set(self, session: &mut Session) -> Result<(), EditError> {
        match self {
            Self::Title(value) => name(&mut session.title, &value),
            Self::Subtitle(value) => text(&mut session.subtitle, &value, MAX_NAME_CHARS),
            Self::StartsAt(value) => {
                session.starts_at = time(value)?;
                Ok(())
            }
            Self::EndsAt(value) => {
                let ms = time(value)?.since_ms(session.starts_at);
                if ms <= 0 {
                    return Err(EditError::TimesReversed);
                }
                // A part of a minute counts as a whole one: what is edited in minutes has none.
                let minutes = u32::try_from(ms.saturating_add(59_999).div_euclid(60_000)).unwrap_or(u32::MAX);
                if minutes > MAX_DURATION_MIN {
                    return Err(EditError::OutOfRange);
                }
                session.duration_min = minutes;
                Ok(())
            }
            Self::Room(value) => {
                session.room = value;
                Ok(())
            }
            Self::Cancelled(value) => {
                session.cancelled = value;
                Ok(())
            }
        }
    }
}

impl FieldOf for RoomEdit {
    type Record = Room;

    fn set(self, room: &mut Room) -> Result<(), EditError> {
        match self {
            Self::Name(value) => name(&mut room.name, &value),
            Self::Capacity(value) => capacity(&mut room.capacity, value),
            Self::Floor(value) => text(&mut room.floor, &value, MAX_NAME_CHARS),
            Self::Equipment(items) => {
                let mut equipment = Vec::new();
                for item in items.iter().filter(|item| !item.trim().is_empty()) {
                    let mut thing = String::new();
                    text(&mut thing, item, MAX_NAME_CHARS)?;
                    equipment.push(thing);
                }
                if equipment.len() > MAX_ITEMS {
                    return Err(EditError::TextTooLong);
                }
                room.equipment = equipment;
                Ok(())
            }
        }
    }
}

impl FieldOf for CheckpointEdit {
    type Record = Checkpoint;

    fn set(self, checkpoint: &mut Checkpoint) -> Result<(), EditError> {
        match self {
            Self::Name(value) => name(&mut checkpoint.name, &value),
            Self::Capacity(value) => capacity(&mut checkpoint.capacity, value),
            Self::Rule(value) => {
                checkpoint.rule = value;
                Ok(())
            }
            Self::ValidFrom(value) => {
                checkpoint.valid_from = value.map(time).transpose()?;
                Ok(())
            }
            Self::ValidUntil(value) => {
                checkpoint.valid_until = value.map(time).transpose()?;
                Ok(())
            }
            Self::AdmitsUnpaid(value) => {
                checkpoint.admits_unpaid = value;
                Ok(())
            }
        }
    }

    fn check(before: &Checkpoint, after: &Checkpoint) -> Result<(), EditError> {
        let times = |checkpoint: &Checkpoint| (checkpoint.valid_from, checkpoint.valid_until);
        match times(after) {
            (Some(from), Some(until)) if until <= from && times(before) != times(after) => {
                Err(EditError::TimesReversed)
            }
            _ => Ok(()),
        }
    }
}

impl FieldOf for NeedsEdit {
    type Record = Needs;

    fn set(self, needs: &mut Needs) -> Result<(), EditError> {
        let (field, value) = match self {
            Self::Aids(value) => (&mut needs.aids, value),
            Self::Dietary(value) => (&mut needs.dietary, value),
            Self::Access(value) => (&mut needs.access, value),
            Self::Notes(value) => (&mut needs.notes, value),
        };
        text(field, &value, MAX_NOTE_CHARS)
    }
}

#[cfg(test)]
mod tests;
