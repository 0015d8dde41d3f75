//! `explain`: what a record is, what each of its fields came from, what waits and why (HUB-5). Nothing is stored per
//! decision: the planner decides the entity once more from stored state, and its own derivation is what is shown. What it
//! decides by is shown too, so that [`again`] can decide it anywhere else.

use crate::{ctx::Ctx, error::Error, hoods::Surroundings, planning::plan_one};
use serde::{Deserialize, Serialize};
use syncline_core::plan::{Derivation, Inputs};
use syncline_model::{
    Action, EntityId, Evidence, Kind, LinkState, RecordRef, RecordState, Version,
    plan::{Finding, Held},
};
use syncline_store::DirtyKey;

/// Everything there is to say of one record.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// Name and version of the program.
    pub tool: String,
    /// Digest of the configuration.
    pub config_sha256: std::sync::Arc<str>,
    /// The record asked for.
    pub record: RecordRef,
    /// Whether and how it is stored.
    pub stored: Option<Stored>,
    /// What it is, by facet.
    pub entities: Vec<EntityExplained>,
}

/// A stored record.
#[derive(Debug, Clone, Serialize)]
pub struct Stored {
    /// Its version when last read.
    pub version: Option<Version>,
    /// When the vendor says it last changed.
    pub modified: Option<jiff::Timestamp>,
    /// What has become of it.
    pub state: RecordState,
    /// Whether it waits to be identified.
    pub unidentified: bool,
}

/// One entity that the record is, or is part of.
#[derive(Debug, Clone, Serialize)]
pub struct EntityExplained {
    /// Its id.
    pub entity: EntityId,
    /// Its kind.
    pub kind: Kind,
    /// All its records, and why they are it.
    pub links: Vec<LinkExplained>,
    /// How each attribute and edge stands and is decided.
    pub derivations: Vec<Derivation>,
    /// What would be written now, in words and as data.
    pub operations: Vec<PlannedExplained>,
    /// What waits.
    pub held: Vec<HeldExplained>,
    /// What there is to know.
    pub findings: Vec<FindingExplained>,
    /// One word and code for the whole: why it is, or is not, in step.
    pub status: Status,
    /// All that this was decided by.
    pub inputs: Inputs,
}

/// One link.
#[derive(Debug, Clone, Serialize)]
pub struct LinkExplained {
    /// The record.
    pub record: RecordRef,
    /// Where the link stands.
    pub state: LinkState,
    /// Why it was made.
    pub evidence: Evidence,
    /// Whether the sides have agreed on values yet.
    pub agreed: bool,
}

/// An operation that is due.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedExplained {
    /// Where.
    pub connection: syncline_model::ConnectionName,
    /// What.
    #[serde(flatten)]
    pub action: Action,
}

/// A held item with its code.
#[derive(Debug, Clone, Serialize)]
pub struct HeldExplained {
    /// `SYN-nnnn`.
    pub code: &'static str,
    /// In words.
    pub text: String,
    /// The item.
    #[serde(flatten)]
    pub held: Held,
}

