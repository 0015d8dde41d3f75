//! What goes wrong, by name.

use crate::side::Side;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::{Deserialize, Serialize};
use syncline_kit::{
    HttpResponse,
    sandbox::{Outcome, faults::FaultKind},
};

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

    /// Whether this is what befell a request that was to meet it: the vendor may have refused the request before for
    /// another reason, or it had nothing to do that the fault concerns.
    pub(crate) fn befell(self, side: Side, met: &Met<'_>) -> bool {
        let answer = |is_so: &dyn Fn(&HttpResponse) -> bool| match met.outcome {
            Outcome::Answer(answer) => is_so(answer),
            Outcome::Truncated(..) | Outcome::Hang | Outcome::Reset => false,
        };
        let is_page = |answer: &HttpResponse| says(answer, CONTENT_TYPE, "text/html");
        match self {
            Self::TimeoutAfterCommit => matches!(met.outcome, Outcome::Hang) && met.rows > 0,
            Self::ResetAfterCommit => matches!(met.outcome, Outcome::Reset) && met.rows > 0,
            Self::TruncatedBody => {
                matches!(met.outcome, Outcome::Truncated(whole, kept) if *kept < whole.body().len())
            }
            Self::RateLimited => answer(&|answer| match side {
                Side::HubSpot => answer.status() == 429,
                Side::Salesforce => answer.status() == 403 && holds(answer, "REQUEST_LIMIT_EXCEEDED"),
            }),
            // Salesforce names no time to wait, so none that is wrong: there it is the refusal without more.
            Self::WrongRetryAfter => {
                answer(&|answer| answer.status() == 429 && says(answer, RETRY_AFTER, "0"))
            }
            Self::ServerError => answer(&|answer| answer.status().is_server_error() && !is_page(answer)),
            Self::HtmlError => answer(&|answer| answer.status().is_server_error() && is_page(answer)),
            Self::TokenExpired => answer(&|answer| answer.status() == 401),
            Self::StaleIndex => answer(&|answer| answer.status().is_success() && met.unindexed),
            Self::RowLock => answer(&|answer| holds(answer, "UNABLE_TO_LOCK_ROW")),
            // Seen where they happen.
            Self::LateCommit
            | Self::CrashBeforeJournal
            | Self::CrashAfterJournal
            | Self::CrashBeforeRequest
            | Self::CrashAfterRequest
            | Self::EqualStamps
            | Self::WebhookReordered
            | Self::WebhookDoubled
            | Self::WebhookLost
            | Self::ClockSkew
            | Self::OldLease
            | Self::EditDuringRun => false,
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

/// What became of a request.
pub(crate) struct Met<'a> {
    pub(crate) outcome: &'a Outcome,
    /// Rows that the vendor wrote for it, with those that held the value already.
    pub(crate) rows: u64,
    /// Whether a record of the object that is searched changed so lately that an old index does not show it.
    pub(crate) unindexed: bool,
}

fn says(answer: &HttpResponse, name: http::HeaderName, begin: &str) -> bool {
    answer
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with(begin))
}

fn holds(answer: &HttpResponse, text: &str) -> bool {
    String::from_utf8_lossy(answer.body()).contains(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> HttpResponse {
        let mut answer = http::Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(Bytes::from(body)).unwrap()
    }

    /// The faults that befell a request by this outcome, of all that it might have been to meet.
    fn befallen(side: Side, outcome: &Outcome, rows: u64) -> Vec<Fault> {
        let met = Met { outcome, rows, unindexed: false };
        Fault::ALL.into_iter().filter(|fault| fault.befell(side, &met)).collect()
    }

    #[test]
    fn what_befell_a_request_is_told_by_its_outcome() {
        let of = |side, status, headers: &[(&'static str, &'static str)], body| {
            befallen(side, &Outcome::Answer(answer(status, headers, body)), 1)
        };
        let html = ("content-type", "text/html;charset=UTF-8");
        assert_eq!(of(Side::HubSpot, 200, &[], "{}"), []);
        assert_eq!(of(Side::HubSpot, 429, &[("retry-after", "10")], "{}"), [Fault::RateLimited]);
        let wrong = [Fault::RateLimited, Fault::WrongRetryAfter];
        assert_eq!(of(Side::HubSpot, 429, &[("retry-after", "0")], "{}"), wrong);
        assert_eq!(of(Side::Salesforce, 403, &[], "REQUEST_LIMIT_EXCEEDED"), [Fault::RateLimited]);
        assert_eq!(of(Side::Salesforce, 403, &[], "API_DISABLED_FOR_ORG"), []);
        assert_eq!(of(Side::Salesforce, 500, &[], "[]"), [Fault::ServerError]);
        assert_eq!(of(Side::HubSpot, 502, &[html], "<html>"), [Fault::HtmlError]);
        assert_eq!(of(Side::HubSpot, 401, &[], "{}"), [Fault::TokenExpired]);
        assert_eq!(of(Side::Salesforce, 200, &[], "UNABLE_TO_LOCK_ROW"), [Fault::RowLock]);
    }

    #[test]
    fn what_was_to_be_carried_out_and_was_not_is_no_lost_answer() {
        assert_eq!(befallen(Side::HubSpot, &Outcome::Hang, 1), [Fault::TimeoutAfterCommit]);
        assert_eq!(befallen(Side::HubSpot, &Outcome::Reset, 2), [Fault::ResetAfterCommit]);
        assert_eq!(befallen(Side::HubSpot, &Outcome::Hang, 0), []);
        assert_eq!(befallen(Side::HubSpot, &Outcome::Reset, 0), []);
        let cut =
            |body, kept| befallen(Side::Salesforce, &Outcome::Truncated(answer(200, &[], body), kept), 1);
        assert_eq!(cut("{}", 1), [Fault::TruncatedBody]);
        assert_eq!(cut("", 0), []);
    }

    #[test]
    fn an_old_index_is_one_only_where_something_changed_since() {
        let outcome = Outcome::Answer(answer(200, &[], "{}"));
        let stale = |unindexed| {
            Fault::StaleIndex.befell(Side::HubSpot, &Met { outcome: &outcome, rows: 0, unindexed })
        };
        assert!(stale(true) && !stale(false));
    }
}
