//! The sandbox: HubSpot's HTTP API as a pure state machine.
//!
//! How the data is laid out
//! - Three tables (contacts, companies, deals). A row's *slot* is its position; ids are handed out in rising order, so
//!   slot order is id order and `id -> slot` is a binary search. Slots are never reused: archived, merged-away and erased
//!   rows keep theirs.
//! - Every text value is interned once per portal ([`pool`]); a row holds a short sorted list of
//!   `(property, value, when, source)`, and older versions of a value stand in a second list (property history).
//!   `hs_object_id`, `createdate` and the last-modified property are fields of the row, never stored as values.
//! - Writes go to the table at once (strong reads: by id, by unique property). The search index ([`index`]) is a second
//!   view that receives *images* of rows later, in the order the lag says. It keeps counted sorted lists of
//!   `(modified, slot)`, `(created, slot)` and `slot`, so a keyset page and its `total` need no scan.
//! - Associations are one ordered map keyed `(from kind, from slot, to kind, to slot)`, stored in both directions, with
//!   an interned set of type ids as value.
//! - What a write changed is noted as events; the webhook sender matches them with subscriptions.
//!
//! A request passes: control contract, fault rules, token, limits, scopes, handler. Nothing here looks at a clock, a
//! file or a socket.

mod account;
mod admin;
mod assoc;
mod auth;
mod auto_company;
mod batch;
mod call;
mod catalog;
mod derive;
mod dump;
mod edges;
mod filter;
mod hooks;
mod index;
mod kind;
mod knobs;
mod limits;
mod links;
mod load;
mod objects;
mod people;
mod pipelines;
mod pool;
mod portal;
mod properties;
mod record;
mod registry;
mod route;
mod search;
mod serve;
mod sorted;
mod stamp;
mod table;
mod values;
mod wire;
mod write;

use auth::Auth;
use hooks::Hooks;
use jiff::Timestamp;
use limits::RateLimits;

use portal::{Portal, Random};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use syncline_kit::HttpRequest;
use syncline_kit::sandbox::control::SandboxClock;
use syncline_kit::sandbox::faults::Faults;
use syncline_kit::sandbox::meter::Meter;
use syncline_kit::sandbox::seed::{Loaded, SeedError, SeedFiles};
use syncline_kit::sandbox::{Delivery, DeliveryId, Limits, Outcome, Sandbox};

/// What an account without limits tells of each of them.
const NO_END: u32 = 1_000_000;

/// A HubSpot account behind its API.
#[derive(Debug)]
pub struct HubSpot {
    portal: Portal,
    auth: Auth,
    limits: RateLimits,
    hooks: Hooks,
    meter: Meter,
    faults: Faults,
    clock: SandboxClock,
    correlation: Random,
    base_url: String,
    definitions: BTreeMap<kind::Kind, properties::Printed>,
    dumped: RefCell<BTreeMap<kind::Kind, dump::Dumped>>,
}

impl HubSpot {
    /// An account with nothing in it but HubSpot's own definitions. All that looks random follows from `seed_number`.
    pub fn new(limits: Limits, seed_number: u64) -> Self {
        Self {
            portal: Portal::new(seed_number),
            auth: Auth::new(seed_number),
            limits: RateLimits::new(limits == Limits::Real),
            hooks: Hooks::new(seed_number),
            meter: Meter::default(),
            faults: Faults::default(),
            clock: SandboxClock::default(),
            correlation: Random::new(seed_number ^ 0x00c0_44e1),
            base_url: "https://api.hubapi.com".to_owned(),
            definitions: BTreeMap::new(),
            dumped: RefCell::default(),
        }
    }

    fn now(&self, wall: Timestamp) -> i64 {
        self.clock.at(wall).as_millisecond()
    }
}

impl Sandbox for HubSpot {
    fn vendor(&self) -> &'static str {
        "hubspot"
    }

    fn credentials(&self) -> Value {
        let mut credentials = json!({
            "base_url": self.base_url,
            "access_token": self.auth.private_token,
            "client_id": self.auth.client_id,
            "client_secret": self.auth.client_secret,
            "refresh_token": self.auth.a_refresh_token(),
            "app_id": self.auth.app_id,
            "developer_key": self.auth.developer_key,
            "portal_id": self.portal.id,
        });
        if !self.limits.enforced {
            // An account without limits says so, so that nobody paces itself for nothing.
            credentials["limits"] = json!({
                "calls_per_ten_seconds": NO_END,
                "searches_per_second": NO_END,
                "association_calls_per_ten_seconds": NO_END,
            });
        }
        credentials
    }

    fn served_at(&mut self, base_url: &str) {
        base_url.trim_end_matches('/').clone_into(&mut self.base_url);
    }

    fn handle(&mut self, request: &HttpRequest, now: Timestamp) -> Outcome {
        self.serve(request, now)
    }

    fn due_webhooks(&mut self, now: Timestamp) -> Vec<Delivery> {
        let now = self.now(now);
        self.hooks.due(now, &self.auth.client_secret)
    }

    fn delivered(&mut self, id: DeliveryId, status: Option<u16>, now: Timestamp) {
        let now = self.now(now);
        self.hooks.delivered(id, status, now);
    }

    fn seed(&mut self, files: &SeedFiles, now: Timestamp) -> Result<Loaded, SeedError> {
        let now = self.now(now);
        self.load(files, now)
    }
}
