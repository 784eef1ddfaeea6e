//! Connections: who may come in, and how many at once.
//!
//! A connection is a *guest* until it has shown a valid token. Guests cost before they can be told apart, so there are few
//! at once: of one address, and in all. Further ones of the address wait for their turn, each for some milliseconds when
//! all are honest: three hundred phones behind a hotel's address come in one after the other, and none is sent away. Only
//! when more wait than any hotel has phones is one closed unheard. A connection with a valid token counts as its device's,
//! and the limit of its address is generous.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::auth::throttle::network;
use crate::config::LimitsConfig;

/// Why a connection is closed before it was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Too many of its address wait already.
    Crowded,
    /// Its turn did not come in time.
    Waited,
    /// Its TLS handshake failed or took too long.
    Handshake,
    /// Its address has as many connections with valid tokens as it may.
    Address,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Crowded, Self::Waited, Self::Handshake, Self::Address];

    /// The stable name, which is the label of the metric.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crowded => "crowded",
            Self::Waited => "waited",
            Self::Handshake => "handshake",
            Self::Address => "address",
        }
    }
}

/// What is counted of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorStats {
    /// Gauge: connections that have not shown a valid token.
    pub guests: u64,
    /// Connections closed before they were heard, by reason.
    pub refused: Vec<(Refusal, u64)>,
}

/// One address.
#[derive(Debug)]
struct Address {
    /// Turns of its guests.
    turns: Arc<Semaphore>,
    /// Guests that have a turn or wait for one.
    guests: usize,
    /// Connections with valid tokens.
    members: usize,
}

/// The doors of the server.
#[derive(Debug)]
pub struct Doors {
    config: LimitsConfig,
    /// All guests together, those who wait too.
    guests: Arc<Semaphore>,
    /// Guests that are being heard.
    handshakes: Arc<Semaphore>,
    addresses: Mutex<HashMap<IpAddr, Address>>,
    refused: [AtomicU64; 4],
}

/// A place among the guests.
#[derive(Debug)]
struct Guest {
    doors: Arc<Doors>,
    address: Option<IpAddr>,
    _place: OwnedSemaphorePermit,
}

/// A place among the connections of an address with valid tokens.
#[derive(Debug)]
struct Member {
    doors: Arc<Doors>,
    address: IpAddr,
}

/// What a guest holds while it is heard. Fields are given back in this order.
#[derive(Debug)]
struct Turn {
    _handshake: OwnedSemaphorePermit,
    _of_address: Option<OwnedSemaphorePermit>,
    _guest: Guest,
}

/// What a connection counts as, for as long as it is open.
#[derive(Debug)]
pub struct Standing {
    doors: Arc<Doors>,
    turn: Mutex<Option<Turn>>,
    member: Mutex<Option<Member>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn permits(count: usize) -> usize {
    count.clamp(1, Semaphore::MAX_PERMITS)
}

impl Doors {
    /// Doors with these limits.
    #[must_use]
    pub fn new(config: &LimitsConfig) -> Arc<Self> {
        Arc::new(Self {
            config: config.clone(),
            guests: Arc::new(Semaphore::new(permits(config.guests))),
            handshakes: Arc::new(Semaphore::new(permits(config.handshakes))),
            addresses: Mutex::default(),
            refused: Default::default(),
        })
    }

    /// Waits until one more guest can be accepted: until then it waits in the system's own queue, where it costs nothing.
    pub async fn room(self: &Arc<Self>) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.guests).acquire_owned().await.ok()
    }

    /// Waits for the turn of a guest. `shared`: the address is a proxy's, behind which everybody is, so it has no limit of
    /// its own.
    ///
    /// # Errors
    /// Why it is closed unheard.
    pub async fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        shared: bool,
        place: OwnedSemaphorePermit,
    ) -> Result<Arc<Standing>, Refusal> {
        let admitted = self.wait(address, shared, place).await;
        match admitted {
            Ok(turn) => {
                let (doors, turn) = (Arc::clone(self), Mutex::new(Some(turn)));
                Ok(Arc::new(Standing { doors, turn, member: Mutex::default() }))
            }
            Err(refusal) => {
                self.refuse(refusal);
                Err(refusal)
            }
        }
    }

    async fn wait(
        self: &Arc<Self>,
        address: IpAddr,
        shared: bool,
        place: OwnedSemaphorePermit,
    ) -> Result<Turn, Refusal> {
        let mut guest = Guest { doors: Arc::clone(self), address: None, _place: place };
        let turns = if shared {
            None
        } else {
            let address = network(address);
            let turns = self.enter(address)?;
            guest.address = Some(address);
            Some(turns)
        };
        let waiting = async {
            let of_address = match turns {
                Some(turns) => Some(turns.acquire_owned().await.map_err(|_| Refusal::Waited)?),
                None => None,
            };
            let handshake = Arc::clone(&self.handshakes).acquire_owned().await.map_err(|_| Refusal::Waited)?;
            Ok((of_address, handshake))
        };
        let limit = Duration::from_millis(self.config.wait_ms);
        let (of_address, handshake) = timeout(limit, waiting).await.unwrap_or(Err(Refusal::Waited))?;
        Ok(Turn { _handshake: handshake, _of_address: of_address, _guest: guest })
    }

    /// Counts a guest of an address, if there is room for it.
    fn enter(&self, address: IpAddr) -> Result<Arc<Semaphore>, Refusal> {
        let mut addresses = lock(&self.addresses);
        let heard = permits(self.config.guests_per_address);
        let new = || Address { turns: Arc::new(Semaphore::new(heard)), guests: 0, members: 0 };
        let one = addresses.entry(address).or_insert_with(new);
        if one.guests >= heard.saturating_add(self.config.waiting_per_address) {
            return Err(Refusal::Crowded);
        }
        one.guests = one.guests.saturating_add(1);
        Ok(Arc::clone(&one.turns))
    }

    fn leave(&self, address: IpAddr, change: impl FnOnce(&mut Address)) {
        let mut addresses = lock(&self.addresses);
        if let Some(one) = addresses.get_mut(&address) {
            change(one);
            if one.guests == 0 && one.members == 0 {
                addresses.remove(&address);
            }
        }
    }

    /// Counts a connection that was closed before it was heard.
    pub fn refuse(&self, refusal: Refusal) {
        if let Some((_, counter)) = Refusal::ALL.iter().zip(&self.refused).find(|(one, _)| **one == refusal) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// What is counted.
    #[must_use]
    pub fn stats(&self) -> DoorStats {
        let guests = permits(self.config.guests).saturating_sub(self.guests.available_permits());
        let refused = Refusal::ALL.into_iter().zip(self.refused.iter().map(|counter| counter.load(Relaxed)));
        DoorStats { guests: u64::try_from(guests).unwrap_or(u64::MAX), refused: refused.collect() }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            self.doors.leave(address, |one| one.guests = one.guests.saturating_sub(1));
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.doors.leave(self.address, |one| one.members = one.members.saturating_sub(1));
    }
}

