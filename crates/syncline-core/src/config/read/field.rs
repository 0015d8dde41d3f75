//! `[kind.K.field.F]`.

use super::{Names, keys, kind::Objects};
use crate::{
    config::{
        literal,
        predicate::Literal,
        problem::{Place, Problem, codes},
        reader::{self, Problems, Reader, did_you_mean, list, unknown_key, wrong},
        tree::{Node, Table, Tree},
        types::{BindingConfig, FieldConfig, MapMode},
    },
    mapping::{AttributeType, Clear, Direction, Rule},
};
use std::{collections::BTreeMap, sync::Arc};
use syncline_model::{AttributeName, ConnectionName, FieldName, ObjectName, Value};

const TYPES: [(&str, AttributeType); 11] = [
    ("text", AttributeType::Text),
    ("email", AttributeType::Email),
    ("phone", AttributeType::Phone),
    ("url", AttributeType::Url),
    ("bool", AttributeType::Bool),
    ("decimal", AttributeType::Decimal),
    ("money", AttributeType::Money),
    ("date", AttributeType::Date),
    ("instant", AttributeType::Instant),
    ("option", AttributeType::Option),
    ("options", AttributeType::Options),
];
const CLEAR: [(&str, Clear); 2] = [("travel", Clear::Travel), ("keep", Clear::Keep)];
pub(super) const DIRECTIONS: [(&str, Direction); 3] =
    [("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both)];

/// Reads one attribute.
pub(super) fn field(
    key: &str,
    mut table: Reader<'_>,
    records: &Objects,
    names: &Names,
    problems: &mut Problems,
) -> FieldConfig {
    let value_type = table.word("type", &TYPES, problems);
    if value_type.is_none() && table.get("type").is_none() {
        table.missing("type", "add `type = \"text\"`, or another type", problems);
    }
    let value_type = value_type.unwrap_or(AttributeType::Text);
    let rule_at = table.get("rule").map(|node| node.at.clone());
    let rule = names.rule(table.text("rule", problems), problems);
    if let Some(at) = rule_at {
        rule_means_something(&rule, value_type, &at, problems);
    }
    let tie = names.tie(table.text("tie", problems), &rule, &table.name, &table.at, problems);
    let clear = table.word("clear", &CLEAR, problems).unwrap_or(Clear::Travel);
    let default = table.get("default").and_then(|node| value(node, "default", value_type, problems));
    let constant = table.get("constant").and_then(|node| value(node, "constant", value_type, problems));
    let placeholders = placeholders(&mut table, value_type, names, problems);
    let maps = maps(&mut table, value_type, names, problems);
    let mut bindings = Vec::new();
    for (side, at, node) in table.rest() {
        let Some(connection) = names.connections.iter().find(|known| known.as_str() == side) else {
            problems.push(unknown_key(&table.name, side, at, names.with(keys::FIELD)));
            continue;
        };
        let objects = records.get(connection).map(Vec::as_slice).unwrap_or_default();
        let side =
            Side { connection, objects, map: maps.of(connection), placeholder: placeholders.get(connection) };
        bindings.extend(side.bindings(at, node, problems));
    }
    sides_exist(&rule, &tie, &bindings, &table, problems);
    FieldConfig {
        name: AttributeName::new(key),
        value_type,
        rule,
        tie,
        clear,
        default,
        constant,
        bindings,
        at: table.at.clone(),
    }
}

/// Of most types no value is stricter than another, and only a set can be united: such a rule would take the first side
/// that shows a value, or decide like another rule than the one written.
fn rule_means_something(rule: &Rule, value_type: AttributeType, at: &Place, problems: &mut Problems) {
    let (word, fits, fix) = match rule {
        Rule::MostRestrictive => (
            "most_restrictive",
            value_type == AttributeType::Bool,
            "write `two_way`, `manual` or `always CONNECTION`; `most_restrictive` is for fields of the type bool in which \
             true allows least (\"opted out\")",
        ),
        Rule::Union => (
            "union",
            value_type == AttributeType::Options,
            "write `two_way`; `union` is for fields of the type options",
        ),
        Rule::TwoWay | Rule::Always(_) | Rule::Prefer(_) | Rule::Manual | Rule::Off => return,
    };
    if !fits {
        let message = format!("the rule `{word}` means nothing for a field of this type");
        problems.push(Problem::error(codes::BAD_VALUE, at, message, fix));
    }
}

/// A rule or tie that names a side without a field would never decide anything.
fn sides_exist(
    rule: &Rule,
    tie: &Option<ConnectionName>,
    bindings: &[BindingConfig],
    table: &Reader<'_>,
    problems: &mut Problems,
) {
    let named = match rule {
        Rule::Always(side) | Rule::Prefer(side) => Some(side),
        Rule::TwoWay => tie.as_ref(),
        Rule::Union | Rule::MostRestrictive | Rule::Manual | Rule::Off => None,
    };
    let bound = |side: &ConnectionName| bindings.iter().any(|binding| binding.connection == *side);
    if let Some(side) = named
        && !bindings.is_empty()
        && !bound(side)
    {
        problems.push(Problem::error(
            codes::TIE,
            &table.at,
            format!("{} names {side} as the winner and binds no field of {side}", table.name),
            "name a connection that has a field here",
        ));
    }
}

/// A literal with the attribute's type.
fn value(node: &Node, key: &str, value_type: AttributeType, problems: &mut Problems) -> Option<Value> {
    let literal = match &node.value {
        Tree::Text(text) | Tree::Time(text) => Literal::Text(text.clone()),
        Tree::Number(number) => Literal::Number(number.clone()),
        Tree::Bool(value) => Literal::Bool(*value),
        Tree::Array(_) | Tree::Table(_) => {
            wrong(node, key, "a single value", problems);
            return None;
        }
    };
    match literal::value(&literal, value_type) {
        Ok(value) => Some(value),
        Err(expected) => {
            let message = format!("`{key}` does not have the type of the field");
            problems.push(Problem::error(codes::LITERAL, &node.at, message, expected));
            None
        }
    }
}

fn placeholders(
    table: &mut Reader<'_>,
    value_type: AttributeType,
    names: &Names,
    problems: &mut Problems,
) -> BTreeMap<ConnectionName, Value> {
    let mut found = BTreeMap::new();
    let Some((sides, _)) = table.sub("placeholder", problems) else { return found };
    for entry in &sides.entries {
        let Some(connection) = names.connection(&entry.key, &entry.at, problems) else { continue };
        if let Some(value) = value(&entry.node, "placeholder", value_type, problems) {
            found.insert(connection, value);
        }
    }
    found
}

/// The `map` of a field: one mode for all sides, or declared tables for some.
struct Maps {
    all: MapMode,
    by_side: BTreeMap<ConnectionName, MapMode>,
}

impl Maps {
    fn of(&self, connection: &ConnectionName) -> MapMode {
        self.by_side.get(connection).unwrap_or(&self.all).clone()
    }
}

fn maps(table: &mut Reader<'_>, value_type: AttributeType, names: &Names, problems: &mut Problems) -> Maps {
    let mut maps = Maps { all: MapMode::Value, by_side: BTreeMap::new() };
    let Some(node) = table.get("map") else { return maps };
    if !matches!(value_type, AttributeType::Option | AttributeType::Options) {
        problems.push(Problem::error(
            codes::BAD_VALUE,
            &node.at,
            "`map` is for fields of the types option and options",
            "take `map` out, or change `type`",
        ));
        return maps;
    }
    if let Tree::Table(sides) = &node.value {
        for entry in &sides.entries {
            let Some(connection) = names.connection(&entry.key, &entry.at, problems) else { continue };
            if let Some(mode) = map(&entry.node, problems) {
                maps.by_side.insert(connection, mode);
            }
        }
    } else if let Some(mode) = map(node, problems) {
        maps.all = mode;
    }
    maps
}

/// `"label"`, `"value"`, or `{ "side value" = "attribute value" }`.
fn map(node: &Node, problems: &mut Problems) -> Option<MapMode> {
    let Tree::Table(pairs) = &node.value else {
        let text = reader::text(node, "map", problems)?;
        return match text {
            "label" => Some(MapMode::Label),
            "value" => Some(MapMode::Value),
            other => {
                problems.push(Problem::error(
                    codes::BAD_VALUE,
                    &node.at,
                    format!("`map` cannot be `{other}`"),
                    format!("it is {} or a table", list(&["label", "value"])),
                ));
                None
            }
        };
    };
    let pair = |entry: &super::super::tree::Entry, problems: &mut Problems| -> Option<(Arc<str>, Arc<str>)> {
        let to = reader::text(&entry.node, &entry.key, problems)?;
        Some((Arc::from(entry.key.as_str()), Arc::from(to)))
    };
    Some(MapMode::Table(pairs.entries.iter().filter_map(|entry| pair(entry, problems)).collect()))
}

/// One side of a field.
struct Side<'a> {
    connection: &'a ConnectionName,
    objects: &'a [ObjectName],
    map: MapMode,
    placeholder: Option<&'a Value>,
}

impl Side<'_> {
    /// `"Field"`, `{ Object = "Field" }`, or `{ field = …, direction = …, map = … }`.
    fn bindings(&self, at: &Place, node: &Node, problems: &mut Problems) -> Vec<BindingConfig> {
        if self.objects.is_empty() {
            problems.push(Problem::error(
                codes::UNKNOWN_NAME,
                at,
                format!("this kind has no records on {}", self.connection),
                "add its objects to `records`, or take this side out",
            ));
            return Vec::new();
        }
        match &node.value {
            Tree::Text(field) => self.everywhere(field, Direction::Both, &self.map, at),
            Tree::Table(table) if is_full(table) => self.full(self.objects, table, at, problems),
            Tree::Table(table) => self.by_object(table, problems),
            Tree::Number(_) | Tree::Bool(_) | Tree::Time(_) | Tree::Array(_) => {
                wrong(node, self.connection.as_str(), "a field, or a table of fields by object", problems);
                Vec::new()
            }
        }
    }

    fn by_object(&self, table: &Table, problems: &mut Problems) -> Vec<BindingConfig> {
        let mut bindings = Vec::new();
        for entry in &table.entries {
            let Some(object) = find_object(self.objects, &entry.key, &entry.at, self.connection, problems)
            else {
                continue;
            };
            let only = std::slice::from_ref(object);
            match &entry.node.value {
                Tree::Table(table) => bindings.extend(self.full(only, table, &entry.at, problems)),
                Tree::Text(_) | Tree::Number(_) | Tree::Bool(_) | Tree::Time(_) | Tree::Array(_) => {
                    let Some(field) = reader::text(&entry.node, &entry.key, problems) else { continue };
                    bindings.push(self.binding(object, field, Direction::Both, &self.map, &entry.at));
                }
            }
        }
        bindings
    }

    fn full(
        &self,
        objects: &[ObjectName],
        table: &Table,
        at: &Place,
        problems: &mut Problems,
    ) -> Vec<BindingConfig> {
        let mut table = Reader::new(table, at, format!("`{}`", self.connection));
        let direction = table.word("direction", &DIRECTIONS, problems).unwrap_or(Direction::Both);
        let own = table.get("map").and_then(|node| map(node, problems));
        let map = own.as_ref().unwrap_or(&self.map);
        let field = table.get("field");
        let bindings = match field.map(|node| (&node.value, node)) {
            Some((Tree::Table(by_object), _)) => {
                let mut bindings = Vec::new();
                for entry in &by_object.entries {
                    let object = find_object(objects, &entry.key, &entry.at, self.connection, problems);
                    let field = reader::text(&entry.node, &entry.key, problems);
                    if let (Some(object), Some(field)) = (object, field) {
                        bindings.push(self.binding(object, field, direction, map, &entry.at));
                    }
                }
                bindings
            }
            Some((_, node)) => {
                let field = reader::text(node, "field", problems);
                let bind = |object, field| self.binding(object, field, direction, map, at);
                field
                    .map_or_else(Vec::new, |field| objects.iter().map(|object| bind(object, field)).collect())
            }
            None => {
                table.missing("field", "name the field", problems);
                Vec::new()
            }
        };
        table.finish(keys::BINDING.iter().copied(), problems);
        bindings
    }

    fn everywhere(&self, field: &str, direction: Direction, map: &MapMode, at: &Place) -> Vec<BindingConfig> {
        self.objects.iter().map(|object| self.binding(object, field, direction, map, at)).collect()
    }

    fn binding(
        &self,
        object: &ObjectName,
        field: &str,
        direction: Direction,
        map: &MapMode,
        at: &Place,
    ) -> BindingConfig {
        BindingConfig {
            connection: self.connection.clone(),
            object: object.clone(),
            field: FieldName::new(field),
            direction,
            map: map.clone(),
            placeholder: self.placeholder.cloned(),
            at: at.clone(),
        }
    }
}

fn is_full(table: &Table) -> bool {
    table.entries.iter().any(|entry| entry.key == "field")
}

/// An object of the kind by its name.
pub(super) fn find_object<'a>(
    objects: &'a [ObjectName],
    name: &str,
    at: &Place,
    connection: &ConnectionName,
    problems: &mut Problems,
) -> Option<&'a ObjectName> {
    let found = objects.iter().find(|object| object.as_str() == name);
    if found.is_none() {
        let known: Vec<&str> = objects.iter().map(ObjectName::as_str).collect();
        problems.push(Problem::error(
            codes::UNKNOWN_NAME,
            at,
            format!("`{name}` is no object of this kind on {connection}"),
            format!("it is one of {}{}", list(&known), did_you_mean(name, known.iter().copied())),
        ));
    }
    found
}
