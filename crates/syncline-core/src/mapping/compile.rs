//! A configuration resolved against the live schemas: which fields are there, how options translate, what may be created,
//! what has to be captured. Everything that a mistake in the configuration could do to records is found here.

mod capture;
mod create;
mod edges;
mod fields;
mod matching;
mod options;
#[cfg(test)]
pub(crate) mod tests;

pub use capture::CapturedObject;

use super::{ConnectionModel, KindModel, Mapping, Predicate};
use crate::config::{
    Config, Keys, KindConfig, Problem,
    problem::{Place, codes},
};
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    Account, AttributeName, ConnectionName, FieldName, FieldSchema, Kind, ObjectName, ObjectSchema,
};

/// Live schemas by connection and object. An object that is not here does not exist or may not be seen.
pub type Schemas = BTreeMap<ConnectionName, BTreeMap<ObjectName, ObjectSchema>>;

/// What each account says of itself.
pub type Accounts = BTreeMap<ConnectionName, Account>;

/// The names under which records carry our key, by what vendors allow in names.
const KEY_FIELDS: [&str; 2] = ["Syncline_Id__c", "syncline_id"];

/// A mapping in force.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// What the planner works with.
    pub mapping: Mapping,
    /// What is captured of each object, and no more.
    pub captured: BTreeMap<ConnectionName, BTreeMap<ObjectName, CapturedObject>>,
    /// What is held because of the live schemas. `doctor` treats missing fields as errors.
    pub warnings: Vec<Problem>,
}

/// Resolves a configuration.
///
/// # Errors
/// All mistakes that make it unsafe to run: fields of another type, creation rules that lead nowhere, unknown accounts.
/// What only a field or a record suffers from is in [`Compiled::warnings`].
pub fn compile(config: &Config, schemas: &Schemas, accounts: &Accounts) -> Result<Compiled, Vec<Problem>> {
    let mut compiler = Compiler { config, schemas, accounts, errors: Vec::new(), warnings: Vec::new() };
    let connections = compiler.connections();
    let mut kinds = BTreeMap::new();
    for (kind, kind_config) in &config.kinds {
        kinds.insert(*kind, compiler.kind(*kind, kind_config, &connections));
    }
    let mapping = Mapping { model: config.model, connections, kinds, guard: config.guard.clone() };
    let captured = capture::captured(&mapping, &compiler);
    if compiler.errors.is_empty() {
        Ok(Compiled { mapping, captured, warnings: compiler.warnings })
    } else {
        Err(compiler.errors)
    }
}

