//! In the rooms: readiness, incidents, sessions.

use muster_model::fact::{ItemState, Severity};
use muster_model::readiness::State;

use super::world::{World, at, room, session, water};
use crate::code::CoreCode;
use crate::command::NewIncident;
use crate::view::SessionFilter;

#[test]
fn the_board_says_what_needs_somebody_first() {
    let mut world = World::with_phones(4, 2);
    let all = SessionFilter::default();
    let board = world.phones[0].readiness_board(at(0), &all).unwrap();
    assert_eq!(board.len(), 2);
    assert!(board.iter().all(|row| row.readiness.state == State::NotStarted));
    let late = at(31 * 60_000);
    let board = world.phones[0].readiness_board(late, &all).unwrap();
    assert_eq!((board[0].session.id, board[0].readiness.state), (session(1), State::Overdue));
    world.network_down();
    world.phones[0].observe(at(1), (session(1), water()), ItemState::Ok, "").unwrap();
    world.phones[1].observe(at(2), (session(2), water()), ItemState::Problem, "no glasses").unwrap();
    world.network_up();
    for phone in &mut world.phones {
        let board = phone.readiness_board(late, &all).unwrap();
        let states: Vec<_> = board.iter().map(|row| (row.session.id, row.readiness.state)).collect();
        assert_eq!(states, [(session(2), State::Problem), (session(1), State::Ready)]);
        let checklist = phone.checklist(late, session(2)).unwrap();
        assert_eq!(checklist.readiness.items[0].last.as_ref().unwrap().1.note, "no glasses");
    }
    world.assert_converged();
}

#[test]
fn sessions_are_listed_by_room_and_time() {
    let mut world = World::with_phones(4, 1);
    let filter = SessionFilter { room: Some(room()), from: Some(at(2 * 3_600_000)), until: None };
    let found = world.phones[0].sessions(at(0), &filter).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].room.as_str()), (session(2), "Main hall"));
    assert_eq!(found[0].presenters, ["Ada L."]);
}

#[test]
fn what_is_not_on_the_checklist_cannot_be_observed() {
    let mut world = World::with_phones(4, 1);
    let observe = |world: &mut World, session, item| {
        world.phones[0].observe(at(1), (session, item), ItemState::Ok, "").unwrap_err().code
    };
    assert_eq!(observe(&mut world, session(9), water()), CoreCode::SessionUnknown);
    let unknown = "zzzzzzzzzzzzzzzz".parse().unwrap();
    assert_eq!(observe(&mut world, session(1), unknown), CoreCode::ItemUnknown);
    let note = "x".repeat(100_000);
    let error = world.phones[0].observe(at(1), (session(1), water()), ItemState::Ok, &note).unwrap_err();
    assert_eq!(error.code, CoreCode::TextTooLong);
    world.phones[0].observe(at(1), (session(1), water()), ItemState::Ok, "short").unwrap();
    world.run();
    world.assert_converged();
}

#[test]
fn incidents_reach_everybody_and_can_be_taken_back() {
    let mut world = World::with_phones(4, 2);
    let incident =
        |text: &str| NewIncident { room: Some(room()), session: None, severity: Severity::Urgent, text: text.into() };
    assert_eq!(world.phones[0].report_incident(at(1), incident("")).unwrap_err().code, CoreCode::TextMissing);
    let first = world.phones[0].report_incident(at(1), incident("Water on the floor")).unwrap();
    world.phones[0].report_incident(at(2), incident("Projector dead")).unwrap();
    world.run();
    let found = world.phones[1].incidents(at(3)).unwrap();
    assert_eq!(
        found.iter().map(|view| view.incident.text.as_str()).collect::<Vec<_>>(),
        ["Projector dead", "Water on the floor"]
    );
    assert_eq!(found[0].room, "Main hall");
    world.phones[1].undo(at(4), first.fact, "dry again").unwrap();
    world.run();
    assert_eq!(world.phones[0].incidents(at(5)).unwrap().len(), 1);
}
