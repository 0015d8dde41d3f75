//! One filter of a search: reading it, and testing a row of the index with it.

use super::index::Image;
use super::kind::Kind;
use super::portal::Portal;
use super::registry::{Prop, ValueType};
use super::stamp;
use super::table::Slot;
use super::wire::{ApiError, text_at, texts_at};
use rust_decimal::Decimal;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// What a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Created,
    Modified,
    Prop(Prop, ValueType),
    /// Records tied to one of that type (`associations.company`).
    Tied(Kind),
    /// No such property: finds nothing, without an error [gh airbyte PR#85019].
    Unknown,
}

/// How it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Lt,
    Lte,
    Gt,
    Gte,
    Eq,
    Neq,
    Between,
    In,
    NotIn,
    Has,
    HasNot,
    Contains,
    ContainsNot,
}

impl Op {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "LT" => Self::Lt,
            "LTE" => Self::Lte,
            "GT" => Self::Gt,
            "GTE" => Self::Gte,
            "EQ" => Self::Eq,
            "NEQ" => Self::Neq,
            "BETWEEN" => Self::Between,
            "IN" => Self::In,
            "NOT_IN" => Self::NotIn,
            "HAS_PROPERTY" => Self::Has,
            "NOT_HAS_PROPERTY" => Self::HasNot,
            "CONTAINS_TOKEN" => Self::Contains,
            "NOT_CONTAINS_TOKEN" => Self::ContainsNot,
            _ => return None,
        })
    }

    fn negative(self) -> bool {
        matches!(self, Self::Neq | Self::NotIn | Self::ContainsNot)
    }
}

/// One filter.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) field: Field,
    pub(super) op: Op,
    /// As sent; `value`, then `highValue`, or `values`.
    pub(super) values: Vec<String>,
}

/// What a property name means in a search.
pub(super) fn field(portal: &Portal, kind: Kind, name: &str) -> Field {
    if let Some(kind) = name.strip_prefix("associations.").and_then(Kind::parse) {
        return Field::Tied(kind);
    }
    match name {
        "hs_object_id" => Field::Id,
        "createdate" => Field::Created,
        _ if name == kind.modified_property() => Field::Modified,
        _ => {
            let registry = &portal.table(kind).registry;
            let found = registry.visible(name).and_then(|prop| Some((prop, registry.get(prop)?.value_type)));
            found.map_or(Field::Unknown, |(prop, value_type)| Field::Prop(prop, value_type))
        }
    }
}

impl Filter {
    /// Reads a filter of a request.
    pub(super) fn read(portal: &Portal, kind: Kind, raw: &Value) -> Result<Self, ApiError> {
        let name = text_at(raw, "propertyName").unwrap_or_default();
        let operator = text_at(raw, "operator").unwrap_or_default();
        let op = Op::parse(&operator).ok_or_else(|| {
            ApiError::validation(&format!("Invalid operator {operator} for property {name}"))
        })?;
        let field = field(portal, kind, &name);
        let values = match op {
            Op::In | Op::NotIn => texts_at(raw, "values"),
            Op::Has | Op::HasNot => Vec::new(),
            Op::Between => [text_at(raw, "value"), text_at(raw, "highValue")].into_iter().flatten().collect(),
            Op::Lt | Op::Lte | Op::Gt | Op::Gte | Op::Eq | Op::Neq | Op::Contains | Op::ContainsNot => {
                text_at(raw, "value").into_iter().collect()
            }
        };
        let needed = if matches!(op, Op::Has | Op::HasNot) { 0 } else { 1 + usize::from(op == Op::Between) };
        if values.len() < needed {
            return Err(ApiError::validation(&format!(
                "operator {operator} for property {name} needs a value"
            )));
        }
        let filter = Self { field, op, values };
        if filter.is_stamp() {
            for value in &filter.values {
                let Some(ms) = stamp::parse(value) else {
                    return Err(ApiError::validation(&format!("{value} was not a valid long.")));
                };
                if ms == 0 {
                    // Epoch 0 breaks the search backend [est shared.py].
                    return Err(ApiError::new(http::StatusCode::INTERNAL_SERVER_ERROR, "internal error"));
                }
            }
        }
        Ok(filter)
    }

    fn is_stamp(&self) -> bool {
        matches!(
            self.field,
            Field::Created | Field::Modified | Field::Prop(_, ValueType::Date | ValueType::DateTime)
        )
    }

    /// The n-th value as milliseconds.
    pub(super) fn ms(&self, at: usize) -> Option<i64> {
        self.values.get(at).and_then(|value| stamp::parse(value))
    }

    /// The n-th value as record id.
    pub(super) fn id(&self, at: usize) -> Option<u64> {
        self.values.get(at)?.trim().parse().ok()
    }

