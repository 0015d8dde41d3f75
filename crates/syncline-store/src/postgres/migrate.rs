//! Connecting: settings, and the steps from any released format to the present one.

use super::Failure;
use crate::StoreError;
use deadpool_postgres::Object;

/// The steps; the format's number is how many were taken.
const STEPS: &[&str] =
    &[include_str!("sql/0001.sql"), include_str!("sql/0002.sql"), include_str!("sql/0003.sql")];
/// The advisory lock under which formats change (`SYNC`); it is the server's, so schemas take turns.
const LOCK: i64 = 0x5359_4e43;

/// What every connection sets. Each statement of ours looks rows up by key, so nested loops over indexes are always the
/// plan; without statistics, on tables that were empty a minute ago, the planner would guess otherwise.
pub(super) fn settings(schema: &str) -> String {
    format!(
        "SET search_path TO \"{schema}\"; SET client_encoding TO 'UTF8'; SET synchronous_commit TO on;
         SET default_transaction_isolation TO 'read committed'; SET client_min_messages TO warning;
         SET lock_timeout TO '30s'; SET idle_in_transaction_session_timeout TO '60s';
         SET plan_cache_mode TO force_generic_plan; SET jit TO off;
         SET enable_seqscan TO off; SET enable_bitmapscan TO off; SET enable_material TO off;
         SET enable_hashjoin TO off; SET enable_mergejoin TO off"
    )
}

/// Brings `schema` to the present format.
pub(super) async fn migrate(client: &mut Object, schema: &str) -> Result<(), Failure> {
    let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.get(0);
    if encoding != "UTF8" {
        return Err(
            StoreError::Engine(format!("the database's encoding is {encoding}; it must be UTF8")).into()
        );
    }
    if found(client, schema).await? == Some(STEPS.len()) {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    // Another process may have done it while this one waited for the lock.
    let taken = found(&transaction, schema).await?;
    if taken.is_none() {
        let exists =
            transaction.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await?;
        if exists.is_none() {
            transaction.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await?;
        }
        transaction.batch_execute("CREATE TABLE format (version INTEGER NOT NULL)").await?;
        transaction.batch_execute("INSERT INTO format VALUES (0)").await?;
    }
    for step in STEPS.iter().skip(taken.unwrap_or(0)) {
        transaction.batch_execute(step).await?;
    }
    transaction.execute("UPDATE format SET version = $1", &[&(STEPS.len() as i32)]).await?;
    transaction.commit().await?;
    Ok(())
}

/// How many steps were taken; `None` for a schema that is new or empty.
async fn found<C: deadpool_postgres::GenericClient>(
    client: &C,
    schema: &str,
) -> Result<Option<usize>, Failure> {
    let tables = client
        .query(
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY c.relname",
            &[&schema],
        )
        .await?;
    if tables.is_empty() {
        return Ok(None);
    }
    if !tables.iter().any(|row| row.get::<_, &str>(0) == "format") {
        return Err(StoreError::Corrupt(format!("the schema {schema} belongs to another program")).into());
    }
    let version: i32 = client.query_one("SELECT version FROM format", &[]).await?.try_get(0)?;
    match usize::try_from(version) {
        Ok(taken) if taken <= STEPS.len() => Ok(Some(taken)),
        Ok(_) => Err(StoreError::TooNew { found: version.unsigned_abs(), known: STEPS.len() as u32 }.into()),
        Err(_) => Err(StoreError::Corrupt(format!("the schema {schema} has the format {version}")).into()),
    }
}
