//! `/crm/v3/pipelines/{type}`: pipelines and stages of deals.

use super::HubSpot;
use super::call::Call;
use super::kind::Kind;
use super::people::{Pipeline, Stage};
use super::stamp;
use super::wire::{ApiError, Reply, flag_at, list_at, text_at};
use http::{Method, StatusCode};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Stages of a deal pipeline [docs pipelines limits].
const STAGES: usize = 100;

fn stage_shown(stage: &Stage) -> Value {
    json!({
        "id": stage.id,
        "label": stage.label,
        "displayOrder": stage.display_order,
        "metadata": stage.metadata,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        "archived": false,
        "createdAt": stamp::text(stage.created_at),
        "updatedAt": stamp::text(stage.updated_at),
    })
}

fn pipeline_shown(pipeline: &Pipeline) -> Value {
    let mut stages: Vec<&Stage> = pipeline.stages.iter().collect();
    stages.sort_by_key(|stage| stage.display_order);
    let stages: Vec<Value> = stages.into_iter().map(stage_shown).collect();
    json!({
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": pipeline.display_order,
        "stages": stages,
        "archived": false,
        "createdAt": stamp::text(pipeline.created_at),
        "updatedAt": stamp::text(pipeline.updated_at),
    })
}

fn order(body: &Value) -> Option<i64> {
    text_at(body, "displayOrder").and_then(|text| text.parse().ok())
}

/// `probability` is needed for deal stages; `isClosed` follows from it.
fn metadata(
    body: &Value,
    old: Option<&BTreeMap<String, String>>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut all = old.cloned().unwrap_or_default();
    if let Some(given) = body.get("metadata").and_then(Value::as_object) {
        all.extend(given.iter().filter_map(|(name, value)| Some((name.clone(), super::wire::text(value)?))));
    }
    let probability = all.get("probability").and_then(|text| text.parse::<Decimal>().ok());
    let Some(probability) = probability.filter(|value| *value >= Decimal::ZERO && *value <= Decimal::ONE)
    else {
        return Err(ApiError::validation(
            "Deal stages need a probability between 0.0 and 1.0 in their metadata",
        ));
    };
    let closed = probability.is_zero() || probability == Decimal::ONE;
    all.insert("isClosed".to_owned(), closed.to_string());
    Ok(all)
}

impl HubSpot {
    fn new_id(&mut self) -> String {
        (self.portal.random.next() % 900_000_000 + 100_000_000).to_string()
    }

    fn new_stage(&mut self, body: &Value, at: i64) -> Result<Stage, ApiError> {
        let label = text_at(body, "label").ok_or_else(|| ApiError::validation("A stage needs a label"))?;
        let metadata = metadata(body, None)?;
        let id = match text_at(body, "stageId").filter(|id| !id.is_empty()) {
            Some(id) => id,
            None => self.new_id(),
        };
        if self.portal.pipelines.iter().any(|pipeline| pipeline.stage(&id).is_some()) {
            return Err(ApiError::validation(&format!("Stage id {id} is in use")));
        }
        Ok(Stage {
            id,
            label,
            display_order: order(body).unwrap_or(0),
            metadata,
            created_at: at,
            updated_at: at,
        })
    }

    fn new_stages(&mut self, body: &Value, at: i64) -> Result<Vec<Stage>, ApiError> {
        let mut stages: Vec<Stage> = Vec::new();
        for stage in list_at(body, "stages") {
            let stage = self.new_stage(stage, at)?;
            if stages.iter().any(|known| known.label == stage.label || known.id == stage.id) {
                return Err(ApiError::validation(&format!("Stage label {} is used twice", stage.label)));
            }
            stages.push(stage);
        }
        if stages.is_empty() || stages.len() > STAGES {
            return Err(ApiError::validation(&format!("A pipeline needs 1 to {STAGES} stages")));
        }
        Ok(stages)
    }

    /// How many live deals stand in a pipeline (and stage).
    fn deals_in(&self, pipeline: &str, stage: Option<&str>) -> usize {
        let table = self.portal.table(Kind::Deals);
        let prop = |name: &str| table.registry.any(name);
        let (Some(pipeline_prop), Some(stage_prop)) = (prop("pipeline"), prop("dealstage")) else { return 0 };
        let Some(pipeline) = self.portal.pool.find(pipeline) else { return 0 };
        let stage = stage.map(|stage| self.portal.pool.find(stage));
        table
            .slots_from(0)
            .filter(|slot| table.is_live(*slot))
            .filter_map(|slot| table.row(slot))
            .filter(|row| row.value(pipeline_prop) == Some(pipeline))
            .filter(|row| stage.is_none_or(|stage| stage.is_some() && row.value(stage_prop) == stage))
            .count()
    }

