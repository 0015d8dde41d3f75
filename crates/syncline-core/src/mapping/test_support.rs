//! Small mappings for tests.

use super::*;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use syncline_model::{Currency, FieldType};

pub(crate) fn attribute(name: &str, value_type: AttributeType) -> Attribute {
    Attribute {
        name: name.into(),
        value_type,
        rule: Rule::TwoWay,
        tie: Some("salesforce".into()),
        clear: Clear::Travel,
        default: None,
        constant: None,
        bindings: Vec::new(),
    }
}

pub(crate) fn binding(connection: &str, object: &str, field: &str, field_type: FieldType) -> Binding {
    Binding {
        connection: connection.into(),
        object: object.into(),
        field: field.into(),
        field_state: FieldState::Present {
            field_type,
            createable: true,
            updateable: true,
            required: false,
            max_length: None,
            scale: None,
            restricted_to: None,
        },
        direction: Direction::Both,
        codec: Codec::Plain,
        placeholder: None,
        companion: None,
        digest: 1,
    }
}

pub(crate) fn connection_in(zone: &str) -> ConnectionModel {
    ConnectionModel {
        vendor: "salesforce".into(),
        currency: Some(Currency::USD),
        time_zone: TimeZone::get(zone).unwrap(),
        key_fields: BTreeMap::new(),
    }
}
