//! Names and ids. Each is its own type, so that none can stand where another is meant.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};
use uuid::Uuid;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a text; whether it names something that exists is not checked here.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// One account at one vendor, as configuration names it (`salesforce`, `hubspot.emea`).
    ConnectionName
);
text_id!(
    /// A vendor's own type of record (`Lead`, `contacts`).
    ObjectName
);
text_id!(
    /// A vendor's own field or property, or a pseudo-field that carries an edge (`@deal_to_company`).
    FieldName
);
text_id!(
    /// A record's id as the vendor spells it; Salesforce ids have 18 characters here.
    RecordId
);
text_id!(
    /// A typed attribute of a kind (`last_name`).
    AttributeName
);
text_id!(
    /// A relation of a kind to another (`account` of a deal).
    EdgeName
);
text_id!(
    /// A vendor (`salesforce`).
    VendorName
);

/// A record's address: `connection/object/id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordRef {
    /// Where it lives.
    pub connection: ConnectionName,
    /// Its type there.
    pub object: ObjectName,
    /// Its id there.
    pub id: RecordId,
}

impl RecordRef {
    /// Builds an address.
    pub fn new(
        connection: impl Into<ConnectionName>,
        object: impl Into<ObjectName>,
        id: impl Into<RecordId>,
    ) -> Self {
        Self { connection: connection.into(), object: object.into(), id: id.into() }
    }
}

impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.connection, self.object, self.id)
    }
}

impl FromStr for RecordRef {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(connection), Some(object), Some(id))
                if !connection.is_empty() && !object.is_empty() && !id.is_empty() =>
            {
                Ok(Self::new(connection, object, id))
            }
            _ => Err(BadAddress(text.to_owned())),
        }
    }
}

/// A text that is no record address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no record address; it has the form CONNECTION/OBJECT/ID, e.g. hubspot/contacts/501")]
pub struct BadAddress(pub String);

/// One real person, organisation, deal …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityId(pub Uuid);

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Our own type of thing. As a link's *facet* it says which side of a record is meant: a Lead is a person and also the
/// text of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody who works at a vendor account and owns records there.
    User,
    /// A company.
    Organisation,
    /// A lead or contact.
    Person,
    /// An opportunity.
    Deal,
}

impl Kind {
    /// All kinds, parents before children: the order in which they are planned and written (CRM-5).
    pub const ALL: [Self; 4] = [Self::User, Self::Organisation, Self::Person, Self::Deal];

    /// The word used in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organisation => "organisation",
            Self::Person => "person",
            Self::Deal => "deal",
        }
    }

    /// Position in the order of dependency; parents have lower levels.
    pub fn level(self) -> u8 {
        match self {
            Self::User => 0,
            Self::Organisation => 1,
            Self::Person => 2,
            Self::Deal => 3,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| format!("no kind `{text}`"))
    }
}

/// Position in the journal; 0 is before the first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct JournalSeq(pub u64);

/// One run: a plan applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub Uuid);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_addresses_round_trip_and_keep_slashes_of_the_id() {
        for text in ["hubspot/contacts/501", "sf.prod/Lead/00Q/odd"] {
            assert_eq!(text.parse::<RecordRef>().unwrap().to_string(), text);
        }
        for text in ["", "a", "a/b", "a//c", "/b/c", "a/b/"] {
            assert!(text.parse::<RecordRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn parents_come_before_children() {
        assert!(Kind::ALL.is_sorted_by_key(|kind| kind.level()));
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse::<Kind>(), Ok(kind));
        }
    }
}
