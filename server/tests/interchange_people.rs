//! Rooms and presenters of the sample conference: what its schedule cannot say comes from two lists.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]
#![expect(clippy::panic, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::path::Path;

use interchange_files::{context, import};
use muster_model::document::{DocRef, create};
use muster_model::id::{DeviceId, PresenterId};
use muster_model::logistics::{HonorariumState, TravelMode};
use muster_server::interchange::plan::{Base, Current, plan, presenters};
use muster_server::interchange::{Draft, Format, Logistics, detect, read};

#[expect(dead_code, reason = "the samples are part of the project: no other data is needed")]
mod interchange_files;

fn sample(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(name)).unwrap()
}

fn draft(format: Format, text: &str) -> Draft {
    assert_eq!(detect(text.as_bytes()), Some(format));
    read(format, text.as_bytes(), &context("Europe/Riga")).unwrap()
}

/// The sample event after its schedule.
fn scheduled() -> Current {
    let schedule = draft(Format::ScheduleXml, &sample("conference.xml"));
    import(&schedule, Current::default(), &Base::default()).0
}

fn rooms() -> Draft {
    draft(Format::RoomsCsv, &sample("rooms.csv"))
}

fn people() -> Draft {
    draft(Format::PresentersCsv, &sample("presenters.csv"))
}

fn numbered(current: &Current, number: &str) -> PresenterId {
    *current.presenters.iter().find(|(_, presenter)| presenter.source_id == number).unwrap().0
}

#[test]
fn every_room_gets_its_capacity_and_keeps_its_id() {
    let before = scheduled();
    let (after, base, writes) = import(&rooms(), before.clone(), &Base::default());
    assert_eq!((before.rooms.len(), writes), (8, 8));
    assert!(before.rooms.keys().eq(after.rooms.keys()));
    let mut capacities: Vec<u32> = after.rooms.values().filter_map(|room| room.capacity).collect();
    capacities.sort_unstable();
    assert_eq!(capacities, [40, 80, 120, 120, 160, 220, 600, 800]);
    for (id, room) in &after.rooms {
        let old = &before.rooms[id];
        assert!(!room.floor.is_empty() && room.equipment.len() >= 3, "{}", room.name);
        assert_eq!((&room.guid, room.position, &room.extra), (&old.guid, old.position, &old.extra), "{}", room.name);
    }
    assert_eq!(before.sessions, after.sessions);
    let (again, _, writes) = import(&rooms(), after.clone(), &base);
    assert_eq!((again == after, writes), (true, 0));
    // The schedule, imported once more, does not take away what it cannot say.
    let (again, _, _) = import(&draft(Format::ScheduleXml, &sample("conference.xml")), after.clone(), &Base::default());
    assert_eq!(again.rooms, after.rooms);
}

