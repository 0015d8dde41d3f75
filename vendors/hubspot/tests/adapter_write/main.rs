//! What writing does, what it costs, and what is said of each row.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests and their helpers"
)]
#![cfg(all(feature = "adapter", feature = "sandbox"))]

mod access;
#[path = "../adapter_support/mod.rs"]
mod adapter_support;
mod batch;
mod currency;
mod labels;
mod probe;
mod relations;

use adapter_support::{World, create, run};
use syncline_kit::{sandbox::Limits, vendor::Vendor as _};
use syncline_model::{Currency, Money, ObjectName, Value};

/// An account with planted keys.
fn with_keys(limits: Limits) -> World {
    let world = World::new(limits);
    let objects: Vec<ObjectName> = ["companies", "contacts", "deals"].into_iter().map(Into::into).collect();
    let steps = run(world.hub.setup_plan(&objects)).unwrap();
    assert_eq!(steps.iter().filter(|step| step.done).count(), 0);
    let steps = run(world.hub.setup_apply(&steps)).unwrap();
    assert_eq!(steps.iter().filter(|step| step.done).count(), 3);
    world
}

fn named(name: &str) -> Vec<(&'static str, Option<Value>)> {
    vec![("name", Value::text(name))]
}

fn deal(number: u64, key: Option<&str>) -> syncline_kit::vendor::WriteRow {
    let amount = Money { amount: "10.50".parse().unwrap(), currency: Currency::USD };
    let fields = [
        ("dealname", Value::text(format!("Deal {number}"))),
        ("amount", Some(Value::Money(amount))),
        ("dealstage", Some(Value::option("qualifiedtobuy"))),
        ("pipeline", Some(Value::option("default"))),
    ];
    create(number, "deals", key, &fields)
}
