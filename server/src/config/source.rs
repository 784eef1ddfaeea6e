//! Where options are set.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::Config;

/// The configuration file in the data directory, read if it is there and no other is named.
pub(super) const FILE_NAME: &str = "muster.toml";

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no option of this name.
    #[error("{place}: there is no option {key}: `muster config` lists all there are")]
    UnknownKey {
        /// The key, as written.
        key: String,
        /// Where it is written.
        place: Origin,
    },
    /// The value is not of the option's type.
    #[error("{place}: {key} must be {expected}")]
    Value {
        /// The option.
        key: String,
        /// Where it is set.
        place: Origin,
        /// What it must be.
        expected: &'static str,
    },
    /// The file is not TOML.
    #[error("{}: line {line}: this is not TOML: {detail}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// The file cannot be read.
    #[error("{}: the configuration file cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// A line of a configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}: line {line}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// An option set by a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag (`--listen`).
    pub name: &'static str,
    /// The option it sets.
    pub key: String,
    /// The value, as written.
    pub text: String,
}

/// The configuration, and where each value comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where those come from that are not defaults, by option.
    pub origins: BTreeMap<String, Origin>,
    /// Variables that begin with `MUSTER_` but set no option: most likely misspelt.
    pub unknown_variables: Vec<String>,
}

impl Loaded {
    /// Where an option's value comes from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    fn set(&mut self, key: &str, text: &str, place: Origin) -> Result<(), ConfigError> {
        match self.config.set(key, text) {
            Ok(true) => drop(self.origins.insert(key.to_owned(), place)),
            Ok(false) => return Err(ConfigError::UnknownKey { key: key.to_owned(), place }),
            Err(expected) => return Err(ConfigError::Value { key: key.to_owned(), place, expected }),
        }
        Ok(())
    }
}

/// Puts the configuration together: defaults, then `file` (or `muster.toml` in the data directory, if it is there), then
/// the variables of `environment`, then `flags`.
///
/// # Errors
/// If a source cannot be read, names an option that does not exist, or gives it a value of the wrong type.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Flag],
) -> Result<Loaded, ConfigError> {
    let mut loaded = Loaded { config: Config::default(), origins: BTreeMap::new(), unknown_variables: Vec::new() };
    let variables: BTreeMap<String, String> =
        environment.into_iter().filter(|(name, _)| name.starts_with("MUSTER_")).collect();
    let options = Config::options();
    let rest = |loaded: &mut Loaded| -> Result<(), ConfigError> {
        for option in &options {
            if let Some(text) = variables.get(option.variable) {
                loaded.set(&option.key, text, Origin::Variable(option.variable))?;
            }
        }
        flags.iter().try_for_each(|flag| loaded.set(&flag.key, &flag.text, Origin::Flag(flag.name)))
    };
    // Once without the file, to learn where the file is.
    let mut probe = loaded.clone();
    rest(&mut probe)?;
    let found = probe.config.data.dir.join(FILE_NAME);
    let implied = found.exists().then_some(found.as_path());
    if let Some(path) = file.or(implied) {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        read_file(&mut loaded, path, &text)?;
    }
    rest(&mut loaded)?;
    let known = |name: &String| options.iter().any(|option| option.variable == name);
    loaded.unknown_variables = variables.into_keys().filter(|name| !known(name)).collect();
    Ok(loaded)
}

fn read_file(loaded: &mut Loaded, path: &Path, text: &str) -> Result<(), ConfigError> {
    let line_at = |at: usize| text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1;
    let place = |at: usize| Origin::File { path: path.to_owned(), line: line_at(at) };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line_at(error.span().map_or(0, |span| span.start)),
        detail: error.message().to_owned(),
    })?;
    for (section, options) in table.get_ref() {
        let section_at = section.span().start;
        let section = section.get_ref();
        let Some(options) = options.get_ref().as_table() else {
            return Err(ConfigError::UnknownKey { key: section.to_string(), place: place(section_at) });
        };
        if options.is_empty() && !Config::options().iter().any(|option| in_section(&option.key, section)) {
            return Err(ConfigError::UnknownKey { key: section.to_string(), place: place(section_at) });
        }
        for (name, value) in options {
            let key = format!("{section}.{}", name.get_ref());
            let place = place(name.span().start);
            match written(value.get_ref()) {
                Some(text) => loaded.set(&key, &text, place)?,
                None if loaded.config.get(&key).is_none() => return Err(ConfigError::UnknownKey { key, place }),
                None => return Err(ConfigError::Value { key, place, expected: "a text or a whole number" }),
            }
        }
    }
    Ok(())
}

