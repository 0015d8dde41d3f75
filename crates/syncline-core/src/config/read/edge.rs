//! `[kind.K.edge.E]`.

use super::{
    Names,
    field::{DIRECTIONS, find_object},
    keys,
    kind::Objects,
    kind_of,
};
use crate::{
    config::{
        problem::{Place, Problem, codes},
        reader::{Problems, Reader, list, unknown_key, wrong},
        tree::{Node, Table, Tree},
        types::{CarrierConfig, EdgeBindingConfig, EdgeConfig, Several},
    },
    mapping::Direction,
};
use syncline_model::{ConnectionName, EdgeName, FieldName, Kind, ObjectName};

/// Reads one relation.
pub(super) fn edge(
    kind: Kind,
    key: &str,
    mut table: Reader<'_>,
    records: &Objects,
    names: &Names,
    problems: &mut Problems,
) -> Option<EdgeConfig> {
    let to = match table.text("to", problems) {
        Some((text, at)) => kind_of(text, at, problems),
        None => target_by_name(kind, key),
    };
    if to.is_none() && table.get("to").is_none() {
        table.missing("to", "say which kind it leads to: `to = \"organisation\"`", problems);
    }
    let rule = names.rule(table.text("rule", problems), problems);
    let tie = names.tie(table.text("tie", problems), &rule, &table.name, &table.at, problems);
    let required = table.flag("required", problems).unwrap_or(false);
    let wait = table.duration("wait", problems);
    let mut bindings = Vec::new();
    for (side, at, node) in table.rest() {
        let Some(connection) = names.connections.iter().find(|known| known.as_str() == side) else {
            problems.push(unknown_key(&table.name, side, at, names.with(keys::EDGE)));
            continue;
        };
        let objects = records.get(connection).map(Vec::as_slice).unwrap_or_default();
        bindings.extend(sides(connection, objects, at, node, problems));
    }
    Some(EdgeConfig {
        name: EdgeName::new(key),
        to: to?,
        rule,
        tie,
        required,
        wait,
        bindings,
        at: table.at.clone(),
    })
}

/// Where a relation of that name leads when nothing is said.
fn target_by_name(kind: Kind, name: &str) -> Option<Kind> {
    match name {
        "account" | "company" | "organisation" => Some(Kind::Organisation),
        "owner" => Some(Kind::User),
        "contacts" | "contact" | "person" => Some(Kind::Person),
        "parent" => Some(kind),
        _ => None,
    }
}

/// `"Field"`, `{ field | association | junction = … }`, or one of these by object.
fn sides(
    connection: &ConnectionName,
    objects: &[ObjectName],
    at: &Place,
    node: &Node,
    problems: &mut Problems,
) -> Vec<EdgeBindingConfig> {
    if objects.is_empty() {
        problems.push(Problem::error(
            codes::UNKNOWN_NAME,
            at,
            format!("this kind has no records on {connection}"),
            "add its objects to `records`, or take this side out",
        ));
        return Vec::new();
    }
    if let Tree::Table(table) = &node.value
        && !table
            .entries
            .iter()
            .any(|entry| ["field", "association", "junction"].contains(&entry.key.as_str()))
    {
        let mut bindings = Vec::new();
        for entry in &table.entries {
            let object = find_object(objects, &entry.key, &entry.at, connection, problems);
            let carrier = carrier(connection, &entry.at, &entry.node, problems);
            if let (Some(object), Some((carrier, direction))) = (object, carrier) {
                bindings.push(binding(connection, object, carrier, direction, &entry.at));
            }
        }
        return bindings;
    }
    let Some((carrier, direction)) = carrier(connection, at, node, problems) else { return Vec::new() };
    objects.iter().map(|object| binding(connection, object, carrier.clone(), direction, at)).collect()
}

fn binding(
    connection: &ConnectionName,
    object: &ObjectName,
    carrier: CarrierConfig,
    direction: Direction,
    at: &Place,
) -> EdgeBindingConfig {
    EdgeBindingConfig {
        connection: connection.clone(),
        object: object.clone(),
        carrier,
        direction,
        at: at.clone(),
    }
}

fn carrier(
    connection: &ConnectionName,
    at: &Place,
    node: &Node,
    problems: &mut Problems,
) -> Option<(CarrierConfig, Direction)> {
    match &node.value {
        Tree::Text(field) => Some((CarrierConfig::Field(FieldName::new(field)), Direction::Both)),
        Tree::Table(table) => declared(connection, at, table, problems),
        Tree::Number(_) | Tree::Bool(_) | Tree::Time(_) | Tree::Array(_) => {
            wrong(node, connection.as_str(), "a reference field, or a table that names a carrier", problems);
            None
        }
    }
}

fn declared(
    connection: &ConnectionName,
    at: &Place,
    table: &Table,
    problems: &mut Problems,
) -> Option<(CarrierConfig, Direction)> {
    let mut table = Reader::new(table, at, format!("`{connection}`"));
    let direction = table.word("direction", &DIRECTIONS, problems).unwrap_or(Direction::Both);
    let primary = table.flag("primary", problems).unwrap_or(false);
    let single = table.flag("single", problems).unwrap_or(false);
    let several = match (primary, single) {
        (true, _) => Several::Primary,
        (false, true) => Several::Single,
        (false, false) => Several::All,
    };
    let field = table.text("field", problems);
    let association = table.text("association", problems);
    let junction = table.text("junction", problems);
    table.finish(keys::EDGE_BINDING.iter().copied(), problems);
    let carrier = match (field, association, junction) {
        (Some((field, _)), None, None) => CarrierConfig::Field(FieldName::new(field)),
        (None, Some((name, _)), None) => CarrierConfig::Association(name.to_owned(), several),
        (None, None, Some((object, _))) => CarrierConfig::Junction(ObjectName::new(object), several),
        _ => {
            problems.push(Problem::error(
                codes::EDGE_SHAPE,
                at,
                format!("a relation has one carrier on {connection}"),
                format!("name exactly one {}", list(&["field", "association", "junction"])),
            ));
            return None;
        }
    };
    Some((carrier, direction))
}
