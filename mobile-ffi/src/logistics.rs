//! A presenter's logistics.

use muster_client_core::view;
use muster_model::id::LogisticsId;
use muster_model::logistics;
use muster_model::time::Timestamp;

use crate::attendee::Durability;
use crate::mirror::{list, mirror};

mirror! {
    /// How a leg of a journey is travelled.
    TravelMode of logistics::TravelMode {
        /// By aeroplane.
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
}

mirror! {
    /// How far an honorarium has come.
    HonorariumState of logistics::HonorariumState {
        /// Agreed.
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
}

/// One leg of a journey.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TravelLeg {
    /// The id.
    pub id: LogisticsId,
    /// How it is travelled.
    pub mode: TravelMode,
    /// Flight or train number.
    pub number: String,
    /// Where it begins.
    pub origin: String,
    /// Where it ends.
    pub destination: String,
    /// When it begins.
    pub departs_at: Option<Timestamp>,
    /// When it ends.
    pub arrives_at: Option<Timestamp>,
    /// The booking's reference.
    pub booking: String,
    /// Anything else worth knowing.
    pub notes: String,
}

/// A stay at a hotel.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HotelStay {
    /// The id.
    pub id: LogisticsId,
    /// The hotel's name.
    pub hotel: String,
    /// Its address.
    pub address: String,
    /// Its telephone number.
    pub phone: String,
    /// From when the room is theirs.
    pub starts_at: Option<Timestamp>,
    /// Until when the room is theirs.
    pub ends_at: Option<Timestamp>,
    /// The booking's reference.
    pub confirmation: String,
    /// Who pays, what is included.
    pub notes: String,
}

/// What a presenter is paid for presenting.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
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
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Aid {
    /// The id.
    pub id: LogisticsId,
    /// What it is.
    pub name: String,
    /// How many.
    pub count: u32,
    /// Whether it has been promised.
    pub confirmed: bool,
    /// Anything else worth knowing.
    pub notes: String,
}

/// What the presenter says they need.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
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
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LogisticsContact {
    /// The id.
    pub id: LogisticsId,
    /// What they are to the presenter: "self", "host", "driver".
    pub role: String,
    /// Their name.
    pub name: String,
    /// Telephone number.
    pub phone: String,
    /// E-mail address.
    pub email: String,
}

/// A presenter's logistics.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Logistics {
    /// How they come and go, by departure.
    pub travel: Vec<TravelLeg>,
    /// Where they sleep, by arrival.
    pub hotels: Vec<HotelStay>,
    /// What they are paid.
    pub honorarium: Option<Honorarium>,
    /// What they present with.
    pub aids: Vec<Aid>,
    /// What they say they need.
    pub needs: Option<Needs>,
    /// Where what this device edited of that is by now; on a server, if it edited nothing.
    pub needs_durability: Durability,
    /// Whom they can call.
    pub contacts: Vec<LogisticsContact>,
}

impl From<(LogisticsId, logistics::TravelLeg)> for TravelLeg {
    fn from((id, leg): (LogisticsId, logistics::TravelLeg)) -> Self {
        Self {
            id,
            mode: leg.mode.into(),
            number: leg.number,
            origin: leg.from,
            destination: leg.to,
            departs_at: leg.departs_at,
            arrives_at: leg.arrives_at,
            booking: leg.booking,
            notes: leg.notes,
        }
    }
}

impl From<(LogisticsId, logistics::HotelStay)> for HotelStay {
    fn from((id, stay): (LogisticsId, logistics::HotelStay)) -> Self {
        Self {
            id,
            hotel: stay.hotel,
            address: stay.address,
            phone: stay.phone,
            starts_at: stay.from,
            ends_at: stay.until,
            confirmation: stay.confirmation,
            notes: stay.notes,
        }
    }
}

impl From<logistics::Honorarium> for Honorarium {
    fn from(honorarium: logistics::Honorarium) -> Self {
        Self {
            amount_cents: honorarium.amount_cents,
            currency: honorarium.currency,
            state: honorarium.state.into(),
            paid_at: honorarium.paid_at,
            notes: honorarium.notes,
        }
    }
}

impl From<(LogisticsId, logistics::Aid)> for Aid {
    fn from((id, aid): (LogisticsId, logistics::Aid)) -> Self {
        Self { id, name: aid.name, count: aid.count, confirmed: aid.confirmed, notes: aid.notes }
    }
}

impl From<logistics::Needs> for Needs {
    fn from(needs: logistics::Needs) -> Self {
        Self { aids: needs.aids, dietary: needs.dietary, access: needs.access, notes: needs.notes }
    }
}

impl From<(LogisticsId, logistics::LogisticsContact)> for LogisticsContact {
    fn from((id, contact): (LogisticsId, logistics::LogisticsContact)) -> Self {
        Self { id, role: contact.role, name: contact.name, phone: contact.phone, email: contact.email }
    }
}

impl From<view::LogisticsView> for Logistics {
    fn from(view: view::LogisticsView) -> Self {
        Self {
            travel: list(view.travel),
            hotels: list(view.hotels),
            honorarium: view.honorarium.map(Into::into),
            aids: list(view.aids),
            needs: view.needs.map(Into::into),
            needs_durability: view.needs_durability.into(),
            contacts: list(view.contacts),
        }
    }
}
