//! Who asks, and what they may do.
//!
//! A caller shows a token: a JSON web token (RFC 7519) signed with the server's Ed25519 key. A device's token names the
//! device, its event and its role, and is good only as long as the database says that the device is: [`identity`]. An
//! operator's token is made by whoever can read the key's file, for five minutes: [`token`]. What each may do is one
//! table: [`permission`].

mod authors;
pub mod code;
pub mod extract;
pub mod identity;
pub mod keys;
pub mod permission;
pub mod throttle;
pub mod token;
