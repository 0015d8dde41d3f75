//! One value against its property's definition: what HubSpot refuses, and how it stores what it takes.

use super::portal::Portal;
use super::registry::{Def, ValueType};
use super::stamp::{self, DAY_MS};
use rust_decimal::Decimal;

/// Longest text of a property [docs properties].
const LONGEST: usize = 65_536;

/// A refused value: code and message of research §7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invalid {
    pub(super) code: &'static str,
    pub(super) property: String,
    pub(super) message: String,
}

impl Invalid {
    /// A refusal.
    pub(super) fn new(code: &'static str, property: &str, message: String) -> Self {
        Self { code, property: property.to_owned(), message }
    }

    fn option(property: &str, value: &str, allowed: &[&str]) -> Self {
        let allowed = allowed.join(", ");
        Self::new(
            "INVALID_OPTION",
            property,
            format!("{value} was not one of the allowed options: [{allowed}]"),
        )
    }
}

/// The stored form of `raw`; `None` clears. `current` is what the record holds (a leading `;` appends to it).
pub(super) fn normalise(
    portal: &Portal,
    def: &Def,
    raw: &str,
    current: Option<&str>,
) -> Result<Option<String>, Invalid> {
    let text = if portal.knobs.trim_text { raw.trim() } else { raw };
    if text.is_empty() {
        return Ok(None);
    }
    let name = def.name.as_str();
    match def.value_type {
        ValueType::String | ValueType::Phone => string(name, text).map(Some),
        ValueType::Number => match text.trim().parse::<Decimal>() {
            Ok(_) if !text.contains('_') => Ok(Some(text.trim().to_owned())),
            _ => Err(Invalid::new("INVALID_INTEGER", name, format!("{text} was not a valid number"))),
        },
        ValueType::Bool => {
            let lower = text.to_ascii_lowercase();
            if lower == "true" || lower == "false" {
                Ok(Some(lower))
            } else {
                Err(Invalid::option(name, text, &["true", "false"]))
            }
        }
        ValueType::Date => date(name, text).map(Some),
        ValueType::DateTime => match stamp::parse(text) {
            Some(ms) => Ok(Some(stamp::text(ms))),
            None => Err(Invalid::new("INVALID_LONG", name, format!("{text} was not a valid long."))),
        },
        ValueType::Enumeration => enumeration(portal, def, text, current),
    }
}

fn string(name: &str, text: &str) -> Result<String, Invalid> {
    if text.chars().count() > LONGEST {
        let message = format!("Property value is longer than {LONGEST} characters.");
        return Err(Invalid::new("PROPERTY_VALUE_TOO_LONG", name, message));
    }
    match name {
        "email" => email(name, text),
        "domain" => Ok(domain(text)),
        _ => Ok(text.to_owned()),
    }
}

fn email(name: &str, text: &str) -> Result<String, Invalid> {
    let lower = text.trim().to_lowercase();
    if is_email(&lower) {
        Ok(lower)
    } else {
        Err(Invalid::new("INVALID_EMAIL", name, format!("Email address {text} is invalid")))
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let label = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
    !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !text.contains("..")
        && !text.chars().any(|letter| letter.is_whitespace() || matches!(letter, ',' | ';' | '<' | '>' | '"'))
        && domain.contains('.')
        && domain.split('.').all(label)
        && domain.chars().all(|letter| letter.is_alphanumeric() || letter == '-' || letter == '.')
}

/// Company domains lose scheme, `www.` and path [KB; inf].
pub(super) fn domain(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let bare = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let host = bare.split(['/', '?', '#']).next().unwrap_or(bare);
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}

fn date(name: &str, text: &str) -> Result<String, Invalid> {
    let Some(ms) = stamp::parse(text) else {
        return Err(Invalid::new("INVALID_LONG", name, format!("{text} was not a valid long.")));
    };
    if ms.rem_euclid(DAY_MS) != 0 {
        let message = format!("{text} is at {}, not midnight UTC.", stamp::text(ms));
        return Err(Invalid::new("INVALID_DATE", name, message));
    }
    Ok(stamp::day(ms))
}

fn enumeration(
    portal: &Portal,
    def: &Def,
    text: &str,
    current: Option<&str>,
) -> Result<Option<String>, Invalid> {
    let name = def.name.as_str();
    match def.referenced {
        Some("OWNER") => return owner(portal, name, text).map(Some),
        Some("CURRENCY") => return currency(portal, name, text).map(Some),
        Some("VALUES") if name == "hs_additional_emails" => {
            let parts: Result<Vec<String>, Invalid> =
                pieces(text, current).map(|part| email(name, part)).collect();
            return Ok(Some(parts?.join(";")));
        }
        // Stage and pipeline are checked against each other, not alone.
        Some(_) => return Ok(Some(text.to_owned())),
        None => {}
    }
    let allowed: Vec<&str> = def.choices.iter().map(|choice| choice.value.as_str()).collect();
    if def.field_type != "checkbox" {
        return if allowed.contains(&text) {
            Ok(Some(text.to_owned()))
        } else {
            Err(Invalid::option(name, text, &allowed))
        };
    }
    let mut kept: Vec<&str> = Vec::new();
    for part in pieces(text, current) {
        if !allowed.contains(&part) {
            return Err(Invalid::option(name, part, &allowed));
        }
        if !kept.contains(&part) {
            kept.push(part);
        }
    }
    Ok(Some(kept.join(";")))
}

/// The elements of a multi-value text; a leading `;` keeps the present ones.
fn pieces<'a>(text: &'a str, current: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    let kept = if text.starts_with(';') { current.unwrap_or("") } else { "" };
    kept.split(';').chain(text.split(';')).map(str::trim).filter(|part| !part.is_empty())
}

fn owner(portal: &Portal, name: &str, text: &str) -> Result<String, Invalid> {
    let known = text.parse::<u64>().ok().and_then(|id| portal.owners.iter().find(|owner| owner.id == id));
    match known {
        Some(owner) if !owner.archived || portal.knobs.deactivated_owner_assignable => Ok(text.to_owned()),
        _ => Err(Invalid::option(name, text, &[])),
    }
}

fn currency(portal: &Portal, name: &str, text: &str) -> Result<String, Invalid> {
    let code = text.to_uppercase();
    if portal.currencies.rate(&code).is_some() {
        return Ok(code);
    }
    let message =
        format!("\"{code}\" is not a part of the current effective currency codes for portal {}", portal.id);
    Err(Invalid::new("INVALID_OPTION", name, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for good in ["ada@example.com", "a+b@x.io", "o'neil@mail.example.co.uk"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["bad@", "@x.io", "a b@x.io", "a@x", "a@-x.io", "a..b@x.io", "a@b@c.io"] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn a_domain_loses_scheme_www_and_path() {
        assert_eq!(domain("https://www.Example.com/about?x=1"), "example.com");
        assert_eq!(domain("shop.example.com"), "shop.example.com");
    }
}
