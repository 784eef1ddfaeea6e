//! Where the database is: a pool of files in the browser's private file system (OPFS), or memory.
//!
//! SQLite's files lie in a pool that was opened beforehand, since a file of OPFS cannot be opened without waiting. The pool
//! belongs to one worker at a time. A database is never renamed there: one that is damaged stays under its name, and the next
//! one gets the next number.

use muster_client_core::store::sqlite::SqliteStore;

use crate::error::{Failed, Problem};

/// Where a database is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, tsify::Tsify)]
#[serde(rename_all = "snake_case")]
pub enum StorageKind {
    /// In the browser's private file system: kept until the site's data is cleared.
    Durable,
    /// In memory: gone with the tab.
    Memory,
}

/// How a client is opened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// The database's name. One an event.
    pub database: String,
    /// Where it is.
    pub storage: StorageKind,
}

/// What a damaged database had not sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct PutAside {
    /// A JSON text: the facts that no server is known to have. To be given to the person as a file.
    pub exported: String,
    /// How many facts were exported.
    pub facts: u32,
    /// Whether the list is known to be whole. If not, the database that was put aside still holds whatever is left.
    pub complete: bool,
}

/// Opens the newest database of this name, or makes the first.
///
/// # Errors
/// `storage_unavailable` if there is no OPFS here; `storage_busy` if another worker has it; else as the store says.
pub(crate) async fn open(config: &Config) -> Result<SqliteStore, Failed> {
    let name = checked(&config.database)?;
    match config.storage {
        StorageKind::Memory => SqliteStore::in_memory().map_err(core),
        StorageKind::Durable => opfs::open(name).await,
    }
}

/// Leaves the newest database of this name aside, with what it had not sent, and opens the next.
///
/// # Errors
/// As [`open`]; and if what it had not sent cannot be looked at.
pub(crate) async fn recover(config: &Config) -> Result<(SqliteStore, PutAside), Failed> {
    let name = checked(&config.database)?;
    match config.storage {
        StorageKind::Memory => Err(Problem::bad_parameter("a database in memory has nothing to recover")),
        StorageKind::Durable => opfs::recover(name).await,
    }
}

/// Deletes every database of this name, those that were put aside too. Nothing of it may be open.
///
/// # Errors
/// If one cannot be deleted.
pub(crate) async fn forget(config: &Config) -> Result<(), Failed> {
    let name = checked(&config.database)?;
    match config.storage {
        StorageKind::Memory => Ok(()),
        StorageKind::Durable => opfs::forget(name).await,
    }
}

fn checked(name: &str) -> Result<&str, Failed> {
    let plain = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain { Ok(name) } else { Err(Problem::bad_parameter("a database's name is 1 to 64 letters and digits")) }
}

fn core(error: muster_client_core::store::StoreError) -> Failed {
    muster_client_core::error::CoreError::from(error).into()
}

/// The number of a database of this name, from its file's name (`event-3.db`).
#[cfg(any(test, target_family = "wasm"))]
fn number(file: &str, name: &str) -> Option<u32> {
    file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".db")?.parse().ok()
}

