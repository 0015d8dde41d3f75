//! What goes wrong, by name.

use serde::{Deserialize, Serialize};
use syncline_kit::sandbox::faults::FaultKind;

/// Every kind of fault that a simulation counts; the names stand in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The power goes before a journal write.
    CrashBeforeJournal,
    /// The power goes after a journal write.
    CrashAfterJournal,
    /// The power goes before a request leaves.
    CrashBeforeRequest,
    /// The power goes after the vendor carried a request out.
    CrashAfterRequest,
    /// The request is carried out, the answer never comes.
    TimeoutAfterCommit,
    /// The request is carried out, the connection is reset.
    ResetAfterCommit,
    /// The refusal for too many calls.
    RateLimited,
    /// The same with a waiting time of 0.
    WrongRetryAfter,
    /// A 5xx; nothing was done.
    ServerError,
    /// A proxy's page instead of JSON; nothing was done.
    HtmlError,
    /// The answer's body ends early.
    TruncatedBody,
    /// The access token is refused.
    TokenExpired,
    /// A search answers from an old index.
    StaleIndex,
    /// Salesforce's refusal because another transaction holds the row.
    RowLock,
    /// Two changes carry one stamp.
    EqualStamps,
    /// A change becomes visible later than its stamp says.
    LateCommit,
    /// Webhooks come in another order.
    WebhookReordered,
    /// A webhook comes twice.
    WebhookDoubled,
    /// A webhook never comes.
    WebhookLost,
    /// A vendor's clock is off.
    ClockSkew,
    /// A second worker meets the claim of a first one that sleeps past its lease, and the first one wakes.
    OldLease,
    /// People edit between two requests of a run.
    EditDuringRun,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 22] = [
        Self::CrashBeforeJournal,
        Self::CrashAfterJournal,
        Self::CrashBeforeRequest,
        Self::CrashAfterRequest,
        Self::TimeoutAfterCommit,
        Self::ResetAfterCommit,
        Self::RateLimited,
        Self::WrongRetryAfter,
        Self::ServerError,
        Self::HtmlError,
        Self::TruncatedBody,
        Self::TokenExpired,
        Self::StaleIndex,
        Self::RowLock,
        Self::EqualStamps,
        Self::LateCommit,
        Self::WebhookReordered,
        Self::WebhookDoubled,
        Self::WebhookLost,
        Self::ClockSkew,
        Self::OldLease,
        Self::EditDuringRun,
    ];

    /// The name in reports.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// What the vendor's sandbox is asked to do to one request, where it is the vendor that misbehaves.
    pub(crate) fn of_request(self) -> Option<FaultKind> {
        match self {
            Self::TimeoutAfterCommit => Some(FaultKind::CommitThenTimeout),
            Self::ResetAfterCommit => Some(FaultKind::CommitThenReset),
            Self::RateLimited => Some(FaultKind::RateLimited),
            Self::WrongRetryAfter => Some(FaultKind::WrongRetryAfter),
            Self::ServerError => Some(FaultKind::ServerError),
            Self::HtmlError => Some(FaultKind::HtmlError),
            Self::TruncatedBody => Some(FaultKind::TruncatedBody),
            Self::TokenExpired => Some(FaultKind::TokenExpired),
            Self::StaleIndex => Some(FaultKind::StaleIndex),
            Self::RowLock => Some(FaultKind::RowLock),
            Self::LateCommit => Some(FaultKind::LateCommit),
            Self::CrashBeforeJournal
            | Self::CrashAfterJournal
            | Self::CrashBeforeRequest
            | Self::CrashAfterRequest
            | Self::EqualStamps
            | Self::WebhookReordered
            | Self::WebhookDoubled
            | Self::WebhookLost
            | Self::ClockSkew
            | Self::OldLease
            | Self::EditDuringRun => None,
        }
    }

    /// Whether a request with this fault may have been carried out although its answer does not say so.
    pub(crate) fn leaves_doubt(self) -> bool {
        matches!(
            self,
            Self::TimeoutAfterCommit
                | Self::ResetAfterCommit
                | Self::TruncatedBody
                | Self::ServerError
                | Self::HtmlError
                | Self::CrashBeforeJournal
                | Self::CrashAfterJournal
                | Self::CrashBeforeRequest
                | Self::CrashAfterRequest
                | Self::OldLease
        )
    }
}

/// Which requests a fault may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meets {
    /// One that may change something.
    Write,
    /// One that changes nothing.
    Read,
    /// A search.
    Search,
}
