//! Edits that a server refuses: kept where somebody sees them, while everything else arrives.

use muster_model::attendee::Attendee;
use muster_model::edit::SessionEdit;
use muster_model::program::{Room, Session};
use muster_model::record;

use super::edits::{PROGRAM, coordinators, edit, note, on_server, rename, seen, unsent};
use super::world::{World, attendee, room, roster, session};
use crate::command::Edit;
use crate::store::StoreRead;

/// A coordinator's device made two edits of one document, and the server refuses the first.
fn first_of_two_is_refused(second: Edit) -> World {
    let mut world = coordinators(2);
    world.server.refusal = "field_forbidden";
    world.network_down();
    edit(&mut world, 0, rename("Great hall"));
    let first = world.phones[0].store().inner().unsent_edits().unwrap()[0].change;
    edit(&mut world, 0, second);
    world.server.refused_changes.insert(first);
    world
}

fn back(world: &mut World) {
    world.network_up();
    world.network_up();
}

#[test]
fn an_edit_that_is_refused_is_kept_and_the_others_arrive() {
    let later = Edit::Session(session(1), vec![SessionEdit::Title("Opening".into())]);
    let mut world = first_of_two_is_refused(later);
    back(&mut world);
    let now = world.now;
    assert_eq!(on_server(&world).name, "Main hall");
    let there: Session = record::read(&world.server.docs[&PROGRAM], &session(1)).unwrap().unwrap();
    assert_eq!(there.title, "Opening", "what was only in bad company is said again");
    assert_eq!(seen(&mut world, 0).name, "Main hall");
    assert_eq!(unsent(&mut world, 0), (0, 0));
    let status = world.phones[0].status(now).unwrap();
    let parked: Vec<_> =
        status.parked.iter().map(|parked| (parked.document, parked.code.as_str(), parked.edits)).collect();
    assert_eq!(parked, [(PROGRAM, "field_forbidden", 1)]);
    let kept = world.phones[0].refused(now).unwrap();
    assert_eq!(kept[0].edit.as_ref().unwrap().fields[0].after, serde_json::json!("Great hall"));
    world.assert_converged();

    world.server.refused_changes.clear();
    let now = world.now;
    world.phones[0].offer_again(now).unwrap();
    back(&mut world);
    let now = world.now;
    assert_eq!(on_server(&world).name, "Great hall");
    assert_eq!((world.phones[0].refused(now).unwrap(), unsent(&mut world, 0)), (Vec::new(), (0, 0)));
    world.assert_converged();
}

#[test]
fn an_edit_said_again_overwrites_nothing_unseen() {
    let later = Edit::Session(session(1), vec![SessionEdit::Title("Opening".into())]);
    let mut world = first_of_two_is_refused(later);
    world.network = true;
    // The server hears of another title first.
    let other = Session {
        title: "Welcome".into(),
        ..record::read(&world.server.docs[&PROGRAM], &session(1)).unwrap().unwrap()
    };
    let frames = world.server.put(PROGRAM, &[(session(1), other)]);
    world.tell(frames);
    back(&mut world);
    let now = world.now;
    let there: Session = record::read(&world.server.docs[&PROGRAM], &session(1)).unwrap().unwrap();
    assert_eq!(there.title, "Welcome");
    let codes: Vec<_> = world.phones[0].refused(now).unwrap().into_iter().map(|work| work.code).collect();
    assert_eq!(codes.len(), 2, "both are kept: {codes:?}");
    assert!(codes.contains(&"depends_on_refused".to_owned()), "{codes:?}");
    // A coordinator accepted the refused one on the server: it is no longer aside.
    let accepted = Room { name: "Great hall".into(), ..on_server(&world) };
    let frames = world.server.put(PROGRAM, &[(room(), accepted)]);
    world.tell(frames);
    let now = world.now;
    assert_eq!(world.phones[0].refused(now).unwrap().len(), 1);
    world.assert_converged();
}

#[test]
fn a_device_that_dies_while_it_recovers_from_a_refusal_loses_no_edit() {
    for steps in 1..40 {
        let mut world = first_of_two_is_refused(note(2, "brings a dog"));
        let later = Edit::Session(session(1), vec![SessionEdit::Title("Opening".into())]);
        edit(&mut world, 0, later);
        world.network = true;
        world.now = world.now.plus_ms(31_000);
        world.run_for(steps);
        world.restart(0);
        world.start(0);
        back(&mut world);
        let now = world.now;
        let kept = world.phones[0].refused(now).unwrap();
        assert_eq!(kept.len(), 1, "after {steps} steps");
        assert_eq!(kept[0].edit.as_ref().unwrap().fields[0].after, serde_json::json!("Great hall"));
        let there: Session = record::read(&world.server.docs[&PROGRAM], &session(1)).unwrap().unwrap();
        let who: Attendee = record::read(&world.server.docs[&roster(0)], &attendee(2)).unwrap().unwrap();
        assert_eq!((there.title.as_str(), who.notes.as_str()), ("Opening", "brings a dog"), "after {steps} steps");
        assert_eq!(
            (on_server(&world).name.as_str(), unsent(&mut world, 0)),
            ("Main hall", (0, 0)),
            "after {steps} steps"
        );
    }
}