#[cfg(any(test, target_family = "wasm"))]
fn file_name(name: &str, number: u32) -> String {
    format!("{name}-{number}.db")
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod opfs {
    use std::path::Path;

    use muster_client_core::code::CoreCode;
    use muster_client_core::store::sqlite::{SqliteStore, export_unsent};
    use rsqlite_vfs::VfsFilesManager;
    use sqlite_wasm_rs::WasmOsCallback;
    use sqlite_wasm_vfs::sahpool::{OpfsSAHError, OpfsSAHPoolCfgBuilder, OpfsSAHPoolUtil, install};
    use wasm_bindgen::JsValue;

    use super::{PutAside, core, file_name, number};
    use crate::error::{Failed, Problem};

    /// Files in the pool at first: a database, its log and what SQLite may need beside them, for one that was put aside too.
    const FILES: usize = 8;

    pub(super) async fn open(name: &str) -> Result<SqliteStore, Failed> {
        let pool = pool().await?;
        open_file(&file_name(name, newest(&pool, name)?))
    }

    pub(super) async fn recover(name: &str) -> Result<(SqliteStore, PutAside), Failed> {
        let pool = pool().await?;
        let damaged = newest(&pool, name)?;
        let file = file_name(name, damaged);
        let export = export_unsent(Path::new(&file), None).map_err(core)?;
        let needed = pool.names().map_err(failed)?.len().saturating_add(FILES);
        pool.ensure_capacity(needed).await.map_err(failed)?;
        let store = open_file(&file_name(name, damaged.saturating_add(1)))?;
        let facts = u32::try_from(export.facts).unwrap_or(u32::MAX);
        let aside = PutAside { exported: export.text, facts, complete: export.complete };
        Ok((store, aside))
    }

    pub(super) async fn forget(name: &str) -> Result<(), Failed> {
        let pool = pool().await?;
        for file in pool.names().map_err(failed)? {
            let database = ["-wal", "-journal"].iter().find_map(|suffix| file.strip_suffix(suffix)).unwrap_or(&file);
            if number(database.trim_start_matches('/'), name).is_some() {
                pool.remove(&file).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn open_file(file: &str) -> Result<SqliteStore, Failed> {
        SqliteStore::open(Path::new(file)).map_err(core)
    }

    fn newest(pool: &OpfsSAHPoolUtil, name: &str) -> Result<u32, Failed> {
        let names = pool.names().map_err(failed)?;
        Ok(names.iter().filter_map(|file| number(file.trim_start_matches('/'), name)).max().unwrap_or_default())
    }

    async fn pool() -> Result<OpfsSAHPoolUtil, Failed> {
        let config = OpfsSAHPoolCfgBuilder::new().directory("muster").initial_capacity(FILES).build();
        install::<WasmOsCallback>(&config, true).await.map_err(failed)
    }

    /// What the browser's error means. Only one that says that there is no OPFS here may lead to memory: an event that is
    /// kept must never look as if it had not been.
    fn failed(error: OpfsSAHError) -> Failed {
        match &error {
            OpfsSAHError::NotSupported => Problem::storage_unavailable(error),
            OpfsSAHError::Opfs { operation, value, .. } => match name_of(value).as_str() {
                "SecurityError" | "NotAllowedError" | "NotSupportedError" => Problem::storage_unavailable(operation),
                "NoModificationAllowedError" => Problem::storage(CoreCode::StorageBusy, operation),
                "QuotaExceededError" => Problem::storage(CoreCode::StorageFull, operation),
                _ => Problem::storage(CoreCode::StorageFailed, error),
            },
            OpfsSAHError::Busy | OpfsSAHError::DirectoryInUse(_) => Problem::storage(CoreCode::StorageBusy, error),
            _ => Problem::storage(CoreCode::StorageFailed, error),
        }
    }

    fn name_of(value: &JsValue) -> String {
        let name = js_sys::Reflect::get(value, &JsValue::from_str("name"));
        name.ok().and_then(|name| name.as_string()).unwrap_or_default()
    }
}

/// Elsewhere there is no OPFS: the crate is built there for its tests and for the gates.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod opfs {
    use muster_client_core::store::sqlite::SqliteStore;

    use super::PutAside;
    use crate::error::{Failed, Problem};

    #[expect(clippy::unused_async, reason = "the same call as in the browser")]
    pub(super) async fn open(_: &str) -> Result<SqliteStore, Failed> {
        Err(Problem::storage_unavailable("not a browser"))
    }

    #[expect(clippy::unused_async, reason = "the same call as in the browser")]
    pub(super) async fn forget(_: &str) -> Result<(), Failed> {
        Err(Problem::storage_unavailable("not a browser"))
    }

    #[expect(clippy::unused_async, reason = "the same call as in the browser")]
    pub(super) async fn recover(_: &str) -> Result<(SqliteStore, PutAside), Failed> {
        Err(Problem::storage_unavailable("not a browser"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_numbered() {
        assert_eq!(number(&file_name("event", 12), "event"), Some(12));
        for file in ["event.db", "event-1.db-wal", "event-x.db", "events-1.db", "event-.db"] {
            assert_eq!(number(file, "event"), None, "{file}");
        }
        for name in ["", "../event", "event-1", "ēka", &"x".repeat(65)] {
            assert!(checked(name).is_err(), "{name}");
        }
        assert!(checked("event_2").is_ok());
    }
}
