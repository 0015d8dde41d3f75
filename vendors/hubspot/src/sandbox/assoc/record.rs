//! v4 by record: `/crm/v4/objects/{type}/{id}/associations/…`.

use super::{
    not_itself,
    page::{cursor, opaque},
    rows::batch_answer,
};
use crate::sandbox::{
    HubSpot,
    call::Call,
    edges::End,
    kind::Kind,
    links::Tie,
    wire::{ApiError, Reply},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

impl HubSpot {
    /// `/crm/v4/objects/{type}/{id}/associations/…`
    pub(in crate::sandbox) fn record_associations(
        &mut self,
        from: Kind,
        id: &str,
        call: &Call<'_>,
    ) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        let kind = |segment: &str| Kind::parse(segment).ok_or_else(|| ApiError::unknown_type(segment));
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, [to]) => self.record_ties(self.portal.end(from, id)?, kind(to)?, call),
            (&Method::PUT, ["default", to, to_id]) => {
                let (from, to) = (self.portal.end(from, id)?, self.portal.end(kind(to)?, to_id)?);
                not_itself(from, to)?;
                self.tie_plain(from, to, call);
                Ok(batch_answer(false, self.portal.default_rows(from, to), Vec::new(), call.now()))
            }
            (&Method::PUT, [to, to_id]) => {
                let (from, to) = (self.portal.end(from, id)?, self.portal.end(kind(to)?, to_id)?);
                not_itself(from, to)?;
                let specs = call.body.as_array().map_or(&[][..], Vec::as_slice);
                if specs.is_empty() {
                    return Err(ApiError::validation("At least one association type is required"));
                }
                let types = self.portal.specs(from.0, to.0, specs)?;
                let types = self.portal.associate(from, to, &types, Tie::Replace, &call.act);
                Ok(Reply::json(StatusCode::CREATED, &self.portal.pair_row(from, to, &types)))
            }
            (&Method::DELETE, [to, to_id]) => {
                let to_kind = kind(to)?;
                if let (Ok(from), Ok(to)) = (self.portal.end(from, id), self.portal.end(to_kind, to_id)) {
                    self.portal.dissociate(from, to, &call.act);
                }
                Ok(Reply::empty())
            }
            _ => Err(call.no_such_path()),
        }
    }

    fn record_ties(&self, from: End, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let limit = call.req.query_number("limit")?.unwrap_or(500);
        if limit == 0 || limit > 500 {
            return Err(ApiError::validation(&format!("limit must be between 1 and 500, but was {limit}")));
        }
        let after = cursor(call.req.query("after"))?;
        let (rows, next) = self.portal.ties(from, to, after, usize::try_from(limit).unwrap_or(500));
        let results: Vec<Value> = rows.iter().map(|(slot, types)| self.tie_row(to, *slot, types)).collect();
        let mut body = json!({"results": results});
        if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
            let after = opaque(next);
            let link = format!("{}{}?after={after}", self.base_url, call.req.path);
            body.insert("paging".to_owned(), json!({"next": {"after": after, "link": link}}));
        }
        Ok(Reply::ok(&body))
    }
}
