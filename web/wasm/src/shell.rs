//! What the page's side does for the core, and how the core asks for it.

use muster_client_core::exchange;
use tsify::Ts;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::topic::Topic;

#[wasm_bindgen(typescript_custom_section)]
const SHELL: &str = "
/** What the core asks for. Calls come while a call of `Client` is under way: nothing here may call `Client` before it has
 * returned. */
export interface Shell {
    /** Open a WebSocket, then tell `linkUp`, or `linkNotOpened`. */
    connect(link: number, url: string, token: string): void;
    /** Send a binary message, in order. False if that cannot be; then the link is not used again. The bytes are the core's
     * memory: copy what is kept. */
    send(link: number, bytes: Uint8Array): boolean;
    /** Close a link after what was sent; it is not used again. */
    disconnect(link: number): void;
    /** Ask with `POST` and JSON, then tell `answered` or `notAnswered`. */
    ask(question: number, url: string, body: string): void;
    /** Call `wake` in so many milliseconds, or as soon as nothing else waits if that is 0; an earlier time that was asked for
     * before still holds. */
    wakeIn(ms: number): void;
    /** Views of these topics may differ now. */
    changed(topics: Topic[]): void;
}
";

#[wasm_bindgen]
extern "C" {
    /// The page's side, an object of JavaScript.
    #[wasm_bindgen(typescript_type = "Shell")]
    #[derive(Debug)]
    pub type Shell;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn connect(this: &Shell, link: u32, url: &str, token: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn send(this: &Shell, link: u32, bytes: &[u8]) -> Result<bool, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn disconnect(this: &Shell, link: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn ask(this: &Shell, question: u32, url: &str, body: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = wakeIn)]
    pub(crate) fn wake_in(this: &Shell, ms: i32) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn changed(this: &Shell, topics: Vec<Ts<Topic>>) -> Result<(), JsValue>;
}

/// A question to be asked with `POST`, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct HttpQuestion {
    /// Where to.
    pub url: String,
    /// The body, which may hold a secret.
    pub body: String,
}

impl From<exchange::Question> for HttpQuestion {
    fn from(question: exchange::Question) -> Self {
        Self { url: question.url, body: question.body }
    }
}
