//! Objects and fields: what describe tells, what saves check, where a row keeps each value.

pub(crate) mod build;
pub(crate) mod standard;

use super::ids::Obj;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most stored fields an object can have: a row marks the present ones in 128 bits.
pub(crate) const MAX_SLOTS: usize = 128;

/// Field types by their API names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Id,
    Text,
    Area,
    Email,
    Phone,
    Url,
    Pick,
    Multi,
    Bool,
    Int,
    Double,
    Money,
    Percent,
    Date,
    Time,
    Reference,
    Address,
}

impl Type {
    /// `(type, soapType)` as describe spells them.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Type::Id => ("id", "tns:ID"),
            Type::Text => ("string", "xsd:string"),
            Type::Area => ("textarea", "xsd:string"),
            Type::Email => ("email", "xsd:string"),
            Type::Phone => ("phone", "xsd:string"),
            Type::Url => ("url", "xsd:string"),
            Type::Pick => ("picklist", "xsd:string"),
            Type::Multi => ("multipicklist", "xsd:string"),
            Type::Bool => ("boolean", "xsd:boolean"),
            Type::Int => ("int", "xsd:int"),
            Type::Double => ("double", "xsd:double"),
            Type::Money => ("currency", "xsd:double"),
            Type::Percent => ("percent", "xsd:double"),
            Type::Date => ("date", "xsd:date"),
            Type::Time => ("datetime", "xsd:dateTime"),
            Type::Reference => ("reference", "tns:ID"),
            Type::Address => ("address", "urn:address"),
        }
    }
    /// Stored as text.
    pub(crate) fn is_text(self) -> bool {
        matches!(
            self,
            Type::Text | Type::Area | Type::Email | Type::Phone | Type::Url | Type::Pick | Type::Multi
        )
    }
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Double | Type::Money | Type::Percent)
    }
}

/// Values that every row has outside its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    Id,
    IsDeleted,
    CreatedDate,
    CreatedById,
    LastModifiedDate,
    LastModifiedById,
    Modstamp,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    System(System),
    Slot(u8),
    /// Compound of the address whose first component (Street) has this field index; Street, City, State, PostalCode,
    /// Country, Latitude, Longitude, GeocodeAccuracy follow each other.
    Address(usize),
}

/// One value of a picklist.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) active: bool,
    pub(crate) default: bool,
}

/// One field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) label: String,
    pub(crate) ty: Type,
    pub(crate) len: u32,
    pub(crate) scale: u8,
    pub(crate) source: Source,
    pub(crate) nillable: bool,
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    pub(crate) defaulted: bool,
    pub(crate) custom: bool,
    pub(crate) external_id: bool,
    pub(crate) unique: bool,
    pub(crate) name_field: bool,
    pub(crate) cascade: bool,
    pub(crate) indexed: bool,
    pub(crate) long: bool,
    pub(crate) targets: Vec<Obj>,
    pub(crate) relation: Option<String>,
    pub(crate) child: Option<String>,
    pub(crate) choices: Vec<Choice>,
    /// The administrator restricted the picklist to its active values.
    pub(crate) restricted: bool,
    /// The administrator took read access from the API user.
    pub(crate) hidden: bool,
    /// The administrator took write access from the API user.
    pub(crate) locked: bool,
    pub(crate) removed: bool,
    /// Has a compound it belongs to.
    pub(crate) compound: Option<String>,
}

impl Field {
    pub(crate) fn slot(&self) -> Option<u8> {
        if let Source::Slot(slot) = self.source { Some(slot) } else { None }
    }
    /// Filters and sorts may name it.
    pub(crate) fn filterable(&self) -> bool {
        !self.long && self.ty != Type::Address
    }
}

/// One object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) name: Arc<str>,
    pub(crate) label: String,
    pub(crate) plural: String,
    pub(crate) prefix: [u8; 3],
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    pub(crate) deletable: bool,
    pub(crate) custom: bool,
    pub(crate) fields: Vec<Field>,
    pub(crate) by_name: BTreeMap<String, usize>,
    pub(crate) slots: usize,
    /// When an administrator last changed it, seconds; 0 = never.
    pub(crate) changed_at: i64,
}

impl Object {
    /// A field by name in any case, hidden ones included.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let index = match self.by_name.get(name) {
            Some(index) => *index,
            None => *self.by_name.get(&name.to_ascii_lowercase())?,
        };
        (!self.fields[index].removed).then_some(index)
    }
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.find(name).map(|index| &self.fields[index])
    }
    /// The reference field behind a relationship name (`Account`, `Parent`).
    pub(crate) fn relation(&self, name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|f| !f.removed && f.relation.as_deref().is_some_and(|r| r.eq_ignore_ascii_case(name)))
    }
    /// Fields that exist and that the API user sees.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().filter(|(_, f)| !f.removed && !f.hidden)
    }
    pub(crate) fn name_field(&self) -> Option<usize> {
        self.fields.iter().position(|f| f.name_field)
    }
}

/// All objects.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) objects: Vec<Object>,
    /// Counts what may have been changes.
    pub(crate) changes: u64,
    by_name: BTreeMap<String, Obj>,
}

impl Schema {
    pub(crate) fn get(&self, obj: Obj) -> &Object {
        &self.objects[obj as usize]
    }
    pub(crate) fn get_mut(&mut self, obj: Obj) -> &mut Object {
        self.changes += 1;
        &mut self.objects[obj as usize]
    }
    /// An object by name in any case.
    pub(crate) fn find(&self, name: &str) -> Option<Obj> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }
    pub(crate) fn by_prefix(&self, prefix: &[u8]) -> Option<Obj> {
        self.objects.iter().position(|o| o.prefix == prefix).map(|i| i as Obj)
    }
    /// (child object, field) of every reference to `parent`.
    pub(crate) fn children(&self, parent: Obj) -> Vec<(Obj, usize)> {
        let mut found = Vec::new();
        for (child, object) in self.objects.iter().enumerate() {
            for (index, field) in object.fields.iter().enumerate() {
                if !field.removed && field.targets.contains(&parent) {
                    found.push((child as Obj, index));
                }
            }
        }
        found
    }
}
