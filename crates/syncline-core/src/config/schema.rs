//! The JSON Schema of `syncline.toml`, for editors. The reader is what counts; tests keep the two together.

use super::types::Keys;
use crate::mapping::{AttributeType, Clear, Direction, ModelChoice, OnDelete, OnLeave};
use schemars::{JsonSchema, Schema, schema_for};
use std::collections::BTreeMap;

/// The JSON Schema of a configuration whose files are merged.
pub fn json_schema() -> Schema {
    schema_for!(File)
}

macro_rules! tables {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            #[derive(JsonSchema)]
            $(#[$meta])*
            #[expect(dead_code, reason = "described, never built")]
            pub(crate) struct $name { $($(#[$field_meta])* $field: $type,)* }
        )*
    };
}

tables! {
    /// What is synced, between which accounts, and who wins.
    #[schemars(rename = "syncline.toml", deny_unknown_fields)]
    struct File {
        /// The format of this file.
        #[schemars(range(min = 1, max = 1))]
        format: u8,
        /// Which model the company runs.
        model: ModelChoice,
        /// The connection that wins where neither change is newer, unless a field or edge names another.
        tie: Option<String>,
        /// How old a plan may be when it is applied (24h).
        plan_max_age: Option<Length>,
        /// One account at one vendor each.
        connection: Option<BTreeMap<String, Connection>>,
        server: Option<Server>,
        serve: Option<Serve>,
        journal: Option<Journal>,
        budget: Option<Budget>,
        guard: Option<GuardTable>,
        kind: Option<Kinds>,
    }

    /// One account at one vendor. Its secrets are not in here.
    #[schemars(deny_unknown_fields)]
    struct Connection {
        /// The vendor's name.
        vendor: String,
        /// Id of the org or portal, written by `connect`; another account is refused.
        account: Option<String>,
        /// Whether records carry our key, for all objects or by object.
        keys: Option<KeysTable>,
    }

    /// The program's own address.
    #[schemars(deny_unknown_fields)]
    struct Server {
        /// Address under which vendors reach it, for webhooks.
        public_url: Option<String>,
        /// How long a worker's claim on the workspace holds without being renewed (5m).
        lease: Option<Length>,
    }

    /// The running service.
    #[schemars(deny_unknown_fields)]
    struct Serve {
        /// How often vendors are asked for changes (60s).
        poll: Option<Length>,
    }

    /// How long the journal is kept.
    #[schemars(deny_unknown_fields)]
    struct Journal {
        /// Values of what was observed, and what rows were before (90d).
        observed: Option<Length>,
        /// Entries, with all their values; `undo` reaches as far back (400d).
        entries: Option<Length>,
    }

    /// Use of the vendors' limits.
    #[schemars(deny_unknown_fields)]
    struct Budget {
        /// Share of an account's remaining daily calls that may be used (0.5).
        #[schemars(range(min = 0.0, max = 1.0))]
        daily_share: Option<f64>,
    }

    /// A run stops when it would do more.
    #[schemars(deny_unknown_fields)]
    struct GuardTable {
        /// New records.
        create: Option<BreakerTable>,
        /// Cleared values.
        blank: Option<BreakerTable>,
        /// Archived records.
        archive: Option<BreakerTable>,
        /// Fields that something keeps setting back after we write them are parked.
        oscillation: Option<OscillationTable>,
    }

    /// When a field is parked.
    #[schemars(deny_unknown_fields)]
    struct OscillationTable {
        /// So many of our writes taken back (3).
        #[schemars(range(min = 1))]
        flips: Option<u64>,
        /// Within this time (24h).
        window: Option<String>,
    }

    /// The larger of the two counts, per object and run.
    #[schemars(deny_unknown_fields)]
    struct BreakerTable {
        /// A number of records.
        count: Option<u64>,
        /// A share of the object's live records.
        #[schemars(range(min = 0.0, max = 1.0))]
        share: Option<f64>,
    }

    /// What there is to sync.
    #[schemars(deny_unknown_fields)]
    struct Kinds {
        /// Users; only read.
        user: Option<KindTable>,
        /// Companies and accounts.
        organisation: Option<KindTable>,
        /// Leads and contacts.
        person: Option<KindTable>,
        /// Deals and opportunities.
        deal: Option<KindTable>,
    }

    /// One kind.
    #[schemars(deny_unknown_fields)]
    struct KindTable {
        /// Objects by connection.
        records: BTreeMap<String, Texts>,
        /// Objects of which a thing has exactly one on a connection; conversion leads from the first to the last.
        one_of: Option<BTreeMap<String, Texts>>,
        /// Matching keys, best first: planted, native_connector, email, domain, name_country, or a field's name.
        r#match: Option<Texts>,
        /// Who takes part, by "FROM -> TO".
        scope: Option<BTreeMap<String, String>>,
        /// What becomes of records that leave the scope (freeze).
        on_leave: Option<OnLeave>,
        /// What becomes of the others when one record is deleted (review).
        on_delete: Option<OnDelete>,
        /// By connection, against the model: never, lead_or_contact, after_parent, or an object.
        create: Option<BTreeMap<String, String>>,
        /// Values that the sides agree on.
        field: Option<BTreeMap<String, FieldTable>>,
        /// Relations.
        edge: Option<BTreeMap<String, EdgeTable>>,
        /// Stages that mean the same, by connection.
        stage_map: Option<Vec<BTreeMap<String, StageTable>>>,
    }

    /// One value that the sides agree on; further keys are connections with their field.
    struct FieldTable {
        /// Its type.
        r#type: AttributeType,
        /// Who wins (two_way).
        rule: Option<RuleText>,
        /// The connection that wins where neither change is newer.
        tie: Option<String>,
        /// What a cleared value does (travel).
        clear: Option<Clear>,
        /// By connection: written where the vendor requires a value and there is none, and read back as none.
        placeholder: Option<BTreeMap<String, Literal>>,
        /// Given to a new record where every source is blank.
        default: Option<Literal>,
        /// Always this value.
        constant: Option<Literal>,
        /// How options translate.
        map: Option<MapTable>,
        #[schemars(flatten)]
        sides: BTreeMap<String, Side>,
    }

    /// A field with more to say.
    #[schemars(deny_unknown_fields)]
    struct BindingTable {
        /// The field, or fields by object.
        field: FieldNames,
        /// Read, written or both (both).
        direction: Option<Direction>,
        /// How options translate on this side.
        map: Option<SideMap>,
    }

    /// One relation; further keys are connections with what carries it.
    struct EdgeTable {
        /// The kind it leads to; known for account, company, contact, contacts, owner, parent.
        to: Option<String>,
        /// Whether a record without it may not be written (false).
        required: Option<bool>,
        /// How long a new record waits for a parent that is not there yet; left out, it does not.
        wait: Option<Length>,
        /// Who wins (two_way).
        rule: Option<RuleText>,
        /// The connection that wins where neither change is newer.
        tie: Option<String>,
        #[schemars(flatten)]
        sides: BTreeMap<String, EdgeSide>,
    }

    /// What carries a relation: one of field, association and junction.
    #[schemars(deny_unknown_fields)]
    struct CarrierTable {
        /// A reference field.
        field: Option<String>,
        /// An association type.
        association: Option<String>,
        /// A junction object.
        junction: Option<String>,
        /// Only the primary one of several counts (false).
        primary: Option<bool>,
        /// The vendor allows only one (false).
        single: Option<bool>,
        /// Read, written or both (both).
        direction: Option<Direction>,
    }

    /// One side's stage.
    #[schemars(deny_unknown_fields)]
    struct StageTable {
        /// Its value or label.
        stage: String,
        /// The pipeline it is meant in: value or label.
        pipeline: Option<String>,
        /// The record type it is meant in.
        record_type: Option<String>,
    }
}

macro_rules! choices {
    ($($(#[$meta:meta])* enum $name:ident { $($variant:ident($type:ty),)* })*) => {
        $(
            #[derive(JsonSchema)]
            $(#[$meta])*
            #[schemars(untagged)]
            #[expect(dead_code, reason = "described, never built")]
            pub(crate) enum $name { $($variant($type),)* }
        )*
    };
}

choices! {
    /// One text or several.
    enum Texts { One(String), Several(Vec<String>), }
    /// For all objects, or by object.
    enum KeysTable { All(Keys), ByObject(BTreeMap<String, Keys>), }
    /// A value with the field's type.
    enum Literal { Text(String), Number(f64), Flag(bool), }
    /// A field for every object, or fields by object.
    enum FieldNames { One(String), ByObject(BTreeMap<String, String>), }
    /// A field; a table with more to say; or one of these by object.
    enum Side { Field(String), Binding(BindingTable), ByObject(BTreeMap<String, ObjectSide>), }
    /// A field, or a table with more to say.
    enum ObjectSide { Field(String), Binding(BindingTable), }
    /// A mode for all sides, or modes by connection.
    enum MapTable { Mode(MapWord), BySide(BTreeMap<String, SideMap>), }
    /// A mode, or side values with the attribute's value.
    enum SideMap { Mode(MapWord), Pairs(BTreeMap<String, String>), }
    /// A reference field; a carrier; or one of these by object.
    enum EdgeSide { Field(String), Carrier(CarrierTable), ByObject(BTreeMap<String, ObjectEdge>), }
    /// A reference field, or a carrier.
    enum ObjectEdge { Field(String), Carrier(CarrierTable), }
}

/// How options translate.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "described, never built")]
pub(crate) enum MapWord {
    /// By the options' labels, ignoring case.
    Label,
    /// The values are the same on every side.
    Value,
}

/// A length of time: a whole number and s, m, h or d.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described, never built")]
pub(crate) struct Length(#[schemars(regex(pattern = r"^[0-9]+[smhd]$"))] String);

/// Who wins.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described, never built")]
pub(crate) struct RuleText(
    #[schemars(regex(pattern = r"^(two_way|(always|prefer) .+|union|most_restrictive|manual|off)$"))] String,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read::keys;
    use expect_test::expect_file;
    use std::collections::BTreeSet;

    #[test]
    fn the_schema_of_the_docs() {
        let text = serde_json::to_string_pretty(&json_schema()).unwrap();
        expect_file!["../../../../docs/syncline.schema.json"].assert_eq(&(text + "\n"));
    }

    #[test]
    fn schema_and_reader_know_the_same_keys() {
        let schema = json_schema().to_value();
        let of = |path: &str| -> BTreeSet<String> {
            let table = schema.pointer(path).unwrap();
            table["properties"].as_object().unwrap().keys().cloned().collect()
        };
        for (path, known) in [
            ("", keys::TOP),
            ("/$defs/Connection", keys::CONNECTION),
            ("/$defs/Server", keys::SERVER),
            ("/$defs/Serve", keys::SERVE),
            ("/$defs/Budget", keys::BUDGET),
            ("/$defs/GuardTable", keys::GUARD),
            ("/$defs/BreakerTable", keys::BREAKER),
            ("/$defs/OscillationTable", keys::OSCILLATION),
            ("/$defs/KindTable", keys::KIND),
            ("/$defs/FieldTable", keys::FIELD),
            ("/$defs/BindingTable", keys::BINDING),
            ("/$defs/EdgeTable", keys::EDGE),
            ("/$defs/CarrierTable", keys::EDGE_BINDING),
            ("/$defs/StageTable", keys::STAGE),
        ] {
            let known: BTreeSet<String> = known.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(of(path), known, "{path}");
        }
        let kinds: BTreeSet<String> = syncline_model::Kind::ALL.map(|kind| kind.as_str().to_owned()).into();
        assert_eq!(of("/$defs/Kinds"), kinds);
    }
}
