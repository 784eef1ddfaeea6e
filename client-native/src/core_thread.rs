//! The thread that owns the core: one database, one writer, one order of events.
//!
//! Whoever wants something of the core sends it here and waits for the answer. People go first: what a person asked is
//! done before the next frame of a link is looked at, so a scan waits for at most one frame.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_client_core::driver::Driver;
use muster_client_core::event::{DownReason, Effect, Event, LinkId, ServerId, Topic};
use muster_client_core::store::sqlite::SqliteStore;
use muster_model::time::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc};

use crate::carrier::{Carrier, CarrierError, Link, Target};
use crate::exchange;

/// How many frames wait for the core before the links are no longer read.
const INBOUND_CAPACITY: usize = 256;

/// How many jobs of people wait for the core before callers wait to hand theirs over.
const JOB_CAPACITY: usize = 64;

/// How many changes a listener may lag behind before it is told to look at everything again.
const CHANGES_CAPACITY: usize = 256;

/// The time by this device's clock.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Something a person wants done on the core's thread.
pub(crate) type Job = Box<dyn FnOnce(&mut CoreThread) + Send>;

/// What links report.
enum Inbound {
    /// A carrier is open.
    Up { link: LinkId, outgoing: mpsc::Sender<Vec<u8>> },
    /// A frame came.
    Frame { link: LinkId, bytes: Vec<u8> },
    /// A carrier closed or could not be opened.
    Down { link: LinkId, reason: DownReason },
    /// A server answered what the core asked over HTTP.
    Answered(Box<Event>),
}

/// What the core runs with.
pub(crate) struct Shell {
    pub(crate) carrier: Arc<dyn Carrier>,
    pub(crate) http: reqwest::Client,
    pub(crate) clock: Clock,
    pub(crate) runtime: Handle,
}

/// How the rest of the program reaches the core's thread.
#[derive(Clone)]
pub(crate) struct CoreHandle {
    pub(crate) jobs: mpsc::Sender<Job>,
    /// Weak, so that listeners hear the end of the core although somebody still holds a handle.
    changes: broadcast::WeakSender<Vec<Topic>>,
}

impl CoreHandle {
    /// What changes from now on; at its end already if the core has ended.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Vec<Topic>> {
        self.changes.upgrade().map_or_else(|| broadcast::channel(1).1, |changes| changes.subscribe())
    }

    /// Ends the core after the jobs that were handed over before, and waits until its database is closed.
    pub(crate) async fn end(&self) {
        // Who cannot hand the job over finds the core ended, or ending.
        let _ = self.jobs.send(Box::new(|core: &mut CoreThread| core.ending = true)).await;
        self.jobs.closed().await;
    }
}

/// The core and what it needs to run.
pub(crate) struct CoreThread {
    driver: Driver<SqliteStore>,
    carrier: Arc<dyn Carrier>,
    http: reqwest::Client,
    clock: Clock,
    runtime: Handle,
    /// Where frames for open links go.
    links: HashMap<LinkId, mpsc::Sender<Vec<u8>>>,
    inbound: mpsc::Sender<Inbound>,
    changes: broadcast::Sender<Vec<Topic>>,
    timer: Option<Timer>,
    next_host_link: u64,
    /// Somebody closed the client: no further job is done.
    ending: bool,
}

/// Starts the thread on an opened core.
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn start(driver: Driver<SqliteStore>, shell: Shell) -> std::io::Result<CoreHandle> {
    let Shell { carrier, http, clock, runtime } = shell;
    let (jobs, mut waiting_jobs) = mpsc::channel(JOB_CAPACITY);
    let (inbound, mut waiting_inbound) = mpsc::channel(INBOUND_CAPACITY);
    let (changes, _) = broadcast::channel(CHANGES_CAPACITY);
    let mut core = CoreThread {
        driver,
        carrier,
        http,
        clock,
        runtime,
        links: HashMap::new(),
        inbound,
        changes,
        timer: None,
        next_host_link: 0,
        ending: false,
    };
    let handle = CoreHandle { jobs, changes: core.changes.downgrade() };
    let run = move || {
        core.perform_effects();
        core.run(&mut waiting_jobs, &mut waiting_inbound);
        // The database first: who waits for the end of the jobs may open it again at once.
        drop(core);
        drop(waiting_jobs);
    };
    std::thread::Builder::new().name("muster-core".into()).spawn(run)?;
    Ok(handle)
}

