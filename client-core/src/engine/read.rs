//! Questions: pure reads of projections and of the views in memory.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::access::Role;
use muster_model::document::{DocKind, DocRef};
use muster_model::double_admission::State;
use muster_model::event::{Event, OnlyKey};
use muster_model::fact::{Fact, FactBody};
use muster_model::fact_order::standing;
use muster_model::id::{AttendeeId, CheckpointId, FactId, PresenterId, RoomId, SessionId};
use muster_model::logistics::Needs;
use muster_model::program::{Room, Session};
use muster_model::readiness::{self, items_for, of_session};
use muster_model::record::Record;
use muster_model::ticket::{TicketHash, code};

use super::bookkeeping::{PARKED, ParkedEntry};
use super::links::Phase;
use super::views::{ProgramView, all};
use super::{Cx, Engine};
use crate::error::{EngineError, Missing};
use crate::event::ServerId;
use crate::search::terms;
use crate::store::{DoubleRow, OutboxRow, Place};
use crate::view::{
    ArrivalView, AttendeeCard, BoardRow, CheckpointView, CountsView, DeviceStatus, DoubleView, IncidentView, LinkState,
    LogisticsView, Parked, RefusedWork, SearchHit, ServerStatus, SessionFilter, SessionView, StatusView,
};

fn facts_at(cx: &Cx<'_>, place: &Place) -> Result<Vec<Fact>, EngineError> {
    Ok(cx.store.facts_at(place)?.into_iter().map(|row| row.fact).collect())
}

impl Engine {
    pub(crate) fn event_record(&mut self, cx: &mut Cx<'_>) -> Result<Event, EngineError> {
        Ok(self.event_view(cx)?.event.clone())
    }

    pub(crate) fn checkpoints(&mut self, cx: &mut Cx<'_>) -> Result<Vec<CheckpointView>, EngineError> {
        let view = self.event_view(cx)?;
        let with_id =
            |(id, checkpoint): (&CheckpointId, &_)| CheckpointView { id: *id, checkpoint: Clone::clone(checkpoint) };
        let served = self.served();
        let serves = |id: &CheckpointId| served.as_ref().is_none_or(|served| served.contains(id));
        let mut found: Vec<CheckpointView> =
            view.checkpoints.iter().filter(|(id, _)| serves(id)).map(with_id).collect();
        found.sort_by(|one, other| one.checkpoint.position.cmp(&other.checkpoint.position).then(one.id.cmp(&other.id)));
        Ok(found)
    }

    pub(crate) fn rooms(&mut self, cx: &mut Cx<'_>) -> Result<Vec<(RoomId, Room)>, EngineError> {
        let view = self.program_view(cx)?;
        let mut found: Vec<(RoomId, Room)> = view.rooms.iter().map(|(id, room)| (*id, room.clone())).collect();
        found.sort_by(|one, other| one.1.position.cmp(&other.1.position).then(one.1.name.cmp(&other.1.name)));
        Ok(found)
    }

    pub(crate) fn search(&self, cx: &Cx<'_>, typed: &str, limit: usize) -> Result<Vec<SearchHit>, EngineError> {
        let event = self.event_id(cx)?;
        let mut ids: Vec<AttendeeId> = Vec::new();
        for code in code::read(typed).candidates {
            ids.extend(cx.store.attendees_by_ticket(TicketHash::of(event, &code))?);
        }
        let terms = terms(typed);
        if ids.is_empty() && !terms.is_empty() {
            ids = cx.store.search(&terms, limit)?;
        }
        let mut hits = Vec::new();
        for id in ids.into_iter().take(limit) {
            let Some(row) = cx.store.attendee(id)? else { continue };
            let inside = cx.store.tallies_of(id)?.into_iter().filter(|tally| tally.count.inside > 0);
            hits.push(SearchHit { id, attendee: row.attendee, inside: inside.map(|tally| tally.checkpoint).collect() });
        }
        Ok(hits)
    }

    pub(crate) fn attendee(&self, cx: &Cx<'_>, id: AttendeeId) -> Result<AttendeeCard, EngineError> {
        let row = cx.store.attendee(id)?.ok_or(EngineError::Missing(Missing::Attendee))?;
        self.card_of(cx, &row)
    }

