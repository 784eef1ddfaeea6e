//! What a page's worker uses: a phone's whole state behind one handle.

mod commands;
mod links;
mod questions;

use std::collections::{BTreeMap, VecDeque};

use muster_client_core::Driver;
use muster_client_core::command::Answer;
use muster_client_core::enrolment::EnrolmentLink;
use muster_client_core::error::CoreError;
use muster_client_core::event::{DownReason, Effect, Event, LinkId, ServerId};
use muster_client_core::exchange::{self, HttpAnswer};
use muster_client_core::store::sqlite::SqliteStore;
use muster_model::time::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::{Failed, Problem};
use crate::shell::{HttpQuestion, Shell};
use crate::storage::{self, Config, PutAside};
use crate::topic::Topic;
use crate::value::{given, record};

/// A phone's whole state behind one handle, for one worker.
///
/// Every call that records something returns when it is on disk. None waits for a network.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Client {
    driver: Driver<SqliteStore>,
    shell: Shell,
    /// Open links and those being opened, by the number the shell knows them under.
    links: BTreeMap<u32, LinkId>,
    /// What servers were asked, by the number the shell knows it under.
    asked: BTreeMap<u32, Asked>,
    next_number: u32,
    /// What became of the database that this one is in the place of.
    aside: Option<PutAside>,
}

/// What a server was asked.
#[derive(Debug)]
enum Asked {
    Refresh(ServerId),
    HandOver(ServerId, Vec<String>),
}

#[wasm_bindgen]
impl Client {
    /// Opens a client on a database.
    ///
    /// # Errors
    /// `storage_unavailable` if the browser gives no place to keep it in; `storage_busy` if another worker has it;
    /// `storage_damaged` if it does not read (`recoverDatabase`); `storage_newer`; `storage_full`; `storage_failed`.
    pub async fn open(config: Ts<Config>, shell: Shell) -> Result<Client, Failed> {
        let config = record(&config)?;
        Self::on(storage::open(&config).await?, shell, None)
    }

    /// Opens a client in the place of a damaged database, which stays aside; `putAside` then has what it had not sent.
    ///
    /// # Errors
    /// As `open`.
    #[wasm_bindgen(js_name = recoverDatabase)]
    pub async fn recover_database(config: Ts<Config>, shell: Shell) -> Result<Client, Failed> {
        let config = record(&config)?;
        let (store, aside) = storage::recover(&config).await?;
        Self::on(store, shell, Some(aside))
    }

    /// What became of the damaged database, for one that was recovered.
    ///
    /// # Errors
    /// `internal`.
    #[wasm_bindgen(js_name = putAside, unchecked_return_type = "PutAside | undefined")]
    pub fn put_aside(&self) -> Result<Option<Ts<PutAside>>, Failed> {
        self.aside.clone().map(given).transpose()
    }

    /// Deletes the database, and those that were put aside. To be called when the client was let go of (`free`).
    ///
    /// # Errors
    /// If one cannot be deleted.
    pub async fn forget(config: Ts<Config>) -> Result<(), Failed> {
        storage::forget(&record(&config)?).await
    }

    /// What to ask the server to enrol this device with a link that a coordinator made; the answer goes to `enrolled`.
    ///
    /// # Errors
    /// `enrolment_link` if it is not one.
    #[wasm_bindgen(js_name = enrolQuestion)]
    pub fn enrol_question(
        &self,
        link: &str,
        #[wasm_bindgen(js_name = deviceName)] device_name: &str,
    ) -> Result<Ts<HttpQuestion>, Failed> {
        given(EnrolmentLink::parse(link)?.question(device_name))
    }

    /// What the server answered; status 0 for no answer. The device is enrolled, durably, when this returns.
    ///
    /// # Errors
    /// `enrolment_link`, `unreachable`, `not_muster`, or the server's own code (`enrolment_code_used`...).
    pub fn enrolled(
        &mut self,
        link: &str,
        #[wasm_bindgen(js_name = deviceName)] device_name: &str,
        status: u16,
        body: &str,
    ) -> Result<(), Failed> {
        let enrolled = EnrolmentLink::parse(link)?.enrolled(answer(status, body))?;
        Ok(self.dispatch(Event::Enrolled(Box::new(enrolled.into_enrolment(device_name)))).map(drop)?)
    }

    /// Connects to the servers and stays connected, through every loss of network.
    ///
    /// # Errors
    /// If the core fails.
    #[wasm_bindgen(js_name = startSync)]
    pub fn start_sync(&mut self) -> Result<(), Failed> {
        Ok(self.dispatch(Event::SyncStart).map(drop)?)
    }

    /// Closes the links to servers and keeps them closed. Nothing else changes: this is not an "offline mode".
    ///
    /// # Errors
    /// If the core fails.
    #[wasm_bindgen(js_name = stopSync)]
    pub fn stop_sync(&mut self) -> Result<(), Failed> {
        Ok(self.dispatch(Event::SyncStop).map(drop)?)
    }

    /// What to show the server with a request over HTTP; none while there is none that is good.
    ///
    /// # Errors
    /// If the store fails.
    #[wasm_bindgen(js_name = accessToken)]
    pub fn access_token(&mut self) -> Result<Option<String>, Failed> {
        Ok(self.driver.access_token(now())?.map(|token| token.reveal().to_owned()))
    }
}

