//! The way of one request: control contract, faults, token, limits, scopes, handler.

use super::HubSpot;
use super::auth::{self, App};
use super::call::Call;
use super::kind::Kind;
use super::limits::{self, Bucket};
use super::portal::Act;
use super::route::{self, Family, Route};
use super::table::Source;
use super::wire::{ApiError, Reply, Req, list_at};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use syncline_kit::sandbox::Outcome;
use syncline_kit::sandbox::control::{self, Control};
use syncline_kit::sandbox::faults::{Access, FaultKind};
use syncline_kit::{HttpRequest, HttpResponse};

impl HubSpot {
    /// Answers one request. `Date` tells the sandbox's time, also to the caller of a control call.
    pub(super) fn serve(&mut self, request: &HttpRequest, wall: Timestamp) -> Outcome {
        let mut outcome = match control::parse(request) {
            Some(control) => Outcome::Answer(self.control(control, wall)),
            None => self.vendor_call(request, wall),
        };
        let date = self.clock.at(wall).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let (Outcome::Answer(response) | Outcome::Truncated(response, _), Ok(date)) =
            (&mut outcome, HeaderValue::from_str(&date))
        {
            response.headers_mut().insert(header::DATE, date);
        }
        outcome
    }

    fn vendor_call(&mut self, request: &HttpRequest, wall: Timestamp) -> Outcome {
        let now = self.now(wall);
        self.portal.settle(now);
        let req = Req::new(request);
        let correlation_id = self.correlation.uuid();
        let route = match route::find(&req) {
            Some(Ok(route)) => route,
            Some(Err(error)) => {
                self.meter.call(&format!("{} (unknown object type)", req.method), 1, 1);
                // Even a path that leads nowhere needs a token.
                let error = self.auth.caller(&req, now).err().unwrap_or(error);
                return answer(error.into_reply(&correlation_id), &correlation_id);
            }
            None => {
                self.meter.call(&format!("{} (unknown path)", req.method), 1, 1);
                let error = ApiError::new(
                    StatusCode::NOT_FOUND,
                    &format!("Unable to find {} {}", req.method, req.path),
                );
                return answer(error.into_reply(&correlation_id), &correlation_id);
            }
        };
        if route.family == Family::OAuth {
            let reply =
                self.oauth(&req, &route, now).unwrap_or_else(|error| error.into_reply(&correlation_id));
            return answer(reply, &correlation_id);
        }
        let body = if req.method == Method::GET { Ok(json!({})) } else { req.json() };
        let rows = body
            .as_ref()
            .map_or(1, |body| if body.get("inputs").is_some() { list_at(body, "inputs").len() } else { 1 });
        self.meter.call(&route.endpoint, 1, u64::try_from(rows).unwrap_or(1));
        let fault = self.faults.next(req.method.as_str(), &req.path, route.access);
        if fault == Some(FaultKind::HtmlError) {
            return html_error();
        }
        let mut app = App::Private;
        let result = self.pass(&req, &route, body, fault, now, &mut app);
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => {
                if let Some(limit) = error.limit {
                    self.meter.violation(self.clock.at(wall), limit, &route.endpoint);
                }
                error.into_reply(&correlation_id)
            }
        };
        let mut response = reply.into_response(&correlation_id);
        for (name, value) in self.limits.headers(route.bucket, app, now) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        match fault {
            Some(FaultKind::CommitThenTimeout) => Outcome::Hang,
            Some(FaultKind::CommitThenReset) => Outcome::Reset,
            Some(FaultKind::TruncatedBody) => {
                let half = response.body().len() / 2;
                Outcome::Truncated(response, half)
            }
            _ => Outcome::Answer(response),
        }
    }

    fn pass(
        &mut self,
        req: &Req,
        route: &Route,
        body: Result<Value, ApiError>,
        fault: Option<FaultKind>,
        now: i64,
        app: &mut App,
    ) -> Result<Reply, ApiError> {
        if let Family::Webhooks(app_id) = &route.family {
            let known = req.query("hapikey") == Some(&self.auth.developer_key)
                && *app_id == self.auth.app_id.to_string();
            if !known {
                return Err(ApiError::new(
                    StatusCode::UNAUTHORIZED,
                    "This app does not belong to the developer key",
                )
                .category("INVALID_AUTHENTICATION"));
            }
            let reply = self.hooks.call(req, &route.rest, now);
            self.portal.listening = self.hooks.listens();
            return reply;
        }
        let caller = self.auth.caller(req, now)?;
        *app = caller.app;
        self.limits
            .take(route.bucket, caller.app, now)
            .map_err(|error| self.with_retry_after(error, route.bucket))?;
        if let Some(error) = self.refusing(fault, route, now) {
            return Err(error);
        }
        auth::require(&caller, &scopes(route))?;
        let stale = (fault == Some(FaultKind::StaleIndex)).then(|| now - self.portal.knobs.stale_index_ms);
        let late_ms = if fault == Some(FaultKind::LateCommit) { self.portal.knobs.late_commit_ms } else { 0 };
        let act = Act { now, source: Source::Integration, by: self.auth.app_id, late_ms };
        let call = Call { req, route, body: body?, act, stale };
        let result = self.dispatch(&call);
        self.meter.rows_written += std::mem::take(&mut self.portal.written);
        self.meter.rows_noop += std::mem::take(&mut self.portal.unchanged);
        self.hooks.collect(&mut self.portal, self.auth.app_id);
        result
    }

    fn dispatch(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        match &call.route.family {
            Family::Objects(kind) => self.objects(*kind, call),
            Family::RecordAssociations(from, id) => self.record_associations(*from, id, call),
            Family::AssociationsV3(from, to) => self.associations_v3(*from, *to, call),
            Family::AssociationsV4(from, to) => self.associations_v4(*from, *to, call),
            Family::Properties(kind) => self.properties(*kind, call),
            Family::Pipelines(kind) => self.pipelines(*kind, call),
            Family::Owners => self.owners(call),
            Family::Account => self.account(call),
            Family::OAuth | Family::Webhooks(_) => Err(call.no_such_path()),
        }
    }

    /// Faults that refuse before anything is done.
    fn refusing(&mut self, fault: Option<FaultKind>, route: &Route, now: i64) -> Option<ApiError> {
        let name = match route.bucket {
            Bucket::Search => "search",
            Bucket::Associations => "associations",
            Bucket::General | Bucket::Free => "burst",
        };
        let injected = |mut error: ApiError| {
            // The caller did nothing wrong: no violation.
            error.limit = None;
            error
        };
        match fault? {
            FaultKind::RateLimited => {
                Some(injected(self.with_retry_after(limits::refusal(name), route.bucket)))
            }
            FaultKind::WrongRetryAfter => {
                let mut error = injected(limits::refusal(name));
                error.headers = vec![("retry-after", "0".to_owned())];
                Some(error)
            }
            FaultKind::ServerError => {
                let status = if self.correlation.next().is_multiple_of(2) {
                    StatusCode::INTERNAL_SERVER_ERROR
                } else {
                    StatusCode::BAD_GATEWAY
                };
                Some(ApiError::new(status, "internal error"))
            }
            FaultKind::TokenExpired => Some(auth::expired(now - 1_000, now)),
            FaultKind::RowLock => Some(ApiError::new(
                StatusCode::LOCKED,
                "The records are locked by another request, try again later",
            )),
            FaultKind::CommitThenTimeout
            | FaultKind::CommitThenReset
            | FaultKind::TruncatedBody
            | FaultKind::HtmlError
            | FaultKind::StaleIndex
            | FaultKind::LateCommit => None,
        }
    }

    fn with_retry_after(&self, mut error: ApiError, bucket: Bucket) -> ApiError {
        if self.portal.knobs.retry_after {
            let seconds = if bucket == Bucket::Search { "1" } else { "10" };
            error.headers.push(("retry-after", seconds.to_owned()));
        }
        error
    }

    fn control(&mut self, control: Result<Control, String>, wall: Timestamp) -> HttpResponse {
        let ok = json!({"ok": true});
        let done = match control {
            Ok(Control::Calls) => return control::json(StatusCode::OK, &self.meter),
            Ok(Control::FaultsMet) => return control::json(StatusCode::OK, &self.faults),
            Ok(Control::Dump { object, lines }) => {
                let dump = self.dump(object.as_deref(), lines, self.now(wall));
                return match dump {
                    Ok(body) => raw_json(body, lines),
                    Err(error) => refuse(&error),
                };
            }
            Ok(Control::Clock(change)) => {
                self.clock.change(change, wall);
                Ok(json!({"now": super::stamp::text(self.now(wall))}))
            }
            Ok(Control::Faults(rules)) => {
                self.faults.replace(rules);
                Ok(ok)
            }
            Ok(Control::Admin(body)) => {
                let now = self.now(wall);
                self.portal.settle(now);
                let result = self.admin(&body, now);
                self.hooks.collect(&mut self.portal, self.auth.app_id);
                result
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(value) => control::json(StatusCode::OK, &value),
            Err(error) => refuse(&error),
        }
    }
}

