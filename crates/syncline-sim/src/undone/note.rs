//! What an undo's plan listed.

use crate::{
    picture::{At, Picture},
    side::Side,
};
use syncline_model::plan::{Finding, FindingKind};

/// Something that the undo's plan listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// Which record; `None`: not one of those that the oracle reads.
    pub(super) at: Option<At>,
    /// The attribute or edge, as the configuration names it.
    pub(super) attribute: Option<String>,
    pub(super) why: Why,
}

/// The reasons of `docs/undo.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    ChangedSince,
    Consent,
    FormerUnknown,
    FormerGone(String),
    NotWritable,
    RecordGone,
    OthersHang(String),
    WasThere,
    StaysPrimary,
    ArchivedByRule,
    Refused,
    Archived,
    MadeAgain,
    /// What stays at every vendor after every write.
    Stamps,
    Other(String),
}

impl Note {
    pub(crate) fn of(finding: Finding) -> Self {
        let (attribute, why) = match finding.what {
            FindingKind::NotUndone { attribute, why } => (attribute, why),
            FindingKind::Residue { why } => (None, why),
            FindingKind::NoParent { .. } | FindingKind::ContactBeatsLead { .. } | FindingKind::NoIdentity => {
                (None, "a finding that no undo makes".into())
            }
        };
        let record = finding.record;
        let at = Side::of_connection(record.connection.as_str()).and_then(|side| {
            let object = Picture::object(side, record.object.as_str())?;
            Some(At { side, object, id: record.id.as_str().to_owned() })
        });
        Self { at, attribute: attribute.map(|name| name.as_str().to_owned()), why: Why::of(&why) }
    }
}

impl Why {
    fn of(text: &str) -> Self {
        let first = text.split([';', ',']).next().unwrap_or_default();
        match first {
            "it was changed since" => Self::ChangedSince,
            "consent is never undone" => Self::Consent,
            "what it was before is not known" => Self::FormerUnknown,
            "it may not be written so" => Self::NotWritable,
            "the record is gone" => Self::RecordGone,
            "the record was there before" => Self::WasThere,
            "it was there before" => Self::StaysPrimary,
            "it was archived with its counterpart" => Self::ArchivedByRule,
            "it is archived" => Self::Archived,
            "it comes back as a new record under another id" => Self::MadeAgain,
            "stamps of change" => Self::Stamps,
            _ if first.ends_with(" refused it") => Self::Refused,
            _ if text.ends_with("which it referred to, is gone") => Self::FormerGone(first.to_owned()),
            _ if text.ends_with("which stays, refers to it") => Self::OthersHang(first.to_owned()),
            _ => Self::Other(text.to_owned()),
        }
    }
}
