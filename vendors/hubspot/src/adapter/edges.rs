//! Associations as pseudo-fields of the child's record: which types they are, and how they are read.

use super::{
    HubSpot,
    client::{Call, Effect},
    fault::Fault,
    lock,
    pace::Lane,
    records::{List, Paging, plain},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_kit::vendor::VendorError;
use syncline_model::{FieldName, ObjectName, Observed, RecordId, Ref, Value as Known};

/// Inputs of one association read [docs associations v4].
const READ: usize = 1_000;
/// A child has far fewer parents than this; more pages mean that the vendor repeats itself.
const PAGES: usize = 200;

/// One sort of edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    /// The pseudo-field on `from`.
    pub(super) field: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    /// The vendor-defined type without a label [docs associations v4].
    pub(super) plain: u32,
    /// The vendor-defined type that marks the primary one.
    pub(super) primary: Option<u32>,
    /// Other vendor-defined types join the same two objects and mean something else.
    pub(super) exact: bool,
}

const EDGES: [Edge; 4] = [
    Edge {
        field: "@contact_to_company",
        from: "contacts",
        to: "companies",
        plain: 279,
        primary: Some(1),
        exact: false,
    },
    Edge {
        field: "@deal_to_company",
        from: "deals",
        to: "companies",
        plain: 341,
        primary: Some(5),
        exact: false,
    },
    Edge { field: "@deal_to_contact", from: "deals", to: "contacts", plain: 3, primary: None, exact: false },
    // 14 is "child to parent", 13 its inverse; 450 joins companies without an order.
    Edge {
        field: "@company_to_parent",
        from: "companies",
        to: "companies",
        plain: 14,
        primary: None,
        exact: true,
    },
];

/// Edges that are kept on this object.
pub(super) fn of(object: &ObjectName) -> impl Iterator<Item = &'static Edge> {
    EDGES.iter().filter(move |edge| edge.from == object.as_str())
}

/// The edge behind a pseudo-field.
pub(super) fn named(field: &FieldName) -> Option<&'static Edge> {
    EDGES.iter().find(|edge| edge.field == field.as_str())
}

/// A label that the account's own people defined for a pair of objects.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) type_id: u32,
    pub(super) name: Arc<str>,
}

#[derive(Deserialize)]
struct ReadAnswer {
    #[serde(default)]
    results: Vec<From>,
    #[serde(default)]
    errors: Vec<Value>,
}

#[derive(Deserialize)]
struct From {
    from: End,
    #[serde(default)]
    to: Vec<Target>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct End {
    id: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    /// A number on the wire, a text in newer specifications.
    to_object_id: Value,
    #[serde(default)]
    association_types: Vec<Kind>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    category: String,
    type_id: u32,
    label: Option<String>,
}

impl HubSpot {
    /// The edges of these records, read from the child (a strong read). A record that HubSpot says nothing about is
    /// missing from the answer; one without edges has an empty list.
    pub(super) async fn read_edges(
        &self,
        edge: &Edge,
        ids: &[RecordId],
    ) -> Result<BTreeMap<RecordId, Vec<Ref>>, VendorError> {
        let mut found: BTreeMap<RecordId, BTreeSet<Ref>> = BTreeMap::new();
        let mut asked = BTreeSet::new();
        let mut open: Vec<(String, Option<String>)> = ids
            .iter()
            .filter(|id| asked.insert(id.as_str()))
            .map(|id| (id.as_str().to_owned(), None))
            .collect();
        for _ in 0..PAGES {
            if open.is_empty() {
                break;
            }
            let mut further = Vec::new();
            for chunk in open.chunks(READ) {
                self.read_edges_once(edge, chunk, &mut found, &mut further).await?;
            }
            open = further;
        }
        Ok(found.into_iter().map(|(id, refs)| (id, refs.into_iter().collect())).collect())
    }

    async fn read_edges_once(
        &self,
        edge: &Edge,
        inputs: &[(String, Option<String>)],
        found: &mut BTreeMap<RecordId, BTreeSet<Ref>>,
        further: &mut Vec<(String, Option<String>)>,
    ) -> Result<(), VendorError> {
        let inputs: Vec<Value> = inputs
            .iter()
            .map(|(id, after)| match after {
                Some(after) => json!({ "id": id, "after": after }),
                None => json!({ "id": id }),
            })
            .collect();
        let path = format!("/crm/v4/associations/{}/{}/batch/read", edge.from, edge.to);
        let call = Call::post(path, &json!({ "inputs": inputs }), Effect::Read).lane(Lane::Associations);
        let answer: ReadAnswer = self.client.fetch(call).await?;
        for one in answer.results {
            let Some(id) = plain(one.from.id) else { continue };
            let refs = found.entry(RecordId::from(id.as_str())).or_default();
            for target in one.to {
                refs.extend(target.refs(edge));
            }
            if let Some(next) = one.paging.and_then(|paging| paging.next) {
                further.push((id, Some(next.after)));
            }
        }
        // "Nothing is associated" comes as an error row [amp contacts-to-companies].
        for fault in answer.errors.into_iter().map(Fault::of_row) {
            if fault.sub_category() == "crm.associations.NO_ASSOCIATIONS_FOUND" {
                for id in fault.context("fromObjectId") {
                    found.entry(RecordId::from(id)).or_default();
                }
            }
        }
        Ok(())
    }

    /// Labels that people defined for a pair of objects; asked for once.
    pub(super) async fn labels(&self, edge: &Edge) -> Result<Arc<Vec<Label>>, VendorError> {
        let cached = lock(&self.labels).get(edge.field).cloned();
        if let Some(labels) = cached {
            return Ok(labels);
        }
        let path = format!("/crm/v4/associations/{}/{}/labels", edge.from, edge.to);
        let list: List<Kind> = self.client.fetch(Call::get(path).lane(Lane::Associations)).await?;
        let labels: Vec<Label> = list
            .results
            .into_iter()
            .filter(|kind| kind.category == "USER_DEFINED")
            .filter_map(|kind| Some(Label { type_id: kind.type_id, name: Arc::from(kind.label?) }))
            .collect();
        let labels = Arc::new(labels);
        lock(&self.labels).insert(edge.field, Arc::clone(&labels));
        Ok(labels)
    }
}

impl Target {
    /// One relation for each of the people's labels, or one without a role.
    fn refs(self, edge: &Edge) -> Vec<Ref> {
        let Some(id) = plain(self.to_object_id) else { return Vec::new() };
        let vendor_defined =
            |id: u32| self.association_types.iter().any(|kind| kind.type_id == id && !kind.is_users());
        if edge.exact && !vendor_defined(edge.plain) {
            return Vec::new();
        }
        let mut plain = Ref::to(edge.to, id);
        plain.primary = edge.primary.is_some_and(vendor_defined);
        let roles = self.association_types.iter().filter(|kind| kind.is_users() && !edge.exact);
        let labelled: Vec<Ref> = roles
            .filter_map(|kind| Some(Ref { role: Some(Arc::from(kind.label.as_deref()?)), ..plain.clone() }))
            .collect();
        if labelled.is_empty() { vec![plain] } else { labelled }
    }
}

impl Kind {
    fn is_users(&self) -> bool {
        self.category == "USER_DEFINED"
    }
}

/// A record's relations of one sort as a field.
pub(super) fn observed(refs: &[Ref]) -> Observed {
    if refs.is_empty() { Observed::Empty } else { Observed::Value(Known::Refs(refs.to_vec())) }
}
