//! Opening: pragmas, and the steps from any released format to the present one.

use super::Failure;
use crate::StoreError;
use rusqlite::{Connection, TransactionBehavior, backup::Backup, config::DbConfig};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The steps; the format's number is how many were taken.
const STEPS: &[&str] =
    &[include_str!("sql/0001.sql"), include_str!("sql/0002.sql"), include_str!("sql/0003.sql")];
/// `SYNC` in the file's head tells our databases from others.
const APPLICATION: i32 = 0x5359_4e43;
const BUSY: Duration = Duration::from_secs(10);
const STATEMENTS: usize = 128;

/// An empty database in memory. The first one is made step by step, the others are copies of it.
pub(super) fn in_memory() -> Result<Connection, Failure> {
    static EMPTY: Mutex<Option<Connection>> = Mutex::new(None);
    let fresh = || -> Result<Connection, Failure> {
        let connection = Connection::open_in_memory()?;
        set_up_writer(&connection)?;
        // Every change copies its pages to the rollback journal first.
        connection.execute_batch("PRAGMA page_size = 4096;")?;
        Ok(connection)
    };
    let mut connection = fresh()?;
    let mut empty = EMPTY.lock().unwrap_or_else(PoisonError::into_inner);
    if empty.is_none() {
        let mut first = fresh()?;
        migrate(&mut first)?;
        *empty = Some(first);
    }
    if let Some(empty) = &*empty {
        Backup::new(empty, &mut connection)?.step(-1)?;
    }
    drop(empty);
    Ok(connection)
}

/// Settings of the connection that writes.
pub(super) fn set_up_writer(connection: &Connection) -> Result<(), Failure> {
    set_up(connection)?;
    // A page of 8 KiB keeps rows of up to 2 kB whole; on the default page many would need one page more each.
    connection
        .execute_batch("PRAGMA page_size = 8192; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -128000;")?;
    into_wal(connection)?;
    // FULL: a commit is on the disk when it returns; an intent must not be lost with the power (decisions §3).
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA wal_autocheckpoint = 2000;
         PRAGMA journal_size_limit = 67108864; PRAGMA foreign_keys = ON;",
    )?;
    Ok(())
}

fn set_up(connection: &Connection) -> Result<(), Failure> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else SQLite would plan many statements anew whenever other values are bound to them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Settings of a connection that reads.
pub(super) fn set_up_reader(connection: &Connection) -> Result<(), Failure> {
    set_up(connection)?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32000;")?;
    Ok(())
}

/// Takes the file into WAL mode. SQLite does not wait on this change when another process makes it too, and a lock of
/// its own (below) would prevent it: so the change is made only where it is not made yet, and repeated when busy.
fn into_wal(connection: &Connection) -> Result<(), Failure> {
    let mut tries = 0;
    loop {
        let changed = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match changed {
            Ok(_) => return Ok(()),
            Err(error)
                if tries < 1_000
                    && matches!(
                        error.sqlite_error_code(),
                        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
                    ) =>
            {
                tries += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Brings the database to the present format.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Failure> {
    if check(connection)? == STEPS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it while this one waited for the lock.
    let taken = check(&transaction)?;
    for step in STEPS.iter().skip(taken) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len() as u32)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit()?;
    Ok(())
}

/// How many steps were taken, if this is a database of ours.
fn check(connection: &Connection) -> Result<usize, Failure> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (found, application) = (number("user_version")?, number("application_id")?);
    if application != APPLICATION {
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 || found != 0 {
            return Err(StoreError::Corrupt("the database belongs to another program".to_owned()).into());
        }
    }
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    match usize::try_from(found) {
        Ok(taken) if taken <= STEPS.len() => Ok(taken),
        Ok(_) | Err(_) => Err(StoreError::TooNew { found, known: STEPS.len() as u32 }.into()),
    }
}