impl Client {
    fn on(store: SqliteStore, shell: Shell, aside: Option<PutAside>) -> Result<Self, Failed> {
        let driver = Driver::open(store, Box::new(StdRng::from_os_rng()), now())?;
        let (links, asked) = (BTreeMap::new(), BTreeMap::new());
        let mut client = Self { driver, shell, links, asked, next_number: 0, aside };
        client.perform_effects();
        Ok(client)
    }

    /// Hands the core an event and does what it asks for.
    fn dispatch(&mut self, event: Event) -> Result<Answer, CoreError> {
        let answer = self.driver.dispatch(now(), event);
        self.perform_effects();
        answer
    }

    /// Hands the core an event that nobody waits for. What fails leaves the core as it was; a link that it came from is
    /// closed, so that both sides begin again.
    fn tell(&mut self, link: Option<u32>, event: Event) {
        if let Err(error) = self.dispatch(event) {
            tracing::warn!(code = error.code.as_str(), "an event could not be handled");
            if let Some(link) = link {
                let _ = self.shell.disconnect(link);
                self.close(link, DownReason::Closed);
            }
        }
    }

    /// Tells the core that a link is closed; one that is not known any more was closed before.
    fn close(&mut self, link: u32, reason: DownReason) {
        let Some(id) = self.links.remove(&link) else { return };
        self.tell(None, Event::LinkDown { link: id, reason });
    }

    /// Does what the core asks for; also after a failure, since links may have to be closed.
    fn perform_effects(&mut self) {
        let mut waiting = VecDeque::from(self.driver.take_effects());
        while let Some(effect) = waiting.pop_front() {
            if let Some(lost) = self.perform(effect) {
                // A network that does not take what we send is closed: a sync message must never be skipped.
                let down = Event::LinkDown { link: lost, reason: DownReason::Closed };
                if let Err(error) = self.driver.dispatch(now(), down) {
                    tracing::warn!(code = error.code.as_str(), "a closed link could not be handled");
                }
                waiting.extend(self.driver.take_effects());
            }
        }
    }

    /// Does one thing; gives back the link that was lost with it. The shell's calls fail only if the shell is broken, which is
    /// the same as a network that is.
    fn perform(&mut self, effect: Effect) -> Option<LinkId> {
        match effect {
            Effect::Connect { link, server: _, url, token } => {
                let number = self.number();
                self.links.insert(number, link);
                if self.shell.connect(number, &url, token.reveal()).is_err() {
                    self.links.remove(&number);
                    return Some(link);
                }
            }
            Effect::Send { link, bytes } => {
                let number = self.number_of(link)?;
                if !self.shell.send(number, &bytes).unwrap_or_default() {
                    self.links.remove(&number);
                    let _ = self.shell.disconnect(number);
                    return Some(link);
                }
            }
            Effect::Disconnect { link } => {
                let number = self.number_of(link)?;
                self.links.remove(&number);
                let _ = self.shell.disconnect(number);
            }
            Effect::Refresh { server, url, token, nonce, access } => {
                self.ask(Asked::Refresh(server), &exchange::refresh(&url, (&token, &nonce, access.as_ref())));
            }
            Effect::HandOver { server, url, token, changes } => {
                let question = exchange::hand_over(&url, &token, &changes);
                let keys = changes.into_iter().map(|unsent| unsent.key).collect();
                self.ask(Asked::HandOver(server, keys), &question);
            }
            Effect::WakeAt(at) => {
                let ms = at.since_ms(now()).clamp(0, i64::from(i32::MAX));
                let _ = self.shell.wake_in(i32::try_from(ms).unwrap_or_default());
            }
            Effect::Changed(topics) => {
                let topics = topics.into_iter().filter_map(|topic| Topic::from(topic).into_ts().ok()).collect();
                let _ = self.shell.changed(topics);
            }
        }
        None
    }

    fn ask(&mut self, asked: Asked, question: &exchange::Question) {
        let number = self.number();
        self.asked.insert(number, asked);
        // If it cannot be asked, the core asks again in its time.
        let _ = self.shell.ask(number, &question.url, &question.body);
    }

    fn number(&mut self) -> u32 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }

    fn number_of(&self, link: LinkId) -> Option<u32> {
        self.links.iter().find_map(|(number, open)| (*open == link).then_some(*number))
    }

    fn read<T>(
        &mut self,
        question: impl FnOnce(&mut Driver<SqliteStore>, Timestamp) -> Result<T, CoreError>,
    ) -> Result<T, Failed> {
        Ok(question(&mut self.driver, now())?)
    }
}

/// An answer over HTTP; status 0 says that there was none.
fn answer(status: u16, body: &str) -> Option<HttpAnswer<'_>> {
    (status != 0).then_some(HttpAnswer { status, body: body.as_bytes() })
}

/// The time by this device's clock.
fn now() -> Timestamp {
    // Whole milliseconds, far within what a double holds exactly.
    #[expect(
        clippy::as_conversions,
        reason = "there is no other way from a double to an integer; out of range it saturates"
    )]
    let ms = js_sys::Date::now() as i64;
    Timestamp::from_ms(ms)
}

/// The answer does not fit the question: a fault of the core.
fn unexpected() -> Failed {
    Problem::internal("the answer does not fit the question")
}
