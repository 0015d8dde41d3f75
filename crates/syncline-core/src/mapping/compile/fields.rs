//! Attributes: does each bound field exist, and can it hold the attribute's type?

use super::{Compiler, digest, options};
use crate::{
    config::{
        BindingConfig, FieldConfig, KindConfig, MapMode, Problem, StagePair,
        problem::{Severity, codes},
    },
    mapping::{
        Attribute, AttributeType, Binding, Codec, CreateAllowed, CreateRule, Direction, Edge, FieldState,
        Rule,
    },
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{ConnectionName, FieldName, FieldSchema, FieldType};

/// The attribute to which `[[kind.K.stage_map]]` belongs.
const STAGE: &str = "stage";

impl Compiler<'_> {
    pub(super) fn attributes(&mut self, config: &KindConfig) -> Vec<Attribute> {
        let has_stage = config.fields.iter().any(|field| field.name.as_str() == STAGE);
        if let Some(pair) = config.stage_map.first().filter(|_| !has_stage) {
            self.errors.push(Problem::error(
                codes::NO_STAGE,
                &pair.at,
                "`stage_map` needs a field `stage`, which this kind has not",
                "add the field `stage`, or take `stage_map` out",
            ));
        }
        config.fields.iter().map(|field| self.attribute(field, &config.stage_map)).collect()
    }

    fn attribute(&mut self, field: &FieldConfig, stage_map: &[StagePair]) -> Attribute {
        let stage_map = if field.name.as_str() == STAGE { stage_map } else { &[] };
        let mut bindings: Vec<Binding> =
            field.bindings.iter().map(|binding| self.binding(field, binding, stage_map)).collect();
        let translated = options::translate(self, field, stage_map);
        for (binding, translation) in bindings.iter_mut().zip(translated) {
            binding.codec = translation.codec;
            binding.companion = translation.companion;
        }
        Attribute {
            name: field.name.clone(),
            value_type: field.value_type,
            rule: field.rule.clone(),
            tie: field.tie.clone(),
            clear: field.clear,
            default: field.default.clone(),
            constant: field.constant.clone(),
            bindings,
        }
    }

    fn binding(&mut self, field: &FieldConfig, binding: &BindingConfig, stage_map: &[StagePair]) -> Binding {
        let problems = self.check(field, binding);
        for problem in problems {
            match problem.severity {
                Severity::Error => self.errors.push(problem),
                Severity::Warning => self.warnings.push(problem),
            }
        }
        let schema = self.field(&binding.connection, &binding.object, &binding.field);
        Binding {
            connection: binding.connection.clone(),
            object: binding.object.clone(),
            field: binding.field.clone(),
            field_state: state(schema),
            direction: binding.direction,
            codec: Codec::Plain,
            placeholder: binding.placeholder.clone(),
            companion: None,
            digest: binding_digest(field, binding, stage_map),
        }
    }

    fn check(&self, field: &FieldConfig, binding: &BindingConfig) -> Vec<Problem> {
        let BindingConfig { connection, object, field: name, .. } = binding;
        // That the object is missing was said once already.
        let Some(schema) = self.object(connection, object) else { return Vec::new() };
        let Some(found) = schema.fields.get(name) else {
            let known: Vec<&str> = schema.fields.keys().map(FieldName::as_str).collect();
            let guess = crate::config::did_you_mean(name.as_str(), known);
            return vec![Problem::warning(
                codes::NO_FIELD,
                &binding.at,
                format!(
                    "{connection} shows no field `{name}` on {object}: it does not exist, or the connection's user \
                     may not see it; `{}` is not synced there{guess}",
                    field.name
                ),
                "correct the name, or give the user the right to see the field; nothing is blanked meanwhile",
            )];
        };
        if !fits(field.value_type, found.field_type) {
            return vec![Problem::error(
                codes::FIELD_TYPE,
                &binding.at,
                format!(
                    "`{}` is of type {} and {connection}'s {object}.{name} is of type {}; neither fits the other",
                    field.name,
                    type_name(field.value_type),
                    found.field_type
                ),
                "bind another field, or change `type`",
            )];
        }
        if binding.direction.writes() && !found.createable && !found.updateable {
            return vec![Problem::warning(
                codes::NOT_WRITABLE,
                &binding.at,
                format!(
                    "{connection}'s {object}.{name} cannot be written, so `{}` is only read there",
                    field.name
                ),
                format!("say so, `{{ field = \"{name}\", direction = \"in\" }}`, or give the user the right"),
            )];
        }
        Vec::new()
    }

    /// Two attributes that write the same field would undo each other at every run.
    pub(super) fn one_writer_each(&mut self, config: &KindConfig) {
        let mut writers = BTreeMap::new();
        for field in config.fields.iter().filter(|field| field.rule != Rule::Off) {
            for binding in field.bindings.iter().filter(|binding| binding.direction.writes()) {
                let BindingConfig { connection, object, field: name, at, .. } = binding;
                if let Some(first) = writers.insert((connection, object, name), &field.name) {
                    self.errors.push(Problem::error(
                        codes::TWO_WRITERS,
                        at,
                        format!("`{first}` and `{}` both write {connection}'s {object}.{name}", field.name),
                        format!(
                            "let one of them only read it: `{{ field = \"{name}\", direction = \"in\" }}`"
                        ),
                    ));
                }
            }
        }
    }

    /// Warns of fields that the vendor requires on create and that nothing fills.
    pub(super) fn required_are_bound(
        &mut self,
        config: &KindConfig,
        attributes: &[Attribute],
        edges: &[Edge],
        create: &BTreeMap<ConnectionName, CreateRule>,
    ) {
        for (connection, rule) in create {
            let objects = match &rule.allowed {
                CreateAllowed::Never => Vec::new(),
                CreateAllowed::As(object) | CreateAllowed::AfterParent { object, .. } => vec![object],
                CreateAllowed::LeadOrContact { lead, contact, .. } => vec![lead, contact],
            };
            for object in objects {
                let Some(schema) = self.object(connection, object) else { continue };
                let filled: BTreeSet<&FieldName> = attributes
                    .iter()
                    .filter_map(|attribute| attribute.binding(connection, object))
                    .flat_map(|binding| {
                        let companion = binding.companion.as_ref().map(|companion| &companion.field);
                        [Some(&binding.field), companion].into_iter().flatten()
                    })
                    .chain(edges.iter().filter_map(|edge| Some(&edge.binding(connection, object)?.field)))
                    .collect();
                let open = schema
                    .fields
                    .iter()
                    .filter(|(name, field)| field.required && field.createable && !filled.contains(name));
                let open: Vec<&str> = open.map(|(name, _)| name.as_str()).collect();
                if !open.is_empty() {
                    let warning = Problem::warning(
                        codes::UNMAPPED_REQUIRED,
                        &config.at,
                        format!(
                            "{connection} requires {} on a new {object}, and no field fills it",
                            open.join(", ")
                        ),
                        "map the field; until then the vendor will refuse new records",
                    );
                    self.warnings.push(warning);
                }
            }
        }
    }
}

