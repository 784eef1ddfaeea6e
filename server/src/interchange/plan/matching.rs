//! Which records the rows of a list mean.
//!
//! A list that knows no ids names a presenter by the number they have in the schedule, else by name, and a room by name.
//! What the list said last time counts before what the documents say now, so that a coordinator can rename a room or a
//! presenter. Personal data must not reach the wrong presenter's document: where number and name point at different
//! people, or a name at several, the row is skipped.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::id::{PresenterId, RecordId};
use muster_model::program::{PresenterProfile, Room};
use muster_model::record::Record;

use super::super::Draft;
use super::super::note::NoteCode;
use super::super::text::{folded_name, same_name};
use super::{Base, Current};

/// The presenters whose documents an import may write: their logistics must be in [`Current::logistics`] when it is
/// planned. Empty for sources that say nothing of logistics.
#[must_use]
pub fn presenters(draft: &Draft, current: &Current, base: &Base) -> BTreeSet<PresenterId> {
    if draft.logistics.is_empty() {
        return BTreeSet::new();
    }
    resolve(draft, current, base).logistics.into_keys().collect()
}

/// The draft with every row under the id of the record it means; rows that cannot be told are skipped.
pub(crate) fn resolve(draft: &Draft, current: &Current, base: &Base) -> Draft {
    let mut resolved = draft.clone();
    let rows = std::mem::take(&mut resolved.rows);
    let wanted = |id: &_| draft.rooms.get(id).map(|room| ("", room.name.as_str()));
    let there = current.rooms.iter().map(|(id, room)| (*id, "", room.name.as_str()));
    let index = Index::new(there, said(base, Room::COLLECTION));
    let found = index.assign(&rows.rooms, wanted);
    resolved.rooms = moved(&draft.rooms, &found, &ROOM, &rows.rooms, &mut resolved);

    let key = |presenter: &PresenterProfile| (presenter.source_id.clone(), presenter.name.clone());
    let keys: BTreeMap<PresenterId, (String, String)> =
        draft.presenters.iter().map(|(id, presenter)| (*id, key(presenter))).collect();
    let wanted = |id: &_| keys.get(id).map(|(number, name)| (number.as_str(), name.as_str()));
    let there = current.presenters.iter().map(|(id, known)| (*id, known.source_id.as_str(), known.name.as_str()));
    let index = Index::new(there, said(base, PresenterProfile::COLLECTION));
    let found = index.assign(&rows.presenters, wanted);
    resolved.presenters = moved(&draft.presenters, &found, &PRESENTER, &rows.presenters, &mut resolved);
    resolved.logistics = BTreeMap::new();
    for (id, logistics) in &draft.logistics {
        match found.get(id) {
            // A presenter who was deleted here: neither they nor their journey come back.
            Some(Found::Deleted(_)) => {}
            Some(found) => drop(found.id().map(|id| resolved.logistics.insert(id, logistics.clone()))),
            None => drop(resolved.logistics.insert(*id, logistics.clone())),
        }
    }
    resolved
}

/// What rows are of, in notes.
struct Kind {
    name: &'static str,
    created: NoteCode,
}

const ROOM: Kind = Kind { name: "room", created: NoteCode::RoomCreated };
const PRESENTER: Kind = Kind { name: "presenter", created: NoteCode::PresenterCreated };

/// What a row turned out to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found<I> {
    /// This record.
    Known(I),
    /// This record, by its number, though its name is another.
    Renamed(I),
    /// This record, which is no longer there.
    Deleted(I),
    /// No record: a new one.
    New(I),
    /// One of several of this name.
    Ambiguous,
    /// One by the number, another by the name.
    Contradictory,
    /// The same as a row before.
    Repeated,
}

impl<I: Copy> Found<I> {
    const fn known(answer: Answer<I>) -> Self {
        match answer {
            Answer::One(id) => Self::Known(id),
            Answer::Several => Self::Ambiguous,
        }
    }

    const fn id(self) -> Option<I> {
        match self {
            Self::Known(id) | Self::Renamed(id) | Self::Deleted(id) | Self::New(id) => Some(id),
            Self::Ambiguous | Self::Contradictory | Self::Repeated => None,
        }
    }
}

