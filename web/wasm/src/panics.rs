//! What is said of a panic before the instance ends: where it was, and nothing of what it said, which may hold a name.

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// The page's side keeps it, since the call that panics returns nothing.
    #[wasm_bindgen(js_name = musterPanicked)]
    fn panicked(at: &str);
}

/// To be called once, when the module is loaded.
#[wasm_bindgen(start)]
pub fn started() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        panicked(&at);
    }));
}

/// Panics. What a page does then has to be tried with the module that people load.
#[wasm_bindgen(js_name = panicOnPurpose)]
pub fn panic_on_purpose() {
    #[expect(clippy::panic, reason = "this is what it is for")]
    {
        panic!("on purpose");
    }
}
