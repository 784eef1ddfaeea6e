//! Who is who in a schedule.
//!
//! People go by guid, else by code, else by number, else by name. But old files (FOSDEM 2007) number every appearance
//! anew: where no number ever comes twice and some name does, numbers say nothing and people go by name.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::id::{EventId, PresenterId, RecordId};
use muster_model::program::PresenterProfile;

use super::super::guid::is_own;
use super::{PresenterIds, Schedule, id_of_guid};

/// The people of a schedule.
pub(crate) struct People {
    numbers_identify: bool,
    profiles: BTreeMap<PresenterId, PresenterProfile>,
}

impl People {
    /// Gathers the people of a schedule; what is said of one in several places is put together.
    pub(crate) fn gather(schedule: &Schedule, event: EventId) -> Self {
        let numbers_identify = numbers_identify(schedule);
        let mut people = Self { numbers_identify, profiles: BTreeMap::new() };
        let appearances = schedule.sessions.iter().flat_map(|session| &session.persons);
        for person in schedule.persons.iter().chain(appearances) {
            let Some(id) = people.id(person, event) else { continue };
            let mut said = person.clone();
            if !numbers_identify {
                said.source_id.clear();
            }
            if is_own(&said.guid) {
                said.guid.clear();
            }
            match people.profiles.get_mut(&id) {
                Some(known) => complete(known, said),
                None => drop(people.profiles.insert(id, said)),
            }
        }
        people
    }

    fn id(&self, person: &PresenterProfile, event: EventId) -> Option<PresenterId> {
        let number = Some(person.source_id.as_str()).filter(|number| self.numbers_identify && !number.is_empty());
        match (person.guid.as_str(), person.code.as_str(), number) {
            ("", "", None) if person.name.is_empty() => None,
            ("", "", None) => Some(PresenterId::derive(event, &format!("name/{}", person.name))),
            ("", "", Some(number)) => Some(PresenterId::derive(event, &format!("id/{number}"))),
            ("", code, _) => Some(PresenterId::derive(event, &format!("code/{code}"))),
            (guid, _, _) => Some(id_of_guid(event, guid)),
        }
    }

    /// The ids of a session's people, each once, in their order; and how many came more than once.
    pub(crate) fn of(&self, persons: &[PresenterProfile], event: EventId) -> (PresenterIds, usize) {
        let mut seen = BTreeSet::new();
        let all: PresenterIds = persons.iter().filter_map(|person| self.id(person, event)).collect();
        let each: PresenterIds = all.iter().copied().filter(|id| seen.insert(*id)).collect();
        let repeated = all.len() - each.len();
        (each, repeated)
    }

    /// The profiles.
    pub(crate) fn into_profiles(self) -> BTreeMap<PresenterId, PresenterProfile> {
        self.profiles
    }
}

fn numbers_identify(schedule: &Schedule) -> bool {
    if !schedule.persons.is_empty() {
        return true;
    }
    let mut numbers = BTreeSet::new();
    let mut numbers_of = BTreeMap::<&str, &str>::new();
    let mut renumbered = false;
    for person in schedule.sessions.iter().flat_map(|session| &session.persons) {
        if person.source_id.is_empty() {
            continue;
        }
        if !numbers.insert(person.source_id.as_str()) {
            return true;
        }
        renumbered |= numbers_of.insert(&person.name, &person.source_id).is_some();
    }
    !renumbered
}

fn complete(known: &mut PresenterProfile, said: PresenterProfile) {
    let pairs = [
        (&mut known.name, said.name),
        (&mut known.organisation, said.organisation),
        (&mut known.biography, said.biography),
        (&mut known.avatar, said.avatar),
        (&mut known.url, said.url),
        (&mut known.source_id, said.source_id),
        (&mut known.guid, said.guid),
        (&mut known.code, said.code),
    ];
    for (known, said) in pairs {
        if known.is_empty() {
            *known = said;
        }
    }
    for (name, value) in said.extra {
        known.extra.entry(name).or_insert(value);
    }
}
