//! v4 in batches: `/crm/v4/associations/{from}/{to}/…`.

use super::{
    CREATE_INPUTS, READ_INPUTS, id_at, not_itself,
    page::{cursor, opaque},
    rows::{batch_answer, error_row, none_row},
};
use crate::sandbox::{
    HubSpot,
    batch::inputs,
    call::Call,
    edges::TypeId,
    kind::Kind,
    links::Tie,
    wire::{ApiError, Reply, list_at, text_at},
};
use http::Method;
use serde_json::{Value, json};

const ARCHIVE_FROM_IDS: usize = 100;

impl HubSpot {
    /// `/crm/v4/associations/{from}/{to}/…`
    pub(in crate::sandbox) fn associations_v4(
        &mut self,
        from: Kind,
        to: Kind,
        call: &Call<'_>,
    ) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        // Dated paths answer 200 where v4 answers 204 [ENDPOINTS.tsv].
        let gone = if call.route.dated { Reply::ok(&json!({})) } else { Reply::empty() };
        match (&call.req.method, rest.as_slice()) {
            (&Method::POST, ["batch", "read"]) => self.read_v4(from, to, call),
            (&Method::POST, ["batch", "create"]) => self.create_v4(from, to, call),
            (&Method::POST, ["batch", "associate", "default"]) => self.default_v4(from, to, call),
            (&Method::POST, ["batch", "archive"]) => {
                for input in inputs(&call.body, ARCHIVE_FROM_IDS)? {
                    let Ok(from) = self.portal.end(from, &id_at(input, "from")) else { continue };
                    for id in list_at(input, "to").iter().filter_map(|end| text_at(end, "id")) {
                        if let Ok(to) = self.portal.end(to, &id) {
                            self.portal.dissociate(from, to, &call.act);
                        }
                    }
                }
                Ok(gone)
            }
            (&Method::POST, ["batch", "labels", "archive"]) => {
                for input in inputs(&call.body, CREATE_INPUTS)? {
                    let types = self.portal.specs(from, to, list_at(input, "types"))?;
                    let ends = (
                        self.portal.end(from, &id_at(input, "from")),
                        self.portal.end(to, &id_at(input, "to")),
                    );
                    if let (Ok(from), Ok(to)) = ends {
                        self.portal.remove_types(from, to, &types, &call.act);
                    }
                }
                Ok(gone)
            }
            (_, ["labels", ..]) => self.labels(from, to, call),
            _ => Err(call.no_such_path()),
        }
    }

    fn read_v4(&self, from: Kind, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs(&call.body, READ_INPUTS)? {
            let id = text_at(input, "id").unwrap_or_default();
            let after = cursor(text_at(input, "after").as_deref())?;
            let Ok(end) = self.portal.end(from, &id) else {
                errors.push(none_row(from, &id, to));
                continue;
            };
            let (rows, next) = self.portal.ties(end, to, after, self.portal.knobs.association_page);
            if rows.is_empty() {
                errors.push(none_row(from, &id, to));
                continue;
            }
            let rows: Vec<Value> = rows.iter().map(|(slot, types)| self.tie_row(to, *slot, types)).collect();
            let mut result = json!({"from": {"id": id}, "to": rows});
            if let (Some(next), Some(result)) = (next, result.as_object_mut()) {
                let after = opaque(next);
                let link = format!(
                    "{}/crm/v4/objects/{}/{id}/associations/{}?after={after}",
                    self.base_url,
                    from.plural(),
                    to.plural()
                );
                result.insert("paging".to_owned(), json!({"next": {"after": after, "link": link}}));
            }
            results.push(result);
        }
        Ok(batch_answer(false, results, errors, call.now()))
    }

    fn create_v4(&mut self, from: Kind, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let inputs = inputs(&call.body, CREATE_INPUTS)?;
        let all: Result<Vec<Vec<TypeId>>, ApiError> =
            inputs.iter().map(|input| self.portal.specs(from, to, list_at(input, "types"))).collect();
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for (input, types) in inputs.iter().zip(all?) {
            let (from_id, to_id) = (id_at(input, "from"), id_at(input, "to"));
            let ends = self.portal.end(from, &from_id).and_then(|from| {
                let to = self.portal.end(to, &to_id)?;
                not_itself(from, to)?;
                Ok((from, to))
            });
            match ends {
                Ok((from, to)) => {
                    let types = self.portal.associate(from, to, &types, Tie::Add, &call.act);
                    results.push(self.portal.pair_row(from, to, &types));
                }
                Err(error) => errors.push(error_row(error, &from_id, &to_id)),
            }
        }
        Ok(batch_answer(true, results, errors, call.now()))
    }

    fn default_v4(&mut self, from: Kind, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs(&call.body, CREATE_INPUTS)? {
            let (from_id, to_id) = (id_at(input, "from"), id_at(input, "to"));
            match (self.portal.end(from, &from_id), self.portal.end(to, &to_id)) {
                (Ok(from), Ok(to)) => {
                    self.tie_plain(from, to, call);
                    results.extend(self.portal.default_rows(from, to));
                }
                (Err(error), _) | (_, Err(error)) => errors.push(error_row(error, &from_id, &to_id)),
            }
        }
        Ok(batch_answer(false, results, errors, call.now()))
    }
}
