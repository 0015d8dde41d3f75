//! Which of the two systems.

use serde::{Deserialize, Serialize};

/// One of the two systems of a simulated company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Salesforce.
    Salesforce,
    /// HubSpot.
    #[serde(rename = "hubspot")]
    HubSpot,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Salesforce, Self::HubSpot];

    /// The connection's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::HubSpot => "hubspot",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Salesforce => Self::HubSpot,
            Self::HubSpot => Self::Salesforce,
        }
    }

    /// Where it is reached.
    pub(crate) fn url(self) -> String {
        format!("http://{}.test", self.name())
    }

    /// By the host of an address.
    pub(crate) fn of_host(host: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|side| host.strip_suffix(".test") == Some(side.name()))
    }

    /// By a connection's name.
    pub(crate) fn of_connection(name: &str) -> Option<Self> {
        Self::BOTH.into_iter().find(|side| side.name() == name)
    }
}