struct Compiler<'a> {
    config: &'a Config,
    schemas: &'a Schemas,
    accounts: &'a Accounts,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Compiler<'_> {
    fn object(&self, connection: &ConnectionName, object: &ObjectName) -> Option<&ObjectSchema> {
        self.schemas.get(connection)?.get(object)
    }

    fn field(
        &self,
        connection: &ConnectionName,
        object: &ObjectName,
        field: &FieldName,
    ) -> Option<&FieldSchema> {
        self.object(connection, object)?.fields.get(field)
    }

    fn connections(&mut self) -> BTreeMap<ConnectionName, ConnectionModel> {
        let config = self.config;
        let mut connections = BTreeMap::new();
        for (name, connection) in &config.connections {
            let used: BTreeSet<&ObjectName> =
                config.kinds.values().flat_map(|kind| kind.records.get(name)).flatten().collect();
            let Some(account) = self.accounts.get(name) else {
                if !used.is_empty() {
                    self.errors.push(Problem::error(
                        codes::NO_ACCOUNT,
                        &connection.at,
                        format!("nothing is known of the account behind {name}"),
                        format!("connect it: `syncline connect {name} --vendor {}`", connection.vendor),
                    ));
                }
                continue;
            };
            let time_zone = self.time_zone(name, account, &connection.at);
            let key_fields = used
                .into_iter()
                .filter(|object| connection.keys(object) == Keys::Planted)
                .filter_map(|object| Some((object.clone(), self.key_field(name, object)?)))
                .collect();
            let model = ConnectionModel {
                vendor: connection.vendor.clone(),
                currency: account.currency,
                time_zone,
                key_fields,
            };
            connections.insert(name.clone(), model);
        }
        connections
    }

    fn time_zone(&mut self, name: &ConnectionName, account: &Account, at: &Place) -> TimeZone {
        if matches!(&*account.time_zone, "UTC" | "Etc/UTC" | "GMT" | "") {
            return TimeZone::UTC;
        }
        TimeZone::get(&account.time_zone).unwrap_or_else(|_| {
            self.errors.push(Problem::error(
                codes::TIME_ZONE,
                at,
                format!("{name} says its time zone is `{}`, which is not known here", account.time_zone),
                "set another zone in the account, or use a newer release: its table of zones is part of the program",
            ));
            TimeZone::UTC
        })
    }

    fn key_field(&self, connection: &ConnectionName, object: &ObjectName) -> Option<FieldName> {
        let fields = &self.object(connection, object)?.fields;
        let usable = |name: &str| fields.get(name).is_some_and(|field| field.unique_key && field.createable);
        KEY_FIELDS.into_iter().find(|name| usable(name)).map(FieldName::new)
    }

    fn kind(
        &mut self,
        kind: Kind,
        config: &KindConfig,
        connections: &BTreeMap<ConnectionName, ConnectionModel>,
    ) -> KindModel {
        self.objects_are_there(kind, config);
        let attributes = self.attributes(config);
        self.one_writer_each(config);
        let edges = self.edges(config);
        let create = self.create(kind, config, &edges);
        self.keys_are_there(kind, config, &create, connections);
        self.required_are_bound(config, &attributes, &edges, &create);
        let match_keys = self.match_keys(kind, config, connections);
        KindModel {
            kind,
            objects: config.records.keys().map(|name| (name.clone(), preferred(config, name))).collect(),
            match_keys,
            create,
            scope: scope(kind, config),
            on_leave: config.on_leave,
            on_delete: config.on_delete,
            attributes,
            edges,
        }
    }

    fn objects_are_there(&mut self, kind: Kind, config: &KindConfig) {
        for (connection, objects) in &config.records {
            for object in objects {
                if self.object(connection, object).is_some() {
                    continue;
                }
                self.warnings.push(Problem::warning(
                    codes::NO_OBJECT,
                    &config.at,
                    format!("{connection} shows no object `{object}`, so no {kind} is read or written there"),
                    "allow the connection's user to see it, or take it out of `records`",
                ));
            }
        }
    }
}

/// Objects in order of preference: of several of which a thing is exactly one, the last one is what it ends as (a lead
/// becomes a contact), so it comes first.
fn preferred(config: &KindConfig, connection: &ConnectionName) -> Vec<ObjectName> {
    let one_of = config.one_of.get(connection).map(Vec::as_slice).unwrap_or_default();
    let records = config.records.get(connection).map(Vec::as_slice).unwrap_or_default();
    let others = records.iter().filter(|object| !one_of.contains(object));
    one_of.iter().rev().chain(others).cloned().collect()
}

/// The declared scope; between other pairs, every record with its identity minimum.
fn scope(kind: Kind, config: &KindConfig) -> BTreeMap<(ConnectionName, ConnectionName), Predicate> {
    let has = |name: &str| {
        let bound = config.fields.iter().any(|field| field.name.as_str() == name);
        bound.then(|| Predicate::Has(AttributeName::new(name)))
    };
    let join = |names: &[&str], join: fn(Vec<Predicate>) -> Predicate| {
        let mut parts: Vec<Predicate> = names.iter().filter_map(|name| has(name)).collect();
        match (parts.pop(), parts.is_empty()) {
            (None, _) => Predicate::Constant(true),
            (Some(only), true) => only,
            (Some(last), false) => join(parts.into_iter().chain([last]).collect()),
        }
    };
    let minimum = match kind {
        Kind::User => Predicate::Constant(true),
        Kind::Person => join(&["email"], Predicate::All),
        Kind::Organisation => join(&["name", "domain"], Predicate::Any),
        Kind::Deal => join(&["name", "stage"], Predicate::All),
    };
    let mut scope = BTreeMap::new();
    for from in config.records.keys() {
        for to in config.records.keys().filter(|to| *to != from) {
            let pair = (from.clone(), to.clone());
            let predicate = config.scope.get(&pair).unwrap_or(&minimum).clone();
            scope.insert(pair, predicate);
        }
    }
    scope
}

/// First four bytes of SHA-256 over the parts, each preceded by its length.
fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> u32 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let bytes = hash.finalize();
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
