//! Tokens that end, and what a phone does about it without anybody at the door noticing.

use muster_model::access::Role;
use muster_model::verdict::Verdict;

use super::world::{World, lunch};
use crate::event::{Credentials, DownReason, Effect, Enrolment, Event, RefreshOutcome, ServerId, Token};
use crate::store::testing::Fault;
use crate::view::{LinkState, Standing};

const QUARTER_HOUR_MS: i64 = 900_000;

pub(super) fn server() -> ServerId {
    ServerId("server".into())
}

pub(super) fn credentials(number: u32) -> Credentials {
    Credentials {
        access: Some(Token::new(format!("access-{number}"))),
        access_lifetime_ms: Some(QUARTER_HOUR_MS),
        refresh: Some(Token::new(format!("refresh-{number}"))),
        lease_ms: 7 * 86_400_000,
        checkpoints: Vec::new(),
    }
}

pub(super) fn granted(role: Role, number: u32) -> Event {
    let outcome = RefreshOutcome::Granted { role, credentials: Box::new(credentials(number)) };
    Event::Refreshed { server: server(), outcome }
}

pub(super) fn answered(outcome: RefreshOutcome) -> Event {
    Event::Refreshed { server: server(), outcome }
}

/// A door phone whose token lasts a quarter of an hour, connected.
pub(super) fn with_a_phone() -> World {
    let mut world = World::new(6);
    let phone = world.add_enrolled(Enrolment { credentials: credentials(0), ..World::enrolment(0, Role::Staff) });
    world.start(phone);
    world.run();
    assert_eq!(link(&mut world), LinkState::Connected);
    world
}

fn link(world: &mut World) -> LinkState {
    let now = world.now;
    world.phones[0].status(now).unwrap().servers[0].link
}

#[track_caller]
fn refresh(question: (usize, Effect)) -> (String, String) {
    let (_, Effect::Refresh { token, nonce, url, .. }) = question else { panic!("{question:?}") };
    assert_eq!(url, "https://server");
    (token.reveal().to_owned(), nonce)
}

#[test]
fn a_token_is_renewed_on_the_open_link_before_it_ends() {
    let mut world = with_a_phone();
    let mut nonces = Vec::new();
    for number in 1..4 {
        world.pass(QUARTER_HOUR_MS / 2 - 1_000);
        assert_eq!(world.asked, [], "there is time");
        world.pass(QUARTER_HOUR_MS / 4 + 1_000);
        let (token, nonce) = refresh(world.question());
        assert_eq!(token, format!("refresh-{}", number - 1));
        nonces.push(nonce);
        world.tell_phone(0, granted(Role::Staff, number));
        assert_eq!(world.server.tokens.pop(), Some((0, format!("access-{number}"))));
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 3, "each question has its own");
    assert_eq!(link(&mut world), LinkState::Connected);
}

#[test]
fn a_token_is_given_out_while_it_is_good() {
    let mut world = with_a_phone();
    let shown = |world: &mut World| {
        let now = world.now;
        world.phones[0].access_token(now).unwrap().map(|token| token.reveal().to_owned())
    };
    assert_eq!(shown(&mut world).as_deref(), Some("access-0"));
    world.network_down();
    world.pass(QUARTER_HOUR_MS);
    assert_eq!(shown(&mut world), None, "a server would not take it");
    world.tell_phone(0, granted(Role::Staff, 1));
    assert_eq!(shown(&mut world).as_deref(), Some("access-1"));
}

#[test]
fn a_question_whose_answer_was_lost_is_asked_again_as_it_was() {
    let mut world = with_a_phone();
    world.pass(QUARTER_HOUR_MS * 3 / 4);
    let first = refresh(world.question());
    // The phone dies before it hears the answer.
    world.restart(0);
    world.start(0);
    world.pass(QUARTER_HOUR_MS);
    assert_eq!(refresh(world.question()), first);
    // The answer does not come: no network.
    world.tell_phone(0, answered(RefreshOutcome::Failed { retry_after_ms: None }));
    world.pass(31_000);
    assert_eq!(refresh(world.question()), first);
    // Nobody says anything at all.
    world.pass(120_000);
    world.pass(31_000);
    assert_eq!(refresh(world.question()), first);
    world.tell_phone(0, granted(Role::Staff, 1));
    assert_eq!(link(&mut world), LinkState::Connected);
    world.pass(QUARTER_HOUR_MS * 3 / 4);
    let next = refresh(world.question());
    assert_eq!(next.0, "refresh-1");
    assert_ne!(next.1, first.1);
}

#[test]
fn a_token_that_ended_offline_stops_no_door_and_is_exchanged_before_it_is_shown() {
    let mut world = with_a_phone();
    world.network_down();
    world.pass(3 * QUARTER_HOUR_MS);
    assert_eq!(world.scan(0, 1).verdict, Verdict::Admitted);
    world.network = true;
    world.asked.clear();
    world.pass(120_000);
    world.pass(31_000);
    assert_eq!(link(&mut world), LinkState::Connecting);
    let (token, _) = refresh(world.question());
    assert_eq!(token, "refresh-0");
    world.tell_phone(0, granted(Role::Staff, 1));
    assert_eq!(link(&mut world), LinkState::Connected);
    let now = world.now;
    assert!(world.phones[0].unsent_facts(now).unwrap().is_empty());
    world.assert_converged();
}

