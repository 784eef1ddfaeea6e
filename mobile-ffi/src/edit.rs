//! Records edited field by field, what of that waits to be sent, and fields that wait for somebody to choose.

use muster_client_core::{command, view};
use muster_model::document::DocRef;
use muster_model::edit;
use muster_model::id::{DeviceId, RoomId};
use muster_model::time::Timestamp;

use crate::attendee::Registration;
use crate::checkpoint::AdmissionRule;
use crate::mirror::list;
use crate::value::Text;

/// An edit of an attendee.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum AttendeeEdit {
    /// The name on the badge.
    Name {
        /// What it is to say.
        value: Text,
    },
    /// The organisation on the badge.
    Organisation {
        /// What it is to say.
        value: Text,
    },
    /// What kind of attendee.
    Category {
        /// What it is to say.
        value: Text,
    },
    /// Whether the registration stands.
    Registration {
        /// What it is to say.
        value: Registration,
    },
    /// What staff at the door should know.
    Notes {
        /// What it is to say.
        value: Text,
    },
    /// Whether staff should be made to look at the notes.
    Attention {
        /// What it is to say.
        value: bool,
    },
}

impl From<AttendeeEdit> for edit::AttendeeEdit {
    fn from(edit: AttendeeEdit) -> Self {
        match edit {
            AttendeeEdit::Name { value } => Self::Name(value.into()),
            AttendeeEdit::Organisation { value } => Self::Organisation(value.into()),
            AttendeeEdit::Category { value } => Self::Category(value.into()),
            AttendeeEdit::Registration { value } => Self::Registration(value.into()),
            AttendeeEdit::Notes { value } => Self::Notes(value.into()),
            AttendeeEdit::Attention { value } => Self::Attention(value),
        }
    }
}

/// An edit of a session.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum SessionEdit {
    /// Its title.
    Title {
        /// What it is to say.
        value: Text,
    },
    /// A line under the title.
    Subtitle {
        /// What it is to say.
        value: Text,
    },
    /// When it starts. It lasts as long as before, unless its end is edited after this.
    StartsAt {
        /// What it is to say.
        value: Timestamp,
    },
    /// When it ends.
    EndsAt {
        /// What it is to say.
        value: Timestamp,
    },
    /// Where it is.
    Room {
        /// What it is to say.
        value: Option<RoomId>,
    },
    /// Whether it does not take place.
    Cancelled {
        /// What it is to say.
        value: bool,
    },
}

impl From<SessionEdit> for edit::SessionEdit {
    fn from(edit: SessionEdit) -> Self {
        match edit {
            SessionEdit::Title { value } => Self::Title(value.into()),
            SessionEdit::Subtitle { value } => Self::Subtitle(value.into()),
            SessionEdit::StartsAt { value } => Self::StartsAt(value),
            SessionEdit::EndsAt { value } => Self::EndsAt(value),
            SessionEdit::Room { value } => Self::Room(value),
            SessionEdit::Cancelled { value } => Self::Cancelled(value),
        }
    }
}

/// An edit of a room.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum RoomEdit {
    /// Its name on the door.
    Name {
        /// What it is to say.
        value: Text,
    },
    /// How many people it seats.
    Capacity {
        /// What it is to say.
        value: Option<u32>,
    },
    /// Floor or part of the building.
    Floor {
        /// What it is to say.
        value: Text,
    },
    /// What stands in it.
    Equipment {
        /// What it is to say.
        value: Vec<Text>,
    },
}

impl From<RoomEdit> for edit::RoomEdit {
    fn from(edit: RoomEdit) -> Self {
        match edit {
            RoomEdit::Name { value } => Self::Name(value.into()),
            RoomEdit::Capacity { value } => Self::Capacity(value),
            RoomEdit::Floor { value } => Self::Floor(value.into()),
            RoomEdit::Equipment { value } => Self::Equipment(list(value)),
        }
    }
}

/// An edit of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum CheckpointEdit {
    /// Its name.
    Name {
        /// What it is to say.
        value: Text,
    },
    /// How many people fit behind it.
    Capacity {
        /// What it is to say.
        value: Option<u32>,
    },
    /// How often it admits an attendee.
    Rule {
        /// What it is to say.
        value: AdmissionRule,
    },
    /// From when it admits.
    ValidFrom {
        /// What it is to say.
        value: Option<Timestamp>,
    },
    /// Until when it admits.
    ValidUntil {
        /// What it is to say.
        value: Option<Timestamp>,
    },
    /// Whether those who have not paid are let in.
    AdmitsUnpaid {
        /// What it is to say.
        value: bool,
    },
}

impl From<CheckpointEdit> for edit::CheckpointEdit {
    fn from(edit: CheckpointEdit) -> Self {
        match edit {
            CheckpointEdit::Name { value } => Self::Name(value.into()),
            CheckpointEdit::Capacity { value } => Self::Capacity(value),
            CheckpointEdit::Rule { value } => Self::Rule(value.into()),
            CheckpointEdit::ValidFrom { value } => Self::ValidFrom(value),
            CheckpointEdit::ValidUntil { value } => Self::ValidUntil(value),
            CheckpointEdit::AdmitsUnpaid { value } => Self::AdmitsUnpaid(value),
        }
    }
}

