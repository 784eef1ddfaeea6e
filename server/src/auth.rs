//! Who asks, and what they may do.
//!
//! A caller shows an access token: a JSON web token (RFC 7519) signed with one of the server's Ed25519 keys ([`ring`]). A
//! device's token names the device, its event and its role, and is good for some minutes and only as long as the database
//! says that the device is: [`identity`]. The device gets another for its refresh token, which is good once: [`refresh`].
//! An operator's token is made by whoever can read the keys' files, for five minutes: [`token`]. What each may do is one
//! table: [`permission`].

mod authors;
pub mod code;
mod eddsa;
pub mod extract;
pub mod identity;
pub mod keys;
pub mod password;
pub mod permission;
pub mod refresh;
pub mod ring;
pub mod throttle;
pub mod token;
