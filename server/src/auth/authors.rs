//! Devices as authors of changes, for the hub.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use muster_model::id::{DeviceId, EventId};

use super::identity::Identities;
use crate::hub::{Authors, HubError, Standing};

impl Authors for Identities {
    fn standing(&self, event: EventId, device: DeviceId) -> BoxFuture<'_, Result<Standing, HubError>> {
        self.standing_of(event, device).boxed()
    }
}
