//! What the demo points at: what each phone knows while they are apart, and what waits for somebody when they have met.

use std::collections::BTreeMap;

use muster_client_core::view::{BoardRow, DoubleView, SessionFilter};
use muster_model::double_admission::State as DoubleState;
use muster_model::fact::ItemState;
use muster_model::readiness::State;
use muster_model::time::{TimeZone, Timestamp};

use super::audit::Audit;
use super::day::{DemoError, Field};
use super::phone::Phone;
use super::screen::Screen;

/// How many lines of a list are shown.
const SHOWN: usize = 8;

/// Shows what each phone knows while it is alone.
pub(super) async fn apart(field: &Field, screen: &Screen) -> Result<(), DemoError> {
    screen.say("\n   What each phone knows while it is alone:");
    for phone in &field.phones {
        let admitted = admitted(phone).await?;
        let here_only = phone.facts_here_only().await?;
        screen.say(&format!(
            "   {:<8} {admitted:>6} people admitted, {here_only:>6} facts on this phone only, has heard nothing of the others",
            phone.name
        ));
    }
    Ok(())
}

async fn admitted(phone: &Phone) -> Result<u64, DemoError> {
    let read = phone.client.read(|core, now| {
        let mut admitted = 0;
        for checkpoint in core.checkpoints(now)? {
            admitted += core.counts(now, checkpoint.id)?.total.admitted;
        }
        Ok(admitted)
    });
    Ok(read.await?)
}

/// Shows what waits for somebody when all have met, on the first phone: every phone would show the same.
pub(super) async fn together(field: &Field, found: &Audit, screen: &Screen) -> Result<(), DemoError> {
    let Some(phone) = field.phones.first() else { return Ok(()) };
    let total = admitted(phone).await?;
    screen.say(&format!(
        "   {total} people admitted in {} check-ins, {} looks at rooms; lost: {}",
        found.check_ins,
        found.readiness_observations,
        found.lost.len()
    ));
    let zone = phone.client.read(|core, now| Ok(core.event(now)?.time_zone)).await?;
    doubles(field, phone, &zone, screen).await?;
    rooms(phone, &zone, screen).await
}

async fn doubles(field: &Field, phone: &Phone, zone: &TimeZone, screen: &Screen) -> Result<(), DemoError> {
    let doubles = phone.client.read(|core, now| core.double_admissions(now)).await?;
    let open: Vec<&DoubleView> = doubles.iter().filter(|double| double.state == DoubleState::Open).collect();
    screen.stage(&format!("{} tickets were admitted at two gates and wait to be settled", open.len()));
    let mut gates = BTreeMap::new();
    for gate in &field.phones {
        if let Some(me) = gate.client.read(|core, now| core.me(now)).await? {
            gates.insert(me.device, gate.name.clone());
        }
    }
    for double in open.iter().take(SHOWN) {
        let name = double.card.as_ref().map_or("a walk-in", |attendee| attendee.name.as_str());
        let sides: Vec<String> = double
            .admissions
            .iter()
            .map(|fact| {
                let gate = gates.get(&fact.device()).map_or("another device", String::as_str);
                format!("{gate} at {}", clock(zone, fact.corrected_at()))
            })
            .collect();
        screen.say(&format!("   ! {name:<28} {}", sides.join(", ")));
    }
    more(open.len(), screen);
    Ok(())
}

async fn rooms(phone: &Phone, zone: &TimeZone, screen: &Screen) -> Result<(), DemoError> {
    let board = phone.client.read(|core, now| core.readiness_board(now, &SessionFilter::default())).await?;
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &board {
        *states.entry(word(row.readiness.state).1).or_default() += 1;
    }
    let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    screen.stage(&format!("Rooms: {}", states.join(", ")));
    for row in board.iter().take(SHOWN) {
        screen.say(&line(row, zone));
    }
    more(board.len(), screen);
    Ok(())
}

fn line(row: &BoardRow, zone: &TimeZone) -> String {
    let (sign, word) = word(row.readiness.state);
    let trouble = row.readiness.items.iter().find_map(|item| match &item.last {
        Some((_, seen)) if seen.state == ItemState::Problem => Some(format!(": {}", seen.note)),
        _ => None,
    });
    let (done, all) = (row.readiness.done(), row.readiness.items.len());
    let title: String = row.session.session.title.chars().take(44).collect();
    format!(
        "   {sign} {:<12} {} {:<14} {title:<44} {done}/{all}{}",
        word,
        clock(zone, row.session.session.starts_at),
        row.session.room,
        trouble.unwrap_or_default()
    )
}

/// A state's sign and word: never told by colour alone.
const fn word(state: State) -> (char, &'static str) {
    match state {
        State::NotStarted => ('·', "not started"),
        State::UnderWay => ('…', "under way"),
        State::Ready => ('✓', "ready"),
        State::Problem => ('!', "problem"),
        State::Overdue => ('◷', "late"),
    }
}

fn clock(zone: &TimeZone, at: Timestamp) -> String {
    zone.local(at).map_or_else(|| at.to_string(), |local| local.strftime("%H:%M").to_string())
}

fn more(all: usize, screen: &Screen) {
    if all > SHOWN {
        screen.say(&format!("     and {} more", all - SHOWN));
    }
}
