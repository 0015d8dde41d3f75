//! Typed values. Adapters turn a vendor's spelling into these and back; nothing above an adapter sees wire text.

use crate::edge::Ref;
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, sync::Arc};

/// A value that a field holds. There is no empty value: see [`crate::Observed`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Free text, never empty.
    Text(Arc<str>),
    /// A yes or no.
    Bool(bool),
    /// An exact number.
    Decimal(Decimal),
    /// An exact amount with its currency (HUB-13).
    Money(Money),
    /// A calendar date, in no zone.
    Date(Date),
    /// An instant.
    Instant(Timestamp),
    /// One of a field's options, by the option's internal value.
    Option(Arc<str>),
    /// Several of a field's options.
    Options(BTreeSet<Arc<str>>),
    /// Relations to other records of the same connection, sorted.
    Refs(Vec<Ref>),
}

impl Value {
    /// A text value; `None` where the text is empty, since an empty text is no value.
    pub fn text(text: impl AsRef<str>) -> Option<Self> {
        let text = text.as_ref();
        (!text.is_empty()).then(|| Self::Text(Arc::from(text)))
    }

    /// An option by its internal value.
    pub fn option(value: impl AsRef<str>) -> Self {
        Self::Option(Arc::from(value.as_ref()))
    }

    /// The text of a text or option value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Option(text) => Some(text),
            Self::Bool(_)
            | Self::Decimal(_)
            | Self::Money(_)
            | Self::Date(_)
            | Self::Instant(_)
            | Self::Options(_)
            | Self::Refs(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Option(text) => f.write_str(text),
            Self::Bool(value) => value.fmt(f),
            Self::Decimal(value) => value.normalize().fmt(f),
            Self::Money(money) => money.fmt(f),
            Self::Date(date) => date.fmt(f),
            Self::Instant(instant) => instant.fmt(f),
            Self::Options(options) => {
                for (position, option) in options.iter().enumerate() {
                    if position > 0 {
                        f.write_str(";")?;
                    }
                    f.write_str(option)?;
                }
                Ok(())
            }
            Self::Refs(refs) => {
                for (position, reference) in refs.iter().enumerate() {
                    if position > 0 {
                        f.write_str(", ")?;
                    }
                    reference.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

/// An ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar, what the sandboxes default to.
    pub const USD: Self = Self(*b"USD");

    /// Reads a code of three capital letters.
    pub fn new(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Self(bytes))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Currency {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        Self::new(&code).ok_or_else(|| format!("`{code}` is no currency code"))
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// An exact amount in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Money {
    /// How much, in the currency's main unit.
    pub amount: Decimal,
    /// Of what.
    pub currency: Currency,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount.normalize(), self.currency)
    }
}
