//! Faults on demand: which request goes wrong, and how (`POST /__sandbox/faults`), and which did (`GET`).

use serde::{Deserialize, Serialize};

/// How a request goes wrong. Each sandbox turns a kind into its vendor's own answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The vendor's refusal for too many calls, with the right waiting time where the vendor states one.
    RateLimited,
    /// The same, but `Retry-After` is wrong (0).
    WrongRetryAfter,
    /// A 5xx with the vendor's error body; nothing was done.
    ServerError,
    /// The request is carried out, the answer never comes.
    CommitThenTimeout,
    /// The request is carried out, then the connection closes without an answer.
    CommitThenReset,
    /// The request is carried out and the answer's body ends early.
    TruncatedBody,
    /// An HTML page of a proxy instead of JSON; nothing was done.
    HtmlError,
    /// The access token is refused as expired; refreshing it helps.
    TokenExpired,
    /// A search answers from an index that has not seen the latest changes.
    StaleIndex,
    /// Changes made by this request carry their stamp now but become visible later.
    LateCommit,
    /// Rows are locked by another transaction.
    RowLock,
}

/// One rule as the control contract carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// `read`, `write`, or `METHOD /path` where a final `*` matches any rest.
    #[serde(rename = "match")]
    pub matches: String,
    /// Only the n-th matching request (1 = the first).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Every n-th matching request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// At most so many times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What happens.
    #[serde(rename = "do")]
    pub kind: FaultKind,
}

/// What a request is, for the words `read` and `write` of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Changes nothing at the vendor (searches by POST included).
    Read,
    /// May change something.
    Write,
    /// Outside of the data API (logging in); only a rule with method and path matches.
    Neither,
}

/// The rules in force and how often each has matched and acted, in the form of `GET /__sandbox/faults`.
#[derive(Debug, Default, Serialize)]
pub struct Faults {
    rules: Vec<Armed>,
}

#[derive(Debug, Serialize)]
struct Armed {
    #[serde(flatten)]
    rule: FaultRule,
    /// Requests that matched.
    seen: u64,
    /// Requests that went wrong by it.
    fired: u64,
}

impl Faults {
    /// Replaces the list.
    pub fn replace(&mut self, rules: Vec<FaultRule>) {
        self.rules = rules.into_iter().map(|rule| Armed { rule, seen: 0, fired: 0 }).collect();
    }

    /// The fault for a request, if a rule says so. The first rule that fires wins; every matching rule counts it.
    pub fn next(&mut self, method: &str, path: &str, access: Access) -> Option<FaultKind> {
        let mut chosen = None;
        for armed in &mut self.rules {
            if !matches(&armed.rule.matches, method, path, access) {
                continue;
            }
            armed.seen += 1;
            let due = match (armed.rule.nth, armed.rule.every) {
                (Some(nth), _) => armed.seen == nth,
                (None, Some(every)) => every > 0 && armed.seen.is_multiple_of(every),
                (None, None) => true,
            };
            let left = armed.rule.times.is_none_or(|times| armed.fired < times);
            if due && left && chosen.is_none() {
                armed.fired += 1;
                chosen = Some(armed.rule.kind);
            }
        }
        chosen
    }
}

fn matches(pattern: &str, method: &str, path: &str, access: Access) -> bool {
    match pattern {
        "read" => access == Access::Read,
        "write" => access == Access::Write,
        exact => {
            let Some((wanted_method, wanted_path)) = exact.split_once(' ') else { return false };
            if !wanted_method.eq_ignore_ascii_case(method) {
                return false;
            }
            match wanted_path.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == wanted_path,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(matches: &str, nth: Option<u64>, every: Option<u64>, times: Option<u64>) -> FaultRule {
        FaultRule { matches: matches.into(), nth, every, times, kind: FaultKind::ServerError }
    }

    fn fires(rule: FaultRule, requests: u64) -> Vec<u64> {
        let mut faults = Faults::default();
        faults.replace(vec![rule]);
        (1..=requests).filter(|_| faults.next("POST", "/a/b", Access::Write).is_some()).collect()
    }

    #[test]
    fn nth_every_and_times_select_requests() {
        assert_eq!(fires(rule("write", Some(3), None, None), 6), [3]);
        assert_eq!(fires(rule("write", None, Some(2), None), 6), [2, 4, 6]);
        assert_eq!(fires(rule("write", None, Some(2), Some(1)), 6), [2]);
        assert_eq!(fires(rule("read", None, None, None), 6), Vec::<u64>::new());
        assert_eq!(fires(rule("POST /a/*", None, None, Some(2)), 6), [1, 2]);
        assert_eq!(fires(rule("POST /a", None, None, None), 6), Vec::<u64>::new());
    }

    #[test]
    fn what_acted_is_told_until_the_list_is_replaced() {
        let mut faults = Faults::default();
        faults.replace(vec![rule("write", Some(2), None, None), rule("read", None, None, None)]);
        for _ in 0..3 {
            faults.next("POST", "/a/b", Access::Write);
        }
        let told = serde_json::json!({"rules": [
            {"match": "write", "nth": 2, "do": "server_error", "seen": 3, "fired": 1},
            {"match": "read", "do": "server_error", "seen": 0, "fired": 0},
        ]});
        assert_eq!(serde_json::to_value(&faults).unwrap(), told);
        faults.replace(Vec::new());
        assert_eq!(serde_json::to_value(&faults).unwrap(), serde_json::json!({"rules": []}));
    }
}