    pub(crate) fn counts(&self, cx: &Cx<'_>, checkpoint: CheckpointId) -> Result<CountsView, EngineError> {
        let mut view = CountsView { by_category: cx.store.counts(checkpoint)?, ..CountsView::default() };
        for (_, count) in &view.by_category {
            view.total.admitted += count.admitted;
            view.total.inside += count.inside;
            view.total.admissions += count.admissions;
            view.total.extra_inside += count.extra_inside;
        }
        Ok(view)
    }

    pub(crate) fn double_admissions(&self, cx: &Cx<'_>) -> Result<Vec<DoubleView>, EngineError> {
        let mut open = Vec::new();
        let mut settled = Vec::new();
        for row in cx.store.doubles()? {
            let view = double_view(cx, row)?;
            if view.state == State::Open { open.push(view) } else { settled.push(view) }
        }
        open.append(&mut settled);
        Ok(open)
    }

    pub(crate) fn sessions(
        &mut self,
        cx: &mut Cx<'_>,
        filter: &SessionFilter,
    ) -> Result<Vec<SessionView>, EngineError> {
        let program = self.program_view(cx)?;
        let fits = |session: &&Session| {
            filter.room.is_none_or(|room| session.room == Some(room))
                && filter.from.is_none_or(|from| session.starts_at >= from)
                && filter.until.is_none_or(|until| session.starts_at < until)
        };
        let found = program.sessions.iter().filter(|(_, session)| fits(session));
        let mut found: Vec<SessionView> = found.map(|(id, session)| session_view(&program, *id, session)).collect();
        found.sort_by(|one, other| {
            let key = |view: &SessionView| (view.session.starts_at, view.room.clone(), view.id);
            key(one).cmp(&key(other))
        });
        Ok(found)
    }

    /// The board: what needs somebody first comes first.
    pub(crate) fn board(&mut self, cx: &mut Cx<'_>, filter: &SessionFilter) -> Result<Vec<BoardRow>, EngineError> {
        let templates = self.rooms_view(cx)?;
        let now = self.book(cx)?.0.corrected(cx.now);
        let mut rows = Vec::new();
        for session in self.sessions(cx, filter)?.into_iter().filter(|view| !view.session.cancelled) {
            let items = items_for(&session.session, templates.templates.values());
            let facts = facts_at(cx, &Place::Session(session.id))?;
            let readiness = of_session((session.id, &session.session), &items, &facts, now);
            rows.push(BoardRow { session, readiness });
        }
        let urgency = |state: readiness::State| match state {
            readiness::State::Overdue => 0,
            readiness::State::Problem => 1,
            readiness::State::NotStarted | readiness::State::UnderWay => 2,
            readiness::State::Ready => 3,
        };
        rows.sort_by_key(|row| {
            let deadline = row.readiness.deadline.unwrap_or(row.session.session.starts_at);
            (urgency(row.readiness.state), deadline, row.session.session.starts_at, row.session.id)
        });
        Ok(rows)
    }

    pub(crate) fn checklist(&mut self, cx: &mut Cx<'_>, id: SessionId) -> Result<BoardRow, EngineError> {
        let program = self.program_view(cx)?;
        let session = program.sessions.get(&id).ok_or(EngineError::Missing(Missing::Session))?;
        let templates = self.rooms_view(cx)?;
        let items = items_for(session, templates.templates.values());
        let facts = facts_at(cx, &Place::Session(id))?;
        let now = self.book(cx)?.0.corrected(cx.now);
        let readiness = of_session((id, session), &items, &facts, now);
        Ok(BoardRow { session: session_view(&program, id, session), readiness })
    }

    /// Standing incidents, the latest first.
    pub(crate) fn incidents(&mut self, cx: &mut Cx<'_>) -> Result<Vec<IncidentView>, EngineError> {
        let program = self.program_view(cx)?;
        let facts = facts_at(cx, &Place::Incidents)?;
        let views = standing(&facts).into_iter().rev().filter_map(|fact| match &fact.body {
            FactBody::Incident(incident) => {
                let room = incident.room.and_then(|room| program.rooms.get(&room));
                let room = room.map(|room| room.name.clone()).unwrap_or_default();
                Some(IncidentView { fact: fact.clone(), incident: incident.clone(), room })
            }
            _ => None,
        });
        Ok(views.collect())
    }