#[test]
fn every_presenter_gets_their_logistics() {
    let before = scheduled();
    let list = people();
    let plan = plan(&list, &before, &Base::default()).unwrap();
    assert_eq!((plan.report.skipped, plan.report.notes.notes.len()), (0, 0), "{:?}", plan.report.notes);
    assert_eq!(presenters(&list, &before, &Base::default()).len(), 44);
    let (after, base, _) = import(&list, before.clone(), &Base::default());
    assert_eq!(after.presenters, before.presenters, "the public profiles are the schedule's");
    assert!(after.logistics.keys().eq(before.presenters.keys()), "each of the 44 has logistics");
    for logistics in after.logistics.values() {
        assert_eq!(logistics.contacts.len(), 1);
        assert!(logistics.honorarium.as_ref().is_some_and(|honorarium| honorarium.amount_cents > 0));
        assert_eq!(logistics.travel.len(), 2 * logistics.hotels.len(), "who travels sleeps here");
    }
    let count = |count: fn(&Logistics) -> usize| after.logistics.values().map(count).sum::<usize>();
    // Counted in the file: 44 rows, 5 of locals.
    assert_eq!((count(|all| all.travel.len()), count(|all| all.hotels.len())), (78, 39));
    assert_eq!(count(|all| all.aids.len()), 44);
    let flights = |all: &Logistics| all.travel.values().filter(|leg| leg.mode == TravelMode::Flight).count();
    assert_eq!(count(flights), 60);
    let keynote = &after.logistics[&numbered(&after, "403")];
    let honorarium = keynote.honorarium.as_ref().unwrap();
    assert_eq!((honorarium.amount_cents, honorarium.currency.as_str()), (320_000, "PLN"));
    assert_eq!(honorarium.state, HonorariumState::Agreed);
    assert_eq!(keynote.contacts.values().next().unwrap().email, "grazyna.zurawska@example.org");
    let arrives: Vec<String> =
        keynote.travel.values().filter_map(|leg| leg.arrives_at).map(|time| time.to_string()).collect();
    assert_eq!(arrives, ["2027-05-19T17:40:00Z"]);
    let (again, same, writes) = import(&list, after.clone(), &base);
    assert_eq!((again == after, same == base, writes), (true, true, 0));
}

#[test]
fn a_list_before_the_schedule_gives_the_same_presenters() {
    let (first, base, _) = import(&people(), Current::default(), &Base::default());
    let plan = plan(&people(), &Current::default(), &Base::default()).unwrap();
    assert_eq!(plan.report.notes.count("presenter_created"), 44);
    let (after, _, _) = import(&draft(Format::ScheduleXml, &sample("conference.xml")), first.clone(), &Base::default());
    assert!(after.presenters.keys().eq(scheduled().presenters.keys()));
    assert_eq!(import(&people(), after, &base).2, 0);
}

#[test]
fn edits_survive_and_what_the_list_changes_arrives() {
    let (mut current, base, _) = import(&people(), scheduled(), &Base::default());
    let [paid, other] = ["102", "103"].map(|number| numbered(&current, number));
    let edited = current.logistics.get_mut(&paid).unwrap().honorarium.as_mut().unwrap();
    (edited.amount_cents, edited.notes) = (40_000, "Raised on the phone".into());
    let renamed = current.presenters.get_mut(&other).unwrap();
    (renamed.name, renamed.biography) = ("Another Name".into(), "Speaks".into());
    let (same, base, writes) = import(&people(), current.clone(), &base);
    assert_eq!((same == current, writes), (true, 0));
    let text = sample("presenters.csv")
        .replace(",350.00,EUR,paid,Flip chart and pens for each table; Table", ",375.00,EUR,invoiced,Table")
        .replace("Hotel Kaija,2027-05-19,2027-05-21,7V5ZA4GA", "Hotel Kaija,2027-05-18,2027-05-21,7V5ZA4GA");
    let plan = plan(&draft(Format::PresentersCsv, &text), &current, &base).unwrap();
    assert_eq!(plan.report.tally("honorarium").kept_edits, 1, "{:?}", plan.report.notes);
    let (after, base, _) = import(&draft(Format::PresentersCsv, &text), current.clone(), &base);
    let honorarium = after.logistics[&paid].honorarium.as_ref().unwrap();
    assert_eq!((honorarium.amount_cents, honorarium.state), (40_000, HonorariumState::Invoiced));
    assert_eq!(honorarium.notes, "Raised on the phone");
    let aids: Vec<&str> = after.logistics[&paid].aids.values().map(|aid| aid.name.as_str()).collect();
    assert_eq!(aids, ["Table microphone"], "the list took the flip chart back");
    let from = |current: &Current| current.logistics[&other].hotels.values().next().unwrap().from.unwrap();
    assert_eq!(from(&current).since_ms(from(&after)), 86_400_000);
    assert_eq!(after.presenters[&other].name, "Another Name");
    assert_eq!(import(&draft(Format::PresentersCsv, &text), after.clone(), &base).0, after);
}

