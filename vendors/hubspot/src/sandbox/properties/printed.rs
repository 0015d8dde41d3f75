//! Definitions as the API prints them, and as they were last printed.

use crate::sandbox::{HubSpot, kind::Kind, registry::Def, stamp, wire::Reply};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::BTreeMap;

/// All definitions of an object type as they were last printed.
#[derive(Debug)]
pub(in crate::sandbox) struct Printed {
    /// Changes of the registry.
    changes: u64,
    /// Options that live elsewhere.
    elsewhere: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A property's definition as the API prints it.
pub(super) struct Shown<'a> {
    def: &'a Def,
    options: Vec<ShownOption<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownOption<'a> {
    label: &'a str,
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    display_order: i64,
    hidden: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Modification {
    archivable: bool,
    read_only_definition: bool,
    read_only_options: bool,
    read_only_value: bool,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let def = self.def;
        let mut map = serializer.serialize_map(None)?;
        macro_rules! members {
            ($($name:literal: $value:expr),* $(,)?) => { $(map.serialize_entry($name, &$value)?;)* };
        }
        members! {
            "name": def.name, "label": def.label, "type": def.value_type.name(), "fieldType": def.field_type,
            "description": def.description, "groupName": def.group, "options": self.options,
            "displayOrder": def.display_order, "calculated": def.calculated,
            "externalOptions": matches!(def.referenced, Some("OWNER")),
            "hasUniqueValue": def.has_unique_value, "hidden": def.hidden, "hubspotDefined": def.built_in,
            "formField": def.form_field, "archived": def.archived_at.is_some(),
            "dataSensitivity": "non_sensitive",
            "modificationMetadata": Modification {
                archivable: !def.built_in,
                read_only_definition: def.built_in,
                read_only_options: def.built_in && def.choices.is_empty(),
                read_only_value: def.read_only || def.calculated,
            },
            "createdAt": stamp::text(def.created_at), "updatedAt": stamp::text(def.updated_at),
        }
        if def.show_currency_symbol {
            map.serialize_entry("showCurrencySymbol", &true)?;
        }
        if let Some("OWNER") = def.referenced {
            map.serialize_entry("referencedObjectType", "OWNER")?;
        }
        if let Some(at) = def.archived_at {
            map.serialize_entry("archivedAt", &stamp::text(at))?;
        }
        map.end()
    }
}

impl HubSpot {
    /// All definitions, printed anew where anything in them may have changed.
    pub(super) fn definitions(&mut self, kind: Kind, archived: bool) -> Reply {
        let registry = &self.portal.table(kind).registry;
        let shown =
            || registry.iter().filter(|(_, def)| !def.no_access && def.archived_at.is_some() == archived);
        let elsewhere = shown().flat_map(|(_, def)| self.options_elsewhere(def));
        let elsewhere: Vec<(String, String)> =
            elsewhere.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        let known = self
            .definitions
            .get(&kind)
            .filter(|known| !archived && known.changes == registry.changes && known.elsewhere == elsewhere);
        if let Some(known) = known {
            return Reply::printed(known.body.clone());
        }
        let results: Vec<Shown<'_>> = shown().map(|(_, def)| self.definition(kind, def)).collect();
        let reply = Reply::ok(&BTreeMap::from([("results", results)]));
        if !archived {
            let printed = Printed { changes: registry.changes, elsewhere, body: reply.body.clone() };
            self.definitions.insert(kind, printed);
        }
        reply
    }

    /// A property's definition as the API prints it; enumerations whose options live in pipelines list those.
    pub(super) fn definition<'a>(&'a self, kind: Kind, def: &'a Def) -> Shown<'a> {
        let options = self.options_elsewhere(def);
        debug_assert!(self.portal.table(kind).registry.any(&def.name).is_some());
        let mut shown = shown(def);
        if !options.is_empty() {
            let options = (0..).zip(options);
            let options = options.map(|(display_order, (label, value))| ShownOption {
                label,
                value,
                description: None,
                display_order,
                hidden: false,
            });
            shown.options = options.collect();
        }
        shown
    }

    /// Label and value of the options that a property has from pipelines or currencies.
    fn options_elsewhere<'a>(&'a self, def: &Def) -> Vec<(&'a str, &'a str)> {
        match def.referenced {
            Some("DEAL_PIPELINE") => {
                self.portal.pipelines.iter().map(|one| (&*one.label, &*one.id)).collect()
            }
            Some("DEAL_STAGE") => {
                let stages = self.portal.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
                stages.map(|stage| (&*stage.label, &*stage.id)).collect()
            }
            Some("CURRENCY") => {
                let money = &self.portal.currencies;
                let codes = std::iter::once(&money.home).chain(money.rates.keys());
                codes.map(|code| (&**code, &**code)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A definition whose options are its own.
pub(super) fn shown(def: &Def) -> Shown<'_> {
    let own = def.choices.iter().filter(|_| def.referenced.is_none());
    let options = own.map(|choice| ShownOption {
        label: &choice.label,
        value: &choice.value,
        description: Some(&choice.description),
        display_order: choice.display_order,
        hidden: choice.hidden,
    });
    Shown { def, options: options.collect() }
}
