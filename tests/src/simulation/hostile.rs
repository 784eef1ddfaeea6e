//! Devices with good tokens in bad hands: they speak the wire by hand.
//!
//! Each keeps copies of documents as an honest peer would, and half of what it writes is honest work. The rest is forged on
//! a copy apart, so that a refusal costs it nothing. None of that may ever stand on the server.

mod forge;

use std::collections::{BTreeMap, BTreeSet};

use automerge::sync::{Message as SyncMessage, State, SyncDoc};
use automerge::{Automerge, ChangeHash};
use muster_model::access::Role;
use muster_model::document::{self, DocKind, DocRef};
use muster_model::id::DeviceId;
use muster_protocol::{DocumentId, FEATURE_NOTICE, Frame, FrameLimits, MusterMetadata, PeerId, PeerMetadata};
use muster_server::hub::Principal;

use super::draw::Draw;
use super::finding::{Checked, Rule, own_fault};
use super::wire::{End, Pace, Parcel, Wire};
use super::world::{Happening, World, note};

/// The mean time between two things that one does, in milliseconds.
const PAUSE_MS: i64 = 9_000;

/// How long it takes to come back, in milliseconds.
const BACK_MS: i64 = 3_000;

/// A line to the server.
#[derive(Default)]
struct Line {
    /// Who answered.
    peer: Option<PeerId>,
    syncs: BTreeMap<DocRef, State>,
}

/// A device with a good token in bad hands.
pub(super) struct Hostile {
    role: Role,
    device: DeviceId,
    pace: Pace,
    /// It speaks automerge-repo and nothing of ours.
    is_stock: bool,
    documents: BTreeMap<DocRef, Automerge>,
    /// The epochs that they are of.
    epochs: BTreeMap<DocRef, u32>,
    lines: BTreeMap<u64, Line>,
    facts: u64,
    sessions: u64,
    /// A change that the server should have refused, to build on.
    refused: Option<(DocRef, Automerge)>,
}

impl Hostile {
    pub(super) fn new(number: usize, role: Role, draw: &mut Draw) -> Self {
        let number = u8::try_from(number).unwrap_or(u8::MAX);
        let delay_ms = (2, if draw.percent(30) { 400 } else { 60 });
        Self {
            role,
            device: DeviceId::from_random([0xB0_u8.saturating_add(number); 8]),
            pace: Pace { delay_ms, bytes_per_ms: 1_000 },
            is_stock: draw.percent(25),
            documents: BTreeMap::new(),
            epochs: BTreeMap::new(),
            lines: BTreeMap::new(),
            facts: 0,
            sessions: 0,
            refused: None,
        }
    }

    pub(super) const fn device(&self) -> DeviceId {
        self.device
    }

    fn name(&self) -> Checked<PeerId> {
        PeerId::new(&format!("hostile-{}", self.device)).map_err(own_fault)
    }

    /// A line that has been answered.
    fn line(&self) -> Option<u64> {
        self.lines.iter().find(|(_, line)| line.peer.is_some()).map(|(wire, _)| *wire)
    }

    /// An actor of its own that it has not used.
    fn next_actor(&mut self) -> automerge::ActorId {
        self.sessions += 1;
        self.device.actor(self.sessions.to_be_bytes())
    }
}

/// What none of the server's documents may ever hold.
#[derive(Debug, Default)]
pub(super) struct Forbidden(pub(super) BTreeSet<ChangeHash>);

