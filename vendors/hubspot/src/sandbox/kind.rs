//! The object types in scope and how a path may spell them.

/// An object type of this sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// 0-1
    Contacts,
    /// 0-2
    Companies,
    /// 0-3
    Deals,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Contacts, Self::Companies, Self::Deals];

    /// Reads a path segment: plural, singular, type id, in any case; `p{portal}_{name}` too [research §6.1].
    pub(super) fn parse(segment: &str) -> Option<Self> {
        let lower = segment.to_ascii_lowercase();
        let bare = match lower.strip_prefix('p').and_then(|rest| rest.split_once('_')) {
            Some((portal, name)) if portal.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => lower.as_str(),
        };
        Some(match bare {
            "contacts" | "contact" | "0-1" => Self::Contacts,
            "companies" | "company" | "0-2" => Self::Companies,
            "deals" | "deal" | "0-3" => Self::Deals,
            _ => return None,
        })
    }

    /// `contacts`
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Companies => "companies",
            Self::Deals => "deals",
        }
    }

    /// `contact`
    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Contacts => "contact",
            Self::Companies => "company",
            Self::Deals => "deal",
        }
    }

    /// `0-1`
    pub(super) fn type_id(self) -> &'static str {
        match self {
            Self::Contacts => "0-1",
            Self::Companies => "0-2",
            Self::Deals => "0-3",
        }
    }

    /// The property that carries the record's last change: contacts differ from every other type.
    pub(super) fn modified_property(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            Self::Companies | Self::Deals => "hs_lastmodifieddate",
        }
    }

    /// What a read returns when no properties are asked for [docs; d25].
    pub(super) fn default_properties(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => {
                &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"]
            }
            Self::Companies => &["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
            Self::Deals => &[
                "amount",
                "closedate",
                "createdate",
                "dealname",
                "dealstage",
                "hs_lastmodifieddate",
                "hs_object_id",
                "pipeline",
            ],
        }
    }

    /// What `query` of a search looks into [d25 crm__search].
    pub(super) fn query_properties(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => &[
                "firstname",
                "lastname",
                "email",
                "phone",
                "hs_additional_emails",
                "fax",
                "mobilephone",
                "company",
                "hs_marketable_until_renewal",
            ],
            Self::Companies => &["website", "phone", "name", "domain"],
            Self::Deals => &["dealname", "pipeline", "dealstage", "description", "dealtype"],
        }
    }

    /// The group that a property definition without a group falls into.
    pub(super) fn main_group(self) -> &'static str {
        match self {
            Self::Contacts => "contactinformation",
            Self::Companies => "companyinformation",
            Self::Deals => "dealinformation",
        }
    }
}
