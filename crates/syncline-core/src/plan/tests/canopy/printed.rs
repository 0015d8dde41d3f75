//! What is printed of the planner's inputs is all that it decides by: read back, it gives the same plan; and nothing of it
//! can be left out unnoticed.

use super::{
    come_to_rest, edit, seed,
    twist::{Twist, twist},
    world::{Edit, World},
};
use crate::{
    mapping::{Binding, Codec, FieldState, Mapping},
    plan::{
        ClockOffset, Context, EntityPlan, Inputs, Neighbourhood, Sides, plan_entity,
        tests::world::{Case, HS, SF, at, option, text},
    },
};
use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_model::{ConnectionName, FieldName, Kind, Observed, Value};

/// An entity and all that a decision about it is given.
#[derive(Debug, Clone)]
pub(super) struct Situation {
    pub(super) mapping: Mapping,
    pub(super) earlier: BTreeMap<u32, BTreeMap<FieldName, u32>>,
    pub(super) clocks: BTreeMap<ConnectionName, ClockOffset>,
    pub(super) now: Timestamp,
    pub(super) hood: Neighbourhood,
}

impl Situation {
    fn with<T>(&self, what: impl FnOnce(&Context<'_>) -> T) -> T {
        let Self { mapping, earlier, clocks, now, .. } = self;
        what(&Context { mapping, sides: &Sides::of(mapping), earlier, clocks, now: *now })
    }

    pub(super) fn plan(&self) -> EntityPlan {
        self.with(|context| plan_entity(context, &self.hood))
    }

    fn printed(&self) -> String {
        serde_json::to_string(&self.with(|context| Inputs::of(context, &self.hood))).unwrap()
    }
}

/// Every entity of a world that people edited, each with things that happen to it.
fn situations(
    seeds: &[(u8, u8, Vec<u8>)],
    edits: &[Edit],
    order: u64,
    twists: &[Twist],
) -> Result<Vec<Situation>, TestCaseError> {
    let mut world = World::new(seeds);
    if order.is_multiple_of(3) {
        come_to_rest(&mut world, order, &[])?;
    }
    edits.iter().for_each(|edit| world.edit(edit));
    let all = world.entities().into_iter().map(|(id, _)| {
        let mut situation = Situation {
            mapping: world.mapping.clone(),
            earlier: BTreeMap::new(),
            clocks: BTreeMap::new(),
            now: at(world.second),
            hood: world.hood(id, &BTreeSet::new()),
        };
        twists.iter().for_each(|it| twist(&mut situation, it));
        situation
    });
    Ok(all.collect())
}

/// What chance seldom brings: a change that is certainly later, values that a field cannot hold as they are.
fn seldom() -> [Situation; 2] {
    let (contact, person) = ("salesforce/Contact/003", "hubspot/contacts/1");
    let exact = ClockOffset { ahead: SignedDuration::ZERO, uncertainty: SignedDuration::from_secs(1) };
    let later = Case::of(Kind::Person)
        .agreed(contact, &[("LastName", text("Lee")), ("Email", text("l@x.org"))])
        .agreed(person, &[("lastname", text("Lee")), ("email", text("l@x.org"))])
        .seen(contact, 10, &[("Title", text("Dr"))])
        .seen(person, 20, &[("jobtitle", Observed::Empty)])
        .seen(person, 30, &[("jobtitle", text("Prof"))]);
    let amount = Observed::Value(Value::Decimal("10.555".parse().unwrap()));
    let tight = Case::of(Kind::Deal)
        .fresh(
            "salesforce/Opportunity/006",
            &[("Name", text("Big")), ("StageName", option("New")), ("Amount", amount)],
        )
        .bindings("name", HS, |binding| limit(binding, |limits| *limits.0 = Some(2)))
        .bindings("amount", HS, |binding| limit(binding, |limits| *limits.1 = Some(2)))
        .bindings("stage", HS, |binding| {
            binding.codec = Codec::Plain;
            limit(binding, |limits| *limits.2 = Some(vec!["s1".into()]));
        });
    [later, tight].map(|Case { mapping, hood, now }| Situation {
        mapping,
        earlier: BTreeMap::new(),
        clocks: [(SF.into(), exact), (HS.into(), exact)].into(),
        now,
        hood,
    })
}

type Limits<'a> = (&'a mut Option<u32>, &'a mut Option<u32>, &'a mut Option<Vec<Arc<str>>>);

