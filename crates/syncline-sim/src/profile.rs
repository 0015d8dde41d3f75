//! How a simulated company has set Syncline up.

use crate::attrs::{CONSENT, CONSENT_PROPERTY};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use syncline_core::{
    config::{self, Config},
    mapping::ModelChoice,
};
use syncline_engine::registry;

/// A set-up by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The shipped configuration: leads and contacts, planted keys.
    Leads,
    /// Companies and contacts are created on both sides.
    ContactsOnly,
    /// No vendor can enforce our key.
    Keyless,
    /// Deletes travel as archives, and some fields have one ruling side.
    Ruled,
}

impl Profile {
    /// All, in the order in which seeds take them.
    pub const ALL: [Self; 4] = [Self::Leads, Self::ContactsOnly, Self::Keyless, Self::Ruled];

    /// The one of a seed.
    pub fn of_seed(seed: u64) -> Self {
        match seed % 8 {
            0..=3 => Self::Leads,
            4 | 5 => Self::ContactsOnly,
            6 => Self::Keyless,
            _ => Self::Ruled,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leads => "leads",
            Self::ContactsOnly => "contacts_only",
            Self::Keyless => "keyless",
            Self::Ruled => "ruled",
        }
    }

    /// By name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// Whether both vendors enforce a planted key.
    pub fn keyed(self) -> bool {
        self != Self::Keyless
    }

    /// Whether organisations and contacts are made on both sides.
    pub fn creates_everywhere(self) -> bool {
        self == Self::ContactsOnly
    }

    /// Whether the deletion of one record archives its counterpart.
    pub fn archives(self) -> bool {
        self == Self::Ruled
    }

    /// The side that rules a field, if one does.
    pub(crate) fn ruler(self, kind: syncline_model::Kind, attribute: &str) -> Option<Ruler> {
        use syncline_model::Kind::{Organisation, Person};
        match (self, kind, attribute) {
            (Self::Ruled, Organisation, "phone") => Some(Ruler::AlwaysSalesforce),
            (Self::Ruled, Person, "title") => Some(Ruler::PreferHubSpot),
            (_, Person, CONSENT) => Some(Ruler::Strictest),
            _ => None,
        }
    }

    /// The text of its configuration.
    pub(crate) fn text(self, changes: &[Change]) -> Result<String, String> {
        let model = match self {
            Self::ContactsOnly => ModelChoice::ContactsOnly,
            Self::Leads | Self::Keyless | Self::Ruled => ModelChoice::LeadsAndContacts,
        };
        let mut vendors = Vec::new();
        for name in ["salesforce", "hubspot"] {
            let defaults = registry::defaults(&name.into()).map_err(|error| error.to_string())?;
            vendors.push((name, defaults));
        }
        let mut text = config::default_text(&vendors, model);
        if !self.keyed() {
            text = text.replace("keys = \"planted\"", "keys = \"none\"");
        }
        if self.archives() {
            text = text.replace("on_delete = \"review\"", "on_delete = \"archive\"");
            text = in_table(&text, "[kind.organisation.field.phone]", "rule = \"always salesforce\"");
            text = in_table(&text, "[kind.person.field.title]", "rule = \"prefer hubspot\"");
        }
        text.push_str(&consent());
        for change in changes {
            text = change.made(&text);
        }
        Ok(text)
    }

    /// Its configuration; each is read once.
    pub(crate) fn config(self, changes: &[Change]) -> Result<Config, String> {
        static READ: Mutex<BTreeMap<(Profile, Vec<Change>), Config>> = Mutex::new(BTreeMap::new());
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self, changes.to_vec());
        if let Some(config) = read.get(&key) {
            return Ok(config.clone());
        }
        let config = self.parsed(changes)?;
        read.insert(key, config.clone());
        Ok(config)
    }

    fn parsed(self, changes: &[Change]) -> Result<Config, String> {
        let text = self.text(changes)?;
        config::parse(&[("syncline.toml", &text)])
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}

/// Whose value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruler {
    AlwaysSalesforce,
    PreferHubSpot,
    /// Whichever allows less.
    Strictest,
}

/// A change of the configuration while the company works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A field is no longer synced.
    DropCity,
    /// Ties go to the other side from now on.
    TieToHubSpot,
    /// Only deals of some size are in scope of creation.
    ScopeOfDeals,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DropCity, Self::TieToHubSpot, Self::ScopeOfDeals];

    fn made(self, text: &str) -> String {
        match self {
            Self::DropCity => in_table(text, "[kind.organisation.field.city]", "rule = \"off\""),
            Self::TieToHubSpot => text.replacen("\ntie = \"salesforce\"", "\ntie = \"hubspot\"", 1),
            Self::ScopeOfDeals => {
                text.replace("has(name) && has(stage)", "has(name) && has(stage) && has(amount)")
            }
        }
    }
}

/// The field of whoever wants no mail.
fn consent() -> String {
    let fields = "salesforce = { Lead = \"HasOptedOutOfEmail\", Contact = \"HasOptedOutOfEmail\" }";
    format!(
        "\n[kind.person.field.{CONSENT}]\ntype = \"bool\"\nrule = \"most_restrictive\"\n{fields}\nhubspot = \"{CONSENT_PROPERTY}\"\n"
    )
}

/// Adds a line right after a table's head.
fn in_table(text: &str, head: &str, line: &str) -> String {
    text.replacen(&format!("{head}\n"), &format!("{head}\n{line}\n"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_and_every_change_is_a_configuration_of_its_own() {
        for profile in Profile::ALL {
            let plain = profile.text(&[]).unwrap();
            assert!(profile.config(&[]).is_ok(), "{}", profile.config(&[]).err().unwrap_or_default());
            for change in Change::ALL {
                assert_ne!(profile.text(&[change]).unwrap(), plain, "{change:?}");
                let made = profile.config(&[change]);
                assert!(made.is_ok(), "{change:?}: {}", made.err().unwrap_or_default());
            }
        }
    }
}