fn refuse(error: &str) -> HttpResponse {
    control::json(StatusCode::BAD_REQUEST, &json!({"error": error}))
}

fn raw_json(body: Vec<u8>, lines: bool) -> HttpResponse {
    let mut response = http::Response::new(Bytes::from(body));
    let content_type = if lines { "application/x-ndjson" } else { "application/json;charset=UTF-8" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn answer(reply: Reply, correlation_id: &str) -> Outcome {
    Outcome::Answer(reply.into_response(correlation_id))
}

fn html_error() -> Outcome {
    let page = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
    let mut response = http::Response::new(Bytes::from_static(page.as_bytes()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Outcome::Answer(response)
}

/// Scopes of which a call needs one [d25 scopes].
fn scopes(route: &Route) -> Vec<String> {
    let verb = if route.access == Access::Read { "read" } else { "write" };
    let objects = |kind: Kind| format!("crm.objects.{}.{verb}", kind.plural());
    let schemas = |kind: Kind| format!("crm.schemas.{}.{verb}", kind.plural());
    match &route.family {
        Family::Objects(kind) | Family::RecordAssociations(kind, _) => vec![objects(*kind)],
        Family::AssociationsV3(from, _) | Family::AssociationsV4(from, _) => vec![objects(*from)],
        Family::Properties(kind) | Family::Pipelines(kind) if verb == "read" => {
            vec![schemas(*kind), objects(*kind)]
        }
        Family::Properties(kind) | Family::Pipelines(kind) => vec![schemas(*kind)],
        Family::Owners => vec!["crm.objects.owners.read".to_owned()],
        Family::OAuth | Family::Webhooks(_) | Family::Account => Vec::new(),
    }
}