/// Puts records under the ids that were found, and notes what was not.
fn moved<I: RecordId, T: Clone>(
    records: &BTreeMap<I, T>,
    found: &BTreeMap<I, Found<I>>,
    kind: &Kind,
    rows: &BTreeMap<I, u64>,
    draft: &mut Draft,
) -> BTreeMap<I, T> {
    let name = kind.name;
    for (row, id) in in_order(rows) {
        let Some(found) = found.get(&id) else { continue };
        let (code, detail) = match found {
            Found::Known(_) | Found::Deleted(_) => continue,
            Found::Renamed(_) => {
                (NoteCode::NameDiffers, format!("the {name} of this number has another name in the event"))
            }
            Found::New(_) => (kind.created, format!("no {name} of the event is meant: one was added")),
            Found::Ambiguous => {
                (NoteCode::MatchAmbiguous, format!("skipped: several {name}s of the event have this name"))
            }
            Found::Contradictory => {
                (NoteCode::MatchContradictory, format!("skipped: number and name are those of different {name}s"))
            }
            Found::Repeated => (NoteCode::DuplicateRow, format!("skipped: the same {name} stands in another row")),
        };
        draft.counts.skipped += u64::from(found.id().is_none());
        draft.notes.add(code, format!("row {row}"), detail);
    }
    let id_of = |id: &I| found.get(id).map_or(Some(*id), |found| found.id());
    records.iter().filter_map(|(id, record)| Some((id_of(id)?, record.clone()))).collect()
}

/// What the source said last time of a collection: id, number and name.
fn said<'a, I: RecordId + 'a>(base: &'a Base, collection: &str) -> impl Iterator<Item = (I, &'a str, &'a str)> {
    base.collection(collection).into_iter().flatten().filter_map(|(id, fields)| {
        let text = |field: &str| fields.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
        Some((id.parse().ok()?, text("source_id"), text("name")))
    })
}

/// What a record is called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    SaidNumber,
    SaidNumberAndName,
    SaidName,
    SaidNameAlone,
    Number,
    NumberAndName,
    Name,
    FoldedName,
    DeletedNumber,
    DeletedName,
    DeletedNameAlone,
}

/// Who answers to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer<I> {
    One(I),
    Several,
}

/// Records by what rows call them.
struct Index<I> {
    there: BTreeSet<I>,
    calls: BTreeMap<(Call, String), Answer<I>>,
}

fn number_and_name(number: &str, name: &str) -> String {
    if number.is_empty() { String::new() } else { format!("{number}\n{}", folded_name(name)) }
}

