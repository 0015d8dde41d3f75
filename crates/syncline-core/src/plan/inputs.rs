//! What the planner was given about one entity, as data that can be printed, read back and planned again.

use super::{ClockOffset, Context, EntityPlan, Neighbourhood, Sides, plan_entity};
use crate::mapping::Mapping;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use syncline_model::{ConnectionName, FieldName};

/// Everything that the decisions about one entity hang on. [`Inputs::plan`] gives the same plan wherever it is called: no
/// store, no vendor and no configuration is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The time of the decision.
    pub now: Timestamp,
    /// The connections' clocks, as far as they were measured.
    pub clocks: BTreeMap<ConnectionName, ClockOffset>,
    /// The mapping in force, without the kinds that this entity is not.
    pub mapping: Mapping,
    /// The mappings that its bases were agreed under, where those were others: field → binding digest, by side digest.
    pub earlier: BTreeMap<u32, BTreeMap<FieldName, u32>>,
    /// The entity, its records and where its relations lead.
    pub neighbourhood: Neighbourhood,
}

impl Inputs {
    /// What [`plan_entity`] looks at, out of what it is given.
    pub fn of(context: &Context<'_>, hood: &Neighbourhood) -> Self {
        let Context { mapping, sides: _, earlier, clocks, now } = *context;
        let Mapping { model, connections, kinds, guard } = mapping;
        let own = kinds.get(&hood.kind).map(|own| (hood.kind, own.clone()));
        let under = hood.links.iter().filter_map(|link| link.base.as_ref()).map(|base| base.mapping);
        Self {
            now,
            clocks: clocks.clone(),
            mapping: Mapping {
                model: *model,
                connections: connections.clone(),
                kinds: own.into_iter().collect(),
                guard: guard.clone(),
            },
            earlier: under.filter_map(|digest| Some((digest, earlier.get(&digest)?.clone()))).collect(),
            neighbourhood: hood.clone(),
        }
    }

    /// Decides once more.
    pub fn plan(&self) -> EntityPlan {
        let Self { now, clocks, mapping, earlier, neighbourhood } = self;
        let context = Context { mapping, sides: &Sides::of(mapping), earlier, clocks, now: *now };
        plan_entity(&context, neighbourhood)
    }
}