/// A finding with its code.
#[derive(Debug, Clone, Serialize)]
pub struct FindingExplained {
    /// `SYN-nnnn`.
    pub code: &'static str,
    /// In words.
    pub text: String,
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The one primary reason (peers §6.5, P5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `in_step`, `to_write`, `alone`, or the name of the first thing that waits.
    pub name: String,
    /// The code of what waits, if something does.
    pub code: Option<&'static str>,
}

/// Explains a record from what is stored; calls no vendor.
///
/// # Errors
/// [`Error::Store`].
pub async fn explain(ctx: &Ctx, record: &RecordRef) -> Result<Explanation, Error> {
    let stored = ctx.store.records(std::slice::from_ref(record)).await?.pop();
    let (snapshot, links) = stored.map(|stored| (stored.snapshot, stored.links)).unwrap_or_default();
    let unidentified = links.is_empty() && snapshot.is_some() && is_waiting(ctx, record).await?;
    let mut surroundings = Surroundings::load(ctx).await?;
    let mut entities = Vec::new();
    for link in &links {
        entities.push(entity(ctx, &mut surroundings, link.facet, link.entity).await?);
    }
    Ok(Explanation {
        tool: crate::plan_file::tool(),
        config_sha256: ctx.workspace.config_sha256.clone(),
        record: record.clone(),
        stored: snapshot.map(|snapshot| Stored {
            version: snapshot.version,
            modified: snapshot.modified,
            state: snapshot.state,
            unidentified,
        }),
        entities,
    })
}

async fn is_waiting(ctx: &Ctx, record: &RecordRef) -> Result<bool, Error> {
    let work = ctx.store.dirty(None, 1_000).await?;
    Ok(work.iter().any(|dirty| matches!(&dirty.key, DirtyKey::Record(_, waiting) if waiting == record)))
}

async fn entity(
    ctx: &Ctx,
    surroundings: &mut Surroundings,
    kind: Kind,
    entity: EntityId,
) -> Result<EntityExplained, Error> {
    let hood = surroundings.of(ctx, kind, &[entity]).await?.pop();
    let Some(mut hood) = hood else { return Err(Error::Internal(format!("entity {entity} has no links"))) };
    // What waits since earlier keeps its time limit.
    plan_one(ctx, surroundings, &mut hood).await?;
    Ok(EntityExplained::of(Inputs::of(&surroundings.context(ctx), &hood)))
}

impl EntityExplained {
    /// Decides, and says how and why. The same inputs give the same explanation.
    pub fn of(inputs: Inputs) -> Self {
        let plan = inputs.plan();
        let hood = &inputs.neighbourhood;
        let held: Vec<HeldExplained> = plan
            .held
            .into_iter()
            .map(|(held, _)| HeldExplained { code: held.reason.code(), text: held.reason.to_string(), held })
            .collect();
        let of_kind = hood.links.iter().filter(|link| link.facet == hood.kind);
        let active = of_kind.filter(|link| link.state.is_active()).count();
        let status = match (plan.operations.is_empty(), held.first(), active) {
            (false, ..) => Status { name: "to_write".to_owned(), code: None },
            (true, Some(first), _) => {
                Status { name: first.held.reason.name().to_owned(), code: Some(first.code) }
            }
            (true, None, 0 | 1) => Status { name: "alone".to_owned(), code: None },
            (true, None, _) => Status { name: "in_step".to_owned(), code: None },
        };
        let links = hood.links.iter().map(|link| LinkExplained {
            record: link.record.clone(),
            state: link.state.clone(),
            evidence: link.evidence.clone(),
            agreed: link.base.is_some(),
        });
        let operations = plan.operations.into_iter();
        let findings = plan.findings.into_iter();
        Self {
            entity: hood.entity,
            kind: hood.kind,
            links: links.collect(),
            derivations: plan.derivations,
            operations: operations
                .map(|draft| PlannedExplained { connection: draft.connection, action: draft.action })
                .collect(),
            held,
            findings: findings
                .map(|finding| FindingExplained {
                    code: finding.what.code(),
                    text: finding.what.to_string(),
                    finding,
                })
                .collect(),
            status,
            inputs,
        }
    }
}

/// An explanation decided once more, from nothing but what was printed of it.
#[derive(Debug, Clone, Serialize)]
pub struct Again {
    /// The program that printed it.
    pub tool: String,
    /// What this program decides by the same inputs.
    pub entities: Vec<EntityExplained>,
    /// Those about which the explanation says something else.
    pub differ: Vec<EntityId>,
}

#[derive(Deserialize)]
struct Printed {
    tool: String,
    entities: Vec<serde_json::Value>,
}

/// Reads an [`Explanation`] as it is printed in JSON, and decides each of its entities once more.
///
/// # Errors
/// Why the text is none, or none of this program's.
pub fn again(text: &str) -> Result<Again, serde_json::Error> {
    let printed: Printed = serde_json::from_str(text)?;
    let mut again = Again { tool: printed.tool, entities: Vec::new(), differ: Vec::new() };
    for said in printed.entities {
        let inputs = Inputs::deserialize(said.get("inputs").unwrap_or(&serde_json::Value::Null))?;
        let decided = EntityExplained::of(inputs);
        if serde_json::to_value(&decided)? != said {
            again.differ.push(decided.entity);
        }
        again.entities.push(decided);
    }
    Ok(again)
}
