//! What capture sees, and what it costs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests and their helpers"
)]
#![cfg(all(feature = "adapter", feature = "sandbox"))]

#[path = "../adapter_support/mod.rs"]
mod adapter_support;
mod cycle;
mod fields;
mod gone;
mod index_lag;
mod relations;
mod session;
mod window;

use adapter_support::World;
use serde_json::json;
use syncline_kit::sandbox::Limits;

/// A small account, loaded and at rest.
fn at_rest() -> (World, String, String, String) {
    let mut world = World::new(Limits::Real);
    let company = world.make("companies", json!({"name": "Acme", "numberofemployees": "12"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com", "firstname": "Ada"}));
    let deal = world.make(
        "deals",
        json!({"dealname": "One", "dealstage": "qualifiedtobuy", "amount": "99.50", "closedate": "2026-03-31T10:00:00Z"}),
    );
    world.admin(json!({"do": "associate", "from": format!("contacts/{contact}"), "to": format!("companies/{company}")}));
    world.admin(
        json!({"do": "associate", "from": format!("deals/{deal}"), "to": format!("companies/{company}")}),
    );
    world.pass(10);
    world.capture();
    world.pass(600);
    world.capture();
    (world, company, contact, deal)
}
