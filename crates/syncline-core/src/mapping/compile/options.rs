//! How one side's options become the attribute's values and back.
//!
//! Options of all sides fall into classes of equal meaning: first by the declared stage pairs, then by label. A class has
//! one attribute value, the label on the tie side. A side reads all its options of a class as that value and writes the
//! first declared one, else the active one of the first pipeline. A class that only one side knows is in no map, so its
//! values are held as unmapped instead of being guessed.

use super::Compiler;
use crate::{
    config::{BindingConfig, FieldConfig, MapMode, Problem, StagePair, StageSide, problem::codes},
    mapping::{AttributeType, Codec, Companion, Rule},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_model::{ConnectionName, FieldName, FieldSchema, FieldType, Value, schema::OptionSchema};

/// The field that holds what a stage's `within` says.
const PIPELINE: &str = "pipeline";

/// One binding's translation.
pub(super) struct Translation {
    pub(super) codec: Codec,
    pub(super) companion: Option<Companion>,
}

/// Translations of a field's bindings, in their order.
pub(super) fn translate(
    compiler: &mut Compiler<'_>,
    field: &FieldConfig,
    stage_map: &[StagePair],
) -> Vec<Translation> {
    let sides: Vec<Side<'_>> = field.bindings.iter().map(|binding| Side::new(compiler, binding)).collect();
    let mut warnings = Vec::new();
    let mut classes = Classes::default();
    if matches!(field.value_type, AttributeType::Option | AttributeType::Options) {
        for pair in stage_map {
            classes.declare(pair, &sides, &mut warnings);
        }
        let order = reference_first(field, &sides);
        for side in order {
            classes.add(side, &sides);
        }
    }
    let translations = sides
        .iter()
        .enumerate()
        .map(|(number, side)| Translation {
            codec: classes.codec(number, side, &sides, field, &mut warnings),
            companion: side.companion(),
        })
        .collect();
    compiler.warnings.extend(warnings);
    translations
}

/// Numbers of the sides, the one whose labels name the classes first.
fn reference_first(field: &FieldConfig, sides: &[Side<'_>]) -> Vec<usize> {
    let reference: Option<&ConnectionName> = match &field.rule {
        Rule::Always(side) | Rule::Prefer(side) => Some(side),
        Rule::TwoWay | Rule::Union | Rule::MostRestrictive | Rule::Manual | Rule::Off => field.tie.as_ref(),
    };
    let mut order: Vec<usize> = (0..sides.len()).collect();
    order.sort_by_key(|number| reference != Some(&sides[*number].binding.connection));
    order
}

/// A binding with what its live schema offers.
struct Side<'a> {
    binding: &'a BindingConfig,
    schema: Option<&'a FieldSchema>,
    pipeline: Option<&'a FieldSchema>,
    /// What it can hold, as this module sees it.
    offers: Vec<Offer>,
    /// A text field, or one whose values are the attribute's, takes every class by its name.
    takes_all: bool,
}

#[derive(Clone)]
struct Offer {
    value: Arc<str>,
    label: Arc<str>,
    within: Option<Arc<str>>,
    writable: bool,
}

impl From<&OptionSchema> for Offer {
    fn from(option: &OptionSchema) -> Self {
        Self {
            value: option.value.clone(),
            label: option.label.clone(),
            within: option.within.clone(),
            writable: option.active,
        }
    }
}

impl<'a> Side<'a> {
    fn new(compiler: &Compiler<'a>, binding: &'a BindingConfig) -> Self {
        let object =
            compiler.schemas.get(&binding.connection).and_then(|objects| objects.get(&binding.object));
        let schema = object.and_then(|object| object.fields.get(&binding.field));
        let pipeline = object.and_then(|object| object.fields.get(PIPELINE));
        let options = schema.map(|schema| schema.options.as_slice()).unwrap_or_default();
        let offers: Vec<Offer> = match &binding.map {
            MapMode::Value => Vec::new(),
            MapMode::Label => options.iter().map(Offer::from).collect(),
            MapMode::Table(pairs) => {
                pairs.iter().map(|(side, label)| declared(side, label, options)).collect()
            }
        };
        let takes_all = match binding.map {
            MapMode::Value => true,
            MapMode::Label => schema.is_some_and(|schema| schema.field_type == FieldType::Text),
            MapMode::Table(_) => false,
        };
        Self { binding, schema, pipeline, offers, takes_all }
    }

    /// The option that a stage pair means.
    fn stage(&self, wanted: &StageSide) -> Option<usize> {
        self.offers.iter().position(|offer| {
            let named = *offer.value == *wanted.stage || same(&offer.label) == same(&wanted.stage);
            let within = match (&wanted.within, &offer.within) {
                (Some(wanted), Some(within)) => {
                    **within == **wanted || self.pipeline_label(within) == Some(same(wanted))
                }
                (None, _) | (_, None) => true,
            };
            named && within
        })
    }

    fn pipeline_label(&self, value: &str) -> Option<String> {
        let options = &self.pipeline?.options;
        options.iter().find(|option| *option.value == *value).map(|option| same(&option.label))
    }

    /// The pipeline that wins where several have a stage with the same label.
    fn first_pipeline(&self) -> Option<&Arc<str>> {
        let within = |offer: &'_ Offer| offer.within.as_deref() == Some("default");
        let standard = self.offers.iter().find(|offer| within(offer));
        standard.or(self.offers.first()).and_then(|offer| offer.within.as_ref())
    }

    fn companion(&self) -> Option<Companion> {
        let pipeline = self.pipeline?;
        let is_option = pipeline.field_type == FieldType::Option;
        let value = |within: &Arc<str>| {
            if is_option { Value::Option(within.clone()) } else { Value::Text(within.clone()) }
        };
        let options = &self.schema?.options;
        let pair = |option: &OptionSchema| Some((option.value.clone(), value(option.within.as_ref()?)));
        let values: BTreeMap<Arc<str>, Value> = options.iter().filter_map(pair).collect();
        (!values.is_empty()).then(|| Companion { field: FieldName::new(PIPELINE), values })
    }
}

fn declared(side: &Arc<str>, label: &Arc<str>, options: &[OptionSchema]) -> Offer {
    let option = options.iter().find(|option| option.value == *side);
    Offer {
        value: side.clone(),
        label: label.clone(),
        within: option.and_then(|option| option.within.clone()),
        writable: option.is_none_or(|option| option.active),
    }
}

/// Labels that people would call the same.
fn same(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Classes of options with one meaning.
#[derive(Default)]
struct Classes {
    /// The attribute value; `None`: joined to another class.
    names: Vec<Option<Arc<str>>>,
    /// (side, offer) → class.
    of: BTreeMap<(usize, usize), usize>,
    /// Label → class.
    by_label: BTreeMap<String, usize>,
    /// (side, class) → the declared offer to write.
    write: BTreeMap<(usize, usize), usize>,
}

impl Classes {
    /// Takes a declared pair of stages. Pairs that share a stage are one class (n:1 maps).
    fn declare(&mut self, pair: &StagePair, sides: &[Side<'_>], warnings: &mut Vec<Problem>) {
        let mut members = Vec::new();
        for (connection, wanted) in &pair.sides {
            for (number, side) in
                sides.iter().enumerate().filter(|(_, side)| side.binding.connection == *connection)
            {
                match side.stage(wanted) {
                    Some(offer) => members.push((number, offer)),
                    None if side.schema.is_some() => warnings.push(no_stage(connection, wanted)),
                    None => {}
                }
            }
        }
        if members.len() < 2 {
            return;
        }
        let joined: BTreeSet<usize> =
            members.iter().filter_map(|member| self.of.get(member)).copied().collect();
        let class = joined.first().copied().unwrap_or_else(|| {
            self.names.push(None);
            self.names.len() - 1
        });
        for value in self.of.values_mut().filter(|value| joined.contains(*value)) {
            *value = class;
        }
        for (side, offer) in members {
            self.of.insert((side, offer), class);
            self.write.entry((side, class)).or_insert(offer);
        }
    }

    /// Adds a side's other options by label, and names classes that have no name yet.
    fn add(&mut self, number: usize, sides: &[Side<'_>]) {
        let offers = &sides[number].offers;
        // Declared ones first: they give their label to their class.
        for (offer, option) in offers.iter().enumerate() {
            let Some(class) = self.of.get(&(number, offer)).copied() else { continue };
            self.by_label.entry(same(&option.label)).or_insert(class);
            self.names[class].get_or_insert_with(|| option.label.clone());
        }
        for (offer, option) in offers.iter().enumerate() {
            if self.of.contains_key(&(number, offer)) {
                continue;
            }
            let class = *self.by_label.entry(same(&option.label)).or_insert_with(|| {
                self.names.push(Some(option.label.clone()));
                self.names.len() - 1
            });
            self.of.insert((number, offer), class);
        }
    }

    fn codec(
        &self,
        number: usize,
        side: &Side<'_>,
        sides: &[Side<'_>],
        field: &FieldConfig,
        warnings: &mut Vec<Problem>,
    ) -> Codec {
        if side.takes_all {
            return Codec::Plain;
        }
        let (mut read, mut write) = (BTreeMap::new(), BTreeMap::new());
        let mut several = Vec::new();
        for (offer, option) in side.offers.iter().enumerate() {
            let Some(class) =
                self.of.get(&(number, offer)).copied().filter(|class| self.shared(*class, sides))
            else {
                continue;
            };
            let Some(name) = &self.names[class] else { continue };
            read.insert(option.value.clone(), name.clone());
            if write.contains_key(name) {
                continue;
            }
            if let Some((chosen, guessed)) = self.chosen(number, class, side) {
                write.insert(name.clone(), chosen.value.clone());
                several.extend(guessed.then(|| option.label.as_ref()));
            }
        }
        if !several.is_empty() {
            warnings.push(several_pipelines(side, &several));
        }
        if read.is_empty() && side.schema.is_some() {
            warnings.push(Problem::warning(
                codes::NO_MAP,
                &side.binding.at,
                format!(
                    "no option of {}'s {}.{} has a counterpart, so no value of `{}` crosses",
                    side.binding.connection, side.binding.object, side.binding.field, field.name
                ),
                "give the options equal labels on both sides, or declare a `map`",
            ));
        }
        Codec::Map { read, write }
    }

    /// Whether more than one connection knows the class.
    fn shared(&self, class: usize, sides: &[Side<'_>]) -> bool {
        let mut connections: BTreeSet<&ConnectionName> =
            sides.iter().filter(|side| side.takes_all).map(|side| &side.binding.connection).collect();
        let members = self.of.iter().filter(|(_, value)| **value == class);
        connections.extend(members.map(|((side, _), _)| &sides[*side].binding.connection));
        connections.len() > 1
    }

    /// The option to write for a class, and whether pipelines had to be chosen between.
    fn chosen<'s>(&self, number: usize, class: usize, side: &'s Side<'_>) -> Option<(&'s Offer, bool)> {
        if let Some(declared) = self.write.get(&(number, class)) {
            return side.offers.get(*declared).map(|offer| (offer, false));
        }
        let member = |(offer, _): &(usize, &Offer)| self.of.get(&(number, *offer)) == Some(&class);
        let candidates: Vec<&Offer> =
            side.offers.iter().enumerate().filter(member).map(|(_, o)| o).filter(|o| o.writable).collect();
        let first = side.first_pipeline();
        let chosen = candidates.iter().find(|offer| offer.within.as_ref() == first).or(candidates.first())?;
        let pipelines: BTreeSet<_> = candidates.iter().filter_map(|offer| offer.within.as_ref()).collect();
        Some((chosen, pipelines.len() > 1))
    }
}

fn no_stage(connection: &ConnectionName, wanted: &StageSide) -> Problem {
    let within = wanted.within.as_ref().map_or_else(String::new, |within| format!(" in `{within}`"));
    Problem::warning(
        codes::NO_STAGE,
        &wanted.at,
        format!(
            "{connection} has no stage `{}`{within}; deals in its counterpart keep their stage",
            wanted.stage
        ),
        "correct the name, or take the pair out of `stage_map`",
    )
}

fn several_pipelines(side: &Side<'_>, labels: &[&str]) -> Problem {
    let first = side.first_pipeline().map_or("", |first| first);
    Problem::warning(
        codes::SEVERAL_PIPELINES,
        &side.binding.at,
        format!(
            "several pipelines of {} have the stages {}; they are written in the pipeline `{first}`",
            side.binding.connection,
            labels.join(", ")
        ),
        "declare the pairs that should be written elsewhere in `[[kind.deal.stage_map]]`",
    )
}
