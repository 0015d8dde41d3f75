//! Associations: their types, and the map of who is tied to whom.

use super::kind::Kind;
use super::table::Slot;
use std::collections::BTreeMap;

/// An association type's number, as the API uses it.
pub(super) type TypeId = u32;

/// One direction of an association type.
#[derive(Debug, Clone)]
pub(super) struct EdgeType {
    pub(super) id: TypeId,
    pub(super) from: Kind,
    pub(super) to: Kind,
    /// `HUBSPOT_DEFINED` or `USER_DEFINED`.
    pub(super) user_defined: bool,
    pub(super) label: Option<String>,
    /// The name v3 uses.
    pub(super) name: String,
    /// The same type seen from the other end.
    pub(super) inverse: TypeId,
}

impl EdgeType {
    /// `HUBSPOT_DEFINED` or `USER_DEFINED`.
    pub(super) fn category(&self) -> &'static str {
        if self.user_defined { "USER_DEFINED" } else { "HUBSPOT_DEFINED" }
    }
}

/// One end of an association.
pub(super) type End = (Kind, Slot);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SetId(u16);

/// All associations of a portal.
#[derive(Debug)]
pub(super) struct Edges {
    types: BTreeMap<TypeId, EdgeType>,
    sets: Vec<Vec<TypeId>>,
    set_ids: BTreeMap<Vec<TypeId>, SetId>,
    map: BTreeMap<(End, End), SetId>,
    next_label: TypeId,
}

/// What a change of a pair did: types added and removed, seen from `from`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PairChange {
    pub(super) added: Vec<TypeId>,
    pub(super) removed: Vec<TypeId>,
}

impl Edges {
    /// The types every account has between contacts, companies and deals [docs associations v4].
    pub(super) fn new() -> Self {
        use Kind::{Companies, Contacts, Deals};
        let mut edges = Self {
            types: BTreeMap::new(),
            sets: Vec::new(),
            set_ids: BTreeMap::new(),
            map: BTreeMap::new(),
            next_label: 1,
        };
        let lines = [
            (1, Contacts, Companies, Some("Primary"), "contact_to_company", 2),
            (2, Companies, Contacts, Some("Primary"), "company_to_contact", 1),
            (279, Contacts, Companies, None, "contact_to_company_unlabeled", 280),
            (280, Companies, Contacts, None, "company_to_contact_unlabeled", 279),
            (3, Deals, Contacts, None, "deal_to_contact", 4),
            (4, Contacts, Deals, None, "contact_to_deal", 3),
            (5, Deals, Companies, Some("Primary"), "deal_to_company", 6),
            (6, Companies, Deals, Some("Primary"), "company_to_deal", 5),
            (341, Deals, Companies, None, "deal_to_company_unlabeled", 342),
            (342, Companies, Deals, None, "company_to_deal_unlabeled", 341),
            (13, Companies, Companies, Some("Child Company"), "parent_to_child_company", 14),
            (14, Companies, Companies, Some("Parent Company"), "child_to_parent_company", 13),
            (450, Companies, Companies, None, "company_to_company_unlabeled", 450),
            (449, Contacts, Contacts, None, "contact_to_contact", 449),
            (451, Deals, Deals, None, "deal_to_deal", 451),
            (702, Contacts, Deals, Some("Contact signer"), "contact_signer", 703),
            (703, Deals, Contacts, Some("Contact signer"), "deal_to_contact_signer", 702),
        ];
        for (id, from, to, label, name, inverse) in lines {
            edges.types.insert(
                id,
                EdgeType {
                    id,
                    from,
                    to,
                    user_defined: false,
                    label: label.map(str::to_owned),
                    name: name.to_owned(),
                    inverse,
                },
            );
        }
        edges
    }

    /// A type.
    pub(super) fn edge_type(&self, id: TypeId) -> Option<&EdgeType> {
        self.types.get(&id)
    }

    /// Types from one object type to another.
    pub(super) fn types_between(&self, from: Kind, to: Kind) -> impl Iterator<Item = &EdgeType> {
        self.types.values().filter(move |edge| edge.from == from && edge.to == to)
    }

    /// The type without a label between two object types: every associated pair has it.
    pub(super) fn unlabeled(&self, from: Kind, to: Kind) -> Option<TypeId> {
        self.types_between(from, to).find(|edge| edge.label.is_none()).map(|edge| edge.id)
    }

    /// The primary type between two object types, if that pair knows one.
    pub(super) fn primary(&self, from: Kind, to: Kind) -> Option<TypeId> {
        self.types_between(from, to)
            .find(|edge| !edge.user_defined && edge.label.as_deref() == Some("Primary"))
            .map(|edge| edge.id)
    }

