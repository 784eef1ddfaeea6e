//! What can be set, and where it is set: defaults, then the configuration file, then the environment, then flags.
//!
//! Every option stands once, in one of the structs below: its meaning, variable, unit and default are what the parser
//! uses and what `muster config` prints. In the file an option is `name = value` in the table of its section:
//!
//! ```toml
//! [http]
//! listen = "0.0.0.0:8400"
//!
//! [log]
//! format = "json"
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;

use muster_model::time::Timestamp;

mod concern;
mod hub;
mod limits;
mod source;
mod value;

use concern::{Concern, concern};
pub use hub::{HubOptions, StorageOptions, SyncOptions};
pub use limits::{LimitsConfig, TlsConfig};
pub use source::{ConfigError, Flag, Loaded, Origin, load};
pub use value::{LogFormat, OptionValue};

use crate::headers::Origins;
use crate::proxies::Proxies;

concern! {
    /// Where everything is kept.
    DataConfig in "data" {
        /// The directory that holds the database, the keys and the configuration file.
        dir: PathBuf = "muster-data", "path", "MUSTER_DATA_DIR";
    }
}

concern! {
    /// How requests are taken.
    HttpConfig in "http" {
        /// The address and port to listen on. Port 0 takes any free one.
        listen: SocketAddr = "127.0.0.1:8400", "address:port", "MUSTER_HTTP_LISTEN";
        /// The address and port at which the operator asks, on this machine: `/metrics`, and what needs the operator's token.
        /// Port 0 takes any free one; the command line finds it. If it is the address of `http.listen`, there is one
        /// listener for all.
        admin_listen: SocketAddr = "127.0.0.1:0", "address:port", "MUSTER_HTTP_ADMIN_LISTEN";
        /// The address under which devices reach the server, for enrolment links, such as `https://muster.example.org`.
        /// Empty: `http://` and the address listened on.
        public_url: String = "", "URL", "MUSTER_HTTP_PUBLIC_URL";
        /// The addresses and networks of proxies in front of the server, with commas between them: what they add to
        /// `X-Forwarded-For` is believed, and so is their `X-Request-Id`. Nobody else is.
        trusted_proxies: Proxies = "", "addresses", "MUSTER_HTTP_TRUSTED_PROXIES";
        /// The origins whose pages may ask from a browser, such as `https://app.example.org`, with commas between them.
        /// Without any, no page of another origin may.
        cors_origins: Origins = "", "origins", "MUSTER_HTTP_CORS_ORIGINS";
        /// A folder to take the app's files from instead of those that the binary carries, while the app is worked on. Empty:
        /// those that it carries, if it was built with them.
        web_dir: String = "", "path", "MUSTER_HTTP_WEB_DIR";
        /// How many connections are open at once; further ones wait to be accepted.
        max_connections: usize = "20000", "count", "MUSTER_HTTP_MAX_CONNECTIONS";
        /// How many requests are worked on at once; further ones are refused with `overloaded`. Sync connections do not
        /// count.
        max_requests: usize = "256", "count", "MUSTER_HTTP_MAX_REQUESTS";
        /// How long a caller may take to send the head of a request.
        header_timeout_ms: u64 = "10000", "ms", "MUSTER_HTTP_HEADER_TIMEOUT_MS";
        /// How long a request may take, its body included; imports and exports have their own limit.
        request_timeout_ms: u64 = "30000", "ms", "MUSTER_HTTP_REQUEST_TIMEOUT_MS";
        /// How long an import, an export or a backup may take.
        transfer_timeout_ms: u64 = "600000", "ms", "MUSTER_HTTP_TRANSFER_TIMEOUT_MS";
        /// The largest body of a request, but for imports.
        body_limit_bytes: usize = "65536", "bytes", "MUSTER_HTTP_BODY_LIMIT_BYTES";
        /// How long open requests may take to finish when the server stops.
        shutdown_grace_ms: u64 = "10000", "ms", "MUSTER_HTTP_SHUTDOWN_GRACE_MS";
    }
}

concern! {
    /// How devices are let in.
    AuthConfig in "auth" {
        /// How long an access token of a device is good.
        access_token_s: u32 = "900", "s", "MUSTER_AUTH_ACCESS_TOKEN_S";
        /// How long a device may stay away before it has to be enrolled again: each contact begins this anew.
        refresh_token_days: u32 = "90", "days", "MUSTER_AUTH_REFRESH_TOKEN_DAYS";
        /// How long the token is good that the command line makes for itself.
        operator_token_s: u32 = "300", "s", "MUSTER_AUTH_OPERATOR_TOKEN_S";
        /// How long an enrolment code is good, unless it is made for longer or shorter.
        enrol_code_min: u32 = "15", "min", "MUSTER_AUTH_ENROL_CODE_MIN";
        /// How many wrong enrolment codes, and how many wrong passwords, an address may try within the window.
        enrol_attempts: u32 = "20", "count", "MUSTER_AUTH_ENROL_ATTEMPTS";
        /// The window in which an address' wrong codes and passwords are counted.
        enrol_window_s: u32 = "60", "s", "MUSTER_AUTH_ENROL_WINDOW_S";
        /// How often the password of one name may be wrong within the window, from all addresses together.
        login_attempts: u32 = "10", "count", "MUSTER_AUTH_LOGIN_ATTEMPTS";
        /// The window in which a name's wrong passwords are counted.
        login_window_s: u32 = "900", "s", "MUSTER_AUTH_LOGIN_WINDOW_S";
        /// How many devices' standing is remembered between requests.
        device_cache: usize = "10000", "count", "MUSTER_AUTH_DEVICE_CACHE";
    }
}

