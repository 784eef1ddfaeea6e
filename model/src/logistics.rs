//! A presenter's logistics: how they come, where they sleep, what they are paid, what they present with.

use serde::{Deserialize, Serialize};

use crate::document::DocKind;
use crate::event::OnlyKey;
use crate::id::LogisticsId;
use crate::record::Record;
use crate::time::Timestamp;

/// How a leg of a journey is travelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TravelMode {
    /// By aeroplane.
    #[default]
    Flight,
    /// By train.
    Train,
    /// By bus or coach.
    Bus,
    /// By ship.
    Ferry,
    /// By car, their own or a rented one.
    Car,
    /// Picked up or by taxi.
    Transfer,
}

/// One leg of a journey.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TravelLeg {
    /// How it is travelled.
    pub mode: TravelMode,
    /// Flight or train number.
    pub number: String,
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// When it begins.
    pub departs_at: Option<Timestamp>,
    /// When it ends.
    pub arrives_at: Option<Timestamp>,
    /// The booking's reference.
    pub booking: String,
    /// Anything else worth knowing, such as who picks them up.
    pub notes: String,
}

/// A stay at a hotel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HotelStay {
    /// The hotel's name.
    pub hotel: String,
    /// Its address.
    pub address: String,
    /// Its telephone number.
    pub phone: String,
    /// From when the room is theirs.
    pub from: Option<Timestamp>,
    /// Until when the room is theirs.
    pub until: Option<Timestamp>,
    /// The booking's reference.
    pub confirmation: String,
    /// Who pays, what is included.
    pub notes: String,
}

/// How far an honorarium has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HonorariumState {
    /// Agreed.
    #[default]
    Agreed,
    /// The invoice or form is there.
    Invoiced,
    /// Cleared for payment.
    Approved,
    /// Paid.
    Paid,
    /// The presenter takes none.
    Waived,
}

/// What a presenter is paid for presenting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Honorarium {
    /// The amount in hundredths of the currency.
    pub amount_cents: i64,
    /// ISO 4217 code of the currency.
    pub currency: String,
    /// How far it has come.
    pub state: HonorariumState,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// What is still needed.
    pub notes: String,
}

/// A thing the presenter presents with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Aid {
    /// What it is: "lapel microphone", "HDMI adapter".
    pub name: String,
    /// How many.
    pub count: u32,
    /// Whether it has been promised.
    pub confirmed: bool,
    /// Anything else worth knowing.
    pub notes: String,
}

/// What the presenter says they need. The presenter edits it themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Needs {
    /// Presentation aids wished for.
    pub aids: String,
    /// What they do not eat.
    pub dietary: String,
    /// What they need to take part.
    pub access: String,
    /// Anything else.
    pub notes: String,
}

/// Somebody the presenter can call, or the presenter's own address and number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogisticsContact {
    /// What they are to the presenter: "self", "host", "driver".
    pub role: String,
    /// Their name.
    pub name: String,
    /// Telephone number.
    pub phone: String,
    /// E-mail address.
    pub email: String,
}

macro_rules! record {
    ($type:ty, $key:ty, $collection:literal) => {
        impl Record for $type {
            type Key = $key;
            const DOCUMENT: DocKind = DocKind::Presenter;
            const COLLECTION: &'static str = $collection;
        }
    };
}

record!(TravelLeg, LogisticsId, "travel");
record!(HotelStay, LogisticsId, "hotels");
record!(Honorarium, OnlyKey, "honorarium");
record!(Aid, LogisticsId, "aids");
record!(Needs, OnlyKey, "needs");
record!(LogisticsContact, LogisticsId, "contacts");