    /// The programme's presenters, and whoever else has arrived, by name.
    pub(crate) fn arrivals(&mut self, cx: &mut Cx<'_>) -> Result<Vec<ArrivalView>, EngineError> {
        let program = self.program_view(cx)?;
        let facts = facts_at(cx, &Place::Arrivals)?;
        let mut views: BTreeMap<PresenterId, ArrivalView> = BTreeMap::new();
        for (id, profile) in &program.presenters {
            views.insert(*id, ArrivalView { presenter: *id, profile: Some(profile.clone()), arrival: None });
        }
        for fact in standing(&facts) {
            if let FactBody::Arrival { presenter, .. } = fact.body {
                let view = views.entry(presenter);
                let view = view.or_insert(ArrivalView { presenter, profile: None, arrival: None });
                view.arrival.get_or_insert_with(|| fact.clone());
            }
        }
        let mut views: Vec<ArrivalView> = views.into_values().collect();
        views.sort_by_key(|view| view.profile.as_ref().map(|profile| profile.name.to_lowercase()));
        Ok(views)
    }

    pub(crate) fn my_logistics(&mut self, cx: &mut Cx<'_>) -> Result<LogisticsView, EngineError> {
        match self.book(cx)?.1.role {
            Role::Presenter(own) => self.logistics(cx, own),
            _ => Err(EngineError::NotAllowed(DocRef::whole(DocKind::Presenter))),
        }
    }

    pub(crate) fn logistics(&mut self, cx: &mut Cx<'_>, of: PresenterId) -> Result<LogisticsView, EngineError> {
        let doc = DocRef::presenter(of);
        if !self.book(cx)?.1.role.access(&doc).may_read() {
            return Err(EngineError::NotAllowed(doc));
        }
        let needs_durability = self.edits_durability(cx, &doc, Needs::COLLECTION)?;
        let Some(am) = self.readable(cx, doc)? else {
            return Ok(LogisticsView { needs_durability, ..LogisticsView::default() });
        };
        let mut view = LogisticsView {
            travel: all(am)?.into_iter().collect(),
            hotels: all(am)?.into_iter().collect(),
            honorarium: all(am)?.remove(&OnlyKey),
            aids: all(am)?.into_iter().collect(),
            needs: all(am)?.remove(&OnlyKey),
            needs_durability,
            contacts: all(am)?.into_iter().collect(),
        };
        view.travel.sort_by_key(|(id, leg)| (leg.departs_at, *id));
        view.hotels.sort_by_key(|(id, stay)| (stay.from, *id));
        Ok(view)
    }

    pub(crate) fn status(&self, cx: &Cx<'_>) -> Result<StatusView, EngineError> {
        let standing = self.standing(cx.now);
        let Ok((book, _)) = self.book(cx) else { return Ok(StatusView { standing, ..StatusView::default() }) };
        let waiting = cx.store.outbox_counts()?;
        let mut status = StatusView { enrolled: true, label: book.by(), standing, ..StatusView::default() };
        status.kept_facts = u64::try_from(self.kept_facts(cx)?.len()).unwrap_or(u64::MAX);
        status.kept_edits = self.kept_edits(cx)?;
        let unsent = cx.store.unsent_edits()?;
        let edits = |server: &ServerId, doc: Option<DocRef>| {
            let of = |row: &&OutboxRow| row.server == *server && doc.is_none_or(|doc| row.doc == doc);
            u64::try_from(unsent.iter().filter(of).count()).unwrap_or(u64::MAX)
        };
        for (server, entry) in &book.servers {
            let state = self.servers.get(server).copied().unwrap_or_default();
            let link = match state.phase {
                Phase::Stopped => LinkState::Stopped,
                Phase::Refreshing | Phase::Dialling { .. } => LinkState::Connecting,
                Phase::Open { link } => match self.links.get(&link).and_then(|link| link.connection.peer()) {
                    Some(_) => LinkState::Connected,
                    None => LinkState::Connecting,
                },
                Phase::Waiting { retry_at, .. } => LinkState::Waiting { retry_at },
                Phase::Unauthorized => LinkState::Unauthorized,
            };
            let of_server = waiting.iter().filter(|(of, _, _)| of == server);
            status.servers.push(ServerStatus {
                server: server.clone(),
                url: entry.url.clone(),
                link,
                last_contact: state.last_contact,
                facts_not_there: of_server.map(|(_, _, facts)| facts).sum(),
                edits_not_there: edits(server, None),
            });
            let prefix = format!("{PARKED}{server}/");
            for (key, value) in cx.store.meta_with_prefix(&prefix)? {
                let document = key.strip_prefix(&prefix).and_then(|doc| doc.parse::<DocRef>().ok());
                let parked = serde_json::from_slice::<ParkedEntry>(&value).ok();
                let (Some(document), Some(ParkedEntry { code, since })) = (document, parked) else { continue };
                let of_doc = waiting.iter().filter(|(of, doc, _)| of == server && *doc == document);
                let facts = of_doc.map(|(_, _, facts)| facts).sum();
                let edits = edits(server, Some(document));
                status.parked.push(Parked { document, server: server.clone(), code, facts, edits, since });
            }
        }
        for work in self.refused_work(cx)? {
            let RefusedWork { document, server, code, fact, edit, since, .. } = work;
            let (facts, edits) = (u64::from(fact.is_some()), u64::from(edit.is_some()));
            let same =
                |parked: &&mut Parked| parked.document == document && parked.server == server && parked.code == code;
            match status.parked.iter_mut().find(same) {
                Some(parked) => {
                    parked.facts = parked.facts.saturating_add(facts);
                    parked.edits = parked.edits.saturating_add(edits);
                }
                None => status.parked.push(Parked { document, server, code, facts, edits, since }),
            }
        }
        let devices = cx.store.heard()?.into_iter();
        status.devices = devices
            .map(|row| DeviceStatus {
                device: row.device,
                by: row.by,
                last_fact_at: row.last_fact_at,
                received_at: row.received_at,
            })
            .collect();
        status.devices.sort_by_key(|device| (device.last_fact_at, device.device));
        let here: Vec<DocRef> = cx.store.documents()?.into_iter().map(|size| size.doc).collect();
        status.missing = self.held.iter().filter(|doc| !here.contains(doc)).copied().collect();
        status.unusable = self.unusable.iter().map(|(doc, code)| (*doc, *code)).collect();
        status.indexing = self.is_indexing();
        Ok(status)
    }