    /// Adds a label pair and returns the ids seen from `from` (one, or two when the inverse has another label).
    pub(super) fn add_label(
        &mut self,
        from: Kind,
        to: Kind,
        name: &str,
        label: &str,
        inverse: Option<&str>,
    ) -> Vec<TypeId> {
        let id = self.next_label;
        let one_type = from == to && inverse.is_none_or(|inverse| inverse == label);
        let back = if one_type { id } else { self.next_label + 1 };
        // User-defined ids run from 1 in their own category; kept apart from HubSpot's by an offset only in the map.
        self.next_label = back + 1;
        let (id, back) = (id + USER_DEFINED_FROM, back + USER_DEFINED_FROM);
        let there = EdgeType {
            id,
            from,
            to,
            user_defined: true,
            label: Some(label.to_owned()),
            name: name.to_owned(),
            inverse: back,
        };
        if !one_type {
            let label = inverse.unwrap_or(label).to_owned();
            let here =
                EdgeType { id: back, from: to, to: from, label: Some(label), inverse: id, ..there.clone() };
            self.types.insert(back, here);
        }
        self.types.insert(id, there);
        if from == to && !one_type { vec![id, back] } else { vec![id] }
    }

    /// Renames a label.
    pub(super) fn rename_label(&mut self, id: TypeId, label: &str, inverse: Option<&str>) {
        let Some(edge) = self.types.get_mut(&id) else { return };
        edge.label = Some(label.to_owned());
        let back = edge.inverse;
        if let (Some(inverse), Some(edge)) = (inverse, self.types.get_mut(&back)) {
            edge.label = Some(inverse.to_owned());
        }
    }

    /// Takes a label away from all pairs and deletes it.
    pub(super) fn delete_label(&mut self, id: TypeId) {
        let Some(edge) = self.types.get(&id) else { return };
        let gone = [id, edge.inverse];
        let pairs: Vec<(End, End)> = self
            .map
            .iter()
            .filter(|(_, set)| self.set(**set).iter().any(|known| gone.contains(known)))
            .map(|(pair, _)| *pair)
            .collect();
        for pair in pairs {
            let kept =
                self.types_of(pair.0, pair.1).iter().copied().filter(|known| !gone.contains(known)).collect();
            self.store(pair, kept);
        }
        self.types.remove(&gone[0]);
        self.types.remove(&gone[1]);
    }

    /// The types between two records, ascending.
    pub(super) fn types_of(&self, from: End, to: End) -> &[TypeId] {
        self.map.get(&(from, to)).map_or(&[], |set| self.set(*set))
    }

    /// Records of an object type that a record is tied to, from a slot on, in id order.
    pub(super) fn of(&self, from: End, to: Kind, first: Slot) -> impl Iterator<Item = (Slot, &[TypeId])> {
        self.map
            .range((from, (to, first))..=(from, (to, Slot::MAX)))
            .map(|((_, (_, slot)), set)| (*slot, self.set(*set)))
    }

    /// Everything a record is tied to.
    pub(super) fn all_of(&self, from: End) -> impl Iterator<Item = (End, &[TypeId])> {
        self.map
            .range((from, (Kind::Contacts, 0))..=(from, (Kind::Deals, Slot::MAX)))
            .map(|((_, to), set)| (*to, self.set(*set)))
    }

    /// Every stored direction.
    pub(super) fn iter(&self) -> impl Iterator<Item = (End, End, &[TypeId])> {
        self.map.iter().map(|((from, to), set)| (*from, *to, self.set(*set)))
    }

    /// Sets the types of a pair and its inverse; an empty list unties them.
    pub(super) fn set_pair(&mut self, from: End, to: End, types: &[TypeId]) -> PairChange {
        let mut wanted = types.to_vec();
        if !wanted.is_empty() {
            wanted.extend(self.unlabeled(from.0, to.0));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let known = self.types_of(from, to);
        let change = PairChange {
            added: wanted.iter().copied().filter(|id| !known.contains(id)).collect(),
            removed: known.iter().copied().filter(|id| !wanted.contains(id)).collect(),
        };
        let mut inverse: Vec<TypeId> =
            wanted.iter().map(|id| self.types.get(id).map_or(*id, |edge| edge.inverse)).collect();
        inverse.sort_unstable();
        self.store((from, to), wanted);
        self.store((to, from), inverse);
        change
    }

    fn store(&mut self, pair: (End, End), types: Vec<TypeId>) {
        if types.is_empty() {
            self.map.remove(&pair);
            return;
        }
        let set = match self.set_ids.get(&types) {
            Some(set) => *set,
            None => {
                let set = SetId(u16::try_from(self.sets.len()).unwrap_or(u16::MAX));
                self.sets.push(types.clone());
                self.set_ids.insert(types, set);
                set
            }
        };
        self.map.insert(pair, set);
    }

    fn set(&self, set: SetId) -> &[TypeId] {
        self.sets.get(usize::from(set.0)).map_or(&[], Vec::as_slice)
    }
}

/// Where the ids of labels made by the account begin in the map; the API shows them without it.
pub(super) const USER_DEFINED_FROM: TypeId = 1 << 20;