fn limit(binding: &mut Binding, set: impl Fn(Limits<'_>)) {
    if let FieldState::Present { max_length, scale, restricted_to, .. } = &mut binding.field_state {
        set((max_length, scale, restricted_to));
    }
}

fn read_back(printed: &str) -> Result<EntityPlan, serde_json::Error> {
    serde_json::from_str::<Inputs>(printed).map(|inputs| inputs.plan())
}

proptest! {
    #[test]
    fn printed_inputs_decide_the_same(
        seeds in proptest::collection::vec(seed(), 1..5),
        edits in proptest::collection::vec(edit(), 0..14),
        order in any::<u64>(),
        twists in proptest::collection::vec(any::<Twist>(), 0..8),
    ) {
        for situation in situations(&seeds, &edits, order, &twists)? {
            let printed = situation.printed();
            prop_assert_eq!(read_back(&printed).unwrap(), situation.plan());
            let again: Inputs = serde_json::from_str(&printed).unwrap();
            prop_assert_eq!(serde_json::to_string(&again).unwrap(), printed, "printed again, it reads alike");
        }
    }
}

/// Members that are objects by name, not structures: an entry is left out as such, whatever its name.
const MAPS: [&str; 16] = [
    "clocks",
    "connections",
    "kinds",
    "objects",
    "create",
    "key_fields",
    "read",
    "write",
    "values",
    "earlier",
    "records_of",
    "names",
    "parked",
    "entries",
    "watches",
    "an entry of earlier",
];

/// What the planner is given and does not look at, which the records carry for others.
const NOT_READ: [&str; 5] = [
    // When the vendor last saw the record change: stamps of single fields count.
    "modified",
    // What a lead became: settled before anything is planned.
    "contact",
    "account",
    "opportunity",
    // Under which key the mapping plants its ids: for those who write.
    "an entry of key_fields",
];

/// Calls `left_out` with every member's name and the document without that member.
fn without_each(document: &Json, left_out: &mut impl FnMut(&str, &dyn Fn() -> String)) {
    fn walk(
        name: &str,
        at: &mut Vec<String>,
        value: &Json,
        root: &Json,
        left_out: &mut impl FnMut(&str, &dyn Fn() -> String),
    ) {
        let members: Vec<(String, String, &Json)> = match value {
            Json::Object(members) => members
                .iter()
                .map(|(key, member)| {
                    let name = if MAPS.contains(&name) { format!("an entry of {name}") } else { key.clone() };
                    let without = || {
                        let mut root = root.clone();
                        let parent = at.iter().fold(&mut root, |value, key| {
                            if value.is_array() {
                                &mut value[key.parse::<usize>().unwrap()]
                            } else {
                                &mut value[key.as_str()]
                            }
                        });
                        parent.as_object_mut().unwrap().remove(key);
                        root.to_string()
                    };
                    left_out(&name, &without);
                    (key.clone(), name, member)
                })
                .collect(),
            Json::Array(elements) => elements
                .iter()
                .enumerate()
                .map(|(position, element)| (position.to_string(), name.to_owned(), element))
                .collect(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Vec::new(),
        };
        for (key, name, member) in members {
            at.push(key);
            walk(&name, at, member, root, left_out);
            at.pop();
        }
    }
    walk("", &mut Vec::new(), document, document, left_out);
}

#[test]
fn no_input_can_be_left_out_unnoticed() {
    let (mut noticed, mut unnoticed) = (BTreeSet::new(), BTreeSet::new());
    let mut look = |situation: &Situation| {
        let plan = situation.plan();
        let document: Json = serde_json::from_str(&situation.printed()).unwrap();
        without_each(&document, &mut |name, without| {
            if noticed.contains(name) || NOT_READ.contains(&name) {
                return;
            }
            let same = read_back(&without()).is_ok_and(|again| again == plan);
            let found = if same { &mut unnoticed } else { &mut noticed };
            found.insert(name.to_owned());
        });
        unnoticed.difference(&noticed).cloned().collect::<Vec<String>>()
    };
    let mut silent = Vec::new();
    seldom().iter().for_each(|situation| silent = look(situation));
    let mut runner = TestRunner::deterministic();
    for order in 0..300 {
        let seeds = proptest::collection::vec(seed(), 1..4).new_tree(&mut runner).unwrap().current();
        let edits = proptest::collection::vec(edit(), 0..14).new_tree(&mut runner).unwrap().current();
        let twists = proptest::collection::vec(any::<Twist>(), 0..8).new_tree(&mut runner).unwrap().current();
        for situation in situations(&seeds, &edits, order, &twists).unwrap() {
            silent = look(&situation);
        }
        if order > 20 && silent.is_empty() {
            break;
        }
    }
    assert!(silent.is_empty(), "left out without anything changing: {silent:?}");
    assert!(noticed.len() > 100, "{noticed:?}");
}
