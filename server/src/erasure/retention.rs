//! For how long an event's personal data is kept after its end.
//!
//! Nothing is erased by itself unless somebody said when: how long is right, laws and contracts say, and what is erased
//! does not come back.

use std::time::Duration;

use muster_model::id::EventId;
use muster_model::time::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::api::events::record_of;
use crate::app::App;
use crate::audit::{self, Action, Actor, Entry};
use crate::clock;
use crate::error::ApiError;
use crate::events;
use crate::storage::{Storage, StorageError};

/// How often is looked whether an event's time is over.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long an event's personal data is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Days after the event's end; `None`: it is not erased by itself.
    pub days: Option<u32>,
    /// When it was erased.
    pub erased_at: Option<Timestamp>,
}

impl Retention {
    /// When it is due for an event that ends then; `None` if never, or if nobody has said when the event ends.
    #[must_use]
    pub fn due_at(&self, ends_at: Timestamp) -> Option<Timestamp> {
        let days = self.days.filter(|_| ends_at != Timestamp::default())?;
        Some(ends_at.plus_ms(i64::from(days).saturating_mul(DAY_MS)))
    }
}

/// What was said for an event.
///
/// # Errors
/// If the database cannot be read.
pub async fn of(storage: &Storage, event: EventId) -> Result<Retention, StorageError> {
    storage
        .read(move |conn| {
            let select = "SELECT days, erased_at FROM retention WHERE event_id = ?1";
            let row = conn.query_row(select, [event.to_string()], |row| {
                let erased_at: Option<i64> = row.get(1)?;
                Ok(Retention { days: row.get(0)?, erased_at: erased_at.map(Timestamp::from_ms) })
            });
            Ok(row.optional()?.unwrap_or_default())
        })
        .await
}

/// Says for how many days an event's personal data is kept after its end; `None`: until somebody erases it.
///
/// # Errors
/// If the database cannot be written.
pub async fn set(storage: &Storage, actor: Actor, event: EventId, days: Option<u32>) -> Result<(), StorageError> {
    let said = days.map_or_else(|| "never".to_owned(), |days| days.to_string());
    let entry = Entry::new(clock::now(), actor, Action::RetentionSet).event(event).detail("days", said);
    storage
        .write(move |tx| {
            let upsert = "INSERT INTO retention (event_id, days) VALUES (?1, ?2)
                          ON CONFLICT DO UPDATE SET days = excluded.days";
            tx.execute(upsert, params![event.to_string(), days])?;
            audit::append(tx, &entry)
        })
        .await
}

/// Looks now and once a day which events' time is over, until the server stops. First finishes what an earlier run of the
/// server has not told the phones.
pub(crate) async fn run(app: &App) {
    let daily = async {
        loop {
            tokio::time::sleep(EVERY).await;
            look(app, clock::now()).await;
        }
    };
    look(app, clock::now()).await;
    tokio::select! {
        () = daily => {}
        () = app.hub.stopping() => {}
    }
}

/// Erases what is due. One event that cannot be erased keeps none of the others from it.
pub(crate) async fn look(app: &App, now: Timestamp) {
    let events = match events::list(&app.storage).await {
        Ok(events) => events,
        Err(error) => return tracing::error!(%error, "the events cannot be listed: nothing is erased today"),
    };
    for event in events {
        if let Err(error) = look_at(app, event.id, now).await {
            tracing::error!(event = %event.id, code = error.code.as_str(), "an event's retention could not be seen to");
        }
    }
}

async fn look_at(app: &App, event: EventId, now: Timestamp) -> Result<(), ApiError> {
    super::announce(app, event).await?;
    let retention = of(&app.storage, event).await?;
    let due_at = retention.due_at(record_of(app, event).await?.ends_at);
    if retention.erased_at.is_none() && due_at.is_some_and(|due_at| due_at <= now) {
        let done = super::everybody(app, event).await?;
        tracing::info!(
            %event,
            documents = done.documents.len(),
            discarded = done.discarded,
            backups = done.backups.len(),
            "the event's time is over: its personal data was erased"
        );
    }
    Ok(())
}
