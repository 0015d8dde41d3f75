//! From a side's value to the attribute's meaning and back. Each pair is a lens: what was put is what is got back, and
//! what was got can be put without a change, modulo the attribute's normalisation (design §3).

use super::{Attribute, AttributeType, Binding, Codec, ConnectionModel, FieldState};
use std::sync::Arc;
use syncline_model::{
    Currency, FieldType, Money, Observed, Value,
    defect::{Defect, planted},
};

/// What a side's observed value means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// This (a placeholder means empty).
    Known(Observed),
    /// A side value without a counterpart in the map.
    Unmapped(Arc<str>),
}

/// Why a meaning cannot be written on a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// The map has no side value for it.
    Unmapped(Arc<str>),
    /// It does not fit the field.
    DoesNotFit(String),
    /// Another currency than the account's.
    Currency(String),
}

/// Reads a side's value.
pub fn decode(
    attribute: &Attribute,
    binding: &Binding,
    connection: &ConnectionModel,
    seen: &Observed,
) -> Meaning {
    let Observed::Value(value) = seen else { return Meaning::Known(seen.clone()) };
    if binding.placeholder.as_ref() == Some(value) && !planted(Defect::Unknown) {
        return Meaning::Known(Observed::Empty);
    }
    if let Codec::Map { read, .. } = &binding.codec
        && let Some(text) = value.as_str()
    {
        return match read.get(text) {
            Some(meaning) => Meaning::Known(Observed::Value(Value::Option(meaning.clone()))),
            None if planted(Defect::FirstStage) && !read.is_empty() => Meaning::Known(Observed::Value(
                Value::Option(read.values().min().cloned().unwrap_or_default()),
            )),
            None => Meaning::Unmapped(Arc::from(text)),
        };
    }
    Meaning::Known(convert(attribute.value_type, connection, value.clone()).into())
}

/// Converts a side's value to an attribute type; `None` where the text is blank.
fn convert(to: AttributeType, connection: &ConnectionModel, value: Value) -> Option<Value> {
    Some(match (to, value) {
        (AttributeType::Money, Value::Decimal(amount)) => match connection.currency {
            Some(currency) => Value::Money(Money { amount, currency }),
            None => Value::Decimal(amount),
        },
        (AttributeType::Decimal, Value::Money(money)) => Value::Decimal(money.amount),
        (AttributeType::Date, Value::Instant(instant)) if planted(Defect::OtherDay) => {
            Value::Date(instant.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(-8))).date())
        }
        (AttributeType::Date, Value::Instant(instant)) => {
            Value::Date(instant.to_zoned(connection.time_zone.clone()).date())
        }
        (AttributeType::Instant, Value::Date(date)) => match date.to_zoned(connection.time_zone.clone()) {
            Ok(start) => Value::Instant(start.timestamp()),
            Err(_) => Value::Date(date),
        },
        (AttributeType::Option, Value::Text(text)) => Value::Option(text),
        (
            AttributeType::Text | AttributeType::Email | AttributeType::Phone | AttributeType::Url,
            Value::Text(text) | Value::Option(text),
        ) => {
            return Value::text(text.trim());
        }
        (AttributeType::Bool, Value::Option(text) | Value::Text(text)) => match text.as_ref() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::Text(text),
        },
        (AttributeType::Decimal, Value::Text(text)) => match text.trim().parse() {
            Ok(number) => Value::Decimal(number),
            Err(_) => Value::Text(text),
        },
        (_, value) => value,
    })
}

/// Spells a meaning for a side's field.
///
/// # Errors
/// [`Misfit`] where the side cannot hold it; nothing is cut off or guessed.
pub fn encode(
    attribute: &Attribute,
    binding: &Binding,
    connection: &ConnectionModel,
    meaning: &Value,
) -> Result<Value, Misfit> {
    if let Codec::Map { write, .. } = &binding.codec {
        let Some(text) = meaning.as_str() else {
            return Err(Misfit::Unmapped(Arc::from(meaning.to_string())));
        };
        return match write.get(text) {
            Some(side) => Ok(Value::Option(side.clone())),
            None => Err(Misfit::Unmapped(Arc::from(text))),
        };
    }
    let FieldState::Present { field_type, max_length, scale, restricted_to, .. } = &binding.field_state
    else {
        return Err(Misfit::DoesNotFit(format!("`{}` is not in the schema", binding.field)));
    };
    let side = spell(attribute.value_type, *field_type, *scale, connection, meaning)?;
    if let (Some(max), Some(text)) = (max_length, side.as_str()) {
        let length = text.chars().count();
        if length > *max as usize {
            return Err(Misfit::DoesNotFit(format!(
                "{length} characters do not fit `{}`, which holds {max}",
                binding.field
            )));
        }
    }
    if let (Some(allowed), Value::Option(option)) = (restricted_to, &side)
        && !allowed.contains(option)
    {
        return Err(Misfit::Unmapped(option.clone()));
    }
    Ok(side)
}

