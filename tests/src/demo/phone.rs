//! A phone of the demo: the real client on a database file of its own, behind a network that can be cut.

use std::path::Path;
use std::sync::Arc;

use muster_client_core::command::{CheckIn, Command, NewIncident, NewWalkIn, Recorded, ScanResult};
use muster_client_core::view::{SessionFilter, StatusView};
use muster_client_native::{Client, ClientConfig, ClientError, EnrolmentLink, WebSocketCarrier};
use muster_model::fact::EntryVia;
use muster_model::id::{CheckpointId, FactId, ItemId, SessionId};
use muster_model::readiness::ItemKind;

use super::orders::Order;
use crate::network::Network;

/// A phone of the demo.
#[derive(Debug)]
pub struct Phone {
    /// What staff call it.
    pub name: String,
    /// The real client.
    pub client: Client,
    /// What it reaches the server through.
    pub network: Network,
}

/// An order that a phone carried out, and the fact that it showed as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What it was told.
    pub order: Order,
    /// The fact; `None` if its verdict was not to admit.
    pub fact: Option<FactId>,
}

impl Phone {
    /// Opens a client on a new database and enrols it through its own network.
    ///
    /// # Errors
    /// If the database cannot be made or the server refuses.
    pub async fn enrol(name: &str, database: &Path, network: Network, code_link: &str) -> Result<Self, ClientError> {
        let carrier = WebSocketCarrier::new(&[]).map_err(|_| ClientError::Closed)?;
        let client = Client::open(ClientConfig::new(database.to_owned(), Arc::new(carrier))).await?;
        let mut link = EnrolmentLink::parse(code_link)?;
        link.server_url = format!("http://{}", network.address());
        client.enrol(&link, name).await?;
        client.set_label(name).await?;
        client.start_sync().await?;
        Ok(Self { name: name.to_owned(), client, network })
    }

    /// How it stands with the server and the others.
    ///
    /// # Errors
    /// If the core fails.
    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.client.read(|driver, now| driver.status(now)).await
    }

    /// How many of its facts are not known to be on the server.
    ///
    /// # Errors
    /// If the core fails.
    pub async fn facts_here_only(&self) -> Result<u64, ClientError> {
        Ok(self.status().await?.servers.iter().map(|server| server.facts_not_there).sum())
    }

    /// The sessions that take place, each with the items that its room needs.
    ///
    /// # Errors
    /// If the core fails.
    pub async fn rooms_to_make_ready(&self) -> Result<Vec<(SessionId, Vec<(ItemId, ItemKind)>)>, ClientError> {
        let board = self.client.read(|driver, now| driver.readiness_board(now, &SessionFilter::default())).await?;
        let items = |row: &muster_client_core::view::BoardRow| {
            let items = row.readiness.items.iter().map(|status| (status.item.id, status.item.kind)).collect();
            (row.session.id, items)
        };
        Ok(board.iter().map(items).collect())
    }

    /// Carries out an order; `last` is the last check-in of this phone.
    ///
    /// # Errors
    /// If nothing could be recorded.
    pub async fn carry_out(
        &self,
        order: Order,
        checkpoint: CheckpointId,
        last: Option<FactId>,
    ) -> Result<Done, ClientError> {
        let fact = match &order {
            Order::Scan(code) => admitted(&self.client.scan(checkpoint, code).await?),
            Order::Find(name) => self.find(name, checkpoint).await?,
            Order::UndoLast => match last {
                Some(fact) => Some(self.client.undo(fact, "wrong person").await?.fact),
                None => None,
            },
            Order::WalkIn { name } => {
                let (name, organisation, category) = (name.clone(), String::new(), "Guest".to_owned());
                Some(self.client.walk_in(NewWalkIn { checkpoint, name, organisation, category }).await?.fact)
            }
            Order::Observe { session, item, state, note } => {
                Some(self.client.observe((*session, *item), *state, note).await?.fact)
            }
            Order::Incident { session, severity, text } => {
                let incident =
                    NewIncident { room: None, session: Some(*session), severity: *severity, text: (*text).to_owned() };
                Some(self.client.record(Command::ReportIncident(incident)).await?.fact)
            }
        };
        Ok(Done { order, fact })
    }

    async fn find(&self, name: &str, checkpoint: CheckpointId) -> Result<Option<FactId>, ClientError> {
        let typed = name.to_owned();
        let hits = self.client.read(move |driver, now| driver.search(now, &typed, 1)).await?;
        let Some(hit) = hits.first() else { return Ok(None) };
        let answers = Default::default();
        let (attendee, via, despite) = (hit.id, EntryVia::Search, String::new());
        let result = self.client.check_in(CheckIn { checkpoint, attendee, via, answers, despite }).await?;
        Ok(admitted(&result))
    }
}

fn admitted(result: &ScanResult) -> Option<FactId> {
    result.recorded.map(|Recorded { fact, .. }| fact).filter(|_| !result.repeated)
}
