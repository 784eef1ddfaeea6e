//! The types of options and their written forms.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::headers::Origins;
use crate::proxies::Proxies;

/// A type that an option can have.
pub trait OptionValue: Sized {
    /// What stands in for a default that cannot be read.
    #[must_use]
    fn fallback() -> Self;

    /// Reads the written form.
    ///
    /// # Errors
    /// What was expected instead.
    fn read(text: &str) -> Result<Self, &'static str>;

    /// The written form.
    fn write(&self) -> String;
}

macro_rules! parsed {
    ($type:ty, $expected:literal, $zero:expr) => {
        impl OptionValue for $type {
            fn fallback() -> Self {
                $zero
            }

            fn read(text: &str) -> Result<Self, &'static str> {
                text.parse().map_err(|_| $expected)
            }

            fn write(&self) -> String {
                self.to_string()
            }
        }
    };
}

parsed!(u32, "a whole number from 0 to 4294967295", 0);
parsed!(u64, "a whole number from 0", 0);
parsed!(usize, "a whole number from 0", 0);
parsed!(String, "a text", String::new());
parsed!(SocketAddr, "an IP address and a port, such as 127.0.0.1:8400 or [::1]:8400", (Ipv4Addr::LOCALHOST, 0).into());
parsed!(Proxies, "addresses and networks, such as 10.0.0.0/8, ::1", Proxies::default());
parsed!(Origins, "origins, such as https://app.example.org, without a path", Origins::default());

impl OptionValue for PathBuf {
    fn fallback() -> Self {
        Self::new()
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() { Err("a path") } else { Ok(Self::from(text)) }
    }

    fn write(&self) -> String {
        self.display().to_string()
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl OptionValue for LogFormat {
    fn fallback() -> Self {
        Self::Text
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("text or json"),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Json => "json".to_owned(),
        }
    }
}