/// What the schema says of a field.
pub(super) fn state(schema: Option<&FieldSchema>) -> FieldState {
    let Some(field) = schema else { return FieldState::Missing };
    let options = || field.options.iter().filter(|option| option.active).map(|option| option.value.clone());
    FieldState::Present {
        field_type: field.field_type,
        createable: field.createable,
        updateable: field.updateable,
        required: field.required,
        max_length: field.max_length,
        scale: field.scale,
        restricted_to: field.restricted.then(|| options().collect()),
    }
}

/// Whether values of the field convert to the attribute's type and back.
fn fits(attribute: AttributeType, field: FieldType) -> bool {
    use FieldType as F;
    match attribute {
        AttributeType::Text => matches!(field, F::Text | F::Email | F::Phone | F::Url | F::Option),
        AttributeType::Email => matches!(field, F::Email | F::Text),
        AttributeType::Phone => matches!(field, F::Phone | F::Text),
        AttributeType::Url => matches!(field, F::Url | F::Text),
        AttributeType::Bool => field == F::Bool,
        AttributeType::Decimal | AttributeType::Money => matches!(field, F::Decimal | F::Money),
        // A date in a date-and-time field loses nothing; the other way round the time of day would be lost.
        AttributeType::Date => matches!(field, F::Date | F::Instant),
        AttributeType::Instant => field == F::Instant,
        AttributeType::Option => matches!(field, F::Option | F::Text),
        AttributeType::Options => field == F::Options,
    }
}

/// The word used in the configuration.
fn type_name(value_type: AttributeType) -> &'static str {
    match value_type {
        AttributeType::Text => "text",
        AttributeType::Email => "email",
        AttributeType::Phone => "phone",
        AttributeType::Url => "url",
        AttributeType::Bool => "bool",
        AttributeType::Decimal => "decimal",
        AttributeType::Money => "money",
        AttributeType::Date => "date",
        AttributeType::Instant => "instant",
        AttributeType::Option => "option",
        AttributeType::Options => "options",
    }
}

pub(super) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Both => "both",
    }
}

/// Over what was declared and decides which values can be agreed on; not over rules, and not over the vendor's options,
/// so that neither an unrelated edit nor a new option makes a backfill.
fn binding_digest(field: &FieldConfig, binding: &BindingConfig, stage_map: &[StagePair]) -> u32 {
    let mut parts: Vec<&str> = vec![
        "field",
        binding.object.as_str(),
        binding.field.as_str(),
        type_name(field.value_type),
        direction_name(binding.direction),
    ];
    match &binding.map {
        MapMode::Value => parts.push("value"),
        MapMode::Label => parts.push("label"),
        MapMode::Table(pairs) => {
            parts.push("table");
            parts.extend(pairs.iter().flat_map(|(side, attribute)| [&**side, &**attribute]));
        }
    }
    for pair in stage_map {
        for (connection, side) in &pair.sides {
            parts.extend([connection.as_str(), &side.stage, side.within.as_deref().unwrap_or_default()]);
        }
    }
    digest(parts)
}