    /// Whether a row passes.
    pub(super) fn test(&self, portal: &Portal, kind: Kind, slot: Slot, image: &Image) -> bool {
        let text: Option<Cow<'_, str>> = match self.field {
            Field::Unknown => return false,
            Field::Tied(to) => return self.tied(portal, (kind, slot), to),
            Field::Id => Some(portal.id_of((kind, slot)).to_string().into()),
            Field::Created => Some(image.created.to_string().into()),
            Field::Modified => Some(image.updated.to_string().into()),
            Field::Prop(prop, _) => image.value(prop).map(|value| portal.pool.text(value).into()),
        };
        let Some(text) = text else {
            return self.op == Op::HasNot
                || (self.op.negative() && portal.knobs.negative_operators_match_null);
        };
        let first = || self.values.first().map_or("", String::as_str);
        let order = |at: usize| self.values.get(at).and_then(|value| self.compare(&text, value));
        match self.op {
            Op::Has => true,
            Op::HasNot => false,
            Op::Eq => self.equal(&text, first()),
            Op::Neq => !self.equal(&text, first()),
            Op::Lt => order(0) == Some(Ordering::Less),
            Op::Lte => matches!(order(0), Some(Ordering::Less | Ordering::Equal)),
            Op::Gt => order(0) == Some(Ordering::Greater),
            Op::Gte => matches!(order(0), Some(Ordering::Greater | Ordering::Equal)),
            Op::Between => {
                matches!(order(0), Some(Ordering::Greater | Ordering::Equal))
                    && matches!(order(1), Some(Ordering::Less | Ordering::Equal))
            }
            Op::In => self.values.iter().any(|value| self.listed(&text, value)),
            Op::NotIn => !self.values.iter().any(|value| self.listed(&text, value)),
            Op::Contains => contains_token(&text, first()),
            Op::ContainsNot => !contains_token(&text, first()),
        }
    }

    fn tied(&self, portal: &Portal, from: super::edges::End, to: Kind) -> bool {
        let held = |id: &str| {
            let slot = id.trim().parse().ok().and_then(|id| portal.find(to, id));
            slot.is_some_and(|slot| !portal.edges.types_of(from, (to, slot)).is_empty())
        };
        match self.op {
            Op::Eq | Op::In => self.values.iter().any(|id| held(id)),
            Op::Neq | Op::NotIn => !self.values.iter().any(|id| held(id)),
            Op::Has => portal.edges.of(from, to, 0).next().is_some(),
            Op::HasNot => portal.edges.of(from, to, 0).next().is_none(),
            Op::Lt | Op::Lte | Op::Gt | Op::Gte | Op::Between | Op::Contains | Op::ContainsNot => false,
        }
    }

    fn numeric(&self) -> bool {
        matches!(self.field, Field::Id | Field::Prop(_, ValueType::Number))
    }

    fn compare(&self, text: &str, value: &str) -> Option<Ordering> {
        if self.is_stamp() {
            return Some(stamp::parse(text)?.cmp(&stamp::parse(value)?));
        }
        if self.numeric() {
            let number = |text: &str| text.trim().parse::<Decimal>().ok();
            return Some(number(text)?.cmp(&number(value)?));
        }
        Some(text.to_lowercase().cmp(&value.to_lowercase()))
    }

    fn equal(&self, text: &str, value: &str) -> bool {
        if matches!(self.field, Field::Prop(_, ValueType::Enumeration)) {
            return text == value || text.split(';').any(|part| part == value);
        }
        if self.is_stamp() || self.numeric() {
            return self.compare(text, value) == Some(Ordering::Equal);
        }
        text.eq_ignore_ascii_case(value) || text.to_lowercase() == value.to_lowercase()
    }

    /// `IN` wants texts in lower case [d25 crm__search].
    fn listed(&self, text: &str, value: &str) -> bool {
        if matches!(self.field, Field::Prop(_, ValueType::String | ValueType::Phone)) {
            return text.to_lowercase() == value;
        }
        self.equal(text, value)
    }
}

/// Words of a text, in lower case.
fn tokens(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn contains_token(text: &str, wanted: &str) -> bool {
    if wanted.contains('*') {
        let pattern = wanted.to_lowercase();
        let lower = text.to_lowercase();
        return glob(&pattern, &lower)
            || lower.split_whitespace().any(|word| glob(&pattern, word))
            || tokens(text).iter().any(|word| glob(&pattern, word));
    }
    let words = tokens(text);
    let wanted = tokens(wanted);
    !wanted.is_empty() && wanted.iter().all(|word| words.contains(word))
}

/// `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            _ if part.is_empty() => {}
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_wildcards() {
        assert!(contains_token("ada@example.com", "*@example.com"));
        assert!(contains_token("Acme Rockets Inc", "rockets"));
        assert!(contains_token("Acme Rockets Inc", "rock*"));
        assert!(!contains_token("Acme Rockets Inc", "rock"));
        assert!(!contains_token("ada@example.com", "*@example.org"));
    }
}
