//! Relations between records, as one side shows them.

use crate::ids::{ObjectName, RecordId};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// One relation from a record to another of the same connection. A record's relations of one sort are observed
/// together, as a [`crate::Value::Refs`] of a (pseudo-)field; none is *empty*, unread is *not fetched*.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ref {
    /// The target's object.
    pub object: ObjectName,
    /// The target's id.
    pub id: RecordId,
    /// The role or label, as the side spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
    /// Whether it is the primary one of its sort.
    #[serde(default)]
    pub primary: bool,
    /// The junction row that carries it, where a side has one (OpportunityContactRole).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<RecordId>,
}

impl Ref {
    /// A plain relation: no role, not primary, no row.
    pub fn to(object: impl Into<ObjectName>, id: impl Into<RecordId>) -> Self {
        Self { object: object.into(), id: id.into(), role: None, primary: false, row: None }
    }

    /// The same, primary.
    #[must_use]
    pub fn primary(mut self) -> Self {
        self.primary = true;
        self
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.object, self.id)?;
        if let Some(role) = &self.role {
            write!(f, " ({role})")?;
        }
        if self.primary {
            f.write_str(" primary")?;
        }
        Ok(())
    }
}

/// The relations of one sort, sorted and without doubles.
pub type EdgeSet = std::collections::BTreeSet<Ref>;
