//! Property definitions and pipelines as an [`ObjectSchema`].

use super::{
    HubSpot,
    client::{Answer, Call},
    codec::OWNERS,
    edges,
    fault::Fault,
    lock,
    records::{DEALS, List},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_kit::{memo::Memo, vendor::VendorError};
use syncline_model::{FieldName, FieldSchema, FieldType, ObjectName, ObjectSchema, schema::OptionSchema};

/// Longest text of a property [docs properties].
const TEXT_LENGTH: u32 = 65_536;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Property {
    name: String,
    label: Option<String>,
    #[serde(rename = "type")]
    value_type: String,
    #[serde(default)]
    field_type: String,
    #[serde(default)]
    options: Vec<Choice>,
    #[serde(default)]
    external_options: bool,
    referenced_object_type: Option<String>,
    #[serde(default)]
    has_unique_value: bool,
    #[serde(default)]
    calculated: bool,
    #[serde(default)]
    show_currency_symbol: bool,
    number_display_hint: Option<String>,
    modification_metadata: Option<Modification>,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modification {
    #[serde(default)]
    read_only_value: bool,
}

#[derive(Deserialize)]
struct Choice {
    label: String,
    value: String,
    #[serde(default)]
    hidden: bool,
}

#[derive(Deserialize)]
struct Pipeline {
    id: String,
    label: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
struct Stage {
    id: String,
    label: String,
    #[serde(default)]
    archived: bool,
}

/// Schemas by the answers that they were read from.
static READ: Memo<ObjectSchema> = Memo::new(32);

/// Definitions in memory.
#[derive(Default)]
pub(super) struct Schemas {
    known: BTreeMap<ObjectName, Arc<ObjectSchema>>,
    /// Objects whose definitions turned out to be old. Whoever keeps schemas holds the same old ones, so they are not
    /// taken back from there, and what is read instead is handed out.
    outdated: BTreeSet<ObjectName>,
}

impl Schemas {
    /// Takes schemas that somebody else kept, where nothing newer is known.
    pub(super) fn remember(&mut self, schemas: &[ObjectSchema]) {
        for schema in schemas.iter().filter(|schema| !self.outdated.contains(&schema.object)) {
            self.known.entry(schema.object.clone()).or_insert_with(|| Arc::new(schema.clone()));
        }
    }

    /// The definitions turned out to be old: they are read anew before their next use.
    pub(super) fn forget(&mut self, object: &ObjectName) {
        self.known.remove(object);
        self.outdated.insert(object.clone());
    }
}

impl HubSpot {
    /// Whether an object's definitions turned out to be old, and were not read since.
    pub(super) fn is_forgotten(&self, object: &ObjectName) -> bool {
        !lock(&self.schemas).known.contains_key(object)
    }

    /// The definitions that replace outdated ones, read where they were not read since.
    pub(super) async fn renewed_schemas(&self) -> Result<Vec<ObjectSchema>, VendorError> {
        let outdated: Vec<ObjectName> = lock(&self.schemas).outdated.iter().cloned().collect();
        let mut renewed = Vec::with_capacity(outdated.len());
        for object in outdated {
            renewed.push(ObjectSchema::clone(&*self.schema(&object).await?));
            lock(&self.schemas).outdated.remove(&object);
        }
        Ok(renewed)
    }

    /// The live schemas, read anew.
    pub(super) async fn read_schemas(
        &self,
        objects: &[ObjectName],
    ) -> Result<Vec<ObjectSchema>, VendorError> {
        let mut schemas = Vec::new();
        for object in objects {
            if let Some(schema) = self.read_schema(object).await? {
                schemas.push(ObjectSchema::clone(&schema));
            }
        }
        Ok(schemas)
    }

    /// The schema as last read, or read now.
    pub(super) async fn schema(&self, object: &ObjectName) -> Result<Arc<ObjectSchema>, VendorError> {
        let cached = lock(&self.schemas).known.get(object).cloned();
        match cached {
            Some(schema) => Ok(schema),
            None => self.read_schema(object).await?.ok_or_else(|| VendorError::Refused {
                code: "UNKNOWN_OBJECT".to_owned(),
                message: format!("the account shows no object `{object}`"),
            }),
        }
    }

    /// Reads one object's definitions; `None` where it does not exist or may not be seen.
    pub(super) async fn read_schema(
        &self,
        object: &ObjectName,
    ) -> Result<Option<Arc<ObjectSchema>>, VendorError> {
        let schema = if object.as_str() == OWNERS {
            Arc::new(owners())
        } else {
            let answer = self.client.send(Call::get(format!("/crm/v3/properties/{object}"))).await?;
            if matches!(answer.status, 400 | 403 | 404) && is_unseen(&answer.fault()) {
                return Ok(None);
            }
            if !answer.is_success() {
                return Err(answer.fault().into_error());
            }
            let pipelines =
                if object.as_str() == DEALS { self.read_pipelines().await? } else { Answer::none() };
            let text = [object.as_str().as_bytes(), b"\n", &answer.body, b"\n", &pipelines.body].concat();
            match READ.get(&text) {
                Some(schema) => schema,
                None => {
                    let list: List<Property> = answer.parse()?;
                    let pipelines: List<Pipeline> = pipelines.parse()?;
                    let schema = Arc::new(build(object, list.results, &pipelines.results));
                    READ.put(text.into(), Arc::clone(&schema));
                    schema
                }
            }
        };
        lock(&self.schemas).known.insert(object.clone(), Arc::clone(&schema));
        Ok(Some(schema))
    }

    async fn read_pipelines(&self) -> Result<Answer, VendorError> {
        let answer = self.client.send(Call::get("/crm/v3/pipelines/deals")).await?;
        if answer.is_success() { Ok(answer) } else { Err(answer.fault().into_error()) }
    }
}

/// `Unable to infer object type from: x` has no category [amp search/error-invalid-object].
fn is_unseen(fault: &Fault) -> bool {
    matches!(fault.status, 403 | 404) || fault.message().starts_with("Unable to infer object type")
}

fn build(object: &ObjectName, properties: Vec<Property>, pipelines: &[Pipeline]) -> ObjectSchema {
    let mut fields: BTreeMap<FieldName, FieldSchema> = properties
        .into_iter()
        .filter(|property| !property.archived)
        .map(|property| (FieldName::from(property.name.as_str()), field(object, property, pipelines)))
        .collect();
    for edge in edges::of(object) {
        fields.insert(FieldName::from(edge.field), plain(edge.field, FieldType::Reference, true));
    }
    ObjectSchema { object: object.clone(), createable: true, updateable: true, fields }
}

fn field(object: &ObjectName, property: Property, pipelines: &[Pipeline]) -> FieldSchema {
    let name = property.name.as_str();
    let field_type = field_type(object, &property);
    let read_only =
        property.calculated || property.modification_metadata.is_some_and(|meta| meta.read_only_value);
    let is_deal = object.as_str() == DEALS;
    let options = match name {
        "dealstage" if is_deal => stages(pipelines),
        "pipeline" if is_deal => {
            pipelines.iter().map(|one| option(&one.id, &one.label, !one.archived, None)).collect()
        }
        _ if matches!(field_type, FieldType::Option | FieldType::Options) => property
            .options
            .iter()
            .map(|choice| option(&choice.value, &choice.label, !choice.hidden, None))
            .collect(),
        _ => Vec::new(),
    };
    let is_option = matches!(field_type, FieldType::Option | FieldType::Options);
    FieldSchema {
        label: Arc::from(property.label.as_deref().unwrap_or(name)),
        field_type,
        createable: !read_only,
        updateable: !read_only,
        required: is_deal && matches!(name, "dealname" | "dealstage"),
        unique_key: property.has_unique_value || (object.as_str() == "contacts" && name == "email"),
        max_length: (property.value_type == "string").then_some(TEXT_LENGTH),
        scale: None,
        restricted: is_option && !options.is_empty() && (!property.external_options || is_deal),
        options,
    }
}

fn field_type(object: &ObjectName, property: &Property) -> FieldType {
    let name = property.name.as_str();
    if name == "hubspot_owner_id" || property.referenced_object_type.as_deref() == Some("OWNER") {
        return FieldType::Reference;
    }
    match property.value_type.as_str() {
        "bool" => FieldType::Bool,
        "date" => FieldType::Date,
        "datetime" => FieldType::Instant,
        "number" if is_money(object, property) => FieldType::Money,
        "number" => FieldType::Decimal,
        "enumeration" if property.field_type == "checkbox" => FieldType::Options,
        "enumeration" => FieldType::Option,
        "phone_number" => FieldType::Phone,
        "string" => match (object.as_str(), name) {
            ("contacts", "email") => FieldType::Email,
            (_, "website") => FieldType::Url,
            _ if property.field_type == "phonenumber" => FieldType::Phone,
            _ => FieldType::Text,
        },
        _ => FieldType::Other,
    }
}

fn is_money(object: &ObjectName, property: &Property) -> bool {
    (object.as_str() == DEALS && property.name == "amount")
        || property.show_currency_symbol
        || property.number_display_hint.as_deref() == Some("currency")
}

fn stages(pipelines: &[Pipeline]) -> Vec<OptionSchema> {
    let all = pipelines.iter().flat_map(|pipeline| {
        pipeline.stages.iter().map(move |stage| {
            option(&stage.id, &stage.label, !stage.archived && !pipeline.archived, Some(pipeline.id.as_str()))
        })
    });
    all.collect()
}

fn option(value: &str, label: &str, active: bool, within: Option<&str>) -> OptionSchema {
    OptionSchema { value: Arc::from(value), label: Arc::from(label), active, within: within.map(Arc::from) }
}

/// Owners are people of the account, not CRM objects; they are captured as if they were, and never written.
fn owners() -> ObjectSchema {
    let fields = [
        ("archived", FieldType::Bool),
        ("email", FieldType::Email),
        ("firstName", FieldType::Text),
        ("id", FieldType::Text),
        ("lastName", FieldType::Text),
    ];
    ObjectSchema {
        object: ObjectName::from(OWNERS),
        createable: false,
        updateable: false,
        fields: fields
            .into_iter()
            .map(|(name, kind)| (FieldName::from(name), plain(name, kind, false)))
            .collect(),
    }
}

fn plain(label: &str, field_type: FieldType, writable: bool) -> FieldSchema {
    FieldSchema {
        label: Arc::from(label),
        field_type,
        createable: writable,
        updateable: writable,
        required: false,
        unique_key: false,
        max_length: None,
        scale: None,
        options: Vec::new(),
        restricted: false,
    }
}
