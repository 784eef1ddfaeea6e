//! A document that is stored but cannot be opened: said to be unavailable, so that the connection can go on with the
//! others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use muster_protocol::{DocumentId, Frame, ProtocolCode};
use tokio::sync::mpsc;

use super::Message;
use crate::hub::HubError;
use crate::hub::link::Link;
use crate::hub::registry::Handle;
use crate::hub::shared::Shared;

/// Answers until nobody asks any more.
pub(super) async fn run(
    shared: &Shared,
    handle: &Arc<Handle>,
    messages: &mut mpsc::Receiver<Message>,
    error: &HubError,
) {
    let document = DocumentId::from_bytes(*handle.id.as_bytes());
    let idle = Duration::from_secs(shared.config.idle_unload_s);
    let mut links: BTreeMap<u64, Arc<Link>> = BTreeMap::new();
    loop {
        let message = match tokio::time::timeout(idle, messages.recv()).await {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(_) => Message::Nudge,
        };
        match message {
            Message::Attach(attach) => drop(links.insert(attach.link.id, attach.link)),
            Message::Sync { link, .. } => {
                let Some(link) = links.get(&link) else { continue };
                let (sender, target) = (shared.peer_id.clone(), link.peer_id.clone());
                link.send(Frame::DocUnavailable { sender, target, document }.encode());
                let code = ProtocolCode::DocumentUnavailable;
                link.send_notice(&shared.peer_id, document, code.as_str(), code.remedy());
            }
            Message::Work(work) => work.answer(Err(error.clone())),
            // Dropped unanswered: what cannot be read cannot be begun anew.
            Message::HandOver(_) => {}
            Message::Stop => return,
            _ => {
                links.retain(|_, link| !link.has_ended());
                if links.is_empty() && shared.registry.retire(handle) {
                    return;
                }
            }
        }
    }
}
