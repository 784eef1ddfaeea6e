//! Muster's own list of rooms: what schedule files cannot say of them.

use std::collections::BTreeSet;

use csv::StringRecord;
use muster_model::id::{RecordId, RoomId};
use muster_model::program::Room;

use super::error::ImportError;
use super::note::NoteCode;
use super::table::{BadCell, OwnColumn, OwnList, OwnRow, plain};
use super::text::same_name;
use super::{Draft, ReadContext};

const NAME: OwnColumn = OwnColumn { heading: "Name", holds: "the room's name" };
const CAPACITY: OwnColumn = OwnColumn { heading: "Capacity", holds: "how many people the room seats" };
const FLOOR: OwnColumn = OwnColumn { heading: "Floor", holds: "the floor" };
const EQUIPMENT: OwnColumn = OwnColumn { heading: "Equipment", holds: "what stands in the room" };

/// Whether headings are those of a list of rooms, be one missing.
pub(crate) fn looks_like_list(headings: &StringRecord) -> bool {
    let plains: Vec<String> = headings.iter().map(plain).collect();
    let has = |name: &str| plains.iter().any(|heading| heading == name);
    let of_rooms = ["capacity", "floor", "equipment"].into_iter().filter(|name| has(name)).count();
    let of_people = ["email", "emailaddress", "firstname", "lastname", "ticketcode", "secret"].into_iter().any(has);
    !of_people && (of_rooms >= 2 || (has("name") && has("capacity")))
}

/// Reads a list of rooms.
pub(crate) fn read(bytes: &[u8], context: &ReadContext) -> Result<Draft, ImportError> {
    let mut list = OwnList::read(bytes, context, &[NAME, CAPACITY, FLOOR, EQUIPMENT])?;
    // What a room is to the schedule it came from, this list does not know.
    let silent = ["position", "source_id", "guid", "extra"].map(|field| ("rooms", field));
    let mut draft = Draft { silent: BTreeSet::from(silent), ..Draft::default() };
    let mut names = BTreeSet::new();
    for row in std::mem::take(&mut list.rows) {
        let mut room = match room_of(&row) {
            Ok(room) => room,
            Err(bad) => {
                list.skip_cell(row.number, &bad);
                continue;
            }
        };
        if !names.insert(same_name(&room.name)) {
            list.skip(
                NoteCode::DuplicateRow,
                format!("row {}", row.number),
                "skipped: the same room stands in a row before",
            );
            continue;
        }
        room.position = u32::try_from(draft.rooms.len()).unwrap_or(u32::MAX);
        let id = RoomId::derive(context.event, &format!("name/{}", room.name));
        draft.rows.rooms.insert(id, row.number);
        draft.rooms.insert(id, room);
    }
    draft.counts = list.counts;
    draft.notes = list.notes;
    Ok(draft)
}

fn room_of(row: &OwnRow) -> Result<Room, BadCell> {
    let name = row.text(NAME).to_owned();
    if name.is_empty() {
        return Err(BadCell { column: NAME.heading, expected: "a name" });
    }
    let capacity = match row.text(CAPACITY) {
        "" => None,
        text if text.bytes().all(|digit| digit.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    if capacity.is_none() && !row.text(CAPACITY).is_empty() {
        return Err(BadCell { column: CAPACITY.heading, expected: "a whole number of people, in digits alone" });
    }
    let equipment = row.parts(EQUIPMENT)?;
    Ok(Room { name, capacity, equipment, floor: row.text(FLOOR).to_owned(), ..Room::default() })
}

#[cfg(test)]
mod tests;
