//! Runs the client core on a phone or computer: tokio, WebSocket over rustls, files.

mod carrier;
mod enrolment;
mod web_socket;

pub use carrier::{BoxFuture, Carrier, CarrierError, LINK_CAPACITY, Link, LinkEnd, Target, Token};
pub use enrolment::{EnrolError, Enrolled, EnrolmentLink, enrol};
pub use web_socket::{
    CONNECT_TIMEOUT, MAX_FRAME_BYTES, PING_INTERVAL, RootCertificateError, SILENCE_TIMEOUT, WebSocketCarrier,
};
