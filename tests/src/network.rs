//! A network that can be cut: a relay on this machine between a phone and the server.
//!
//! While it is cut it takes connections and closes them at once, and those that were open are gone in the middle of
//! whatever they carried, as when a phone walks out of the Wi-Fi.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A relay from a port of its own to a server.
#[derive(Debug)]
pub struct Network {
    address: SocketAddr,
    state: watch::Sender<State>,
    relay: JoinHandle<()>,
}

/// Whether bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Cut,
    /// Each connection is cut after it has carried so many bytes towards the phone.
    CutAfter(usize),
}

impl Network {
    /// A network to `server`, up.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (state, watched) = watch::channel(State::Up);
        let relay = tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                tokio::spawn(carry(phone, server, watched.clone()));
            }
        });
        Ok(Self { address, state, relay })
    }

    /// Where the phone finds the server through this network.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it: open connections end, new ones fail.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Cuts each connection after it has carried so many bytes towards the phone, in the middle of a frame as likely as
    /// not. Connections that are open now have that many bytes left.
    pub fn cut_after(&self, bytes: usize) {
        self.state.send_replace(State::CutAfter(bytes));
    }

    /// Heals it: new connections work again.
    pub fn heal(&self) {
        self.state.send_replace(State::Up);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.state.send_replace(State::Cut);
        self.relay.abort();
    }
}

/// Carries one connection until one side ends it or the network is cut. Errors are what this relay is for.
async fn carry(mut phone: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    if *state.borrow_and_update() == State::Cut {
        return;
    }
    let Ok(mut upstream) = TcpStream::connect(server).await else { return };
    // Small frames both ways: waiting to fill a packet would add 40 ms to each.
    let _ = (phone.set_nodelay(true), upstream.set_nodelay(true));
    let mut budget = budget(*state.borrow());
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let carried = tokio::select! {
            changed = state.changed() => {
                let now = *state.borrow_and_update();
                budget = self::budget(now);
                changed.is_ok() && now != State::Cut
            }
            read = phone.read(&mut up) => pass(read, &up, &mut upstream, &mut None).await,
            read = upstream.read(&mut down) => pass(read, &down, &mut phone, &mut budget).await,
        };
        if !carried {
            return;
        }
    }
}

fn budget(state: State) -> Option<usize> {
    match state {
        State::CutAfter(bytes) => Some(bytes),
        State::Up | State::Cut => None,
    }
}

/// Passes what was read on, as far as the budget goes; says whether the connection goes on.
async fn pass(read: io::Result<usize>, buffer: &[u8], to: &mut TcpStream, budget: &mut Option<usize>) -> bool {
    let Ok(count @ 1..) = read else { return false };
    let allowed = budget.map_or(count, |left| left.min(count));
    let Some(bytes) = buffer.get(..allowed) else { return false };
    if to.write_all(bytes).await.is_err() {
        return false;
    }
    if let Some(left) = budget {
        *left -= allowed;
    }
    allowed == count
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = socket.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn a_cut_ends_what_was_open_and_heals() {
        let network = Network::to(echo().await).await.unwrap();
        let mut open = TcpStream::connect(network.address()).await.unwrap();
        open.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        open.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");

        network.cut();
        assert!(matches!(open.read(&mut heard).await, Ok(0) | Err(_)));
        let mut refused = TcpStream::connect(network.address()).await.unwrap();
        assert!(matches!(refused.read(&mut heard).await, Ok(0) | Err(_)));

        network.heal();
        let mut again = TcpStream::connect(network.address()).await.unwrap();
        again.write_all(b"again").await.unwrap();
        again.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"again");
    }

    #[tokio::test]
    async fn a_connection_can_be_cut_at_a_byte() {
        let network = Network::to(echo().await).await.unwrap();
        network.cut_after(3);
        let mut open = TcpStream::connect(network.address()).await.unwrap();
        open.write_all(b"hello").await.unwrap();
        let mut heard = Vec::new();
        let _ = open.read_to_end(&mut heard).await;
        assert_eq!(heard, b"hel");
    }
}
