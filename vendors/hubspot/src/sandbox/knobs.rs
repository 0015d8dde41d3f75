//! Behaviours that are not proven on a real account, or that differ between accounts: each is a switch
//! (`{"do":"set_knob","name":…,"value":…}`). Research §16 lists them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a lifecycle write to an earlier stage does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Backward {
    /// 200 with the value unchanged.
    Ignore,
    /// 400.
    Refuse,
    /// Written.
    Accept,
}

/// All switches with their defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Knobs {
    /// How long a change takes to reach the search index, in milliseconds.
    pub(super) search_lag_ms: i64,
    /// A further pseudo-random 0..n milliseconds per change: rows then arrive out of order.
    pub(super) search_lag_spread_ms: i64,
    /// The age of the index that the fault `stale_index` answers from, in milliseconds.
    pub(super) stale_index_ms: i64,
    /// How much later rows of a request with the fault `late_commit` arrive in the index, in milliseconds.
    pub(super) late_commit_ms: i64,
    /// A write of unchanged values moves the modification stamp.
    pub(super) noop_bumps_modified: bool,
    /// Texts lose leading and trailing blanks when stored.
    pub(super) trim_text: bool,
    /// What a lifecycle write to an earlier stage does.
    pub(super) lifecycle_backward: Backward,
    /// A contact's e-mail domain finds or creates a company.
    pub(super) company_auto_create: bool,
    /// A merge makes a new record id; otherwise the primary's id stays.
    pub(super) merge_new_id: bool,
    /// The first company that an API call ties becomes primary.
    pub(super) first_api_association_primary: bool,
    /// `NEQ`, `NOT_IN` and `NOT_CONTAINS_TOKEN` also find rows without a value.
    pub(super) negative_operators_match_null: bool,
    /// A contact needs email, firstname or lastname.
    pub(super) require_contact_identity: bool,
    /// A company needs name or domain.
    pub(super) require_company_identity: bool,
    /// A deactivated owner may be assigned.
    pub(super) deactivated_owner_assignable: bool,
    /// 429 answers carry `Retry-After`.
    pub(super) retry_after: bool,
    /// Batch results come in another order than the inputs.
    pub(super) shuffle_batch_results: bool,
    /// A search's page holds at most so many rows, whatever its limit.
    pub(super) search_page_most: usize,
    /// Rows of one `from` per page of an association batch read.
    pub(super) association_page: usize,
    /// Deleting an archived or unknown record answers 204.
    pub(super) delete_is_idempotent: bool,
    /// Changes wait so long before a webhook carries them, in milliseconds.
    pub(super) webhook_delay_ms: i64,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            search_lag_ms: 500,
            search_lag_spread_ms: 0,
            stale_index_ms: 30_000,
            late_commit_ms: 120_000,
            noop_bumps_modified: false,
            trim_text: false,
            lifecycle_backward: Backward::Ignore,
            company_auto_create: false,
            merge_new_id: true,
            first_api_association_primary: true,
            negative_operators_match_null: false,
            require_contact_identity: false,
            require_company_identity: false,
            deactivated_owner_assignable: false,
            retry_after: false,
            shuffle_batch_results: false,
            search_page_most: 200,
            association_page: 500,
            delete_is_idempotent: true,
            webhook_delay_ms: 0,
        }
    }
}

impl Knobs {
    /// Sets one switch by name.
    pub(super) fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let mut all = serde_json::to_value(&*self).map_err(|error| error.to_string())?;
        let known = all.get_mut(name).ok_or_else(|| format!("no knob {name}"))?;
        *known = value.clone();
        *self = serde_json::from_value(all).map_err(|error| error.to_string())?;
        Ok(())
    }
}
