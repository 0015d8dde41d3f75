//! A value as it came (JSON or CSV) → a stored value of the field's type, or the refusal Salesforce gives.

use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::Obj;
use crate::sandbox::org::Org;
use crate::sandbox::schema::{Field, Type};
use crate::sandbox::value::{self, Cell};
use serde_json::Value;

impl Org {
    /// A JSON value for a field.
    pub(crate) fn cell_from_json(&mut self, obj: Obj, field: usize, value: &Value) -> Res<Cell> {
        let f = &self.store.schema.get(obj).fields[field];
        match value {
            Value::Null if f.ty == Type::Bool => Err(Fail::save(
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                format!("{}: value not of required type: ", f.label),
                &[&f.name],
            )),
            Value::Null => Ok(Cell::Null),
            Value::Bool(given) if f.ty == Type::Bool => Ok(Cell::Bool(*given)),
            Value::Number(given) if f.ty.is_number() => number(f, &given.to_string()),
            Value::String(text) => self.cell_from_text(obj, field, text),
            Value::Bool(_) => Err(wrong(f, "VALUE_TRUE", &value.to_string())),
            Value::Number(_) => Err(wrong(f, "VALUE_NUMBER", &value.to_string())),
            Value::Array(_) => Err(wrong(f, "START_ARRAY", "[")),
            Value::Object(_) => Err(wrong(f, "START_OBJECT", "{")),
        }
    }

    /// Text for a field of any type.
    pub(crate) fn cell_from_text(&mut self, obj: Obj, field: usize, text: &str) -> Res<Cell> {
        let f = &self.store.schema.get(obj).fields[field];
        let trimmed = text.trim();
        if trimmed.is_empty() && f.ty != Type::Bool {
            return Ok(Cell::Null);
        }
        if f.ty.is_text() {
            check_text(f, trimmed)?;
            return Ok(self.store.text_cell(trimmed));
        }
        let mistyped = || wrong(f, "VALUE_STRING", text);
        if f.ty.is_number() {
            return number(f, trimmed);
        }
        if f.ty == Type::Bool {
            return match trimmed.to_ascii_lowercase().as_str() {
                "true" | "1" => Ok(Cell::Bool(true)),
                "false" | "0" => Ok(Cell::Bool(false)),
                _ => Err(mistyped()),
            };
        }
        if f.ty == Type::Date {
            let day = value::read_date(trimmed)
                .or_else(|| Some(value::read_time(trimmed)?.div_euclid(86_400) as i32));
            return day.map(Cell::Date).ok_or_else(mistyped);
        }
        if f.ty == Type::Time {
            let at =
                value::read_time(trimmed).or_else(|| Some(i64::from(value::read_date(trimmed)?) * 86_400));
            return at.map(Cell::Time).ok_or_else(mistyped);
        }
        let bad = || {
            let message = format!("{}: id value of incorrect type: {trimmed}", f.label);
            Fail::save("MALFORMED_ID", message, &[&f.name])
        };
        match self.store.read_id(trimmed) {
            Err(()) => Err(bad()),
            Ok(None) => Err(Fail::save("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])),
            Ok(Some(rec)) if f.ty == Type::Reference && !f.targets.contains(&rec.object()) => Err(bad()),
            Ok(Some(rec)) => Ok(Cell::Ref(rec)),
        }
    }
}

fn wrong(f: &Field, token: &str, text: &str) -> Fail {
    Fail::json(format!(
        "Cannot deserialize instance of {} from {token} value {text} or request may be missing a required field",
        f.ty.names().0
    ))
}

fn number(f: &Field, text: &str) -> Res<Cell> {
    let scale = if f.ty == Type::Double && f.scale == 0 && !f.custom { 2 } else { f.scale };
    let cell = value::number(text, scale);
    match cell {
        Some(Cell::Num(mantissa, places)) => {
            let too_large = if f.ty == Type::Int {
                i32::try_from(mantissa).is_err()
            } else {
                let limit = (1_000_000_000_000_000, 0);
                value::compare_numbers((mantissa.saturating_abs(), places), limit).is_ge()
            };
            if too_large { Err(out_of_range(f, text)) } else { Ok(Cell::Num(mantissa, places)) }
        }
        _ if text.parse::<f64>().is_ok() => Err(out_of_range(f, text)),
        _ => Err(wrong(f, "VALUE_STRING", text)),
    }
}

fn out_of_range(f: &Field, text: &str) -> Fail {
    Fail::save(
        "NUMBER_OUTSIDE_VALID_RANGE",
        format!("{}: value outside of valid range on numeric field: {text}", f.label),
        &[&f.name],
    )
}

fn check_text(f: &Field, text: &str) -> Res<()> {
    if f.len > 0 && text.chars().count() > f.len as usize {
        let message = format!("{}: data value too large: {text} (max length={})", f.label, f.len);
        return Err(Fail::save("STRING_TOO_LONG", message, &[&f.name]));
    }
    if f.ty == Type::Email && !is_email(text) {
        let message = format!("{}: invalid email address: {text}", f.label);
        return Err(Fail::save("INVALID_EMAIL_ADDRESS", message, &[&f.name]));
    }
    Ok(())
}

/// Salesforce's plausibility check: one `@`, a local part, a domain with a dot and no odd characters [K].
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let odd = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '@' | ',' | ';' | '<' | '>' | '(' | ')' | '"')
    };
    !local.is_empty()
        && !local.contains(odd)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !domain.contains(odd)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn emails_are_checked_for_form() {
        for good in ["a@b.co", "a.b+c@mail.example.com", "o'neil@example.org", "ü@exämple.de"] {
            assert!(super::is_email(good), "{good}");
        }
        for bad in ["a", "a@b", "a@@b.co", "a b@c.co", "@c.co", "a@.co", "a.@c.co", "a@c..co"] {
            assert!(!super::is_email(bad), "{bad}");
        }
    }
}