fn in_section(key: &str, section: &str) -> bool {
    key.split_once('.').is_some_and(|(found, _)| found == section)
}

/// The written form of a TOML value that an option can have.
fn written(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> Result<Loaded, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        std::fs::write(&path, text).unwrap();
        load(Some(&path), [], &[])
    }

    fn variable(name: &str, text: &str) -> (String, String) {
        (name.to_owned(), text.to_owned())
    }

    #[test]
    fn later_sources_win() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().display().to_string();
        let file = "[http]\nlisten = \"127.0.0.1:1\"\nbody_limit_bytes = 1_000\nmax_requests = 7\n";
        std::fs::write(dir.path().join(FILE_NAME), file).unwrap();
        let environment = [
            variable("MUSTER_HTTP_LISTEN", "127.0.0.1:2"),
            variable("MUSTER_HTTP_MAX_REQUESTS", "8"),
            variable("MUSTER_DATA_DIR", &data),
            variable("HOME", "/"),
        ];
        let flags = [Flag { name: "--listen", key: "http.listen".into(), text: "127.0.0.1:3".into() }];
        let loaded = load(None, environment, &flags).unwrap();
        assert_eq!(loaded.config.http.listen.port(), 3);
        assert_eq!(loaded.config.http.max_requests, 8);
        assert_eq!(loaded.config.http.body_limit_bytes, 1000);
        assert_eq!(loaded.origin("http.listen"), Origin::Flag("--listen"));
        assert_eq!(loaded.origin("http.max_requests"), Origin::Variable("MUSTER_HTTP_MAX_REQUESTS"));
        assert!(matches!(loaded.origin("http.body_limit_bytes"), Origin::File { line: 3, .. }));
        assert_eq!(loaded.origin("http.public_url"), Origin::Default);
        assert!(loaded.unknown_variables.is_empty());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        for (text, wanted, at) in [
            ("[http]\nlisten = \"127.0.0.1:1\"\nport = 8400\n", "http.port", 3),
            ("\n[htpp]\nlisten = \"127.0.0.1:1\"\n", "htpp.listen", 3),
            ("[web]\n", "web", 1),
            ("listen = \"127.0.0.1:1\"\n", "listen", 1),
            ("[http]\n[http.tls]\nkey = 1\n", "http.tls", 2),
        ] {
            let error = with_file(text).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
            let ConfigError::UnknownKey { key, place: Origin::File { line, .. } } = error else { panic!("{error}") };
            assert_eq!((key.as_str(), line), (wanted, at), "{text}");
        }
    }

    #[test]
    fn a_wrong_value_says_what_is_expected() {
        let error = with_file("[http]\nmax_requests = \"many\"\n").unwrap_err();
        assert!(error.to_string().ends_with("line 2: http.max_requests must be a whole number from 0"), "{error}");
        let error = with_file("[http]\nmax_requests = [1]\n").unwrap_err();
        assert!(matches!(error, ConfigError::Value { .. }), "{error}");
        let error = load(None, [variable("MUSTER_LOG_FORMAT", "xml")], &[]).unwrap_err();
        assert_eq!(error.to_string(), "variable MUSTER_LOG_FORMAT: log.format must be text or json");
    }

    #[test]
    fn a_broken_or_missing_file_is_an_error() {
        let error = with_file("[http]\nlisten = \n").unwrap_err();
        assert!(matches!(error, ConfigError::Syntax { line: 2, .. }), "{error}");
        let error = load(Some(Path::new("/nowhere/muster.toml")), [], &[]).unwrap_err();
        assert!(matches!(error, ConfigError::Read { .. }), "{error}");
    }

    #[test]
    fn a_variable_that_sets_nothing_is_noticed() {
        let loaded = load(None, [variable("MUSTER_HTTP_LISTN", "x")], &[]).unwrap();
        assert_eq!(loaded.unknown_variables, ["MUSTER_HTTP_LISTN"]);
    }
}
