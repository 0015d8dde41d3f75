//! `POST …/search`: keyset queries on the three ordered axes answer by rank, everything else by filtering candidates.

use super::HubSpot;
use super::call::Call;
use super::filter::{Field, Filter, Op, field};
use super::index::Index;
use super::kind::Kind;
use super::portal::Portal;
use super::record::{Record, Select};
use super::sorted::Sorted;
use super::table::Slot;
use super::wire::{ApiError, Reply, list_at, text_at, texts_at};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Limits of a search [d25 crm__search].
const BODY: usize = 3_000;
const ROWS: usize = 10_000;
const PAGE: usize = 200;
const GROUPS: usize = 5;
const FILTERS_IN_GROUP: usize = 6;
const FILTERS: usize = 18;

/// A position on an ordered axis.
type Key = (i64, Slot);

const LAST: Key = (i64::MAX, Slot::MAX);

/// An order the index keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    Id,
    Created,
    Modified,
}

impl Axis {
    fn of(field: Field) -> Option<Self> {
        match field {
            Field::Id => Some(Self::Id),
            Field::Created => Some(Self::Created),
            Field::Modified => Some(Self::Modified),
            Field::Prop(..) | Field::Tied(_) | Field::Unknown => None,
        }
    }

    fn list(self, index: &Index) -> &Sorted<Key> {
        match self {
            Self::Id => &index.by_id,
            Self::Created => &index.by_created,
            Self::Modified => &index.by_modified,
        }
    }
}

/// A search, read.
struct Query {
    groups: Vec<Vec<Filter>>,
    words: Vec<String>,
    sort: Field,
    descending: bool,
    limit: usize,
    offset: usize,
}

/// What a search found: the page's rows and the total.
struct Found {
    total: usize,
    page: Vec<Slot>,
}

impl Query {
    fn read(portal: &Portal, kind: Kind, body: &Value) -> Result<Self, ApiError> {
        let mut raw: Vec<&[Value]> =
            list_at(body, "filterGroups").iter().map(|group| list_at(group, "filters")).collect();
        let flat = list_at(body, "filters");
        if raw.is_empty() && !flat.is_empty() {
            raw.push(flat);
        }
        let total: usize = raw.iter().map(|group| group.len()).sum();
        if raw.len() > GROUPS || total > FILTERS || raw.iter().any(|group| group.len() > FILTERS_IN_GROUP) {
            let message = format!(
                "Too many filters: at most {GROUPS} groups, {FILTERS_IN_GROUP} filters per group and {FILTERS} in total"
            );
            return Err(ApiError::validation(&message));
        }
        let groups: Result<Vec<Vec<Filter>>, ApiError> = raw
            .into_iter()
            .map(|group| group.iter().map(|filter| Filter::read(portal, kind, filter)).collect())
            .collect();
        let sorts = list_at(body, "sorts");
        if sorts.len() > 1 {
            return Err(ApiError::validation("Only one sort is allowed"));
        }
        let (sort, descending) =
            sorts.first().map_or((Field::Created, false), |sort| read_sort(portal, kind, sort));
        let number = |name: &str, default: usize| match text_at(body, name) {
            None => Ok(default),
            Some(text) if text.is_empty() => Ok(default),
            Some(text) => text.parse::<usize>().map_err(|_| {
                ApiError::validation(&format!(
                    "Cannot deserialize value of type `int` from String \"{text}\""
                ))
            }),
        };
        let (limit, offset) = (number("limit", 10)?, number("after", 0)?);
        if limit == 0 || limit > PAGE {
            return Err(ApiError::validation(&format!(
                "limit must be between 1 and {PAGE}, but was {limit}"
            )));
        }
        if offset + limit > ROWS {
            let message =
                format!("Result window is too large: offset {offset} and limit {limit} go past {ROWS} rows");
            return Err(ApiError::validation(&message));
        }
        let words = text_at(body, "query").unwrap_or_default();
        let words = words.split_whitespace().map(str::to_lowercase).collect();
        Ok(Self { groups: groups?, words, sort, descending, limit, offset })
    }