/// When the core is to be woken, by the device's clock and by one that cannot be set: whichever comes first. A clock that
/// is set back must not put the wake off for hours, and time that the device slept through counts.
#[derive(Debug, Clone, Copy)]
struct Timer {
    at: Timestamp,
    due: Instant,
}

impl Timer {
    fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { at, due: Instant::now() + left(at, now) }
    }

    fn or(self, other: Self) -> Self {
        Self { at: self.at.min(other.at), due: self.due.min(other.due) }
    }

    fn left(&self, now: Timestamp) -> Duration {
        left(self.at, now).min(self.due.saturating_duration_since(Instant::now()))
    }
}

fn left(at: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(at.since_ms(now)).unwrap_or_default())
}

enum Next {
    Job(Job),
    Inbound(Inbound),
    Wake,
    /// Nobody can ask for anything any more.
    Over,
}

impl CoreThread {
    fn run(&mut self, jobs: &mut mpsc::Receiver<Job>, inbound: &mut mpsc::Receiver<Inbound>) {
        let runtime = self.runtime.clone();
        while !self.ending {
            let wake_in = self.timer.map(|timer| timer.left((self.clock)()));
            let wake = async {
                match wake_in {
                    Some(left) => tokio::time::sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            let next = runtime.block_on(async {
                tokio::select! {
                    biased;
                    job = jobs.recv() => job.map_or(Next::Over, Next::Job),
                    message = inbound.recv() => message.map_or(Next::Over, Next::Inbound),
                    () = wake => Next::Wake,
                }
            });
            match next {
                Next::Job(job) => job(self),
                Next::Inbound(message) => self.take(message),
                Next::Wake => {
                    self.timer = None;
                    self.tell(Event::Wake);
                }
                Next::Over => return,
            }
        }
    }

    /// The core, for whoever only reads.
    pub(crate) fn driver(&mut self) -> (&mut Driver<SqliteStore>, Timestamp) {
        let now = (self.clock)();
        (&mut self.driver, now)
    }

    /// Hands the core an event and does what it asks for.
    pub(crate) fn dispatch(
        &mut self,
        event: Event,
    ) -> Result<muster_client_core::command::Answer, muster_client_core::error::CoreError> {
        let now = (self.clock)();
        let answer = self.driver.dispatch(now, event);
        self.perform_effects();
        answer
    }

    /// Does what the core asks for; also after a failure, since links may have to be closed.
    fn perform_effects(&mut self) {
        for effect in self.driver.take_effects() {
            self.perform(effect);
        }
    }

    /// Hands the core an event that nobody waits for. What fails leaves the core as it was; a link that it came from is
    /// closed, so that both sides begin again.
    fn tell(&mut self, event: Event) {
        let link = match &event {
            Event::LinkFrame { link, .. } | Event::LinkUp { link } | Event::LinkText { link } => Some(*link),
            _ => None,
        };
        if let Err(error) = self.dispatch(event) {
            tracing::warn!(code = error.code.as_str(), "an event could not be handled");
            if let Some(link) = link {
                self.close(link, DownReason::Closed);
            }
        }
    }

    fn take(&mut self, message: Inbound) {
        match message {
            Inbound::Up { link, outgoing } => {
                self.links.insert(link, outgoing);
                self.tell(Event::LinkUp { link });
            }
            // What a link says after it was closed is no longer of interest.
            Inbound::Frame { link, bytes } if self.links.contains_key(&link) => {
                self.tell(Event::LinkFrame { link, bytes });
            }
            Inbound::Frame { .. } => {}
            Inbound::Down { link, reason } => self.close(link, reason),
            Inbound::Answered(event) => self.tell(*event),
        }
    }

    fn close(&mut self, link: LinkId, reason: DownReason) {
        self.links.remove(&link);
        if let Err(error) = self.dispatch(Event::LinkDown { link, reason }) {
            tracing::warn!(code = error.code.as_str(), "a closed link could not be handled");
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Connect { link, server, url, token } => self.connect(link, server, Target { sync_url: url, token }),
            Effect::Refresh { server, url, token, nonce, access } => {
                let http = self.http.clone();
                self.answer(async move {
                    let outcome = exchange::refresh(&http, &url, (&token, &nonce, access.as_ref())).await;
                    Event::Refreshed { server, outcome }
                });
            }
            Effect::HandOver { server, url, token, changes } => {
                let http = self.http.clone();
                self.answer(async move {
                    let outcome = exchange::hand_over(&http, &url, &token, changes).await;
                    Event::HandedOver { server, outcome }
                });
            }
            Effect::Disconnect { link } => drop(self.links.remove(&link)),
            Effect::Send { link, bytes } => {
                let sent = self.links.get(&link).is_some_and(|outgoing| outgoing.try_send(bytes).is_ok());
                // A network that does not take what we send is closed: a sync message must never be skipped.
                if !sent && self.links.remove(&link).is_some() {
                    self.close(link, DownReason::Closed);
                }
            }
            Effect::WakeAt(at) => {
                let timer = Timer::new(at, (self.clock)());
                self.timer = Some(self.timer.map_or(timer, |earlier| earlier.or(timer)));
            }
            // Nobody listening is fine.
            Effect::Changed(topics) => drop(self.changes.send(topics)),
        }
    }

    /// Has the core told what comes of a question to a server.
    fn answer(&self, asking: impl Future<Output = Event> + Send + 'static) {
        let inbound = self.inbound.clone();
        self.runtime.spawn(async move {
            let answered = Inbound::Answered(Box::new(asking.await));
            let _ = inbound.send(answered).await;
        });
    }

    fn connect(&self, link: LinkId, server: ServerId, target: Target) {
        let (carrier, inbound) = (self.carrier.clone(), self.inbound.clone());
        self.runtime.spawn(async move {
            let down = match carrier.connect(&target).await {
                Ok(Link { incoming, outgoing }) => match inbound.send(Inbound::Up { link, outgoing }).await {
                    Ok(()) => read(link, incoming, &inbound).await,
                    Err(_) => CarrierError::Ended,
                },
                Err(error) => error,
            };
            tracing::debug!(%server, %link, reason = %down, "link down");
            let _ = inbound.send(Inbound::Down { link, reason: down_reason(&down) }).await;
        });
    }

    /// Takes a carrier that the host opened to another phone.
    pub(crate) fn attach(
        &mut self,
        open: Link,
        role: muster_model::access::Role,
        side: muster_client_core::event::Side,
    ) -> Result<(), muster_client_core::error::CoreError> {
        let link = LinkId::of_host(self.next_host_link);
        self.next_host_link += 1;
        let Link { incoming, outgoing } = open;
        self.links.insert(link, outgoing);
        let inbound = self.inbound.clone();
        self.runtime.spawn(async move {
            let down = read(link, incoming, &inbound).await;
            let _ = inbound.send(Inbound::Down { link, reason: down_reason(&down) }).await;
        });
        let taken = self.dispatch(Event::PeerUp { link, role, side });
        if taken.is_err() {
            // The core does not know the link: nobody else would ever close it.
            self.links.remove(&link);
        }
        taken.map(drop)
    }
}

/// Reads a link to its end; says why it ended. The half that sends is the core's alone: that it lets go of it is how a
/// carrier learns that the link is closed.
async fn read(
    link: LinkId,
    mut incoming: mpsc::Receiver<Result<Vec<u8>, CarrierError>>,
    inbound: &mpsc::Sender<Inbound>,
) -> CarrierError {
    loop {
        match incoming.recv().await {
            Some(Ok(bytes)) => {
                if inbound.send(Inbound::Frame { link, bytes }).await.is_err() {
                    return CarrierError::Ended;
                }
            }
            Some(Err(error)) => return error,
            None => return CarrierError::Ended,
        }
    }
}

fn down_reason(error: &CarrierError) -> DownReason {
    match error {
        CarrierError::Refused { status: 401 | 403 } => DownReason::Unauthorized,
        CarrierError::RetryAfter { ms } => DownReason::RetryAfter { ms: *ms },
        _ => DownReason::Closed,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use muster_client_core::event::{Credentials, Enrolment, Event, ServerId, Side, Token};
    use muster_client_core::{CoreCode, CoreError};
    use muster_model::access::Role;
    use muster_model::id::{DeviceId, EventId};
    use muster_model::time::Timestamp;
    use tokio::sync::mpsc;

    use crate::{BoxFuture, Carrier, CarrierError, Client, ClientConfig, ClientError, Link, Target, WebSocketCarrier};

    /// No network; says when somebody tries.
    #[derive(Debug)]
    struct NoNetwork(mpsc::UnboundedSender<()>);

    impl Carrier for NoNetwork {
        fn connect<'a>(&'a self, _: &'a Target) -> BoxFuture<'a, Result<Link, CarrierError>> {
            self.0.send(()).unwrap();
            Box::pin(std::future::ready(Err(CarrierError::Unreachable)))
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_does_not_put_off_the_next_attempt() {
        let dir = tempfile::tempdir().unwrap();
        let (tried, mut attempts) = mpsc::unbounded_channel();
        let shows = Arc::new(AtomicI64::new(1_810_792_800_000));
        let clock = Arc::clone(&shows);
        let clock = Arc::new(move || Timestamp::from_ms(clock.load(Ordering::Relaxed)));
        let (database, carrier) = (dir.path().join("event.db"), Arc::new(NoNetwork(tried)));
        let client = Client::open(ClientConfig { clock, ..ClientConfig::new(database, carrier) }).await.unwrap();
        let enrolment = Event::Enrolled(Box::new(Enrolment {
            server_url: "wss://server/sync".into(),
            api_url: "https://server".into(),
            server_id: ServerId("server".into()),
            event: EventId::from_random([7; 16]),
            device: DeviceId::from_random([1; 8]),
            role: Role::Staff,
            credentials: Credentials::fixed(Token::new("secret")),
            device_name: "gate".into(),
        }));
        client.on_core(move |core| core.dispatch(enrolment)).await.unwrap().unwrap();
        client.start_sync().await.unwrap();
        attempts.recv().await.unwrap();
        // Until it has heard that it failed, and nothing is left to do but to wait for the next.
        while timer_left(&client).await < Duration::from_millis(100) {
            tokio::task::yield_now().await;
        }
        shows.fetch_sub(5 * 3_600_000, Ordering::Relaxed);
        // Somebody looks at a list meanwhile.
        client.read(|core, now| core.status(now)).await.unwrap();
        assert!(timer_left(&client).await < Duration::from_secs(2), "it waits for seconds, not for hours");
        let again = tokio::time::timeout(Duration::from_secs(60), attempts.recv()).await;
        assert_eq!(again, Ok(Some(())));
    }

    /// How long the core's thread will wait; nothing if it has no timer.
    async fn timer_left(client: &Client) -> Duration {
        let left = |core: &mut super::CoreThread| core.timer.map(|timer| timer.left((core.clock)()));
        client.on_core(left).await.unwrap().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_link_that_the_core_does_not_take_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let carrier = Arc::new(WebSocketCarrier::new(&[]).unwrap());
        let client = Client::open(ClientConfig::new(dir.path().join("event.db"), carrier)).await.unwrap();
        let (link, mut end) = Link::new();
        let attached = client.attach(link, Role::Staff, Side::Initiator).await;
        let Err(ClientError::Core(CoreError { code, .. })) = attached else { panic!("{attached:?}") };
        assert_eq!(code, CoreCode::NotEnrolled, "there is no event to talk about yet");
        assert_eq!(end.to_send.recv().await, None);
    }
}
