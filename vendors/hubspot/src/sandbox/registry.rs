//! Property definitions of one object type.

use std::collections::BTreeMap;

/// A property's position in its registry; stays for ever, archived properties included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prop(pub(super) u16);

/// HubSpot's value types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    /// `bool`
    Bool,
    /// `enumeration`
    Enumeration,
    /// `date`
    Date,
    /// `datetime`
    DateTime,
    /// `string`
    String,
    /// `number`
    Number,
    /// `phone_number`
    Phone,
}

impl ValueType {
    /// From its name on the wire.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "enumeration" => Self::Enumeration,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "string" => Self::String,
            "number" => Self::Number,
            "phone_number" => Self::Phone,
            _ => return None,
        })
    }

    /// Its name on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Enumeration => "enumeration",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::String => "string",
            Self::Number => "number",
            Self::Phone => "phone_number",
        }
    }

    /// Which field types it may be shown with [docs properties].
    pub(super) fn field_types(self) -> &'static [&'static str] {
        match self {
            Self::Bool => &["booleancheckbox", "calculation_equation"],
            Self::Enumeration => &["booleancheckbox", "checkbox", "radio", "select", "calculation_equation"],
            Self::Date | Self::DateTime => &["date"],
            Self::Number => &["number", "calculation_equation"],
            Self::String => &["text", "textarea", "html", "file", "phonenumber", "calculation_equation"],
            Self::Phone => &["phonenumber"],
        }
    }
}

/// One choice of an enumeration.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// Shown.
    pub(super) label: String,
    /// Stored.
    pub(super) value: String,
    /// Explanation.
    pub(super) description: String,
    /// Position.
    pub(super) display_order: i64,
    /// Not offered in forms.
    pub(super) hidden: bool,
}

/// One property definition.
#[derive(Debug, Clone)]
pub(super) struct Def {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) value_type: ValueType,
    pub(super) field_type: String,
    pub(super) description: String,
    pub(super) group: String,
    pub(super) choices: Vec<Choice>,
    pub(super) display_order: i64,
    pub(super) has_unique_value: bool,
    pub(super) hidden: bool,
    pub(super) form_field: bool,
    pub(super) show_currency_symbol: bool,
    /// Part of the product, not made by an account.
    pub(super) built_in: bool,
    /// Computed by HubSpot; refused on write.
    pub(super) calculated: bool,
    /// Refused on write.
    pub(super) read_only: bool,
    /// Options live elsewhere (`OWNER`).
    pub(super) referenced: Option<&'static str>,
    /// An administrator took it away from this token: absent from definitions and reads.
    pub(super) no_access: bool,
    /// When it was archived.
    pub(super) archived_at: Option<i64>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

/// A property group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) label: String,
    pub(super) display_order: i64,
}

/// The definitions of one object type, by position and by name.
#[derive(Debug, Default)]
pub(super) struct Registry {
    defs: Vec<Def>,
    names: BTreeMap<String, Prop>,
    /// Counts what may have been changes.
    pub(super) changes: u64,
    /// By internal name.
    pub(super) groups: BTreeMap<String, Group>,
}

impl Registry {
    /// Adds a definition; the caller has checked that the name is free.
    pub(super) fn add(&mut self, def: Def) -> Prop {
        let prop = Prop(u16::try_from(self.defs.len()).unwrap_or(u16::MAX));
        self.names.insert(def.name.clone(), prop);
        self.defs.push(def);
        self.changes += 1;
        prop
    }

    /// The property of that name, archived and inaccessible ones included.
    pub(super) fn any(&self, name: &str) -> Option<Prop> {
        self.names.get(name).copied()
    }

    /// The property of that name that callers can see.
    pub(super) fn visible(&self, name: &str) -> Option<Prop> {
        self.any(name)
            .filter(|prop| self.get(*prop).is_some_and(|def| def.archived_at.is_none() && !def.no_access))
    }

    /// A definition.
    pub(super) fn get(&self, prop: Prop) -> Option<&Def> {
        self.defs.get(usize::from(prop.0))
    }

    /// A definition to change.
    pub(super) fn get_mut(&mut self, prop: Prop) -> Option<&mut Def> {
        self.changes += 1;
        self.defs.get_mut(usize::from(prop.0))
    }

    /// The name of a property.
    pub(super) fn name(&self, prop: Prop) -> &str {
        self.get(prop).map_or("", |def| &def.name)
    }

    /// All definitions by position.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Prop, &Def)> {
        (0..).map(Prop).zip(&self.defs)
    }
}
