//! Which call a path stands for: every spelling of a path leads to one route.

use super::kind::Kind;
use super::limits::Bucket;
use super::wire::{ApiError, Req};
use http::Method;
use syncline_kit::sandbox::faults::Access;

/// An API family with the rest of the path behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Family {
    /// Records: `…/objects/{type}` and what follows.
    Objects(Kind),
    /// Associations of one record: from, its id, what follows `associations`.
    RecordAssociations(Kind, String),
    /// v3 associations between two types.
    AssociationsV3(Kind, Kind),
    /// v4 and dated associations between two types.
    AssociationsV4(Kind, Kind),
    /// Property definitions.
    Properties(Kind),
    /// Pipelines.
    Pipelines(Kind),
    /// Owners.
    Owners,
    /// Token endpoints.
    OAuth,
    /// Webhook settings of an app.
    Webhooks(String),
    /// Account information.
    Account,
}

/// A route.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) family: Family,
    /// Segments behind the family's own.
    pub(super) rest: Vec<String>,
    /// A dated path (2026-03 and the like): some success codes differ.
    pub(super) dated: bool,
    /// Method and path with ids as `{id}`.
    pub(super) endpoint: String,
    pub(super) bucket: Bucket,
    pub(super) access: Access,
}

/// A version segment like `2026-03` or `2026-09-beta`.
fn is_date(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    bytes.len() >= 7 && bytes.iter().take(4).all(u8::is_ascii_digit) && bytes.get(4) == Some(&b'-')
}

fn kind(segment: &str) -> Result<Kind, ApiError> {
    Kind::parse(segment).ok_or_else(|| ApiError::unknown_type(segment))
}

/// Finds the route. `None`: there is no such path.
pub(super) fn find(req: &Req) -> Option<Result<Route, ApiError>> {
    let segments: Vec<&str> = req.segments.iter().map(String::as_str).collect();
    let (version, dated, area, rest) = match segments.as_slice() {
        ["crm", version @ ("v3" | "v4"), area, rest @ ..] => (*version, false, *area, rest),
        ["crm", area, version, rest @ ..] if is_date(version) || matches!(*version, "v3" | "v4") => {
            (if *version == "v3" { "v3" } else { "v4" }, is_date(version), *area, rest)
        }
        ["oauth", rest @ ..] => ("", false, "oauth", rest),
        ["webhooks" | "app-webhooks", version, app, rest @ ..] if *version == "v3" || is_date(version) => {
            return Some(Ok(route(req, Family::Webhooks((*app).to_owned()), rest, is_date(version))));
        }
        ["account-info", version, rest @ ..] if *version == "v3" || is_date(version) => {
            ("", false, "account", rest)
        }
        _ => return None,
    };
    let family = match (area, rest) {
        ("objects", [from, id, "associations", ..]) => {
            kind(from).map(|from| Family::RecordAssociations(from, (*id).to_owned()))
        }
        ("objects", [segment, ..]) => kind(segment).map(Family::Objects),
        ("associations", [from, to, ..]) => match (kind(from), kind(to)) {
            (Ok(from), Ok(to)) if version == "v3" => Ok(Family::AssociationsV3(from, to)),
            (Ok(from), Ok(to)) => Ok(Family::AssociationsV4(from, to)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        },
        ("properties", [segment, ..]) => kind(segment).map(Family::Properties),
        ("pipelines", [segment, ..]) => kind(segment).map(Family::Pipelines),
        ("owners", _) => Ok(Family::Owners),
        ("oauth", _) => Ok(Family::OAuth),
        ("account", _) => Ok(Family::Account),
        _ => return None,
    };
    let rest = match family {
        Ok(Family::RecordAssociations(..)) => rest.get(3..),
        Ok(Family::AssociationsV3(..) | Family::AssociationsV4(..)) => rest.get(2..),
        Ok(Family::Objects(_) | Family::Properties(_) | Family::Pipelines(_)) => rest.get(1..),
        _ => Some(rest),
    };
    Some(family.map(|family| route(req, family, rest.unwrap_or(&[]), dated)))
}

fn route(req: &Req, family: Family, rest: &[&str], dated: bool) -> Route {
    let verb = rest.last().copied().unwrap_or("");
    let bucket = match &family {
        Family::Objects(_) if verb == "search" && rest.len() == 1 => Bucket::Search,
        Family::AssociationsV3(..) | Family::AssociationsV4(..) => Bucket::Associations,
        Family::OAuth | Family::Webhooks(_) => Bucket::Free,
        Family::Objects(_)
        | Family::RecordAssociations(..)
        | Family::Properties(_)
        | Family::Pipelines(_)
        | Family::Owners
        | Family::Account => Bucket::General,
    };
    let reads = req.method == Method::GET
        || (req.method == Method::POST && matches!(verb, "search" | "read" | "introspect"))
        || matches!(family, Family::OAuth);
    Route {
        endpoint: endpoint(req, &family),
        family,
        rest: rest.iter().map(|part| (*part).to_owned()).collect(),
        dated,
        bucket,
        access: if reads { Access::Read } else { Access::Write },
    }
}

/// Fixed words of the paths; every other segment is an id.
const WORDS: [&str; 38] = [
    "crm",
    "v1",
    "v2",
    "v3",
    "v4",
    "objects",
    "associations",
    "properties",
    "pipelines",
    "owners",
    "oauth",
    "token",
    "introspect",
    "revoke",
    "authorize",
    "access-tokens",
    "refresh-tokens",
    "webhooks",
    "app-webhooks",
    "settings",
    "subscriptions",
    "batch",
    "create",
    "read",
    "update",
    "upsert",
    "archive",
    "search",
    "merge",
    "gdpr-delete",
    "labels",
    "default",
    "associate",
    "types",
    "groups",
    "stages",
    "audit",
    "account-info",
];

fn endpoint(req: &Req, family: &Family) -> String {
    let words = |segment: &String| {
        let known = WORDS.contains(&segment.as_str())
            || is_date(segment)
            || matches!(
                segment.as_str(),
                "details" | "api-usage" | "daily" | "private-apps" | "get" | "access-token-info"
            );
        match Kind::parse(segment) {
            Some(kind) => kind.plural().to_owned(),
            None if known => segment.clone(),
            None => "{id}".to_owned(),
        }
    };
    let mut parts: Vec<String> = req.segments.iter().map(words).collect();
    // `default` is a word in association paths and an id under pipelines.
    if let Family::Pipelines(_) = family {
        for part in parts.iter_mut().skip(4).filter(|part| *part == "default") {
            *part = "{id}".to_owned();
        }
    }
    format!("{} /{}", req.method, parts.join("/"))
}