/// An edit of what a presenter needs.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum NeedsEdit {
    /// Presentation aids wished for.
    Aids {
        /// What it is to say.
        value: Text,
    },
    /// What they do not eat.
    Dietary {
        /// What it is to say.
        value: Text,
    },
    /// What they need to take part.
    Access {
        /// What it is to say.
        value: Text,
    },
    /// Anything else.
    Notes {
        /// What it is to say.
        value: Text,
    },
}

impl From<NeedsEdit> for edit::NeedsEdit {
    fn from(edit: NeedsEdit) -> Self {
        match edit {
            NeedsEdit::Aids { value } => Self::Aids(value.into()),
            NeedsEdit::Dietary { value } => Self::Dietary(value.into()),
            NeedsEdit::Access { value } => Self::Access(value.into()),
            NeedsEdit::Notes { value } => Self::Notes(value.into()),
        }
    }
}

/// What a field says.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum FieldValue {
    /// Nothing.
    Empty,
    /// A text.
    Plain {
        /// The text.
        text: String,
    },
    /// One of a few words of the programs, in snake case (`once_per_day`).
    Word {
        /// The word.
        word: String,
    },
    /// A whole number.
    Whole {
        /// The number.
        number: i64,
    },
    /// Yes or no.
    Flag {
        /// Whether yes.
        flag: bool,
    },
    /// A point in time.
    Time {
        /// When.
        at: Timestamp,
    },
    /// A room.
    Room {
        /// The room.
        room: RoomId,
        /// Its name; empty if this phone does not know it.
        name: String,
    },
    /// Several texts.
    Texts {
        /// The texts.
        texts: Vec<String>,
    },
    /// Something else.
    Other {
        /// What, as JSON.
        json: String,
    },
}

/// One of the values that a field was given at once.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ConflictValue {
    /// Names it in [`Choice`]; the same on every device.
    pub id: String,
    /// What it says.
    pub value: FieldValue,
    /// The device that wrote it. The server has an id of its own among those of devices.
    pub device: Option<DeviceId>,
    /// Whether that is this device.
    pub own: bool,
    /// Who acts with that device, as far as this one has heard; else empty.
    pub by: String,
    /// When, by that device's clock, to the second.
    pub at: Option<Timestamp>,
}

/// A field that several people gave different values at once: somebody has to choose one.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Conflict {
    /// The document.
    pub document: DocRef,
    /// The collection that the record is in: `sessions`, `rooms`, `attendees`...
    pub collection: String,
    /// The record's key.
    pub key: String,
    /// The record's name or title; empty if it has none.
    pub title: String,
    /// The field.
    pub field: String,
    /// Its values, two at least; the last is the one that everybody is shown meanwhile.
    pub values: Vec<ConflictValue>,
}

/// One of the values of a [`Conflict`].
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Choice {
    /// The document.
    pub document: DocRef,
    /// The collection that the record is in.
    pub collection: String,
    /// The record's key.
    pub key: String,
    /// The field.
    pub field: String,
    /// The value's id.
    pub value: String,
}

/// What an edit made of one field, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct EditedField {
    /// The field.
    pub field: String,
    /// What it said.
    pub before: String,
    /// What it says now.
    pub after: String,
}

/// An edit of this device that no server is known to have.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UnsentEdit {
    /// The document.
    pub document: DocRef,
    /// The collection that the record is in.
    pub collection: String,
    /// The record's key.
    pub key: String,
    /// What was edited.
    pub fields: Vec<EditedField>,
    /// When, on this device's clock.
    pub at: Timestamp,
}

impl From<view::FieldValue> for FieldValue {
    fn from(value: view::FieldValue) -> Self {
        match value {
            view::FieldValue::Empty => Self::Empty,
            view::FieldValue::Plain(text) => Self::Plain { text },
            view::FieldValue::Word(word) => Self::Word { word },
            view::FieldValue::Whole(number) => Self::Whole { number },
            view::FieldValue::Flag(flag) => Self::Flag { flag },
            view::FieldValue::Time(at) => Self::Time { at },
            view::FieldValue::Room(room, name) => Self::Room { room, name },
            view::FieldValue::Texts(texts) => Self::Texts { texts },
            view::FieldValue::Other(json) => Self::Other { json },
        }
    }
}

impl From<view::ConflictValue> for ConflictValue {
    fn from(value: view::ConflictValue) -> Self {
        Self {
            id: value.id,
            value: value.value.into(),
            device: value.device,
            own: value.own,
            by: value.by,
            at: value.at,
        }
    }
}

impl From<view::ConflictView> for Conflict {
    fn from(conflict: view::ConflictView) -> Self {
        Self {
            document: conflict.document,
            collection: conflict.collection,
            key: conflict.key,
            title: conflict.title,
            field: conflict.field,
            values: list(conflict.values),
        }
    }
}

impl From<Choice> for command::Choice {
    fn from(choice: Choice) -> Self {
        Self {
            document: choice.document,
            collection: choice.collection,
            key: choice.key,
            field: choice.field,
            value: choice.value,
        }
    }
}

impl From<muster_model::record::FieldEdit> for EditedField {
    fn from(edit: muster_model::record::FieldEdit) -> Self {
        Self { field: edit.field, before: edit.before.to_string(), after: edit.after.to_string() }
    }
}

impl From<view::EditView> for UnsentEdit {
    fn from(view: view::EditView) -> Self {
        let (document, edit, at) = (view.document, view.edit, view.at);
        Self { document, collection: edit.collection, key: edit.key, fields: list(edit.fields), at }
    }
}