impl<I: RecordId> Index<I> {
    fn new<'a>(
        there: impl Iterator<Item = (I, &'a str, &'a str)>,
        said: impl Iterator<Item = (I, &'a str, &'a str)>,
    ) -> Self {
        let mut index = Self { there: BTreeSet::new(), calls: BTreeMap::new() };
        let mut names = BTreeMap::new();
        for (id, number, name) in there {
            index.there.insert(id);
            names.insert(id, name);
            index.add(Call::Number, number.to_owned(), id);
            index.add(Call::NumberAndName, number_and_name(number, name), id);
            index.add(Call::Name, same_name(name), id);
            index.add(Call::FoldedName, folded_name(name), id);
        }
        for (id, number, name) in said {
            let alone = if number.is_empty() { same_name(name) } else { String::new() };
            if let Some(name_there) = names.get(&id) {
                index.add(Call::SaidNumber, number.to_owned(), id);
                index.add(Call::SaidNumberAndName, number_and_name(number, name_there), id);
                index.add(Call::SaidName, same_name(name), id);
                index.add(Call::SaidNameAlone, alone, id);
            } else {
                index.add(Call::DeletedNumber, number.to_owned(), id);
                index.add(Call::DeletedName, same_name(name), id);
                index.add(Call::DeletedNameAlone, alone, id);
            }
        }
        index
    }

    fn add(&mut self, call: Call, by: String, id: I) {
        if !by.is_empty() {
            self.calls
                .entry((call, by))
                .and_modify(|known| {
                    if *known != Answer::One(id) {
                        *known = Answer::Several;
                    }
                })
                .or_insert(Answer::One(id));
        }
    }

    fn answer(&self, call: Call, by: String) -> Option<Answer<I>> {
        self.calls.get(&(call, by)).copied()
    }

    /// What every row means. Surer ways to tell go first, for all rows: who is known by a number is nobody's namesake.
    fn assign<'a>(
        &self,
        rows: &BTreeMap<I, u64>,
        wanted: impl Fn(&I) -> Option<(&'a str, &'a str)>,
    ) -> BTreeMap<I, Found<I>> {
        let by_row = in_order(rows);
        let (mut found, mut taken) = (BTreeMap::new(), BTreeSet::new());
        for way in Way::ALL {
            for (_, own) in &by_row {
                let Some((number, name)) = wanted(own).filter(|_| !found.contains_key(own)) else { continue };
                let Some(result) = self.by(way, *own, number, name) else { continue };
                let repeats = result.id().is_some_and(|id| !taken.insert(id));
                // A number tells its bearer from a namesake; without one, the same name is the same record.
                if repeats && way.is_by_name() && !number.is_empty() {
                    continue;
                }
                found.insert(*own, if repeats { Found::Repeated } else { result });
            }
        }
        found
    }

    fn by(&self, way: Way, own: I, number: &str, name: &str) -> Option<Found<I>> {
        // Of what the source itself says, a row with another number is somebody else.
        let alone = |any: Call, alone: Call| if number.is_empty() { any } else { alone };
        let by_name = |call| self.answer(call, same_name(name)).map(Found::known);
        match way {
            Way::SaidNumber => self.by_number(Call::SaidNumber, Call::SaidNumberAndName, number, name),
            Way::Number => self.by_number(Call::Number, Call::NumberAndName, number, name),
            Way::SaidName => by_name(alone(Call::SaidName, Call::SaidNameAlone)),
            Way::OwnId => self.there.contains(&own).then_some(Found::Known(own)),
            Way::Name => by_name(Call::Name),
            Way::FoldedName => self.answer(Call::FoldedName, folded_name(name)).map(Found::known),
            Way::Deleted => {
                let by_number = self.answer(Call::DeletedNumber, number.to_owned()).map(Found::known);
                let found = by_number.or_else(|| by_name(alone(Call::DeletedName, Call::DeletedNameAlone)))?;
                Some(found.id().map_or(found, Found::Deleted))
            }
            Way::New => Some(Found::New(own)),
        }
    }

    /// Who has a number: of several, the one with the name; nobody, if the name is somebody else's.
    fn by_number(&self, call: Call, call_with_name: Call, number: &str, name: &str) -> Option<Found<I>> {
        let bearer = self.answer(call, number.to_owned())?;
        let named = self.answer(call_with_name, number_and_name(number, name));
        Some(match (bearer, named) {
            (_, Some(named)) => Found::known(named),
            (Answer::Several, None) => Found::Ambiguous,
            (Answer::One(_), None) if self.answer(Call::Name, same_name(name)).is_some() => Found::Contradictory,
            (Answer::One(id), None) => Found::Renamed(id),
        })
    }
}

fn in_order<I: RecordId>(rows: &BTreeMap<I, u64>) -> Vec<(u64, I)> {
    let mut by_row: Vec<(u64, I)> = rows.iter().map(|(id, row)| (*row, *id)).collect();
    by_row.sort_unstable();
    by_row
}

/// A way to tell which record a row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The number that the source said last time.
    SaidNumber,
    /// The number in the documents.
    Number,
    /// The name that the source said last time.
    SaidName,
    /// The id that the record has if it came from a file with this number or name and no globally unique id.
    OwnId,
    /// The name in the documents.
    Name,
    /// The name in the documents, but for accents.
    FoldedName,
    /// What the source said last time of a record that is no longer there.
    Deleted,
    /// Nothing tells: the row means a new record.
    New,
}

impl Way {
    const ALL: [Self; 8] = [
        Self::SaidNumber,
        Self::Number,
        Self::SaidName,
        Self::OwnId,
        Self::Name,
        Self::FoldedName,
        Self::Deleted,
        Self::New,
    ];

    const fn is_by_name(self) -> bool {
        matches!(self, Self::SaidName | Self::Name | Self::FoldedName)
    }
}

#[cfg(test)]
mod tests;
