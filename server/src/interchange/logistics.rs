//! A presenter's logistics, as imports see them.

use std::collections::BTreeMap;

use automerge::Automerge;
use muster_model::event::OnlyKey;
use muster_model::id::LogisticsId;
use muster_model::logistics::{Aid, Honorarium, HotelStay, LogisticsContact, TravelLeg};
use muster_model::record::{self, RecordError};

/// What an import can change in a presenter's document. Their needs are theirs to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logistics {
    /// How they come and go.
    pub travel: BTreeMap<LogisticsId, TravelLeg>,
    /// Where they sleep.
    pub hotels: BTreeMap<LogisticsId, HotelStay>,
    /// What they are paid.
    pub honorarium: Option<Honorarium>,
    /// What they present with.
    pub aids: BTreeMap<LogisticsId, Aid>,
    /// How to reach them, and whom they can call.
    pub contacts: BTreeMap<LogisticsId, LogisticsContact>,
}

impl Logistics {
    /// Reads a presenter's document; records that cannot be read are left out.
    ///
    /// # Errors
    /// If the document is not a presenter's, or its honorarium cannot be read.
    pub fn read(doc: &Automerge) -> Result<Self, RecordError> {
        Ok(Self {
            travel: record::read_all(doc)?.records,
            hotels: record::read_all(doc)?.records,
            honorarium: record::read(doc, &OnlyKey)?,
            aids: record::read_all(doc)?.records,
            contacts: record::read_all(doc)?.records,
        })
    }
}