#[test]
fn a_clock_that_is_set_makes_a_token_too_old_and_nobody_wait() {
    for ms in [-86_400_000, 86_400_000] {
        let mut world = with_a_phone();
        world.now = world.now.plus_ms(ms);
        world.phones[0].set_label(world.now, "gate").unwrap();
        world.run();
        refresh(world.question());
        world.tell_phone(0, granted(Role::Staff, 1));
        assert_eq!(link(&mut world), LinkState::Connected);
        world.pass(1_000);
        assert_eq!(world.asked, []);
    }
}

#[test]
fn a_server_that_does_not_take_a_token_is_asked_for_another_and_says_why() {
    let down = |world: &mut World| {
        let now = world.now;
        let link = world.link_of(0).unwrap();
        world.phones[0].dispatch(now, Event::LinkDown { link, reason: DownReason::Unauthorized }).unwrap();
        world.run();
    };
    let mut world = with_a_phone();
    down(&mut world);
    refresh(world.question());
    world.tell_phone(0, granted(Role::Staff, 1));
    assert_eq!(link(&mut world), LinkState::Connected, "the token had ended by the server's clock");

    let mut world = with_a_phone();
    down(&mut world);
    refresh(world.question());
    world.tell_phone(0, answered(RefreshOutcome::Pending { retry_after_ms: 5_000 }));
    let now = world.now;
    assert_eq!(world.phones[0].status(now).unwrap().standing, Standing::Pending);
    world.pass(5_000);
    refresh(world.question());
    world.tell_phone(0, answered(RefreshOutcome::Refused));
    assert_eq!(link(&mut world), LinkState::Unauthorized);
    world.pass(86_400_000);
    assert_eq!(world.asked, [], "only a new code helps");
    assert_eq!(world.scan(0, 2).verdict, Verdict::Admitted, "and the door goes on");
}

#[test]
fn a_fresh_token_that_is_refused_too_is_not_tried_without_a_pause() {
    let mut world = with_a_phone();
    for number in 1..5 {
        let now = world.now;
        let link = world.link_of(0).unwrap();
        world.forget_link(0);
        world.phones[0].dispatch(now, Event::LinkDown { link, reason: DownReason::Unauthorized }).unwrap();
        world.network = false;
        world.run();
        if number > 1 {
            assert_eq!(world.asked, [], "{number}");
            world.pass(31_000);
        }
        refresh(world.question());
        world.network = true;
        world.now = world.now.plus_ms(1);
        // The carrier opens, and the server refuses before the handshake is done.
        world.phones[0].dispatch(world.now, granted(Role::Staff, number)).unwrap();
        world.dial_only(0);
    }
}

#[test]
fn a_phone_lists_the_checkpoints_that_it_may_serve() {
    let mut world = with_a_phone();
    let now = world.now;
    assert_eq!(world.phones[0].checkpoints(now).unwrap().len(), 2);
    let credentials = Credentials { checkpoints: vec![lunch()], ..credentials(1) };
    let phone = world.add_enrolled(Enrolment { credentials, ..World::enrolment(1, Role::Staff) });
    world.start(phone);
    world.run();
    let listed = world.phones[phone].checkpoints(now).unwrap();
    assert_eq!(listed.iter().map(|view| view.id).collect::<Vec<_>>(), [lunch()]);
}

#[test]
fn a_full_disk_loses_no_question_and_no_answer() {
    for fault in [Fault::Before, Fault::After] {
        let mut world = with_a_phone();
        world.now = world.now.plus_ms(QUARTER_HOUR_MS * 3 / 4);
        {
            let mut faults = world.faults[0].lock().unwrap();
            (faults.fail, faults.for_ever) = (Some((faults.commits + 1, fault)), true);
        }
        let now = world.now;
        world.phones[0].dispatch(now, Event::Wake).unwrap_err();
        world.run();
        assert_eq!(world.asked, [], "what is not on the disk is not asked");
        *world.faults[0].lock().unwrap() = Default::default();
        world.pass(40_000);
        let first = refresh(world.question());
        {
            let mut faults = world.faults[0].lock().unwrap();
            faults.fail = Some((faults.commits + 1, fault));
        }
        let now = world.now;
        world.phones[0].dispatch(now, granted(Role::Staff, 1)).unwrap_err();
        *world.faults[0].lock().unwrap() = Default::default();
        world.run();
        world.pass(120_000);
        world.pass(40_000);
        if fault == Fault::Before {
            assert_eq!(refresh(world.question()), first, "the answer was lost: the same question");
        } else {
            assert_eq!(world.asked, [], "the answer was on the disk");
        }
    }
}
