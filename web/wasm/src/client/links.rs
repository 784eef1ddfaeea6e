//! What the shell hears: of links, of servers that were asked, of time.

use muster_client_core::event::{DownReason, Event};
use muster_client_core::exchange;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Asked, Client, answer};

/// None of these fails: what the core cannot handle leaves it as it was, and it begins that link again. What is said of a
/// link after it was closed is of no interest.
#[wasm_bindgen]
impl Client {
    /// A link that was asked for is open.
    #[wasm_bindgen(js_name = linkUp)]
    pub fn link_up(&mut self, link: u32) {
        if let Some(id) = self.links.get(&link).copied() {
            self.tell(Some(link), Event::LinkUp { link: id });
        }
    }

    /// A binary message came.
    #[wasm_bindgen(js_name = linkFrame)]
    pub fn link_frame(&mut self, link: u32, bytes: Vec<u8>) {
        if let Some(id) = self.links.get(&link).copied() {
            self.tell(Some(link), Event::LinkFrame { link: id, bytes });
        }
    }

    /// A text message came, which is against the protocol.
    #[wasm_bindgen(js_name = linkText)]
    pub fn link_text(&mut self, link: u32) {
        if let Some(id) = self.links.get(&link).copied() {
            self.tell(Some(link), Event::LinkText { link: id });
        }
    }

    /// A link closed; `reason` is what the close frame said.
    #[wasm_bindgen(js_name = linkClosed)]
    pub fn link_closed(&mut self, link: u32, reason: &str) {
        self.close(link, exchange::closed(reason));
    }

    /// A link fell silent.
    #[wasm_bindgen(js_name = linkLost)]
    pub fn link_lost(&mut self, link: u32) {
        self.close(link, DownReason::Closed);
    }

    /// A link could not be opened. A browser does not say why; what the same address answers over HTTP does. Status 0: it
    /// does not answer.
    #[wasm_bindgen(js_name = linkNotOpened)]
    pub fn link_not_opened(&mut self, link: u32, status: u16, body: &str) {
        self.close(link, exchange::not_opened(answer(status, body)));
    }

    /// A server answered what it was asked; status 0 for no answer.
    pub fn answered(&mut self, question: u32, status: u16, body: &str) {
        let answer = answer(status, body);
        let event = match self.asked.remove(&question) {
            Some(Asked::Refresh(server)) => Event::Refreshed { server, outcome: exchange::refreshed(answer) },
            Some(Asked::HandOver(server, keys)) => {
                Event::HandedOver { server, outcome: exchange::handed_over(answer, keys) }
            }
            None => return,
        };
        self.tell(None, event);
    }

    /// The time that `wakeIn` named has come.
    pub fn wake(&mut self) {
        self.tell(None, Event::Wake);
    }
}
