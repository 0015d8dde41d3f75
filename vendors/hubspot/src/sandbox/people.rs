//! Owners, pipelines and currencies of a portal.

use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// A user that records can belong to.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) id: u64,
    pub(super) user_id: u64,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    /// Deactivated.
    pub(super) archived: bool,
}

/// A stage of a pipeline.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) display_order: i64,
    /// Texts, `isClosed` and `probability` for deals.
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

impl Stage {
    /// Chance to win, 0 to 1.
    pub(super) fn probability(&self) -> Decimal {
        self.metadata.get("probability").and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Won or lost.
    pub(super) fn is_closed(&self) -> bool {
        self.metadata.get("isClosed").is_some_and(|text| text == "true")
    }
}

/// A pipeline of deals.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) display_order: i64,
    pub(super) stages: Vec<Stage>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

impl Pipeline {
    /// A stage by id.
    pub(super) fn stage(&self, id: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id)
    }
}

/// The sales pipeline of a new account [d25 crm__pipelines].
pub(super) fn default_pipeline(now: i64) -> Pipeline {
    let stages = [
        ("appointmentscheduled", "Appointment Scheduled", "0.2"),
        ("qualifiedtobuy", "Qualified To Buy", "0.4"),
        ("presentationscheduled", "Presentation Scheduled", "0.6"),
        ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
        ("contractsent", "Contract Sent", "0.9"),
        ("closedwon", "Closed Won", "1.0"),
        ("closedlost", "Closed Lost", "0.0"),
    ];
    let stages = (0..)
        .zip(stages)
        .map(|(order, (id, label, probability))| Stage {
            id: id.to_owned(),
            label: label.to_owned(),
            display_order: order,
            metadata: stage_metadata(probability),
            created_at: now,
            updated_at: now,
        })
        .collect();
    Pipeline {
        id: "default".to_owned(),
        label: "Sales Pipeline".to_owned(),
        display_order: 0,
        stages,
        created_at: now,
        updated_at: now,
    }
}

/// `isClosed` follows from the probability: 1 is won, 0 is lost.
pub(super) fn stage_metadata(probability: &str) -> BTreeMap<String, String> {
    let closed = probability.parse::<Decimal>().is_ok_and(|value| value.is_zero() || value == Decimal::ONE);
    BTreeMap::from([
        ("isClosed".to_owned(), closed.to_string()),
        ("probability".to_owned(), probability.to_owned()),
    ])
}

/// The portal's currencies.
#[derive(Debug)]
pub(super) struct Currencies {
    /// The company currency.
    pub(super) home: String,
    /// Active further currencies and what one unit is worth in the company currency.
    pub(super) rates: BTreeMap<String, Decimal>,
}

impl Default for Currencies {
    fn default() -> Self {
        Self { home: "USD".to_owned(), rates: BTreeMap::new() }
    }
}

impl Currencies {
    /// What one unit of a currency is worth at home; `None`: not active.
    pub(super) fn rate(&self, code: &str) -> Option<Decimal> {
        if code == self.home { Some(Decimal::ONE) } else { self.rates.get(code).copied() }
    }
}
