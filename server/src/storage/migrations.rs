//! The database's layouts. A migration is frozen once released: a change is a new one at the end.

use rusqlite::{Connection, TransactionBehavior};

use super::StorageError;

/// `application_id` of the file: "Must" in ASCII, so that a foreign database is not taken for ours.
const APPLICATION_ID: i64 = 0x4d75_7374;

/// Every migration, oldest first; the version of a database is how many it has had.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_audit.sql"),
    include_str!("migrations/0003_people_and_devices.sql"),
    include_str!("migrations/0004_erasure.sql"),
    include_str!("migrations/0005_quarantine.sql"),
    include_str!("migrations/0006_restores.sql"),
];

/// Why a database cannot be brought to the newest layout.
pub(super) enum MigrationError {
    /// It is not ours.
    Foreign,
    /// As [`StorageError`] says.
    Storage(StorageError),
}

impl<E: Into<StorageError>> From<E> for MigrationError {
    fn from(error: E) -> Self {
        Self::Storage(error.into())
    }
}

/// Brings the database to the newest layout in one transaction.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), MigrationError> {
    migrate_to(conn, MIGRATIONS)
}

fn migrate_to(conn: &mut Connection, migrations: &[&str]) -> Result<(), MigrationError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: i64 = tx.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let found: u32 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || found != 0 || tables != 0) {
        return Err(MigrationError::Foreign);
    }
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StorageError::Newer { found, known }.into());
    }
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for sql in migrations.iter().skip(done) {
        tx.execute_batch(sql)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", known)?;
    tx.commit()?;
    Ok(())
}

/// Checks that a database is ours and of a version that this program knows, and changes nothing.
pub(super) fn check(conn: &Connection) -> Result<(), MigrationError> {
    let application: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let found: u32 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    match application {
        APPLICATION_ID if found <= known => Ok(()),
        APPLICATION_ID => Err(StorageError::Newer { found, known }.into()),
        _ => Err(MigrationError::Foreign),
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn schema(conn: &Connection) -> Vec<(String, String)> {
        let mut statement =
            conn.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name").unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    }

    fn ok(result: Result<(), MigrationError>) {
        match result {
            Ok(()) => {}
            Err(MigrationError::Foreign) => panic!("foreign"),
            Err(MigrationError::Storage(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn upgraded_equals_fresh() {
        let mut fresh = Connection::open_in_memory().unwrap();
        ok(migrate(&mut fresh));
        for from in 0..=MIGRATIONS.len() {
            let mut upgraded = Connection::open_in_memory().unwrap();
            ok(migrate_to(&mut upgraded, &MIGRATIONS[..from]));
            ok(migrate(&mut upgraded));
            assert_eq!(schema(&upgraded), schema(&fresh), "from version {from}");
        }
        let strict: i64 =
            fresh.query_row("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'", [], |row| row.get(0)).unwrap();
        assert_eq!(strict, 0, "every table is STRICT");
    }

    #[test]
    fn released_migrations_never_change() {
        let frozen = [FROZEN_0001, FROZEN_0002, FROZEN_0003, FROZEN_0004, FROZEN_0005, FROZEN_0006];
        let found: Vec<String> = MIGRATIONS.iter().map(|sql| hex::encode(Sha256::digest(sql))).collect();
        assert_eq!(found, frozen);
    }

    const FROZEN_0001: &str = "f5308e9bec6db64b60d5732d92af1576c450296c0a2ce340c03e5cc175848707";
    const FROZEN_0002: &str = "ff322dd8e9bad0ed91673158555509b00993419a6526fbffc95909596f66643d";
    const FROZEN_0003: &str = "3d6ad41af00ae151e8b67be15397235d776d86f8d3f6028e74f16a811e24febe";
    const FROZEN_0004: &str = "398420103b1c9916bb0ceb37bf293e91ca0efcc3f66f2a839f6e206040d63243";
    const FROZEN_0005: &str = "6a0724578d9dc6ba5a26b4cdda8a9c0e42284c7236ab054a3bec2674a99a3867";
    const FROZEN_0006: &str = "4612076242d475687977c9ecddbfbd3782150a2bb6a4c83086c32f148f854941";

    #[test]
    fn a_newer_or_foreign_database_is_refused_and_left_alone() {
        let mut newer = Connection::open_in_memory().unwrap();
        ok(migrate(&mut newer));
        newer.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(migrate(&mut newer), Err(MigrationError::Storage(StorageError::Newer { found: 99, .. }))));
        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(migrate(&mut foreign), Err(MigrationError::Foreign)));
        assert_eq!(schema(&foreign).len(), 1);
    }
}
