//! Values written in a configuration, given an attribute's type.

use super::predicate::Literal;
use crate::mapping::AttributeType;
use rust_decimal::Decimal;
use std::sync::Arc;
use syncline_model::{Currency, Money, Value};

/// A literal as a value of a type; `Err` says what is expected.
pub(crate) fn value(literal: &Literal, value_type: AttributeType) -> Result<Value, String> {
    let fitting = match (value_type, literal) {
        (
            AttributeType::Text | AttributeType::Email | AttributeType::Phone | AttributeType::Url,
            Literal::Text(text),
        ) => Value::text(text),
        (AttributeType::Bool, Literal::Bool(value)) => Some(Value::Bool(*value)),
        (AttributeType::Decimal, Literal::Number(number)) => number.parse().ok().map(Value::Decimal),
        (AttributeType::Money, Literal::Text(text)) => money(text).map(Value::Money),
        (AttributeType::Date, Literal::Text(text)) => text.parse().ok().map(Value::Date),
        (AttributeType::Instant, Literal::Text(text)) => text.parse().ok().map(Value::Instant),
        (AttributeType::Option, Literal::Text(text)) if !text.is_empty() => Some(Value::option(text)),
        (AttributeType::Options, Literal::Text(text)) => options(text),
        (_, Literal::Text(_) | Literal::Number(_) | Literal::Bool(_)) => None,
    };
    fitting.ok_or_else(|| format!("this attribute takes {}", expected(value_type)))
}

fn expected(value_type: AttributeType) -> &'static str {
    match value_type {
        AttributeType::Text | AttributeType::Email | AttributeType::Phone | AttributeType::Url => {
            "a text in quotes that is not empty"
        }
        AttributeType::Bool => "true or false",
        AttributeType::Decimal => "a number",
        AttributeType::Money => "an amount with its currency in quotes, such as \"12.50 EUR\"",
        AttributeType::Date => "a date in quotes, such as \"2026-01-31\"",
        AttributeType::Instant => "a time in quotes, such as \"2026-01-31T09:00:00Z\"",
        AttributeType::Option => "an option's value in quotes",
        AttributeType::Options => "options' values in quotes, separated by semicolons",
    }
}

fn money(text: &str) -> Option<Money> {
    let (amount, currency) = text.split_once(' ')?;
    let amount: Decimal = amount.parse().ok()?;
    Some(Money { amount, currency: Currency::new(currency)? })
}

fn options(text: &str) -> Option<Value> {
    let options: std::collections::BTreeSet<Arc<str>> =
        text.split(';').map(str::trim).filter(|option| !option.is_empty()).map(Arc::from).collect();
    (!options.is_empty()).then_some(Value::Options(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_take_the_type_of_their_attribute() {
        let text = |text: &str| Literal::Text(text.to_owned());
        let money = value(&text("12.50 EUR"), AttributeType::Money).unwrap();
        assert_eq!(money.to_string(), "12.5 EUR");
        assert_eq!(value(&text("2026-01-31"), AttributeType::Date).unwrap().to_string(), "2026-01-31");
        assert_eq!(value(&text("b; a"), AttributeType::Options).unwrap().to_string(), "a;b");
        for (literal, value_type) in [
            (text(""), AttributeType::Text),
            (text("12"), AttributeType::Decimal),
            (Literal::Number("12".into()), AttributeType::Money),
            (text("31.1.2026"), AttributeType::Date),
            (Literal::Bool(true), AttributeType::Option),
        ] {
            assert!(value(&literal, value_type).is_err(), "{literal:?} as {value_type:?}");
        }
    }
}
