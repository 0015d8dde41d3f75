//! The three buckets and the daily count.

use super::auth::App;
use super::stamp::DAY_MS;
use super::wire::ApiError;
use http::StatusCode;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

/// Which bucket a call draws from. Searches and association batches are exempt from the ten-second limit and have
/// limits of their own [spec x-hubspot-rate-limit-exemptions].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bucket {
    /// Rolling ten seconds per app.
    General,
    /// One second per account.
    Search,
    /// Ten seconds per account.
    Associations,
    /// Not limited (OAuth, webhook settings).
    Free,
}

/// The limits in force.
#[derive(Debug)]
pub(super) struct RateLimits {
    /// Whether calls over a limit are refused.
    pub(super) enforced: bool,
    sizes: BTreeMap<&'static str, usize>,
    windows: BTreeMap<(&'static str, App), VecDeque<i64>>,
    day: i64,
    pub(super) used_today: usize,
}

const NAMES: [(&str, usize); 5] =
    [("burst", 190), ("burst_oauth", 110), ("search", 5), ("associations", 150), ("daily", 625_000)];

impl RateLimits {
    /// The limits of a Professional account.
    pub(super) fn new(enforced: bool) -> Self {
        Self { enforced, sizes: NAMES.into_iter().collect(), windows: BTreeMap::new(), day: 0, used_today: 0 }
    }

    /// Changes one limit.
    pub(super) fn set(&mut self, name: &str, size: usize) -> Result<(), String> {
        let known = self.sizes.iter_mut().find(|(known, _)| **known == name);
        *known.ok_or_else(|| format!("no limit {name}"))?.1 = size;
        Ok(())
    }

    /// The size of a limit.
    pub(super) fn size(&self, name: &str) -> usize {
        self.sizes.get(name).copied().unwrap_or(usize::MAX)
    }

    /// Lets a call pass or refuses it.
    pub(super) fn take(&mut self, bucket: Bucket, app: App, now: i64) -> Result<(), ApiError> {
        if bucket == Bucket::Free {
            return Ok(());
        }
        self.roll(now);
        let daily = self.size("daily");
        if app == App::Private {
            if self.enforced && self.used_today >= daily {
                return Err(refusal("daily"));
            }
            self.used_today += 1;
        }
        let (name, span, key) = match (bucket, app) {
            (Bucket::Search, _) => ("search", 1_000, App::Private),
            (Bucket::Associations, _) => ("associations", 10_000, App::Private),
            (_, App::Private) => ("burst", 10_000, App::Private),
            (_, App::Public) => ("burst_oauth", 10_000, App::Public),
        };
        let size = self.size(name);
        let window = self.windows.entry((name, key)).or_default();
        while window.front().is_some_and(|at| *at <= now - span) {
            window.pop_front();
        }
        if self.enforced && window.len() >= size {
            return Err(refusal(name));
        }
        if self.enforced {
            window.push_back(now);
        }
        Ok(())
    }

    /// What ordinary answers say about the limits; searches say nothing [d25 usage-details].
    pub(super) fn headers(&mut self, bucket: Bucket, app: App, now: i64) -> Vec<(&'static str, String)> {
        if matches!(bucket, Bucket::Search | Bucket::Free) {
            return Vec::new();
        }
        self.roll(now);
        let name = if app == App::Private { "burst" } else { "burst_oauth" };
        let used = self
            .windows
            .get(&(name, app))
            .map_or(0, |window| window.iter().filter(|at| **at > now - 10_000).count());
        let size = self.size(name);
        let mut headers = vec![
            ("x-hubspot-ratelimit-interval-milliseconds", "10000".to_owned()),
            ("x-hubspot-ratelimit-max", size.to_string()),
            ("x-hubspot-ratelimit-remaining", size.saturating_sub(used).to_string()),
            ("x-hubspot-ratelimit-secondly", (size / 10).to_string()),
            ("x-hubspot-ratelimit-secondly-remaining", (size / 10).to_string()),
        ];
        if app == App::Private {
            let daily = self.size("daily");
            headers.push(("x-hubspot-ratelimit-daily", daily.to_string()));
            headers.push((
                "x-hubspot-ratelimit-daily-remaining",
                daily.saturating_sub(self.used_today).to_string(),
            ));
        }
        headers
    }

    /// The daily count starts again at midnight of the account's time zone (UTC here).
    pub(super) fn roll(&mut self, now: i64) {
        let day = now.div_euclid(DAY_MS);
        if day != self.day {
            self.day = day;
            self.used_today = 0;
        }
    }
}

/// The 429 of a limit; message and policy as the official clients expect them [cl][d25 usage-details].
pub(super) fn refusal(name: &'static str) -> ApiError {
    let (message, policy) = match name {
        "daily" => ("You have reached your daily limit.", "DAILY"),
        "search" => ("You have reached your secondly limit.", "SECONDLY"),
        _ => ("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"),
    };
    let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, message)
        .with("errorType", json!("RATE_LIMIT"))
        .with("policyName", json!(policy));
    match name {
        "daily" => error = error.with("requestId", json!("00000000-0000-4000-8000-000000000000")),
        "burst" => {
            error = error.with("groupName", json!("publicapi:private-apps:api-calls-per-ten-seconds:1"));
        }
        _ => {}
    }
    error.limit = Some(match name {
        "daily" => "daily",
        "search" => "search_secondly",
        "associations" => "associations_ten_secondly",
        _ => "ten_secondly",
    });
    error
}