impl Standing {
    /// The connection has shown a valid token: it is no guest any more.
    pub fn proved(&self) {
        drop(lock(&self.turn).take());
    }

    /// The connection stays open. `address`: the caller's, behind proxies too.
    ///
    /// # Errors
    /// If the address has too many such connections.
    pub fn stay(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = network(address);
        let member = {
            let mut addresses = lock(&self.doors.addresses);
            let heard = permits(self.doors.config.guests_per_address);
            let new = || Address { turns: Arc::new(Semaphore::new(heard)), guests: 0, members: 0 };
            let one = addresses.entry(address).or_insert_with(new);
            if one.members >= self.doors.config.connections_per_address.max(1) {
                None
            } else {
                one.members = one.members.saturating_add(1);
                Some(Member { doors: Arc::clone(&self.doors), address })
            }
        };
        let Some(member) = member else {
            self.doors.refuse(Refusal::Address);
            return Err(Refusal::Address);
        };
        *lock(&self.member) = Some(member);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors(set: impl FnOnce(&mut LimitsConfig)) -> Arc<Doors> {
        let mut config = LimitsConfig::default();
        set(&mut config);
        Doors::new(&config)
    }

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    async fn guest(doors: &Arc<Doors>, address: IpAddr) -> Result<Arc<Standing>, Refusal> {
        let place = doors.room().await.unwrap();
        doors.admit(address, false, place).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_hotel_comes_in_one_after_the_other_and_nobody_is_sent_away() {
        let doors = doors(|config| config.guests_per_address = 4);
        let phones = (0..300).map(|_| async {
            let standing = guest(&doors, ip(1)).await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
            standing.proved();
            standing.stay(ip(1))?;
            Ok::<_, Refusal>(standing)
        });
        let phones = futures_util::future::join_all(phones).await;
        assert!(phones.iter().all(Result::is_ok), "{:?}", doors.stats());
        assert_eq!(lock(&doors.addresses).get(&ip(1)).unwrap().members, 300);
        assert_eq!(doors.stats().guests, 0);
        drop(phones);
        assert!(lock(&doors.addresses).is_empty(), "what is over is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_speaks_keeps_out_their_own_address_only() {
        let doors = doors(|config| {
            config.guests_per_address = 2;
            config.waiting_per_address = 1;
        });
        let _silent = [guest(&doors, ip(1)).await.unwrap(), guest(&doors, ip(1)).await.unwrap()];
        let (third, fourth) = tokio::join!(guest(&doors, ip(1)), guest(&doors, ip(1)));
        assert_eq!((third.unwrap_err(), fourth.unwrap_err()), (Refusal::Waited, Refusal::Crowded));
        assert!(guest(&doors, ip(2)).await.is_ok());
        let refused = doors.stats().refused;
        assert!(refused.contains(&(Refusal::Waited, 1)) && refused.contains(&(Refusal::Crowded, 1)), "{refused:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn all_guests_together_are_bounded_and_a_proxy_has_no_limit_of_its_own() {
        let doors = doors(|config| {
            config.guests = 3;
            config.guests_per_address = 1;
        });
        let mut held = Vec::new();
        for _ in 0..3 {
            let place = doors.room().await.unwrap();
            held.push(doors.admit(ip(1), true, place).await.unwrap());
        }
        assert!(timeout(Duration::from_secs(60), doors.room()).await.is_err(), "further ones wait outside");
        held[0].proved();
        assert!(doors.room().await.is_some());
    }

    #[tokio::test]
    async fn an_address_with_too_many_connections_is_told_so() {
        let doors = doors(|config| config.connections_per_address = 1);
        let (one, other) = (guest(&doors, ip(1)).await.unwrap(), guest(&doors, ip(1)).await.unwrap());
        assert_eq!(one.stay(ip(1)), Ok(()));
        assert_eq!(other.stay(ip(1)), Err(Refusal::Address));
        drop(one);
        assert_eq!(other.stay(ip(1)), Ok(()));
    }
}