fn spell(
    from: AttributeType,
    to: FieldType,
    scale: Option<u32>,
    connection: &ConnectionModel,
    meaning: &Value,
) -> Result<Value, Misfit> {
    let rounded = |amount: rust_decimal::Decimal| match scale {
        Some(scale) => amount
            .round_dp_with_strategy(scale, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
            .normalize(),
        None => amount.normalize(),
    };
    // A number stands for an amount where its account does not tell its currency: nothing may guess one for it (HUB-13).
    if from == AttributeType::Money && matches!(meaning, Value::Decimal(_)) {
        return Err(Misfit::Currency(
            "the currency of the amount is not known: its account does not tell its own".to_owned(),
        ));
    }
    let side = match (meaning, to) {
        (Value::Money(money), FieldType::Money) => {
            // A new amount is in the account's currency; where that is not known, it would be taken for one of it.
            if connection.currency != Some(money.currency) {
                return Err(Misfit::Currency(other_currency(money, connection.currency)));
            }
            Value::Money(Money { amount: rounded(money.amount), currency: money.currency })
        }
        (Value::Money(money), FieldType::Decimal) => {
            if connection.currency != Some(money.currency) {
                return Err(Misfit::Currency(other_currency(money, connection.currency)));
            }
            Value::Decimal(rounded(money.amount))
        }
        (Value::Decimal(number), FieldType::Decimal) => Value::Decimal(rounded(*number)),
        (Value::Decimal(number), FieldType::Money) => match connection.currency {
            Some(currency) => Value::Money(Money { amount: rounded(*number), currency }),
            None => return Err(Misfit::Currency("the account's currency is unknown".to_owned())),
        },
        (Value::Date(date), FieldType::Instant) => {
            let start = date
                .to_zoned(connection.time_zone.clone())
                .map_err(|error| Misfit::DoesNotFit(error.to_string()))?;
            // The first instant of a day need not be midnight where summer time begins at midnight.
            Value::Instant(start.timestamp())
        }
        (Value::Instant(instant), FieldType::Date) => {
            Value::Date(instant.to_zoned(connection.time_zone.clone()).date())
        }
        (Value::Date(_), FieldType::Date)
        | (Value::Instant(_), FieldType::Instant)
        | (Value::Bool(_), FieldType::Bool)
        | (Value::Options(_), FieldType::Options) => meaning.clone(),
        (Value::Bool(value), FieldType::Option) => Value::option(if *value { "true" } else { "false" }),
        (Value::Text(text) | Value::Option(text), FieldType::Option) => Value::Option(text.clone()),
        (
            Value::Text(text) | Value::Option(text),
            FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url,
        ) => Value::Text(text.clone()),
        (Value::Decimal(number), FieldType::Text) => Value::Text(Arc::from(rounded(*number).to_string())),
        (other, to) => {
            return Err(Misfit::DoesNotFit(format!(
                "a {from:?} value `{other}` cannot be held by a {to} field"
            )));
        }
    };
    Ok(side)
}

fn other_currency(money: &Money, own: Option<Currency>) -> String {
    let own = own.map_or_else(|| "unknown".to_owned(), |own| own.to_string());
    format!("the amount is in {}, the field holds the account's currency, which is {own}", money.currency)
}

/// The form of a meaning that is compared: two meanings with the same form are equal (HUB-9).
pub fn normalise(attribute_type: AttributeType, meaning: &Value) -> Value {
    if planted(Defect::FlipFlop) {
        return meaning.clone();
    }
    let text = |value: String| Value::Text(Arc::from(value));
    match (attribute_type, meaning) {
        (AttributeType::Email, Value::Text(email)) => text(email.trim().to_lowercase()),
        (AttributeType::Phone, Value::Text(phone)) => text(normal_phone(phone)),
        (AttributeType::Url, Value::Text(url)) => text(normal_url(url)),
        (_, Value::Text(plain)) => text(plain.replace("\r\n", "\n").trim().to_owned()),
        (_, Value::Decimal(number)) => Value::Decimal(number.normalize()),
        (_, Value::Money(money)) => {
            Value::Money(Money { amount: money.amount.normalize(), currency: money.currency })
        }
        // Vendors keep milliseconds at most.
        (_, Value::Instant(instant)) => {
            Value::Instant(jiff::Timestamp::from_millisecond(instant.as_millisecond()).unwrap_or(*instant))
        }
        (_, other) => other.clone(),
    }
}

fn normal_phone(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    // A text without digits ("ask reception") is compared as it is.
    if digits.is_empty() {
        return phone.trim().to_owned();
    }
    let plus = phone.trim_start().starts_with('+') || phone.trim_start().starts_with("00");
    let digits = if phone.trim_start().starts_with("00") { digits.trim_start_matches('0') } else { &digits };
    if plus { format!("+{digits}") } else { digits.to_owned() }
}

fn normal_url(url: &str) -> String {
    let url = url.trim();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let host = host.to_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let path = path.trim_end_matches('/');
    if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") }
}

/// Whether a side's present value already carries this meaning, so that nothing has to be written: it reads as the
/// meaning, or it is the very spelling that would be written (rounding).
pub fn carries(
    attribute: &Attribute,
    binding: &Binding,
    connection: &ConnectionModel,
    present: &Observed,
    meaning: Option<&Value>,
) -> bool {
    let read = match decode(attribute, binding, connection, present) {
        Meaning::Known(read) => read,
        Meaning::Unmapped(_) => return false,
    };
    let kind = attribute.value_type;
    match (read, meaning) {
        (Observed::Empty, None) => true,
        (Observed::Value(read), Some(meaning)) => {
            normalise(kind, &read) == normalise(kind, meaning)
                || encode(attribute, binding, connection, meaning).is_ok_and(|side| {
                    present.value().is_some_and(|now| normalise(kind, now) == normalise(kind, &side))
                })
        }
        (Observed::Empty | Observed::Absent | Observed::NotPermitted | Observed::NotFetched, _)
        | (Observed::Value(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::*;
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    fn put_get(attribute: &Attribute, binding: &Binding, connection: &ConnectionModel, meaning: &Value) {
        let side = encode(attribute, binding, connection, meaning).unwrap();
        let got = decode(attribute, binding, connection, &Observed::Value(side));
        let Meaning::Known(Observed::Value(got)) = got else { panic!("{got:?}") };
        assert_eq!(normalise(attribute.value_type, &got), normalise(attribute.value_type, meaning));
    }

    #[test]
    fn dates_survive_instants_in_every_zone_and_on_days_that_skip_midnight() {
        let attribute = attribute("close_date", AttributeType::Date);
        for zone in ["UTC", "Etc/GMT+12", "Etc/GMT-14", "America/Sao_Paulo", "Africa/Cairo", "Asia/Kathmandu"]
        {
            let connection = connection_in(zone);
            let binding = binding("hubspot", "deals", "closedate", FieldType::Instant);
            let mut day = date(2017, 1, 1);
            while day < date(2018, 12, 31) {
                put_get(&attribute, &binding, &connection, &Value::Date(day));
                day = day.tomorrow().unwrap();
            }
        }
    }

    #[test]
    fn normal_forms_ignore_what_vendors_change() {
        let text = |text: &str| Value::text(text).unwrap();
        let same = |kind, left: &str, right: &str| {
            assert_eq!(normalise(kind, &text(left)), normalise(kind, &text(right)), "{left} ~ {right}");
        };
        same(AttributeType::Email, " Ada@Example.COM", "ada@example.com");
        same(AttributeType::Phone, "+1 (415) 555-01", "+141555501");
        same(AttributeType::Phone, "0049 30 1", "+49301");
        same(AttributeType::Url, "https://www.Acme.com/", "acme.com");
        same(AttributeType::Url, "http://acme.com/De/", "acme.com/De");
        same(AttributeType::Text, " a\r\nb ", "a\nb");
        assert_ne!(
            normalise(AttributeType::Phone, &text("+1415")),
            normalise(AttributeType::Phone, &text("1415")),
            "a number without country code is not the same number"
        );
    }

    #[test]
    fn amounts_of_another_currency_are_refused_not_converted() {
        let attribute = attribute("amount", AttributeType::Money);
        let connection = connection_in("UTC");
        let euro = Value::Money(Money {
            amount: Decimal::ONE,
            currency: syncline_model::Currency::new("EUR").unwrap(),
        });
        let decimal = binding("hubspot", "companies", "annualrevenue", FieldType::Decimal);
        assert!(matches!(encode(&attribute, &decimal, &connection, &euro), Err(Misfit::Currency(_))));
        let money = binding("hubspot", "deals", "amount", FieldType::Money);
        assert!(matches!(encode(&attribute, &money, &connection, &euro), Err(Misfit::Currency(_))));
        let present = Observed::Value(euro.clone());
        assert!(carries(&attribute, &money, &connection, &present, Some(&euro)), "a deal may be in euros");
    }

    #[test]
    fn an_amount_is_refused_where_its_currency_or_the_accounts_is_not_known() {
        let attribute = attribute("amount", AttributeType::Money);
        let (known, unknown) =
            (connection_in("UTC"), ConnectionModel { currency: None, ..connection_in("UTC") });
        let number = Observed::Value(Value::Decimal(Decimal::ONE));
        let dollar = Value::Money(Money { amount: Decimal::ONE, currency: Currency::USD });
        for side in [FieldType::Money, FieldType::Decimal] {
            let binding = binding("hubspot", "deals", "amount", side);
            let Meaning::Known(Observed::Value(meaning)) = decode(&attribute, &binding, &unknown, &number)
            else {
                panic!("unread")
            };
            assert!(
                matches!(encode(&attribute, &binding, &known, &meaning), Err(Misfit::Currency(_))),
                "from"
            );
            assert!(
                matches!(encode(&attribute, &binding, &unknown, &dollar), Err(Misfit::Currency(_))),
                "to"
            );
        }
        let binding = binding("hubspot", "deals", "amount", FieldType::Money);
        let told = decode(&attribute, &binding, &known, &number);
        assert_eq!(
            told,
            Meaning::Known(Observed::Value(dollar)),
            "once the account tells, the number is money"
        );
    }

    #[test]
    fn a_rounded_amount_is_carried_and_a_long_text_is_refused() {
        let attribute = attribute("amount", AttributeType::Decimal);
        let connection = connection_in("UTC");
        let mut binding = binding("salesforce", "Opportunity", "Amount", FieldType::Decimal);
        if let FieldState::Present { scale, max_length, .. } = &mut binding.field_state {
            *scale = Some(2);
            *max_length = Some(5);
        }
        let exact = Value::Decimal("10.555".parse().unwrap());
        let present = Observed::Value(Value::Decimal("10.56".parse().unwrap()));
        assert!(carries(&attribute, &binding, &connection, &present, Some(&exact)));
        let text_attribute = super::super::test_support::attribute("name", AttributeType::Text);
        let mut text_binding = super::super::test_support::binding("s", "o", "f", FieldType::Text);
        if let FieldState::Present { max_length, .. } = &mut text_binding.field_state {
            *max_length = Some(3);
        }
        let long = Value::text("äöüß").unwrap();
        assert!(matches!(
            encode(&text_attribute, &text_binding, &connection, &long),
            Err(Misfit::DoesNotFit(_))
        ));
        assert!(encode(&text_attribute, &text_binding, &connection, &Value::text("äöü").unwrap()).is_ok());
    }

    #[test]
    fn a_placeholder_reads_as_nothing() {
        let attribute = attribute("last_name", AttributeType::Text);
        let mut binding = binding("salesforce", "Lead", "LastName", FieldType::Text);
        binding.placeholder = Value::text("[not provided]");
        let seen = Observed::Value(Value::text("[not provided]").unwrap());
        assert_eq!(
            decode(&attribute, &binding, &connection_in("UTC"), &seen),
            Meaning::Known(Observed::Empty)
        );
    }

    proptest! {
        #[test]
        fn put_get_holds_for_texts_and_numbers(text in "[ -~äß]{1,20}", units in any::<i64>(), scale in 0u32..6) {
            let connection = connection_in("UTC");
            if let Some(value) = Value::text(text.trim()) {
                for kind in [AttributeType::Text, AttributeType::Email, AttributeType::Phone, AttributeType::Url] {
                    put_get(&attribute("a", kind), &binding("s", "o", "f", FieldType::Text), &connection, &value);
                }
            }
            let number = Decimal::new(units, scale);
            put_get(
                &attribute("a", AttributeType::Decimal),
                &binding("s", "o", "f", FieldType::Decimal),
                &connection,
                &Value::Decimal(number),
            );
            let money = Value::Money(Money { amount: number, currency: syncline_model::Currency::USD });
            for side in [FieldType::Decimal, FieldType::Money] {
                put_get(&attribute("a", AttributeType::Money), &binding("s", "o", "f", side), &connection, &money);
            }
        }
    }
}