concern! {
    /// How files are imported.
    ImportConfig in "import" {
        /// The largest file.
        limit_bytes: usize = "67108864", "bytes", "MUSTER_IMPORT_LIMIT_BYTES";
        /// How many files are read at once; further ones wait.
        parallel: usize = "2", "count", "MUSTER_IMPORT_PARALLEL";
    }
}

concern! {
    /// What is written to the log, which is standard error.
    LogConfig in "log" {
        /// What is logged: a level or directives such as `info,muster_server::hub=debug`.
        filter: String = "info", "directives", "MUSTER_LOG_FILTER";
        /// How a line looks: `text` or `json`.
        format: LogFormat = "text", "text or json", "MUSTER_LOG_FORMAT";
    }
}

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// Where everything is kept.
    pub data: DataConfig,
    /// How requests are taken.
    pub http: HttpConfig,
    /// How devices are let in.
    pub auth: AuthConfig,
    /// How files are imported.
    pub import: ImportConfig,
    /// How open documents are kept.
    pub hub: HubOptions,
    /// How devices are connected.
    pub sync: SyncOptions,
    /// How the database is used.
    pub storage: StorageOptions,
    /// How much one address or one device may ask for.
    pub limits: LimitsConfig,
    /// TLS.
    pub tls: TlsConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// One option, as `muster config` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigOption {
    /// Section and name, with a dot between them.
    pub key: String,
    /// The environment variable.
    pub variable: &'static str,
    /// The unit of the value.
    pub unit: &'static str,
    /// The default, in the form in which it would be written.
    pub default: &'static str,
    /// What it means.
    pub meaning: String,
}

impl AuthConfig {
    /// How long an access token of a device is good, in seconds.
    #[must_use]
    pub fn access_token_lifetime_s(&self) -> i64 {
        i64::from(self.access_token_s)
    }

    /// How long a refresh token is good, in milliseconds.
    #[must_use]
    pub fn refresh_token_lifetime_ms(&self) -> i64 {
        i64::from(self.refresh_token_days).saturating_mul(24 * 60 * 60 * 1_000)
    }

    /// Until when a token may run at the latest that is signed at `now`.
    #[must_use]
    pub fn last_token_ends(&self, now: Timestamp) -> Timestamp {
        let longest_s = i64::from(self.access_token_s.max(self.operator_token_s));
        now.plus_ms(longest_s.saturating_mul(1_000))
    }
}

impl Config {
    /// All options, in the order of their sections.
    #[must_use]
    pub fn options() -> Vec<ConfigOption> {
        let defaults = Self::default();
        defaults.concerns().iter().flat_map(|concern| concern.options()).collect()
    }

    fn concerns(&self) -> [&dyn Concern; 10] {
        let Self { data, http, auth, import, hub, sync, storage, limits, tls, log } = self;
        [data, http, auth, import, hub, sync, storage, limits, tls, log]
    }

    fn concerns_mut(&mut self) -> [&mut dyn Concern; 10] {
        let Self { data, http, auth, import, hub, sync, storage, limits, tls, log } = self;
        [data, http, auth, import, hub, sync, storage, limits, tls, log]
    }

    /// The value of an option in the form in which it would be written; `None` if there is no such option.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<String> {
        let (section, name) = key.split_once('.')?;
        self.concerns().iter().find(|concern| concern.section() == section)?.get(name)
    }

    /// Sets an option from its written form. `Ok(false)` if there is no such option; an error says what was expected.
    ///
    /// # Errors
    /// If the text is not a value of the option's type.
    pub fn set(&mut self, key: &str, text: &str) -> Result<bool, &'static str> {
        let Some((section, name)) = key.split_once('.') else { return Ok(false) };
        match self.concerns_mut().into_iter().find(|concern| concern.section() == section) {
            Some(concern) => concern.set(name, text),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_its_own_variable_and_a_default_that_reads_back() {
        let options = Config::options();
        assert!(options.len() > 15);
        for option in &options {
            let derived = format!("MUSTER_{}", option.key.replace('.', "_").to_uppercase());
            assert_eq!(option.variable, derived, "{}", option.key);
            assert_eq!(Config::default().get(&option.key).as_deref(), Some(option.default), "{}", option.key);
            assert!(!option.meaning.is_empty() && !option.unit.is_empty(), "{}", option.key);
            let mut config = Config::default();
            assert_eq!(config.set(&option.key, option.default), Ok(true), "{}", option.key);
            assert_eq!(config, Config::default());
        }
    }

    #[test]
    fn the_defaults_are_those_that_users_are_promised() {
        let config = Config::default();
        assert_eq!(config.data.dir, PathBuf::from("muster-data"));
        assert_eq!(config.http.listen, SocketAddr::from(([127, 0, 0, 1], 8400)));
        assert_eq!(config.auth.access_token_s, 900);
        assert_eq!(config.auth.refresh_token_days, 90);
        assert_eq!(config.auth.enrol_code_min, 15);
        assert_eq!(config.auth.operator_token_s, 300);
    }

    #[test]
    fn what_is_no_option_is_not_set() {
        let mut config = Config::default();
        for key in ["", "http", "http.", "http.port", "www.listen", "http.listen.port"] {
            assert_eq!(config.set(key, "1"), Ok(false), "{key}");
            assert_eq!(config.get(key), None, "{key}");
        }
        assert!(config.set("http.listen", "8400").is_err());
        assert_eq!(config, Config::default());
    }
}