    fn run(&self, portal: &Portal, index: &Index, kind: Kind) -> Found {
        if let Some(axis) = self.axis(portal, kind).filter(|_| self.words.is_empty())
            && let Some(found) = self.by_rank(portal, index, kind, axis)
        {
            return found;
        }
        self.by_candidates(portal, index, kind)
    }

    /// The ordered list whose order is the wanted one. Within a single instant, stamp order is id order.
    fn axis(&self, portal: &Portal, kind: Kind) -> Option<Axis> {
        let axis = Axis::of(self.sort)?;
        if let ([group], Axis::Id) = (self.groups.as_slice(), axis) {
            let single = [Axis::Modified, Axis::Created].into_iter().find(|axis| {
                let range = range(portal, kind, *axis, group);
                range.exact && range.to <= (range.from.0.saturating_add(1), 0)
            });
            return Some(single.unwrap_or(axis));
        }
        Some(axis)
    }

    /// Answers from the ordered list alone, if every group is a range of it.
    fn by_rank(&self, portal: &Portal, index: &Index, kind: Kind, axis: Axis) -> Option<Found> {
        let list = axis.list(index);
        let mut ranges = Vec::new();
        for group in &self.groups {
            let range = range(portal, kind, axis, group);
            if !range.exact {
                return None;
            }
            ranges.push((list.rank(&range.from), list.rank(&range.to)));
        }
        if self.groups.is_empty() {
            ranges.push((0, list.len()));
        }
        ranges.retain(|(from, to)| from < to);
        ranges.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::new();
        for (from, to) in ranges {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        let total: usize = merged.iter().map(|(from, to)| to - from).sum();
        let end = (self.offset + self.limit).min(total);
        let (mut skip, mut take) = if self.descending {
            (total - end, end.saturating_sub(self.offset))
        } else {
            (self.offset, end.saturating_sub(self.offset))
        };
        let mut page = Vec::with_capacity(take);
        for (from, to) in merged {
            let size = to - from;
            if skip >= size {
                skip -= size;
                continue;
            }
            let count = take.min(size - skip);
            page.extend(list.starting_at(from + skip).take(count).map(|(_, slot)| slot));
            take -= count;
            skip = 0;
            if take == 0 {
                break;
            }
        }
        if self.descending {
            page.reverse();
        }
        Some(Found { total, page })
    }

    fn by_candidates(&self, portal: &Portal, index: &Index, kind: Kind) -> Found {
        let every = [Vec::new()];
        let groups: &[Vec<Filter>] = if self.groups.is_empty() { &every } else { &self.groups };
        let mut slots = BTreeSet::new();
        for group in groups {
            for slot in candidates(portal, index, kind, group) {
                let passes = index.image(slot).is_some_and(|image| {
                    group.iter().all(|filter| filter.test(portal, kind, slot, image))
                        && self.has_words(portal, kind, image)
                });
                if passes {
                    slots.insert(slot);
                }
            }
        }
        let total = slots.len();
        let mut keyed: Vec<(SortKey, Slot)> =
            slots.into_iter().map(|slot| (self.sort_key(portal, index, slot), slot)).collect();
        keyed.sort_by(|(left, left_slot), (right, right_slot)| {
            let order = left.order(right, self.descending);
            order.then(if self.descending { right_slot.cmp(left_slot) } else { left_slot.cmp(right_slot) })
        });
        let page = keyed.into_iter().skip(self.offset).take(self.limit).map(|(_, slot)| slot).collect();
        Found { total, page }
    }

    fn has_words(&self, portal: &Portal, kind: Kind, image: &super::index::Image) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let registry = &portal.table(kind).registry;
        let texts: Vec<String> = kind
            .query_properties()
            .iter()
            .filter_map(|name| image.value(registry.visible(name)?))
            .map(|value| portal.pool.text(value).to_lowercase())
            .collect();
        self.words.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
    }

