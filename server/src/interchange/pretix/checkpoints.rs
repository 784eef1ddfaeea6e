//! Check-in lists to checkpoints.

use muster_model::checkpoint::{AdmissionRule, AnswerKind, Checkpoint, CheckpointKind, Question};
use muster_model::id::{CheckpointId, EventId, QuestionId, RecordId};
use muster_model::rules::{self, RulesError};
use serde_json::Value;

use super::super::Draft;
use super::super::json::{bool_of, localized, objects_of, text_of};
use super::super::note::NoteCode;
use super::{Fields, Items};

/// Makes a checkpoint of every check-in list.
pub(crate) fn read(lists: &[&Fields], questions: &[&Fields], items: &Items, event: EventId, draft: &mut Draft) {
    let asked = questions_asked(questions, items, event, draft);
    if lists.is_empty() {
        draft.questions.clone_from(&asked);
    }
    for (index, list) in lists.iter().enumerate() {
        draft.counts.read += 1;
        let number = text_of(list, "id");
        let place = format!("checkinlist {number}");
        let name = text_of(list, "name");
        if number.is_empty() || name.is_empty() {
            draft.counts.skipped += 1;
            draft.notes.add(NoteCode::CheckpointUnnamed, place, "skipped: the list has no id or no name");
            continue;
        }
        let products: Vec<i64> = list
            .get("limit_products")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_i64)
            .collect();
        let all = bool_of(list, "all_products");
        if !all && products.is_empty() {
            draft.counts.skipped += 1;
            draft.notes.add(NoteCode::CheckpointAdmitsNobody, place, "skipped: the list admits no product");
            continue;
        }
        note_left_out(list, &place, draft);
        let checkpoint = Checkpoint {
            name,
            kind: CheckpointKind::Entrance,
            categories: if all { Vec::new() } else { products.iter().map(|&id| items.category(id)).collect() },
            rule: rule_of(list),
            admits_unpaid: bool_of(list, "include_pending"),
            questions: asked.clone(),
            rules: rules_of(list, &place, draft),
            position: u32::try_from(index).unwrap_or(u32::MAX),
            source_id: number.clone(),
            ..Checkpoint::default()
        };
        draft.checkpoints.insert(CheckpointId::derive(event, &format!("pretix/list/{number}")), checkpoint);
    }
}

/// How often a list admits: many times, again after an exit, or once.
fn rule_of(list: &Fields) -> AdmissionRule {
    match (bool_of(list, "allow_multiple_entries"), bool_of(list, "allow_entry_after_exit")) {
        (true, _) => AdmissionRule::Many,
        (false, true) => AdmissionRule::EntryAndExit,
        (false, false) => AdmissionRule::Once,
    }
}

/// The list's own rules. Those that cannot be read are taken over all the same: the checkpoint refuses everybody until
/// somebody has looked at them, which is better than letting everybody in.
fn rules_of(list: &Fields, place: &str, draft: &mut Draft) -> String {
    let empty = |rules: &&Value| rules.is_null() || rules.as_object().is_some_and(serde_json::Map::is_empty);
    let Some(rules) = list.get("rules").filter(|rules| !empty(rules)) else { return String::new() };
    let text = rules.to_string();
    let read = rules::parse(&text);
    if let Err(error) = &read {
        let detail = format!("{error}: the checkpoint refuses everybody until its rules are changed");
        draft.notes.add(NoteCode::RulesUnreadable, place, detail);
    }
    // Rules of any length would fill the document that every phone holds; what stands for them cannot be read either.
    if read == Err(RulesError::TooLarge) { "rules too large".to_owned() } else { text }
}

fn note_left_out(list: &Fields, place: &str, draft: &mut Draft) {
    if bool_of(list, "addon_match") {
        draft.notes.add(NoteCode::AddonMatchNotImported, place, "tickets are not matched by their add-ons");
    }
    if list.get("subevent").is_some_and(|subevent| !subevent.is_null()) {
        draft.notes.add(
            NoteCode::SubeventIgnored,
            place,
            "the list is for one date of a series: it admits those of all dates",
        );
    }
}

/// The id of a question.
pub(super) fn question_id(event: EventId, number: &str) -> QuestionId {
    QuestionId::derive(event, &format!("pretix/question/{number}"))
}

/// The questions to be asked at the door.
fn questions_asked(questions: &[&Fields], items: &Items, event: EventId, draft: &mut Draft) -> Vec<Question> {
    let mut asked: Vec<Question> = Vec::new();
    for fields in questions {
        draft.counts.read += 1;
        let number = text_of(fields, "id");
        let id = question_id(event, &number);
        if asked.iter().any(|question| question.id == id) {
            draft.counts.skipped += 1;
            draft.notes.add(NoteCode::DuplicateQuestion, format!("question {number}"), "skipped: its id came before");
            continue;
        }
        if !bool_of(fields, "ask_during_checkin") {
            continue;
        }
        if fields.get("dependency_question").is_some_and(|other| !other.is_null()) {
            let detail = "it is asked whatever the question it depends on was answered";
            draft.notes.add(NoteCode::QuestionDependencyIgnored, format!("question {number}"), detail);
        }
        let kind = text_of(fields, "type");
        asked.push(Question {
            id,
            text: localized(fields.get("question")),
            // A kind that is not known here is answered in words.
            answer: match kind.as_str() {
                "B" => AnswerKind::YesNo,
                "N" => AnswerKind::Number,
                "C" => AnswerKind::Choice,
                _ => AnswerKind::Text,
            },
            choices: objects_of(fields, "options").map(|option| localized(option.get("answer"))).collect(),
            required: bool_of(fields, "required"),
            categories: fields
                .get("items")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_i64)
                .map(|item| items.category(item))
                .collect(),
        });
    }
    asked
}