    /// Calls on pipelines.
    pub(super) fn pipelines(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        if kind != Kind::Deals {
            // Contacts and companies have no pipelines of their own here.
            return match (&call.req.method, rest.as_slice()) {
                (&Method::GET, []) => Ok(Reply::ok(&json!({"results": []}))),
                _ => Err(ApiError::not_found()),
            };
        }
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, []) => {
                let mut all: Vec<&Pipeline> = self.portal.pipelines.iter().collect();
                all.sort_by_key(|pipeline| pipeline.display_order);
                let all: Vec<Value> = all.into_iter().map(pipeline_shown).collect();
                Ok(Reply::ok(&json!({"results": all})))
            }
            (&Method::POST, []) => self.create_pipeline(call),
            (&Method::GET, [id]) => {
                let pipeline = self.portal.pipeline(id).ok_or_else(ApiError::not_found)?;
                Ok(Reply::ok(&pipeline_shown(pipeline)))
            }
            (&Method::PUT | &Method::PATCH, [id]) => self.change_pipeline(id, call),
            (&Method::DELETE, [id]) => self.delete_pipeline(id, call),
            (&Method::GET, [id, "audit"]) => {
                let pipeline = self.portal.pipeline(id).ok_or_else(ApiError::not_found)?;
                Ok(Reply::ok(&self.audit(&pipeline.id, pipeline.created_at)))
            }
            (&Method::GET, [id, "stages", stage, "audit"]) => {
                let pipeline = self.portal.pipeline(id).ok_or_else(ApiError::not_found)?;
                let stage = pipeline.stage(stage).ok_or_else(ApiError::not_found)?;
                Ok(Reply::ok(&self.audit(&stage.id, stage.created_at)))
            }
            (_, [id, "stages", rest @ ..]) => self.stages(id, rest, call),
            _ => Err(call.no_such_path()),
        }
    }

    fn audit(&self, identifier: &str, at: i64) -> Value {
        json!({"results": [{"portalId": self.portal.id, "identifier": identifier, "action": "CREATE",
                            "timestamp": stamp::text(at)}]})
    }

    fn create_pipeline(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let label =
            text_at(&call.body, "label").ok_or_else(|| ApiError::validation("A pipeline needs a label"))?;
        if self.portal.pipelines.iter().any(|known| known.label == label) {
            return Err(ApiError::validation(&format!("A pipeline with the label {label} exists already")));
        }
        let at = call.now();
        let stages = self.new_stages(&call.body, at)?;
        let id = match text_at(&call.body, "pipelineId").filter(|id| !id.is_empty()) {
            Some(id) => id,
            None => self.new_id(),
        };
        if self.portal.pipeline(&id).is_some() {
            return Err(ApiError::validation(&format!("Pipeline id {id} is in use")));
        }
        let display_order = order(&call.body).unwrap_or(0);
        let pipeline = Pipeline { id, label, display_order, stages, created_at: at, updated_at: at };
        let shown = pipeline_shown(&pipeline);
        self.portal.pipelines.push(pipeline);
        self.portal.written += 1;
        Ok(Reply::json(StatusCode::CREATED, &shown))
    }

    fn change_pipeline(&mut self, id: &str, call: &Call<'_>) -> Result<Reply, ApiError> {
        let at = call.now();
        if self.portal.pipeline(id).is_none() {
            return Err(ApiError::not_found());
        }
        if call.req.method == Method::PUT {
            let kept: Vec<String> =
                list_at(&call.body, "stages").iter().filter_map(|stage| text_at(stage, "stageId")).collect();
            let known: Vec<String> = self
                .portal
                .pipeline(id)
                .map_or_else(Vec::new, |one| one.stages.iter().map(|s| s.id.clone()).collect());
            for stage in known.iter().filter(|stage| !kept.contains(stage)) {
                if self.deals_in(id, Some(stage)) > 0 {
                    return Err(in_use(stage));
                }
            }
            let old = self.portal.pipelines.iter_mut().find(|one| one.id == id);
            let old = old.map(|one| std::mem::take(&mut one.stages)).unwrap_or_default();
            let stages = self.new_stages(&call.body, at);
            let pipeline = self.portal.pipelines.iter_mut().find(|one| one.id == id);
            let Some(pipeline) = pipeline else { return Err(ApiError::not_found()) };
            match stages {
                Ok(stages) => pipeline.stages = stages,
                Err(error) => {
                    pipeline.stages = old;
                    return Err(error);
                }
            }
        }
        let Some(pipeline) = self.portal.pipelines.iter_mut().find(|one| one.id == id) else {
            return Err(ApiError::not_found());
        };
        if let Some(label) = text_at(&call.body, "label") {
            pipeline.label = label;
        }
        pipeline.display_order = order(&call.body).unwrap_or(pipeline.display_order);
        pipeline.updated_at = at;
        let shown = pipeline_shown(pipeline);
        self.portal.written += 1;
        Ok(Reply::ok(&shown))
    }

    fn delete_pipeline(&mut self, id: &str, call: &Call<'_>) -> Result<Reply, ApiError> {
        if self.portal.pipeline(id).is_none() {
            return Err(ApiError::not_found());
        }
        let checked = call.req.query_flag("validateReferencesBeforeDelete")
            || call.req.query_flag("validateDealStageUsagesBeforeDelete");
        if checked && self.deals_in(id, None) > 0 {
            return Err(in_use(id));
        }
        if self.portal.pipelines.len() == 1 {
            return Err(ApiError::validation("The last pipeline cannot be deleted"));
        }
        self.portal.pipelines.retain(|pipeline| pipeline.id != id);
        self.portal.written += 1;
        Ok(Reply::empty())
    }

    fn stages(&mut self, id: &str, rest: &[&str], call: &Call<'_>) -> Result<Reply, ApiError> {
        let at = call.now();
        let place = self.portal.pipelines.iter().position(|pipeline| pipeline.id == id);
        let place = place.ok_or_else(ApiError::not_found)?;
        let found = |hubspot: &Self, stage: &str| {
            let pipeline = hubspot.portal.pipelines.get(place)?;
            pipeline.stages.iter().position(|known| known.id == stage)
        };
        match (&call.req.method, rest) {
            (&Method::GET, []) => {
                let stages = self.portal.pipelines.get(place).map_or(&[][..], |pipeline| &pipeline.stages);
                let stages: Vec<Value> = stages.iter().map(stage_shown).collect();
                Ok(Reply::ok(&json!({"results": stages})))
            }
            (&Method::POST, []) => {
                let stage = self.new_stage(&call.body, at)?;
                let shown = stage_shown(&stage);
                let Some(pipeline) = self.portal.pipelines.get_mut(place) else {
                    return Err(ApiError::not_found());
                };
                if pipeline.stages.iter().any(|known| known.label == stage.label) {
                    return Err(ApiError::validation(&format!("Stage label {} is used twice", stage.label)));
                }
                if pipeline.stages.len() >= STAGES {
                    return Err(ApiError::validation(&format!("A pipeline needs 1 to {STAGES} stages")));
                }
                pipeline.stages.push(stage);
                self.portal.written += 1;
                Ok(Reply::json(StatusCode::CREATED, &shown))
            }
            (method, [stage]) => {
                let at_stage = found(self, stage).ok_or_else(ApiError::not_found)?;
                if method == Method::DELETE || (method == Method::PATCH && flag_at(&call.body, "archived")) {
                    if self.deals_in(id, Some(stage)) > 0 {
                        return Err(in_use(stage));
                    }
                    let Some(pipeline) = self.portal.pipelines.get_mut(place) else {
                        return Err(ApiError::not_found());
                    };
                    pipeline.stages.remove(at_stage);
                    self.portal.written += 1;
                    return Ok(Reply::empty());
                }
                let known = self.portal.pipelines.get_mut(place).and_then(|one| one.stages.get_mut(at_stage));
                let Some(known) = known else { return Err(ApiError::not_found()) };
                if method == Method::PUT || method == Method::PATCH {
                    let old = (method == Method::PATCH).then_some(&known.metadata);
                    known.metadata = metadata(&call.body, old)?;
                    if let Some(label) = text_at(&call.body, "label") {
                        known.label = label;
                    }
                    known.display_order = order(&call.body).unwrap_or(known.display_order);
                    known.updated_at = at;
                    self.portal.written += 1;
                } else if method != Method::GET {
                    return Err(call.no_such_path());
                }
                Ok(Reply::ok(&stage_shown(known)))
            }
            _ => Err(call.no_such_path()),
        }
    }
}

fn in_use(stage: &str) -> ApiError {
    ApiError::validation(&format!("Stage {stage} is in use by at least one record"))
        .with("subCategory", json!("PipelineError.STAGE_ID_IN_USE"))
        .with("context", json!({"stageId": [stage]}))
}
