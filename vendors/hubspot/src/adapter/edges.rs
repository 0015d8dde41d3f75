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
use syncline_kit::vendor::{CaptureWant, Referrer, VendorError};
use syncline_model::{FieldName, ObjectName, Observed, RecordId, RecordRef, Ref, Value as Known};

/// Inputs of one association read [docs associations v4].
const READ: usize = 1_000;
/// More pages than this mean that the vendor repeats itself.
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
    /// The type without a label as it is told from the other end, where that has to be known.
    inverse: Option<u32>,
}

const EDGES: [Edge; 4] = [
    Edge {
        field: "@contact_to_company",
        from: "contacts",
        to: "companies",
        plain: 279,
        primary: Some(1),
        exact: false,
        inverse: None,
    },
    Edge {
        field: "@deal_to_company",
        from: "deals",
        to: "companies",
        plain: 341,
        primary: Some(5),
        exact: false,
        inverse: None,
    },
    Edge {
        field: "@deal_to_contact",
        from: "deals",
        to: "contacts",
        plain: 3,
        primary: None,
        exact: false,
        inverse: None,
    },
    // 14 is "child to parent", 13 its inverse; 450 joins companies without an order.
    Edge {
        field: "@company_to_parent",
        from: "companies",
        to: "companies",
        plain: 14,
        primary: None,
        exact: true,
        inverse: Some(13),
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
        let found = self.read_targets(edge.from, edge.to, ids).await?;
        let refs = |targets: Vec<Target>| -> Vec<Ref> {
            let refs: BTreeSet<Ref> = targets.into_iter().flat_map(|target| target.refs(edge)).collect();
            refs.into_iter().collect()
        };
        Ok(found.into_iter().map(|(id, targets)| (id, refs(targets))).collect())
    }

    /// Who refers to these records by the edges that are read of their own objects: read from the parent's side,
    /// since a new association moves no stamp on the child.
    pub(super) async fn read_referrers(
        &self,
        want: &CaptureWant,
        records: &[RecordRef],
    ) -> Result<Vec<Referrer>, VendorError> {
        let mut found = Vec::new();
        for edge in &EDGES {
            let wanted = want.objects.iter().any(|one| {
                one.object.as_str() == edge.from && one.edges.iter().any(|field| field.as_str() == edge.field)
            });
            let parents: Vec<RecordId> = records
                .iter()
                .filter(|record| wanted && record.object.as_str() == edge.to)
                .map(|record| record.id.clone())
                .collect();
            for (parent, targets) in self.read_targets(edge.to, edge.from, &parents).await? {
                let children = targets.into_iter().filter_map(|target| target.child(edge));
                found.extend(children.map(|child| Referrer {
                    child: self.record(edge.from, child),
                    field: FieldName::from(edge.field),
                    parent: self.record(edge.to, parent.clone()),
                }));
            }
        }
        Ok(found)
    }

    /// What these records of `from` are associated to among those of `to`, all pages of it.
    async fn read_targets(
        &self,
        from: &str,
        to: &str,
        ids: &[RecordId],
    ) -> Result<BTreeMap<RecordId, Vec<Target>>, VendorError> {
        let mut found: BTreeMap<RecordId, Vec<Target>> = BTreeMap::new();
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
                self.read_targets_once((from, to), chunk, &mut found, &mut further).await?;
            }
            open = further;
        }
        Ok(found)
    }

    async fn read_targets_once(
        &self,
        (from, to): (&str, &str),
        inputs: &[(String, Option<String>)],
        found: &mut BTreeMap<RecordId, Vec<Target>>,
        further: &mut Vec<(String, Option<String>)>,
    ) -> Result<(), VendorError> {
        let inputs: Vec<Value> = inputs
            .iter()
            .map(|(id, after)| match after {
                Some(after) => json!({ "id": id, "after": after }),
                None => json!({ "id": id }),
            })
            .collect();
        let path = format!("/crm/v4/associations/{from}/{to}/batch/read");
        let call = Call::post(path, &json!({ "inputs": inputs }), Effect::Read).lane(Lane::Associations);
        let answer: ReadAnswer = self.client.fetch(call).await?;
        for one in answer.results {
            let Some(id) = plain(one.from.id) else { continue };
            found.entry(RecordId::from(id.as_str())).or_default().extend(one.to);
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

    /// Labels that people had defined for a pair of objects when they were last read.
    pub(super) fn known_labels(&self, edge: &Edge) -> Option<Arc<Vec<Label>>> {
        lock(&self.labels).get(edge.field).cloned()
    }

    /// Labels that people defined for a pair of objects.
    pub(super) async fn read_labels(&self, edge: &Edge) -> Result<Arc<Vec<Label>>, VendorError> {
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
    /// The record, read from the parent's side, if this sort of edge leads from it to the parent.
    fn child(self, edge: &Edge) -> Option<RecordId> {
        let leads = |kind: &Kind| kind.is_vendors() && Some(kind.type_id) == edge.inverse;
        if edge.exact && !self.association_types.iter().any(leads) {
            return None;
        }
        plain(self.to_object_id).map(RecordId::from)
    }

    /// One relation for each of the people's labels, or one without a role.
    fn refs(self, edge: &Edge) -> Vec<Ref> {
        let Some(id) = plain(self.to_object_id) else { return Vec::new() };
        let vendor_defined =
            |id: u32| self.association_types.iter().any(|kind| kind.type_id == id && kind.is_vendors());
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

    /// Numbers count within their category, and integrators number types of their own: the vendor's number says
    /// something only in the vendor's category [spec v4 associations, `associationCategory`].
    fn is_vendors(&self) -> bool {
        self.category == "HUBSPOT_DEFINED"
    }
}

/// A record's relations of one sort as a field.
pub(super) fn observed(refs: &[Ref]) -> Observed {
    if refs.is_empty() { Observed::Empty } else { Observed::Value(Known::Refs(refs.to_vec())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(types: Value) -> Target {
        serde_json::from_value(json!({ "toObjectId": 7, "associationTypes": types })).unwrap()
    }

    fn edge(field: &str) -> &'static Edge {
        named(&FieldName::from(field)).unwrap()
    }

    #[test]
    fn a_number_means_what_the_vendor_says_only_in_the_vendors_own_category() {
        for category in ["INTEGRATOR_DEFINED", "USER_DEFINED", "WORK"] {
            let kinds = |number: u32| json!([{ "category": category, "typeId": number, "label": null }]);
            let company = target(kinds(1)).refs(edge("@contact_to_company"));
            assert_eq!(company, [Ref::to("companies", "7")], "{category}: nobody made it the primary one");
            assert!(target(kinds(14)).refs(edge("@company_to_parent")).is_empty(), "{category}");
            assert_eq!(target(kinds(13)).child(edge("@company_to_parent")), None, "{category}");
        }
        let own = json!([{ "category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary" }]);
        assert!(target(own).refs(edge("@contact_to_company"))[0].primary);
    }
}
