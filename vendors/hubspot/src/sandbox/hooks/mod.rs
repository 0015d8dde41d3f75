//! Webhooks v3: what an app wants to be told, and telling it.
//!
//! [`subscriptions`] holds what was asked for, [`events`] makes events of what happened in the account, [`sender`] keeps
//! them until a receiver has answered, and [`signature`] signs what leaves.

mod events;
mod sender;
mod signature;
mod subscriptions;

use super::portal::Random;
use sender::Waiting;
use serde_json::Value;
use std::collections::BTreeMap;
use subscriptions::{Settings, Subscription};

/// The webhook side of an app.
#[derive(Debug)]
pub(super) struct Hooks {
    settings: Option<Settings>,
    subscriptions: BTreeMap<u64, Subscription>,
    next_subscription: u64,
    /// (ready at, order) → event.
    queue: BTreeMap<(i64, u64), Waiting>,
    order: u64,
    under_way: BTreeMap<u64, (usize, Vec<Value>)>,
    next_delivery: u64,
    next_event: u64,
    pub(super) mischief: Mischief,
    random: Random,
}

/// What an administrator may do to deliveries.
#[derive(Debug, Default)]
pub(super) struct Mischief {
    /// So many next events get lost.
    pub(super) lose: u64,
    /// So many next events come twice.
    pub(super) double: u64,
    /// The latest events go first.
    pub(super) reorder: bool,
    /// Nothing is sent for now.
    pub(super) pause: bool,
}

impl Hooks {
    /// Nothing configured.
    pub(super) fn new(seed_number: u64) -> Self {
        Self {
            settings: None,
            subscriptions: BTreeMap::new(),
            next_subscription: 1,
            queue: BTreeMap::new(),
            order: 0,
            under_way: BTreeMap::new(),
            next_delivery: 1,
            next_event: 100,
            mischief: Mischief::default(),
            random: Random::new(seed_number ^ 0x00ee_b400),
        }
    }

    /// Whether any change is worth noting.
    pub(super) fn listens(&self) -> bool {
        self.settings.is_some() && self.subscriptions.values().any(|one| one.active)
    }
}
