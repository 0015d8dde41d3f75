//! From the tree of the files to a consistent configuration; every problem is collected, not only the first.

mod edge;
mod field;
mod kind;
mod top;

use super::{
    problem::{Place, Problem, codes},
    reader::{Problems, did_you_mean, list},
};
use crate::mapping::Rule;
use syncline_model::{ConnectionName, Kind};

pub(crate) use top::config;

/// Keys of each table; the JSON Schema is tested against them.
pub(crate) mod keys {
    pub(crate) const TOP: &[&str] = &[
        "format",
        "model",
        "tie",
        "plan_max_age",
        "connection",
        "server",
        "serve",
        "journal",
        "budget",
        "guard",
        "kind",
    ];
    pub(crate) const CONNECTION: &[&str] = &["vendor", "account", "keys"];
    pub(crate) const SERVER: &[&str] = &["public_url", "lease"];
    pub(crate) const SERVE: &[&str] = &["poll"];
    pub(crate) const JOURNAL: &[&str] = &["observed", "entries"];
    pub(crate) const BUDGET: &[&str] = &["daily_share"];
    pub(crate) const GUARD: &[&str] = &["create", "blank", "archive", "oscillation"];
    pub(crate) const BREAKER: &[&str] = &["count", "share"];
    pub(crate) const OSCILLATION: &[&str] = &["flips", "window"];
    pub(crate) const KIND: &[&str] = &[
        "records",
        "one_of",
        "match",
        "scope",
        "on_leave",
        "on_delete",
        "create",
        "field",
        "edge",
        "stage_map",
    ];
    /// Besides the connections.
    pub(crate) const FIELD: &[&str] =
        &["type", "rule", "tie", "clear", "placeholder", "default", "constant", "map"];
    pub(crate) const BINDING: &[&str] = &["field", "direction", "map"];
    /// Besides the connections.
    pub(crate) const EDGE: &[&str] = &["to", "required", "wait", "rule", "tie"];
    pub(crate) const EDGE_BINDING: &[&str] =
        &["field", "association", "junction", "primary", "single", "direction"];
    pub(crate) const STAGE: &[&str] = &["stage", "pipeline", "record_type"];
}

/// What the rest of the file may refer to.
pub(crate) struct Names {
    /// In alphabetical order.
    pub(crate) connections: Vec<ConnectionName>,
    /// The default for every `tie`.
    pub(crate) tie: Option<ConnectionName>,
}

impl Names {
    /// Finds a connection by its name.
    fn connection(&self, name: &str, at: &Place, problems: &mut Problems) -> Option<ConnectionName> {
        let found = self.connections.iter().find(|known| known.as_str() == name).cloned();
        if found.is_none() {
            let known: Vec<&str> = self.connections.iter().map(ConnectionName::as_str).collect();
            problems.push(Problem::error(
                codes::UNKNOWN_NAME,
                at,
                format!("there is no connection `{name}`"),
                format!("connections are {}{}", list(&known), did_you_mean(name, known.iter().copied())),
            ));
        }
        found
    }

    /// Known keys of a table that also takes connections' names.
    fn with<'a>(&'a self, keys: &'a [&'a str]) -> Vec<&'a str> {
        keys.iter().copied().chain(self.connections.iter().map(ConnectionName::as_str)).collect()
    }

    /// Reads `two_way`, `always X`, `prefer X` …
    fn rule(&self, text: Option<(&str, &Place)>, problems: &mut Problems) -> Rule {
        let Some((text, at)) = text else { return Rule::TwoWay };
        let (word, side) = match text.split_once(' ') {
            Some((word, side)) => (word, Some(side.trim())),
            None => (text, None),
        };
        let rule = match (word, side) {
            ("two_way", None) => Some(Rule::TwoWay),
            ("always", Some(side)) => {
                return self.connection(side, at, problems).map_or(Rule::Off, Rule::Always);
            }
            ("prefer", Some(side)) => {
                return self.connection(side, at, problems).map_or(Rule::Off, Rule::Prefer);
            }
            ("union", None) => Some(Rule::Union),
            ("most_restrictive", None) => Some(Rule::MostRestrictive),
            ("manual", None) => Some(Rule::Manual),
            ("off", None) => Some(Rule::Off),
            _ => None,
        };
        rule.unwrap_or_else(|| {
            let known = [
                "two_way",
                "always CONNECTION",
                "prefer CONNECTION",
                "union",
                "most_restrictive",
                "manual",
                "off",
            ];
            problems.push(Problem::error(
                codes::BAD_VALUE,
                at,
                format!("`rule` cannot be `{text}`"),
                format!("it is one of {}{}", list(&known), did_you_mean(word, known)),
            ));
            Rule::Off
        })
    }

    /// The tie of a field or edge; mandatory for `two_way`.
    fn tie(
        &self,
        text: Option<(&str, &Place)>,
        rule: &Rule,
        name: &str,
        at: &Place,
        problems: &mut Problems,
    ) -> Option<ConnectionName> {
        let tie = match text {
            Some((text, at)) => return self.connection(text, at, problems),
            None => self.tie.clone(),
        };
        if tie.is_none() && *rule == Rule::TwoWay {
            problems.push(Problem::error(
                codes::TIE,
                at,
                format!("{name} has the rule `two_way` and no `tie`"),
                "say which connection wins where neither change is newer: `tie = \"CONNECTION\"` here, or once at \
                 the top of the file for all",
            ));
        }
        tie
    }
}

fn kind_of(name: &str, at: &Place, problems: &mut Problems) -> Option<Kind> {
    let found = name.parse().ok();
    if found.is_none() {
        let known = Kind::ALL.map(Kind::as_str);
        problems.push(Problem::error(
            codes::UNKNOWN_NAME,
            at,
            format!("there is no kind `{name}`"),
            format!("kinds are {}{}", list(&known), did_you_mean(name, known)),
        ));
    }
    found
}