    /// The facts that this device recorded, by number.
    pub(crate) fn own_facts(&self, cx: &Cx<'_>) -> Result<Vec<Fact>, EngineError> {
        let (book, identity) = self.book(cx)?;
        let mut facts = Vec::new();
        for counter in 1..=book.fact_counter {
            let id = muster_model::id::FactId { device: identity.device, counter };
            facts.extend(cx.store.fact(id)?.map(|row| row.fact));
        }
        Ok(facts)
    }

    pub(crate) fn unsent_facts(&self, cx: &Cx<'_>) -> Result<Vec<Fact>, EngineError> {
        let servers = self.book(cx)?.0.servers.len();
        let mut lacking: BTreeMap<FactId, BTreeSet<ServerId>> = BTreeMap::new();
        for (server, doc, _) in cx.store.outbox_counts()? {
            for fact in cx.store.outbox(&server, &doc)?.into_iter().filter_map(|row| row.fact) {
                lacking.entry(fact).or_default().insert(server.clone());
            }
        }
        let mut facts = Vec::new();
        for (id, _) in lacking.into_iter().filter(|(_, by)| by.len() == servers) {
            facts.extend(cx.store.fact(id)?.map(|row| row.fact));
        }
        facts.extend(self.kept_facts(cx)?);
        facts.sort_by_key(|fact| fact.id);
        facts.dedup_by_key(|fact| fact.id);
        Ok(facts)
    }
}

fn double_view(cx: &Cx<'_>, row: DoubleRow) -> Result<DoubleView, EngineError> {
    // In the row's order: to put them in order anew would take all facts of the place, not these alone.
    let mut admissions = Vec::new();
    for id in &row.admissions {
        admissions.extend(cx.store.fact(*id)?.map(|row| row.fact));
    }
    let settled = match row.settled_by {
        Some(by) => cx.store.fact(by)?.map(|row| row.fact),
        None => None,
    };
    let state = match settled.map(|fact| (fact.id, fact.body)) {
        Some((by, FactBody::Resolution(resolution))) => State::Settled { by, resolution },
        _ => State::Open,
    };
    let card = cx.store.attendee(row.attendee)?.map(|row| row.attendee);
    Ok(DoubleView { attendee: row.attendee, card, checkpoint: row.checkpoint, admissions, state })
}

fn session_view(program: &ProgramView, id: SessionId, session: &Session) -> SessionView {
    let room = session.room.and_then(|room| program.rooms.get(&room)).map(|room| room.name.clone());
    let names = session.presenters.iter().filter_map(|id| program.presenters.get(id));
    SessionView {
        id,
        session: session.clone(),
        room: room.unwrap_or_default(),
        presenters: names.map(|profile| profile.name.clone()).collect(),
    }
}