#[test]
fn what_the_list_takes_back_goes_unless_it_was_edited() {
    let (mut current, base, _) = import(&people(), scheduled(), &Base::default());
    let [kept, gone] = ["103", "104"].map(|number| numbered(&current, number));
    current.logistics.get_mut(&kept).unwrap().hotels.values_mut().next().unwrap().phone = "+371 0".into();
    let text = sample("presenters.csv")
        .replace("Hotel Kaija,2027-05-19,2027-05-21,7V5ZA4GA", ",,,")
        .replace("Viesnīca Pūcene,2027-05-19,2027-05-21,YYZRDQD2,150.00,EUR,waived", ",,,,,,none");
    let less = draft(Format::PresentersCsv, &text);
    let plan = plan(&less, &current, &base).unwrap();
    assert_eq!((plan.report.tally("hotels").kept_edits, plan.report.tally("hotels").changed), (1, 1));
    let (after, base, writes) = import(&less, current, &base);
    assert_eq!(writes, 2);
    assert_eq!((after.logistics[&kept].hotels.len(), after.logistics[&gone].hotels.len()), (1, 0));
    assert_eq!(after.logistics[&gone].honorarium, None);
    assert_eq!(import(&less, after.clone(), &base).2, 0);
    let (back, _, _) = import(&people(), after, &base);
    assert_eq!(back.logistics[&gone].hotels.len(), 1, "it says so again");
}

#[test]
fn what_was_deleted_here_stays_deleted() {
    let (mut current, base, _) = import(&people(), scheduled(), &Base::default());
    let [whole, part] = ["103", "104"].map(|number| numbered(&current, number));
    current.presenters.remove(&whole);
    current.logistics.remove(&whole);
    current.logistics.get_mut(&part).unwrap().honorarium = None;
    let plan = plan(&people(), &current, &base).unwrap();
    assert!(plan.writes.is_empty(), "{:?}", plan.writes);
    assert_eq!(plan.report.notes.count("kept_deleted"), 2);
    assert!(!presenters(&people(), &current, &base).contains(&whole));
}

#[test]
fn writes_go_into_the_documents_of_presenters() {
    let current = scheduled();
    let (after, _, _) = import(&people(), current.clone(), &Base::default());
    let plan = plan(&people(), &current, &Base::default()).unwrap();
    let actor = DeviceId::from_random([9; 8]).actor([0; 8]);
    let mut documents = BTreeMap::new();
    for (document, writes) in &plan.writes {
        let mut doc = create(context("Europe/Riga").event, document, actor.clone()).unwrap();
        let mut transaction = doc.transaction();
        for write in writes {
            assert!(write.apply(&mut transaction).unwrap(), "{document}");
        }
        transaction.commit();
        documents.insert(*document, doc);
    }
    assert_eq!(documents.len(), 44);
    for (id, logistics) in &after.logistics {
        assert_eq!(&Logistics::read(&documents[&DocRef::presenter(*id)]).unwrap(), logistics);
    }
    // Taken back, the parts leave their documents.
    let text = sample("presenters.csv").replace(",200.00,EUR,invoiced,Table microphone", ",,,,");
    let less = draft(Format::PresentersCsv, &text);
    let (_, base, _) = import(&people(), current, &Base::default());
    let plan = muster_server::interchange::plan::plan(&less, &after, &base).unwrap();
    let document = DocRef::presenter(numbered(&after, "101"));
    let doc = documents.get_mut(&document).unwrap();
    let mut transaction = doc.transaction();
    assert_eq!(plan.writes.keys().collect::<Vec<_>>(), [&document]);
    plan.writes[&document].iter().for_each(|write| assert!(write.apply(&mut transaction).unwrap()));
    transaction.commit();
    let left = Logistics::read(doc).unwrap();
    assert_eq!((left.honorarium, left.aids.len(), left.contacts.len()), (None, 0, 1));
}