impl World<'_> {
    /// Some days have devices in bad hands.
    pub(super) fn hire_hostiles(&mut self) {
        if !self.mischief.percent(40) {
            return;
        }
        for number in 0..=self.mischief.below(3) {
            let presenter = self.mischief.pick(&self.day.presenters).copied();
            let role = presenter.filter(|_| self.mischief.percent(20)).map_or(Role::Staff, Role::Presenter);
            let hostile = Hostile::new(number, role, &mut self.mischief);
            self.server.devices.enrol(hostile.device, role);
            self.hostiles.push(hostile);
            let at_ms = self.mischief.between(2_000, 30_000);
            self.at(at_ms, Happening::HostileActs { hostile: number });
        }
    }

    fn hostile(&mut self, number: usize) -> Checked<&mut Hostile> {
        self.hostiles.get_mut(number).ok_or_else(|| own_fault("no such hostile"))
    }

    /// It does the next thing, and has another to do later.
    pub(super) fn hostile_acts(&mut self, number: usize) -> Checked {
        let wait_ms = self.mischief.wait(PAUSE_MS);
        if self.now_ms + wait_ms < self.weather.length_ms {
            self.after(wait_ms, Happening::HostileActs { hostile: number });
        }
        let Some(wire) = self.hostile(number)?.line() else { return self.hostile_dials(number) };
        if self.mischief.percent(50) { self.work_honestly(number, wire) } else { self.forge(number, wire) }
    }

    pub(super) fn hostile_dials(&mut self, number: usize) -> Checked {
        let Hostile { device, role, pace, .. } = *self.hostile(number)?;
        let is_there = !self.hostile(number)?.lines.is_empty();
        let principal = Principal { device, event: self.day.event, role, token_expires_at: None };
        if is_there {
            return Ok(());
        }
        let Some(connection) = self.server.accept(principal) else { return Ok(()) };
        let wire = self.lay(Wire::new(End::Hostile(number), End::Server(connection), pace));
        self.connections.insert(connection, wire);
        note!(self, "hostile {number} reaches the server by wire {wire}");
        self.hostile_joins(number, wire)
    }

    fn hostile_joins(&mut self, number: usize, wire: u64) -> Checked {
        let hostile = self.hostile(number)?;
        hostile.lines.insert(wire, Line::default());
        let muster = (!hostile.is_stock).then(|| MusterMetadata::with_features(&[FEATURE_NOTICE]));
        let metadata = PeerMetadata { muster, ..PeerMetadata::default() };
        let join = Frame::Join { sender: hostile.name()?, metadata, versions: vec!["1".to_owned()] };
        self.send(wire, End::Hostile(number), Parcel::Frame(join.encode()));
        Ok(())
    }

    /// Something arrives at it.
    pub(super) fn hostile_hears(&mut self, number: usize, wire: u64, parcel: Parcel) -> Checked {
        match parcel {
            Parcel::Frame(bytes) => {
                let frame = Frame::decode(&bytes, &FrameLimits::default()).map_err(own_fault)?;
                self.hostile_reads(number, wire, frame)
            }
            Parcel::Ping => {
                self.send(wire, End::Hostile(number), Parcel::Pong);
                Ok(())
            }
            Parcel::Pong => Ok(()),
            Parcel::Close(_) | Parcel::Gone => self.hostile_leaves(number, wire),
        }
    }

    fn hostile_leaves(&mut self, number: usize, wire: u64) -> Checked {
        if self.hostile(number)?.lines.remove(&wire).is_some() {
            self.hang_up(wire, End::Hostile(number), None);
        }
        Ok(())
    }

    fn hostile_reads(&mut self, number: usize, wire: u64, frame: Frame) -> Checked {
        match frame {
            Frame::Peer { sender, .. } => {
                let documents = self.worth_syncing(number)?;
                self.hostile_moves_on(number)?;
                let Some(line) = self.hostile(number)?.lines.get_mut(&wire) else { return Ok(()) };
                line.peer = Some(sender);
                line.syncs.extend(documents.iter().map(|document| (*document, State::new())));
                for document in documents {
                    self.hostile_syncs(number, wire, document)?;
                }
                Ok(())
            }
            Frame::Sync { document, data, .. } | Frame::Request { document, data, .. } => {
                let named = |held: &&DocRef| self.wire_id(held) == document;
                let held: Vec<DocRef> = self.worth_syncing(number)?;
                let Some(held) = held.iter().find(named).copied() else { return Ok(()) };
                let message = SyncMessage::decode(&data).map_err(own_fault)?;
                let hostile = self.hostile(number)?;
                let state = hostile.lines.get_mut(&wire).and_then(|line| line.syncs.get_mut(&held));
                let (Some(state), Some(doc)) = (state, hostile.documents.get_mut(&held)) else { return Ok(()) };
                if doc.receive_sync_message(state, message).is_err() {
                    // It passed its copy off as another document, and the two do not go together.
                    hostile.documents.remove(&held);
                    return self.hostile_leaves(number, wire);
                }
                self.hostile_syncs(number, wire, held)
            }
            Frame::Notice { changes, code, document: Some(_), .. } => {
                note!(self, "hostile {number} is told {code} about {} changes", changes.len());
                self.counters.hostile_refused += 1;
                // Nothing more is taken on this line: it comes back.
                self.hostile_leaves(number, wire)?;
                self.after(BACK_MS, Happening::HostileReturns { hostile: number });
                Ok(())
            }
            Frame::Ephemeral { .. } => {
                self.counters.hostile_refused += 1;
                self.hostile_leaves(number, wire)
            }
            _ => Ok(()),
        }
    }

    /// Documents that were begun anew it begins anew, as an honest peer would, or it passes its old copy off as the new one.
    fn hostile_moves_on(&mut self, number: usize) -> Checked {
        let epochs = self.server.disk.epochs();
        let passes_off = self.mischief.percent(50);
        let hostile = self.hostile(number)?;
        for (document, epoch) in epochs {
            if hostile.epochs.insert(document, epoch) != Some(epoch) && !passes_off {
                hostile.documents.remove(&document);
            }
        }
        Ok(())
    }

    /// Says about a document what an honest peer would.
    fn hostile_syncs(&mut self, number: usize, wire: u64, document: DocRef) -> Checked {
        let event = self.day.event;
        let hostile = self.hostile(number)?;
        if !hostile.documents.contains_key(&document) {
            let (actor, epoch) = (hostile.next_actor(), hostile.epochs.get(&document).copied().unwrap_or_default());
            let begun = document::create_in(event, &document, epoch, actor).map_err(own_fault)?;
            hostile.documents.insert(document, begun);
        }
        let state = hostile.lines.get_mut(&wire).and_then(|line| line.syncs.get_mut(&document));
        let (Some(state), Some(doc)) = (state, hostile.documents.get_mut(&document)) else { return Ok(()) };
        match doc.generate_sync_message(state) {
            Some(message) => self.hostile_says(number, wire, document, message),
            None => Ok(()),
        }
    }

    fn hostile_says(&mut self, number: usize, wire: u64, document: DocRef, message: SyncMessage) -> Checked {
        let id = self.wire_id(&document);
        let hostile = self.hostile(number)?;
        let Some(target) = hostile.lines.get(&wire).and_then(|line| line.peer.clone()) else { return Ok(()) };
        let frame = Frame::Sync { sender: hostile.name()?, target, document: id, data: message.encode() };
        self.send(wire, End::Hostile(number), Parcel::Frame(frame.encode()));
        Ok(())
    }

    pub(super) fn wire_id(&self, document: &DocRef) -> DocumentId {
        let epoch = self.server.disk.epochs().get(document).copied().unwrap_or_default();
        DocumentId::from_bytes(*document.id_in(self.day.event, epoch).as_bytes())
    }

    /// The documents of which it keeps copies.
    fn worth_syncing(&self, number: usize) -> Checked<Vec<DocRef>> {
        let role = self.hostiles.get(number).ok_or_else(|| own_fault("no such hostile"))?.role;
        let whole = [DocKind::Event, DocKind::Rooms, DocKind::Arrivals].map(DocRef::whole);
        let shards = [DocKind::Checkins, DocKind::Roster].map(|kind| DocRef::shard(kind, 0));
        let mut found: Vec<DocRef> = whole.into_iter().chain(shards).collect();
        if let Role::Presenter(own) = role {
            found.push(DocRef::presenter(own));
        }
        found.retain(|document| role.access(document).may_read());
        Ok(found)
    }

    /// A coordinator accepts what honest phones wrote and was refused; of others they know nothing.
    pub(super) fn accept_quarantined(&self, seen: usize) -> usize {
        let is_honest = |device: DeviceId| self.phones.iter().any(|phone| phone.device == device);
        self.server.accept_quarantined(seen, |entry| is_honest(entry.device) && entry.author.is_none_or(is_honest))
    }

    /// None of what was forged stands on the server, and what is kept of it stays within its limits.
    pub(super) fn check_forgeries(&self) -> Checked {
        if let Some((document, hash)) = self.server_shadows.holds_any(&self.forbidden.0) {
            return Err(Rule::LetIn.broken(format!("{document} has {hash}, which its author may not write")));
        }
        let own: BTreeSet<DeviceId> = self.hostiles.iter().map(Hostile::device).collect();
        for (document, fact) in self.server_shadows.facts() {
            let is_honest = self.phones.iter().any(|phone| phone.device == fact.device());
            if !is_honest && !own.contains(&fact.device()) {
                return Err(Rule::LetIn.broken(format!("{document} has {}, whose author is nobody", fact.id)));
            }
        }
        self.server.disk.check_quarantine()
    }
}
