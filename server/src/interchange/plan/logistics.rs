//! Presenters' logistics: merged over all presenters, written to each one's document.

use std::collections::BTreeMap;
use std::fmt;

use automerge::ReadDoc;
use automerge::transaction::Transactable;
use muster_model::document::DocRef;
use muster_model::event::OnlyKey;
use muster_model::id::{LogisticsId, PresenterId};
use muster_model::logistics::{Aid, Honorarium, HotelStay, LogisticsContact, TravelLeg};
use muster_model::record::{self, Record, RecordError};

use super::super::Logistics;
use super::super::note::NoteCode;
use super::merge::said_fields;
use super::{Current, Planner, RecordWrite};

/// A part of a presenter's logistics to be written, or to be removed if there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogisticsWrite {
    /// A leg of their journey.
    Travel(LogisticsId, Option<TravelLeg>),
    /// A stay at a hotel.
    Hotel(LogisticsId, Option<HotelStay>),
    /// Their honorarium.
    Honorarium(Option<Honorarium>),
    /// A thing they present with.
    Aid(LogisticsId, Option<Aid>),
    /// How to reach them, or whom they can call.
    Contact(LogisticsId, Option<LogisticsContact>),
}

impl LogisticsWrite {
    /// Writes the part into the presenter's document; says whether anything differed.
    ///
    /// # Errors
    /// If the document is not a presenter's or refuses the write.
    pub(crate) fn apply<D: Transactable + ReadDoc>(&self, doc: &mut D) -> Result<bool, RecordError> {
        match self {
            Self::Travel(id, leg) => set(doc, id, leg.as_ref()),
            Self::Hotel(id, stay) => set(doc, id, stay.as_ref()),
            Self::Honorarium(honorarium) => set(doc, &OnlyKey, honorarium.as_ref()),
            Self::Aid(id, aid) => set(doc, id, aid.as_ref()),
            Self::Contact(id, contact) => set(doc, id, contact.as_ref()),
        }
    }

    /// Takes the part over into what is known of a presenter.
    pub fn apply_to(self, logistics: &mut Logistics) {
        fn set<T>(parts: &mut BTreeMap<LogisticsId, T>, id: LogisticsId, part: Option<T>) {
            match part {
                Some(part) => drop(parts.insert(id, part)),
                None => drop(parts.remove(&id)),
            }
        }
        match self {
            Self::Travel(id, leg) => set(&mut logistics.travel, id, leg),
            Self::Hotel(id, stay) => set(&mut logistics.hotels, id, stay),
            Self::Honorarium(honorarium) => logistics.honorarium = honorarium,
            Self::Aid(id, aid) => set(&mut logistics.aids, id, aid),
            Self::Contact(id, contact) => set(&mut logistics.contacts, id, contact),
        }
    }
}

fn set<T: Record, D: Transactable + ReadDoc>(doc: &mut D, key: &T::Key, part: Option<&T>) -> Result<bool, RecordError> {
    match part {
        Some(part) => record::put(doc, key, part),
        None => record::delete::<T, D>(doc, key),
    }
}

/// A kind of part of a presenter's logistics.
trait Part: Record + Default + Clone + PartialEq {
    /// What the report and the base call it: attendees have contacts, too.
    const NAME: &'static str;

    /// Those of a presenter.
    fn all(logistics: &Logistics) -> Vec<(Self::Key, &Self)>;

    /// One of them.
    fn get<'a>(logistics: &'a Logistics, key: &Self::Key) -> Option<&'a Self>;

    /// Writes it, or removes it.
    fn write(key: Self::Key, part: Option<Self>) -> LogisticsWrite;
}

macro_rules! part {
    ($type:ty, $name:literal, $field:ident, $write:path) => {
        impl Part for $type {
            const NAME: &'static str = $name;

            fn all(logistics: &Logistics) -> Vec<(LogisticsId, &Self)> {
                logistics.$field.iter().map(|(id, part)| (*id, part)).collect()
            }

            fn get<'a>(logistics: &'a Logistics, key: &LogisticsId) -> Option<&'a Self> {
                logistics.$field.get(key)
            }

            fn write(key: LogisticsId, part: Option<Self>) -> LogisticsWrite {
                $write(key, part)
            }
        }
    };
}

part!(TravelLeg, "travel", travel, LogisticsWrite::Travel);
part!(HotelStay, "hotels", hotels, LogisticsWrite::Hotel);
part!(Aid, "aids", aids, LogisticsWrite::Aid);
part!(LogisticsContact, "presenter_contacts", contacts, LogisticsWrite::Contact);

impl Part for Honorarium {
    const NAME: &'static str = "honorarium";

    fn all(logistics: &Logistics) -> Vec<(OnlyKey, &Self)> {
        logistics.honorarium.iter().map(|honorarium| (OnlyKey, honorarium)).collect()
    }

    fn get<'a>(logistics: &'a Logistics, _: &OnlyKey) -> Option<&'a Self> {
        logistics.honorarium.as_ref()
    }

    fn write(_: OnlyKey, part: Option<Self>) -> LogisticsWrite {
        LogisticsWrite::Honorarium(part)
    }
}

/// A part's key, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Of<K> {
    presenter: PresenterId,
    key: K,
}

impl<K: fmt::Display> fmt::Display for Of<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.presenter, self.key)
    }
}

impl<K: std::str::FromStr> Of<K> {
    fn parse(text: &str) -> Option<Self> {
        let (presenter, key) = text.split_once('/')?;
        Some(Self { presenter: presenter.parse().ok()?, key: key.parse().ok()? })
    }
}

impl<'a> Planner<'a> {
    /// Merges the presenters' logistics.
    pub(super) fn logistics(&mut self, current: &'a Current) {
        self.parts::<TravelLeg>(current);
        self.parts::<HotelStay>(current);
        self.parts::<Honorarium>(current);
        self.parts::<Aid>(current);
        self.parts::<LogisticsContact>(current);
    }

    fn parts<T: Part + 'a>(&mut self, current: &'a Current) {
        let mut said = BTreeMap::new();
        for (presenter, logistics) in &self.draft.logistics {
            for (key, part) in T::all(logistics) {
                said.insert(Of { presenter: *presenter, key }, part.clone());
            }
        }
        let there = |of: &Of<T::Key>| T::get(current.logistics.get(&of.presenter)?, &of.key);
        for (of, part) in self.merge_as(T::NAME, &said, there) {
            self.write_part(of, Some(part));
        }
        let Some(base) = self.base.collection(T::NAME) else { return };
        for (name, said_before) in base {
            let Some(of) = Of::<T::Key>::parse(name) else { continue };
            if said.contains_key(&of) || !self.draft.logistics.contains_key(&of.presenter) {
                continue;
            }
            // The presenter's row no longer says it.
            if let Some(known) = self.plan.new_base.collections.get_mut(T::NAME) {
                known.remove(name);
            }
            let Some(part) = there(&of) else { continue };
            let tally = self.plan.report.collections.entry(T::NAME.to_owned()).or_default();
            if said_fields(part) == *said_before {
                tally.changed += 1;
                self.write_part::<T>(of, None);
            } else {
                tally.kept_edits += 1;
                let detail = "the list no longer says it; as it was edited here, it was kept";
                self.plan.report.notes.add(NoteCode::KeptEdit, format!("{} {name}", T::NAME), detail);
            }
        }
    }

    fn write_part<T: Part>(&mut self, of: Of<T::Key>, part: Option<T>) {
        self.write(DocRef::presenter(of.presenter), RecordWrite::Logistics(T::write(of.key, part)));
    }
}
