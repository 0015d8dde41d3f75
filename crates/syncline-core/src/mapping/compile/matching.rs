//! Matching keys.

use super::Compiler;
use crate::{
    config::{KindConfig, MatchKey, Problem, problem::codes},
    mapping::{ConnectionModel, KeySource, MatchRule},
};
use std::{collections::BTreeMap, sync::Arc};
use syncline_model::{ConnectionName, Kind};

impl Compiler<'_> {
    pub(super) fn match_keys(
        &mut self,
        kind: Kind,
        config: &KindConfig,
        connections: &BTreeMap<ConnectionName, ConnectionModel>,
    ) -> Vec<MatchRule> {
        let mut rules = Vec::new();
        for (key, _) in &config.match_keys {
            let source = match key {
                MatchKey::Planted => {
                    rules.push(MatchRule::Planted);
                    continue;
                }
                MatchKey::NativeConnector => {
                    rules.extend(self.native(config));
                    continue;
                }
                MatchKey::Email(name) => ("email", KeySource::Email(name.clone())),
                MatchKey::Domain(names) => ("domain", KeySource::Domain(names.clone())),
                MatchKey::NameCountry(name, country) => {
                    ("name_country", KeySource::NameCountry(name.clone(), country.clone()))
                }
                MatchKey::Exact(name) => (name.as_str(), KeySource::Exact(name.clone())),
            };
            rules.push(MatchRule::Attribute { key: Arc::from(source.0), from: source.1 });
        }
        let planted = config.records.iter().any(|(connection, objects)| {
            let keys = connections.get(connection).map(|connection| &connection.key_fields);
            keys.is_some_and(|keys| objects.iter().any(|object| keys.contains_key(object)))
        });
        if config.records.len() > 1 && !planted && !rules.iter().any(|rule| *rule != MatchRule::Planted) {
            self.warnings.push(Problem::warning(
                codes::NOTHING_MATCHES,
                &config.at,
                format!("no matching key of the kind {kind} can be used yet: what both sides hold is not recognised"),
                "set up planted keys, or add a field whose value is unique to `match`",
            ));
        }
        rules
    }

    /// Fields in which another connector left the ids of the other side's records. They are called after what they
    /// hold, `salesforceleadid`, `salesforcecontactid`, `salesforceaccountid` (FLD-25).
    fn native(&self, config: &KindConfig) -> Vec<MatchRule> {
        let mut rules = Vec::new();
        for (connection, objects) in &config.records {
            for (to, to_objects) in config.records.iter().filter(|(to, _)| *to != connection) {
                let Some(vendor) = self.config.connections.get(to).map(|to| &to.vendor) else { continue };
                for object in objects {
                    let Some(schema) = self.object(connection, object) else { continue };
                    for to_object in to_objects {
                        let wanted = format!("{vendor}{to_object}id").to_lowercase();
                        let holds = |name: &str| name.to_lowercase().replace('_', "") == wanted;
                        let Some(field) = schema.fields.keys().find(|name| holds(name.as_str())) else {
                            continue;
                        };
                        rules.push(MatchRule::NativeConnector {
                            connection: connection.clone(),
                            object: object.clone(),
                            field: field.clone(),
                            to: to.clone(),
                            to_object: to_object.clone(),
                        });
                    }
                }
            }
        }
        rules
    }
}
