//! The network: carriers from phones to the server and to each other, and what travels on them.

use axum::extract::ws::{CloseFrame, Message};
use muster_client_core::event::{DownReason, Event, LinkId};
use muster_client_core::exchange::closed;
use muster_server::hub::Principal;

use super::finding::Checked;
use super::sabotage::Sabotage;
use super::socket::Written;
use super::trace::fingerprint;
use super::wire::{End, Parcel, Way, Wire};
use super::world::{Happening, World, note};

impl World<'_> {
    pub(super) fn dial(&mut self, number: usize, link: LinkId) -> Checked {
        let phone = self.phone(number)?;
        phone.dialling.insert(link);
        let (boot, pace) = (phone.boots, phone.pace);
        let reachable = phone.outages == 0 && self.server.is_running();
        let answer_ms = match reachable {
            true => 2 * self.network.between(pace.delay_ms.0, pace.delay_ms.1),
            // Refused at once, or after a while, or never.
            false => match self.network.below(4) {
                0 => return Ok(()),
                1 => self.network.between(1_000, 10_000),
                _ => 5,
            },
        };
        self.after(answer_ms, Happening::Dialled { phone: number, boot, link });
        Ok(())
    }

    pub(super) fn dialled(&mut self, number: usize, boot: u32, link: LinkId) -> Checked {
        let phone = self.phone(number)?;
        if phone.boots != boot || !phone.is_on() || !phone.dialling.remove(&link) {
            return Ok(());
        }
        if self.has_to_ask(number)? && self.phone(number)?.outages == 0 {
            return self.tell(number, Event::LinkDown { link, reason: DownReason::Unauthorized });
        }
        let phone = self.phone(number)?;
        let (outages, pace, device, role) = (phone.outages, phone.pace, phone.device, phone.granted);
        let principal = Principal { device, event: self.day.event, role, token_expires_at: None };
        let accepted = if outages == 0 { self.server.accept(principal) } else { None };
        let Some(connection) = accepted else {
            return self.tell(number, Event::LinkDown { link, reason: DownReason::Closed });
        };
        let (here, there) = (End::Phone(number, link), End::Server(connection));
        let wire = self.lay(Wire::new(here, there, pace));
        self.connections.insert(connection, wire);
        self.counters.links += 1;
        note!(self, "phone {number} reaches the server by wire {wire}");
        self.phone(number)?.links.insert(link, wire);
        self.tell(number, Event::LinkUp { link })
    }

    pub(super) fn lay(&mut self, wire: Wire) -> u64 {
        self.next_wire += 1;
        self.wires.insert(self.next_wire, wire);
        self.next_wire
    }

    pub(super) fn send(&mut self, id: u64, from: End, parcel: Parcel) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let way = wire.way_from(from);
        if matches!(parcel, Parcel::Frame(_)) {
            self.frames += 1;
            if self.sabotage == Some(Sabotage::LinkSkipsMessages) && self.frames.is_multiple_of(23) {
                return;
            }
        }
        if let Some(arrives_ms) = wire.send(way, parcel, self.now_ms, &mut self.network) {
            self.at(arrives_ms, Happening::Arrive { wire: id, way });
        }
    }

    /// One end closes: what it said before still arrives, what is on its way to it does not.
    pub(super) fn hang_up(&mut self, id: u64, end: End, reason: Option<String>) {
        self.send(id, end, Parcel::Close(reason));
        if let Some(wire) = self.wires.get_mut(&id) {
            let back = match wire.way_from(end) {
                Way::ToOpener => Way::ToAcceptor,
                Way::ToAcceptor => Way::ToOpener,
            };
            wire.shut(back);
        }
    }

    /// Cuts a carrier, each way at a byte of its own. Each end notices in its own time.
    pub(super) fn cut(&mut self, id: u64) -> Checked {
        let mut lost = 0;
        for way in [Way::ToOpener, Way::ToAcceptor] {
            let Some(wire) = self.wires.get_mut(&id) else { return Ok(()) };
            if wire.is_cut(way) {
                continue;
            }
            lost += wire.cut(way, &mut self.network);
            let notices_ms = match self.network.below(10) {
                0 | 1 => self.network.between(5_000, 30_000),
                2 | 3 => self.network.between(100, 5_000),
                _ => 1,
            };
            // The server may never notice but by what is missing.
            let never = matches!(wire.end(way), End::Server(_)) && self.network.percent(30);
            if !never {
                let at_ms = wire.goes_silent(way, self.now_ms + notices_ms);
                self.at(at_ms, Happening::Arrive { wire: id, way });
            }
        }
        self.counters.cuts += 1;
        self.counters.messages_cut += u64::try_from(lost).unwrap_or_default();
        note!(self, "wire {id} is cut, {lost} messages are lost");
        Ok(())
    }

    /// The wires that carry something, by whether they lead to the server.
    pub(super) fn open_wires(&self) -> Vec<(u64, bool)> {
        let links = self.phones.iter().flat_map(|phone| phone.links.values().copied());
        let mut open: Vec<(u64, bool)> = links
            .filter_map(|id| {
                let wire = self.wires.get(&id)?;
                let is_whole = !wire.is_cut(Way::ToOpener) && !wire.is_cut(Way::ToAcceptor);
                is_whole.then_some((id, matches!(wire.acceptor, End::Server(_))))
            })
            .collect();
        open.sort_unstable();
        open.dedup();
        open
    }

    /// What the server wrote goes on its way.
    pub(super) fn route(&mut self, written: Vec<Written>) -> Checked {
        for Written { connection, message } in written {
            let Some(wire) = self.connections.get(&connection).copied() else { continue };
            let end = End::Server(connection);
            match message {
                Some(Message::Binary(bytes)) => {
                    self.check_said(&bytes)?;
                    self.send(wire, end, Parcel::Frame(bytes.to_vec()));
                }
                Some(Message::Ping(_)) => self.send(wire, end, Parcel::Ping),
                Some(Message::Close(frame)) => {
                    let reason = frame.map(|CloseFrame { reason, .. }| reason.to_string()).unwrap_or_default();
                    note!(self, "the server closes wire {wire}: {reason}");
                    self.send(wire, end, Parcel::Close(Some(reason)));
                }
                Some(Message::Text(_) | Message::Pong(_)) => {}
                None => {
                    self.connections.remove(&connection);
                    self.hang_up(wire, end, None);
                }
            }
        }
        Ok(())
    }

    pub(super) fn arrive(&mut self, id: u64, way: Way) -> Checked {
        let Some(wire) = self.wires.get_mut(&id) else { return Ok(()) };
        let Some(parcel) = wire.arrive(way, self.now_ms) else { return Ok(()) };
        let end = wire.end(way);
        if let Parcel::Frame(bytes) = &parcel {
            let print = fingerprint(bytes);
            note!(self, "wire {id}: {} bytes ({print:016x}) for {end:?}", bytes.len());
        }
        match end {
            End::Server(connection) => {
                match parcel {
                    Parcel::Frame(bytes) => self.server.arrive(connection, Some(Message::Binary(bytes.into()))),
                    Parcel::Pong => self.server.arrive(connection, Some(Message::Pong(Default::default()))),
                    Parcel::Close(_) => self.server.arrive(connection, Some(Message::Close(None))),
                    Parcel::Gone => self.server.arrive(connection, None),
                    Parcel::Ping => {}
                }
                Ok(())
            }
            End::Hostile(number) => self.hostile_hears(number, id, parcel),
            End::Phone(number, link) => {
                if self.phone(number)?.links.get(&link) != Some(&id) {
                    return Ok(());
                }
                match parcel {
                    Parcel::Frame(bytes) => self.tell(number, Event::LinkFrame { link, bytes }),
                    Parcel::Ping => {
                        self.send(id, end, Parcel::Pong);
                        Ok(())
                    }
                    Parcel::Close(reason) => {
                        self.close_link(number, link, reason.as_deref().map_or(DownReason::Closed, closed))
                    }
                    Parcel::Gone => self.close_link(number, link, DownReason::Closed),
                    Parcel::Pong => Ok(()),
                }
            }
        }
    }

    /// All the server's connections are gone with it.
    pub(super) fn lose_connections(&mut self) -> Checked {
        for wire in std::mem::take(&mut self.connections).into_values() {
            let Some(wire_end) = self.wires.get_mut(&wire) else { continue };
            wire_end.shut(Way::ToAcceptor);
            if wire_end.is_cut(Way::ToOpener) {
                continue;
            }
            let lost = wire_end.cut(Way::ToOpener, &mut self.network);
            self.counters.messages_cut += u64::try_from(lost).unwrap_or_default();
            let notices_ms = if self.network.percent(80) { 5 } else { self.network.between(1_000, 20_000) };
            let at_ms = wire_end.goes_silent(Way::ToOpener, self.now_ms + notices_ms);
            self.at(at_ms, Happening::Arrive { wire, way: Way::ToOpener });
        }
        Ok(())
    }
}
