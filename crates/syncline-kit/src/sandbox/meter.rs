//! Counts what reached a sandbox, in the form of `GET /__sandbox/calls`.

use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Cumulative counters since the sandbox started. Control calls and token requests that the vendor does not bill
/// are not counted by the sandboxes.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Meter {
    /// HTTP requests.
    pub calls: u64,
    /// Calls as the vendor bills them (Salesforce: composite = 1, batch = one per part; HubSpot: = calls).
    pub units: u64,
    /// Rows whose stored value changed through the API.
    pub rows_written: u64,
    /// Rows that the API was asked to write and that held those values already.
    pub rows_noop: u64,
    /// Calls that went over a limit, protocol misuse included.
    pub violations: Vec<Violation>,
    /// By method and path template, e.g. `POST /crm/v3/objects/deals/batch/upsert`.
    pub by_endpoint: BTreeMap<String, EndpointCount>,
}

/// One breach of a vendor's limit.
#[derive(Debug, Clone, Serialize)]
pub struct Violation {
    /// When, by the sandbox's clock.
    pub at: Timestamp,
    /// Which limit (`ten_secondly`, `search_secondly`, `daily`, …).
    pub limit: String,
    /// The endpoint that was called.
    pub endpoint: String,
}

/// What one endpoint saw.
#[derive(Debug, Default, Clone, Serialize)]
pub struct EndpointCount {
    /// Requests.
    pub calls: u64,
    /// Rows in those requests (inputs of a batch, rows of a collection; 1 for a single-record call).
    pub rows: u64,
}

impl Meter {
    /// Counts one request that costs `units` and carries `rows` rows.
    pub fn call(&mut self, endpoint: &str, units: u64, rows: u64) {
        self.calls += 1;
        self.units += units;
        let count = self.by_endpoint.entry(endpoint.to_owned()).or_default();
        count.calls += 1;
        count.rows += rows;
    }

    /// Notes a breach.
    pub fn violation(&mut self, at: Timestamp, limit: &str, endpoint: &str) {
        self.violations.push(Violation { at, limit: limit.to_owned(), endpoint: endpoint.to_owned() });
    }
}