    fn sort_key(&self, portal: &Portal, index: &Index, slot: Slot) -> SortKey {
        let Some(image) = index.image(slot) else { return SortKey::Nothing };
        match self.sort {
            Field::Id => SortKey::Number(slot.into()),
            Field::Created => SortKey::Number(image.created.into()),
            Field::Modified => SortKey::Number(image.updated.into()),
            Field::Tied(_) | Field::Unknown => SortKey::Nothing,
            Field::Prop(prop, value_type) => {
                let Some(value) = image.value(prop) else { return SortKey::Nothing };
                let text = portal.pool.text(value);
                let number = text.parse().ok().filter(|_| value_type == super::registry::ValueType::Number);
                number.map_or_else(|| SortKey::Text(text.to_lowercase()), SortKey::Number)
            }
        }
    }
}

/// What rows are sorted by; rows without a value come last either way.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Number(rust_decimal::Decimal),
    Text(String),
    Nothing,
}

impl SortKey {
    fn order(&self, other: &Self, descending: bool) -> Ordering {
        let missing = (*self == Self::Nothing, *other == Self::Nothing);
        match missing {
            (false, false) if descending => other.cmp(self),
            _ => self.cmp(other),
        }
    }
}

fn read_sort(portal: &Portal, kind: Kind, sort: &Value) -> (Field, bool) {
    if let Value::String(name) = sort {
        let bare = name.strip_prefix('-');
        return (field(portal, kind, bare.unwrap_or(name)), bare.is_some());
    }
    let name = text_at(sort, "propertyName").unwrap_or_default();
    let direction = text_at(sort, "direction").unwrap_or_default();
    (field(portal, kind, &name), direction.eq_ignore_ascii_case("DESCENDING"))
}

/// The part of an axis that a group can match; `exact`: all of it does.
struct Range {
    from: Key,
    to: Key,
    exact: bool,
}

fn range(portal: &Portal, kind: Kind, axis: Axis, group: &[Filter]) -> Range {
    let mut range = Range { from: (i64::MIN, 0), to: LAST, exact: true };
    for filter in group {
        let on_axis = Axis::of(filter.field) == Some(axis);
        let used = on_axis && axis != Axis::Id && narrow_stamp(&mut range, filter)
            || on_axis && axis == Axis::Id && narrow_slot(portal, kind, &mut range, filter, 0);
        // Ids are looked at below, once the instant is known to be a single one.
        let id_later = axis != Axis::Id && filter.field == Field::Id;
        range.exact &= used || id_later;
    }
    if axis != Axis::Id {
        let instant = range.from.0;
        let single = range.from.1 == 0 && range.to == (instant.saturating_add(1), 0);
        for filter in group.iter().filter(|filter| filter.field == Field::Id) {
            range.exact &= single && narrow_slot(portal, kind, &mut range, filter, instant);
        }
    }
    range
}

fn narrow_stamp(range: &mut Range, filter: &Filter) -> bool {
    let Some(ms) = filter.ms(0) else { return filter.op == Op::Has };
    let (from, to) = match filter.op {
        Op::Gte => (Some(ms), None),
        Op::Gt => (Some(ms.saturating_add(1)), None),
        Op::Lt => (None, Some(ms)),
        Op::Lte => (None, Some(ms.saturating_add(1))),
        Op::Eq => (Some(ms), Some(ms.saturating_add(1))),
        Op::Between => (Some(ms), filter.ms(1).map(|high| high.saturating_add(1))),
        Op::Neq | Op::In | Op::NotIn | Op::Has | Op::HasNot | Op::Contains | Op::ContainsNot => return false,
    };
    range.from = range.from.max(from.map_or((i64::MIN, 0), |ms| (ms, 0)));
    range.to = range.to.min(to.map_or(LAST, |ms| (ms, 0)));
    true
}

