//! `[kind.K]`.

use super::{Names, edge, field, keys};
use crate::{
    config::{
        literal,
        predicate::{self, Literal, Types},
        problem::{Place, Problem, codes},
        reader::{self, Problems, Reader, did_you_mean, list, wrong},
        tree::{Table, Tree},
        types::{CreateChoice, FieldConfig, KindConfig, MatchKey, StagePair, StageSide},
    },
    mapping::{AttributeType, OnDelete, OnLeave, Predicate},
};
use std::collections::BTreeMap;
use syncline_model::{AttributeName, ConnectionName, Kind, ObjectName, Value};

const ON_LEAVE: [(&str, OnLeave); 1] = [("freeze", OnLeave::Freeze)];
const ON_DELETE: [(&str, OnDelete); 3] =
    [("review", OnDelete::Review), ("archive", OnDelete::Archive), ("unlink", OnDelete::Unlink)];

/// Objects by connection.
pub(super) type Objects = BTreeMap<ConnectionName, Vec<ObjectName>>;

/// Reads one kind.
pub(super) fn kind(
    kind: Kind,
    table: &Table,
    at: &Place,
    names: &Names,
    problems: &mut Problems,
) -> KindConfig {
    let mut table = Reader::new(table, at, format!("`[kind.{kind}]`"));
    let records = objects(&mut table, "records", names, problems);
    if records.is_empty() {
        table.missing(
            "records",
            "say which objects hold it: `records = { hubspot = [\"contacts\"] }`",
            problems,
        );
    }
    let one_of = objects(&mut table, "one_of", names, problems);
    let on_leave = table.word("on_leave", &ON_LEAVE, problems).unwrap_or(OnLeave::Freeze);
    let on_delete = table.word("on_delete", &ON_DELETE, problems).unwrap_or(OnDelete::Review);
    let mut fields = Vec::new();
    if let Some((entries, _)) = table.sub("field", problems) {
        for entry in &entries.entries {
            let name = format!("`[kind.{kind}.field.{}]`", entry.key);
            let Some(inner) = reader::table(&entry.node, &entry.key, problems) else { continue };
            let inner = Reader::new(inner, &entry.at, name);
            fields.push(field::field(&entry.key, inner, &records, names, problems));
        }
    }
    let mut edges = Vec::new();
    if let Some((entries, _)) = table.sub("edge", problems) {
        for entry in &entries.entries {
            let name = format!("`[kind.{kind}.edge.{}]`", entry.key);
            let Some(inner) = reader::table(&entry.node, &entry.key, problems) else { continue };
            let inner = Reader::new(inner, &entry.at, name);
            edges.extend(edge::edge(kind, &entry.key, inner, &records, names, problems));
        }
    }
    let match_keys = match_keys(&mut table, &fields, problems);
    let scope = scope(&mut table, &fields, names, problems);
    let create = create(&mut table, &records, names, problems);
    let stage_map = stage_map(&mut table, names, problems);
    table.finish(keys::KIND.iter().copied(), problems);
    KindConfig {
        records,
        one_of,
        match_keys,
        scope,
        on_leave,
        on_delete,
        create,
        fields,
        edges,
        stage_map,
        at: at.clone(),
    }
}

fn objects(table: &mut Reader<'_>, key: &str, names: &Names, problems: &mut Problems) -> Objects {
    let mut objects = BTreeMap::new();
    let Some((sides, _)) = table.sub(key, problems) else { return objects };
    for entry in &sides.entries {
        let Some(connection) = names.connection(&entry.key, &entry.at, problems) else { continue };
        let Some(list) = reader::texts(&entry.node, &entry.key, problems) else { continue };
        objects.insert(connection, list.into_iter().map(|(name, _)| ObjectName::new(name)).collect());
    }
    objects
}

fn match_keys(
    table: &mut Reader<'_>,
    fields: &[FieldConfig],
    problems: &mut Problems,
) -> Vec<(MatchKey, Place)> {
    let attribute =
        |name: &str| fields.iter().find(|field| field.name.as_str() == name).map(|f| f.name.clone());
    let mut found = Vec::new();
    for (text, at) in table.texts("match", problems).unwrap_or_default() {
        let key = match text {
            "planted" => Some(MatchKey::Planted),
            "native_connector" => Some(MatchKey::NativeConnector),
            "email" => attribute("email").map(MatchKey::Email),
            "domain" => {
                let names: Vec<AttributeName> =
                    ["domain", "website"].into_iter().filter_map(attribute).collect();
                (!names.is_empty()).then_some(MatchKey::Domain(names))
            }
            "name_country" => attribute("name").map(|name| MatchKey::NameCountry(name, attribute("country"))),
            other => attribute(other).map(MatchKey::Exact),
        };
        match key {
            Some(key) => found.push((key, at.clone())),
            None => problems.push(unmatched(text, at, fields)),
        }
    }
    found
}

fn unmatched(text: &str, at: &Place, fields: &[FieldConfig]) -> Problem {
    let mut known = vec!["planted", "native_connector", "email", "domain", "name_country"];
    let needs = match text {
        "email" => Some("email"),
        "domain" => Some("domain"),
        "name_country" => Some("name"),
        _ => None,
    };
    match needs {
        Some(needs) => Problem::error(
            codes::UNKNOWN_NAME,
            at,
            format!("the matching key `{text}` needs the field `{needs}`, which this kind has not"),
            format!("add the field `{needs}` or take the key out of `match`"),
        ),
        None => {
            known.extend(fields.iter().map(|field| field.name.as_str()));
            Problem::error(
                codes::UNKNOWN_NAME,
                at,
                format!("`{text}` is no matching key and no field of this kind"),
                format!("it is one of {}{}", list(&known), did_you_mean(text, known.iter().copied())),
            )
        }
    }
}

