//! What an import has to say besides its result: what was skipped, kept or assumed.

use serde::{Deserialize, Serialize};

use crate::code_list::code_list;

/// The most notes kept of one import; the rest are counted.
pub const MAX_NOTES: usize = 1_000;

code_list! {
    /// What a note says. The text form is stable; the app has its words for each in every language (a test compares).
    NoteCode {
        /// A row that cannot be read; it was skipped.
        RowUnreadable => "row_unreadable";
        /// A row with more or fewer fields than the heading; it was skipped.
        RowFields => "row_fields";
        /// A row that names nobody; it was skipped.
        RowWithoutName => "row_without_name";
        /// A row that means the same as another; it was skipped.
        DuplicateRow => "duplicate_row";
        /// A ticket code that came before; the row was skipped, or a position imported without its ticket.
        DuplicateTicket => "duplicate_ticket";
        /// A value that cannot be read; the row was skipped.
        ValueUnreadable => "value_unreadable";
        /// A value that can be read in several ways; one was taken.
        ValueAssumed => "value_assumed";
        /// A status that is not known; what was taken instead is said.
        StatusUnknown => "status_unknown";
        /// A column that means nothing here.
        ColumnUnknown => "column_unknown";
        /// A file that is no UTF-8; how it was read is said.
        EncodingAssumed => "encoding_assumed";
        /// A text that was longer than is kept.
        TextShortened => "text_shortened";
        /// A list without ticket codes: people are found by name only.
        NoTicketCodes => "no_ticket_codes";
        /// A list of orders: the buyer of each became an attendee.
        OrdersNotAttendees => "orders_not_attendees";
        /// Check-ins of another system, which are not imported.
        CheckInsNotImported => "check_ins_not_imported";
        /// Somebody who was erased here, and is not imported again.
        AttendeeErased => "attendee_erased";
        /// A value that somebody edited here, which was kept.
        KeptEdit => "kept_edit";
        /// A record that was deleted here, which is not brought back.
        KeptDeleted => "kept_deleted";
        /// A row whose name several records of the event have; it was skipped.
        MatchAmbiguous => "match_ambiguous";
        /// A row whose number and name are those of different records; it was skipped.
        MatchContradictory => "match_contradictory";
        /// A record that the event knows by the number and under another name.
        NameDiffers => "name_differs";
        /// A room that the event did not have.
        RoomCreated => "room_created";
        /// A presenter whom the event did not have.
        PresenterCreated => "presenter_created";
        /// A presenter whom a session names more than once.
        PresenterTwice => "presenter_twice";
        /// A session whose id came before; it was skipped.
        DuplicateSession => "duplicate_session";
        /// A session without a time that makes sense; it was skipped.
        SessionTime => "session_time";
        /// A session that is not within the dates of the event; it was kept.
        SessionOutsideEvent => "session_outside_event";
        /// Two sessions in one room at one time; both were kept.
        RoomsOverlap => "rooms_overlap";
        /// A schedule without a time zone: that of the event was taken.
        TimeZoneAssumed => "time_zone_assumed";
        /// A time zone that is not known.
        TimeZoneUnknown => "time_zone_unknown";
        /// A part of a schedule that is not as its format says.
        NotInSchema => "not_in_schema";
        /// An element with elements in it, of which the text was kept.
        ElementFlattened => "element_flattened";
        /// An element that means nothing here.
        ElementIgnored => "element_ignored";
        /// The part of a schedule that only Muster reads is broken, or some of it.
        SupplementIgnored => "supplement_ignored";
        /// A page of pretix's API that has a next one.
        OnePageOfSeveral => "one_page_of_several";
        /// An object of pretix's that is not imported.
        ResourceIgnored => "resource_ignored";
        /// Orders that were made in test mode; they were imported like others.
        TestOrders => "test_orders";
        /// Positions that name nobody; they go by company or number.
        PositionsWithoutName => "positions_without_name";
        /// A position that cannot be told from others; it was skipped.
        PositionWithoutId => "position_without_id";
        /// A position that came before; it was skipped.
        DuplicatePosition => "duplicate_position";
        /// Something of one date of a series, which counts for all dates.
        SubeventIgnored => "subevent_ignored";
        /// Categories that are numbers, since the file has no products.
        CategoriesUnknown => "categories_unknown";
        /// A check-in list without an id or a name; it was skipped.
        CheckpointUnnamed => "checkpoint_unnamed";
        /// A check-in list that admits no product; it was skipped.
        CheckpointAdmitsNobody => "checkpoint_admits_nobody";
        /// A check-in list that matches tickets by their add-ons, which is not done here.
        AddonMatchNotImported => "addon_match_not_imported";
        /// Rules of a check-in list that cannot be evaluated here: it refuses everybody.
        RulesUnreadable => "rules_unreadable";
        /// A question that came before; it was skipped.
        DuplicateQuestion => "duplicate_question";
        /// A question that depends on another's answer: it is asked always.
        QuestionDependencyIgnored => "question_dependency_ignored";
        /// Questions that came before any check-in list.
        QuestionsWithoutLists => "questions_without_lists";
        /// A revoked or blocked ticket without its secret; it was skipped.
        SecretMissing => "secret_missing";
        /// A key of tickets that is none; it was skipped.
        TicketKeyBroken => "ticket_key_broken";
        /// Tickets of a kind that cannot be checked here.
        TicketSchemeUnknown => "ticket_scheme_unknown";
    }
}

/// Something that was skipped, kept or assumed. Never holds personal data: rows and elements go by their place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportNote {
    /// The note's code, a [`NoteCode`] of this version or another.
    pub code: String,
    /// Where: a line, a row, a path of elements, a record's id.
    pub place: String,
    /// What happened and why.
    pub detail: String,
}

/// The notes of an import: the first [`MAX_NOTES`], and how many there were beyond them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportNotes {
    /// The first of them, in the order of the file.
    pub notes: Vec<ImportNote>,
    /// How many more there were.
    pub omitted: u64,
}

impl ImportNotes {
    /// Adds a note; only counts it if there are too many.
    pub fn add(&mut self, code: NoteCode, place: impl Into<String>, detail: impl Into<String>) {
        if self.notes.len() >= MAX_NOTES {
            self.omitted = self.omitted.saturating_add(1);
        } else {
            self.notes.push(ImportNote { code: code.as_str().to_owned(), place: place.into(), detail: detail.into() });
        }
    }

    /// Adds all notes of another import.
    pub fn extend(&mut self, other: &Self) {
        for note in &other.notes {
            if self.notes.len() >= MAX_NOTES {
                self.omitted = self.omitted.saturating_add(1);
            } else {
                self.notes.push(note.clone());
            }
        }
        self.omitted = self.omitted.saturating_add(other.omitted);
    }

    /// How many of the kept notes have this code.
    #[must_use]
    pub fn count(&self, code: &str) -> usize {
        self.notes.iter().filter(|note| note.code == code).count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_app_has_words_for_every_code() {
        let messages = include_str!("../../../web/src/i18n/messages/en.json");
        let messages: BTreeMap<String, String> = serde_json::from_str(messages).unwrap();
        let said = messages.keys().filter_map(|key| key.strip_prefix("note.")).filter(|code| *code != "other");
        let mut codes: Vec<&str> = NoteCode::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        assert_eq!(said.collect::<Vec<_>>(), codes);
    }
}
