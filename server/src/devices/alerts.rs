//! What a coordinator should look at: something that an honest device does not do.

use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use rusqlite::{Transaction, params};

use super::Device;
use crate::storage::{Storage, StorageError};

/// A refresh token was shown again that had been exchanged: there are two of a device.
pub(crate) const REFRESH_TOKEN_REUSED: &str = "refresh_token_reused";

/// Something that an honest device does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alert {
    /// The device.
    pub(crate) device: DeviceId,
    /// What it is called.
    pub(crate) name: String,
    /// What happened, as a stable code.
    pub(crate) code: String,
    /// When.
    pub(crate) raised_at: Timestamp,
}

pub(super) fn insert(tx: &Transaction<'_>, device: &Device, code: &str, now: Timestamp) -> Result<(), StorageError> {
    let insert = "INSERT INTO device_alerts (event_id, device_id, code, raised_at) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(insert, params![device.event.to_string(), device.id.to_string(), code, now.ms()])?;
    Ok(())
}

/// The alerts of an event, the latest first.
pub(crate) async fn list(storage: &Storage, event: EventId) -> Result<Vec<Alert>, StorageError> {
    storage
        .read(move |conn| {
            let select = "SELECT a.device_id, d.name, a.code, a.raised_at FROM device_alerts a
                          JOIN devices d USING (device_id) WHERE a.event_id = ?1 ORDER BY a.alert_id DESC";
            let mut statement = conn.prepare_cached(select)?;
            let rows = statement.query_map([event.to_string()], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            rows.map(|row| {
                let (device, name, code, at) = row?;
                let bad = |_| StorageError::Value { table: "device_alerts", column: "device_id" };
                let device = device.parse().map_err(bad)?;
                Ok(Alert { device, name, code, raised_at: Timestamp::from_ms(at) })
            })
            .collect()
        })
        .await
}