/// The attributes a predicate may name.
struct Attributes<'a>(&'a [FieldConfig]);

impl Types for Attributes<'_> {
    fn known(&self, name: &str) -> Result<(), String> {
        if self.0.iter().any(|field| field.name.as_str() == name) {
            return Ok(());
        }
        let names: Vec<&str> = self.0.iter().map(|field| field.name.as_str()).collect();
        Err(format!("this kind has no field `{name}`{}", did_you_mean(name, names)))
    }

    fn value(&self, name: &str, literal: &Literal) -> Result<Value, String> {
        let field = self.0.iter().find(|field| field.name.as_str() == name);
        literal::value(literal, field.map_or(AttributeType::Text, |field| field.value_type))
    }
}

fn scope(
    table: &mut Reader<'_>,
    fields: &[FieldConfig],
    names: &Names,
    problems: &mut Problems,
) -> BTreeMap<(ConnectionName, ConnectionName), Predicate> {
    let mut scope = BTreeMap::new();
    let Some((pairs, _)) = table.sub("scope", problems) else { return scope };
    for entry in &pairs.entries {
        let Some((from, to)) = entry.key.split_once("->") else {
            problems.push(Problem::error(
                codes::BAD_VALUE,
                &entry.at,
                format!("`{}` names no direction", entry.key),
                "write both connections with an arrow: \"hubspot -> salesforce\"",
            ));
            continue;
        };
        let from = names.connection(from.trim(), &entry.at, problems);
        let to = names.connection(to.trim(), &entry.at, problems);
        if from.is_some() && from == to {
            problems.push(Problem::error(
                codes::BAD_VALUE,
                &entry.at,
                format!("`{}` leads back to where it comes from", entry.key),
                "write two different connections",
            ));
        }
        let Some(text) = reader::text(&entry.node, &entry.key, problems) else { continue };
        let predicate = match predicate::parse(text, &Attributes(fields)) {
            Ok(predicate) => predicate,
            Err(refused) => {
                problems.push(Problem::error(
                    codes::PREDICATE,
                    // One further, past the opening quote; escapes before it shift the column, the caret stays right.
                    &entry.node.at.shifted(refused.at + 1),
                    format!("{}{}", refused.message, predicate::caret(text, refused.at)),
                    "scope takes has(field), ==, !=, in [..], !, &&, || and parentheses over this kind's fields",
                ));
                continue;
            }
        };
        if let (Some(from), Some(to)) = (from, to) {
            scope.insert((from, to), predicate);
        }
    }
    scope
}

fn create(
    table: &mut Reader<'_>,
    records: &Objects,
    names: &Names,
    problems: &mut Problems,
) -> BTreeMap<ConnectionName, (CreateChoice, Place)> {
    let mut create = BTreeMap::new();
    let Some((sides, _)) = table.sub("create", problems) else { return create };
    for entry in &sides.entries {
        let Some(connection) = names.connection(&entry.key, &entry.at, problems) else { continue };
        let Some(text) = reader::text(&entry.node, &entry.key, problems) else { continue };
        let objects = records.get(&connection).map(Vec::as_slice).unwrap_or_default();
        let choice = match text {
            "never" => CreateChoice::Never,
            "lead_or_contact" => CreateChoice::LeadOrContact,
            "after_parent" => CreateChoice::AfterParent,
            object if objects.iter().any(|known| known.as_str() == object) => {
                CreateChoice::As(ObjectName::new(object))
            }
            other => {
                let mut known = vec!["never", "lead_or_contact", "after_parent"];
                known.extend(objects.iter().map(ObjectName::as_str));
                problems.push(Problem::error(
                    codes::UNKNOWN_NAME,
                    &entry.node.at,
                    format!("`create` cannot be `{other}` on {connection}"),
                    format!("it is one of {}{}", list(&known), did_you_mean(other, known.iter().copied())),
                ));
                continue;
            }
        };
        create.insert(connection, (choice, entry.node.at.clone()));
    }
    create
}

fn stage_map(table: &mut Reader<'_>, names: &Names, problems: &mut Problems) -> Vec<StagePair> {
    let Some(node) = table.get("stage_map") else { return Vec::new() };
    let Tree::Array(items) = &node.value else {
        wrong(node, "stage_map", "a list of tables, written as [[kind.deal.stage_map]]", problems);
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for item in items {
        let Some(entries) = reader::table(item, "stage_map", problems) else { continue };
        let mut sides = BTreeMap::new();
        for entry in &entries.entries {
            let Some(connection) = names.connection(&entry.key, &entry.at, problems) else { continue };
            let Some(side) = reader::table(&entry.node, &entry.key, problems) else { continue };
            let mut side = Reader::new(side, &entry.at, format!("`stage_map.{}`", entry.key));
            let stage = side.text("stage", problems).map(|(text, _)| text.to_owned());
            let pipeline = side.text("pipeline", problems);
            let within =
                pipeline.or_else(|| side.text("record_type", problems)).map(|(text, _)| text.to_owned());
            match stage {
                Some(stage) => {
                    sides.insert(connection, StageSide { stage, within, at: entry.at.clone() });
                }
                None => side.missing("stage", "name the stage by its value or label", problems),
            }
            side.finish(keys::STAGE.iter().copied(), problems);
        }
        pairs.push(StagePair { sides, at: item.at.clone() });
    }
    pairs
}