fn narrow_slot(portal: &Portal, kind: Kind, range: &mut Range, filter: &Filter, instant: i64) -> bool {
    if filter.op == Op::Has {
        return true;
    }
    let Some(id) = filter.id(0) else { return false };
    let slot = |id: u64| portal.table(kind).slot_from(id);
    let after = id.saturating_add(1);
    let (from, to) = match filter.op {
        Op::Gte => (Some(slot(id)), None),
        Op::Gt => (Some(slot(after)), None),
        Op::Lt => (None, Some(slot(id))),
        Op::Lte => (None, Some(slot(after))),
        Op::Eq => (Some(slot(id)), Some(slot(after))),
        Op::Between => (Some(slot(id)), filter.id(1).map(|high| slot(high.saturating_add(1)))),
        Op::Neq | Op::In | Op::NotIn | Op::Has | Op::HasNot | Op::Contains | Op::ContainsNot => return false,
    };
    range.from = range.from.max(from.map_or((instant, 0), |slot| (instant, slot)));
    range.to = range.to.min(to.map_or(LAST, |slot| (instant, slot)));
    true
}

/// Rows that may pass a group: holders of a keyed value, or the shortest range of an axis.
fn candidates(portal: &Portal, index: &Index, kind: Kind, group: &[Filter]) -> Vec<Slot> {
    if group.iter().any(|filter| filter.field == Field::Unknown) {
        return Vec::new();
    }
    for filter in group.iter().filter(|filter| matches!(filter.op, Op::Eq | Op::In)) {
        let Field::Prop(prop, _) = filter.field else { continue };
        if index.is_keyed(prop) {
            let known = filter.values.iter().filter_map(|value| portal.pool.find(&value.to_lowercase()));
            return known.flat_map(|value| index.holders(prop, value)).collect();
        }
    }
    let ids = group.iter().find(|filter| filter.field == Field::Id && matches!(filter.op, Op::Eq | Op::In));
    if let Some(ids) = ids {
        return (0..ids.values.len()).filter_map(|at| portal.table(kind).slot(ids.id(at)?)).collect();
    }
    let tied = group.iter().find_map(|filter| match (filter.field, filter.op) {
        (Field::Tied(to), Op::Eq) => Some((to, portal.find(to, filter.id(0)?)?)),
        _ => None,
    });
    if let Some(end) = tied {
        return portal.edges.of(end, kind, 0).map(|(slot, _)| slot).collect();
    }
    let best = [Axis::Id, Axis::Created, Axis::Modified]
        .into_iter()
        .map(|axis| {
            let (list, range) = (axis.list(index), range(portal, kind, axis, group));
            (axis, list.rank(&range.from), list.rank(&range.to))
        })
        .min_by_key(|(_, from, to)| to.saturating_sub(*from));
    let Some((axis, from, to)) = best else { return Vec::new() };
    axis.list(index).starting_at(from).take(to.saturating_sub(from)).map(|(_, slot)| slot).collect()
}

#[derive(serde::Serialize)]
struct Answer<'a> {
    total: usize,
    results: Vec<Record<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paging: Option<Value>,
}

impl HubSpot {
    /// `POST /crm/v3/objects/{type}/search`
    pub(super) fn search(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let length = String::from_utf8_lossy(&call.req.body).chars().count();
        if length > BODY {
            let message = format!("The request body is {length} characters long; at most {BODY} are allowed");
            return Err(ApiError::validation(&message));
        }
        let mut query = Query::read(&self.portal, kind, &call.body)?;
        query.limit = query.limit.min(self.portal.knobs.search_page_most.max(1));
        let select = Select::new(&self.portal, kind, &texts_at(&call.body, "properties"), &[]);
        Ok(self.portal.searching(kind, call.stale, |portal, index| {
            let found = query.run(portal, index, kind);
            let results = found
                .page
                .iter()
                .filter_map(|slot| Record::seen(portal, index, kind, *slot, &select))
                .collect();
            let next = query.offset + query.limit;
            let paging = (next < found.total).then(|| json!({"next": {"after": next.to_string()}}));
            Reply::ok(&Answer { total: found.total, results, paging })
        }))
    }
}
