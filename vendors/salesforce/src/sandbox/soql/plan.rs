//! Runs a query over the best index: points (ids, indexed values), a range of (SystemModstamp, Id), a range of ids.
//! A keyset page reads only the rows it returns.

use super::compile::{Const, Expr, Query};
use super::parse::Op;
use crate::sandbox::ids::{Obj, Rec};
use crate::sandbox::org::Org;
use crate::sandbox::schema::{Source, System};
use crate::sandbox::store::Row;
use crate::sandbox::value::Cell;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Most rows taken through a value index; an ordered range serves less selective conditions better.
const MOST_POINTS: usize = 20_000;

/// What every row that fulfils a condition lies between; all ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hull {
    low: (i64, u64),
    high: (i64, u64),
    first: u64,
    last: u64,
}

const ALL: Hull = Hull { low: (i64::MIN, 0), high: (i64::MAX, u64::MAX), first: 0, last: u64::MAX };

impl Hull {
    fn and(self, other: Hull) -> Hull {
        Hull {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
            first: self.first.max(other.first),
            last: self.last.min(other.last),
        }
    }
    fn or(self, other: Hull) -> Hull {
        Hull {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
    /// With one stamp only, bounds of the id bound the pair.
    fn refine(mut self) -> Hull {
        if self.low.0 == self.high.0 {
            self.low.1 = self.low.1.max(self.first);
            self.high.1 = self.high.1.min(self.last);
        }
        self
    }
}

/// The order in which an index gives the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    Stamp,
    Id,
}

impl Org {
    /// Sequences of the rows that a query returns, in order. `all`: with the recycle bin. `parent`: a subquery's.
    pub(crate) fn run(&self, query: &Query, all: bool, parent: Option<(usize, Rec)>) -> Vec<u64> {
        let (obj, all) = (query.obj, all || query.all_rows);
        let fits = |rec: Rec, row: &Row| {
            (all || row.deleted.is_none())
                && !row.hidden
                && query.cond.as_ref().is_none_or(|cond| self.holds(cond, rec, row))
        };
        let want = query.limit.unwrap_or(usize::MAX).saturating_add(query.offset);
        if query.limit == Some(0) {
            return Vec::new();
        }
        let walk = walk_of(self, query);
        let hull = query.cond.as_ref().map_or(ALL, |cond| self.hull(obj, cond));
        let points = match parent {
            Some((field, rec)) => {
                let slot = self.store.schema.get(obj).fields[field].slot();
                slot.and_then(|slot| self.store.by_value(obj, slot, Cell::Ref(rec), usize::MAX - 1))
            }
            None => query
                .cond
                .as_ref()
                .and_then(|cond| self.points(obj, cond))
                .map(|set| set.into_iter().collect()),
        };
        let in_order = points.is_none() && !self.store.has_late();
        let mut found: Vec<u64> = Vec::new();
        let mut take = |seq: u64| {
            let rec = Rec::new(obj, seq);
            if self.store.visible(rec).is_some_and(|row| fits(rec, row)) {
                found.push(seq);
            }
            found.len() < want
        };
        match (points, walk, in_order) {
            (Some(mut points), _, _) => {
                points.extend(self.store.late(obj).map(Rec::seq));
                points.sort_unstable();
                points.dedup();
                points.into_iter().for_each(|seq| {
                    let rec = Rec::new(obj, seq);
                    let of_parent = parent.is_none_or(|(field, p)| {
                        let f = &self.store.schema.get(obj).fields[field];
                        self.store.visible(rec).is_some_and(|row| row.get(rec, f) == Cell::Ref(p))
                    });
                    if of_parent && self.store.visible(rec).is_some_and(|row| fits(rec, row)) {
                        found.push(seq);
                    }
                });
            }
            (None, Some((walk, descending)), true) => {
                self.walk(obj, walk, descending, hull, &mut take);
                found.drain(..query.offset.min(found.len()));
                return found;
            }
            (None, _, _) => {
                let walk = if hull.low == ALL.low && hull.high == ALL.high { Walk::Id } else { Walk::Stamp };
                let mut seen = BTreeSet::new();
                let mut collect = |seq: u64| {
                    seen.insert(seq);
                    true
                };
                if self.store.has_late() {
                    self.walk(obj, walk, false, hull, &mut collect);
                    seen.extend(self.store.late(obj).map(Rec::seq));
                    found = seen
                        .into_iter()
                        .filter(|seq| {
                            let rec = Rec::new(obj, *seq);
                            self.store.visible(rec).is_some_and(|row| fits(rec, row))
                        })
                        .collect();
                } else {
                    let mut take = |seq: u64| {
                        let rec = Rec::new(obj, seq);
                        if self.store.visible(rec).is_some_and(|row| fits(rec, row)) {
                            found.push(seq);
                        }
                        true
                    };
                    self.walk(obj, walk, false, hull, &mut take);
                    found.sort_unstable();
                }
            }
        }
        self.sort(query, &mut found);
        found.truncate(want);
        found.drain(..query.offset.min(found.len()));
        found
    }

    /// Visits rows of a range in order until `take` says stop.
    fn walk(&self, obj: Obj, walk: Walk, descending: bool, hull: Hull, take: &mut dyn FnMut(u64) -> bool) {
        let table = self.store.table(obj);
        match walk {
            Walk::Stamp if hull.low > hull.high => {}
            Walk::Stamp => {
                let mut range = table.stamps.range(hull.low..=hull.high);
                while let Some((_, seq)) = if descending { range.next_back() } else { range.next() } {
                    if !take(*seq) {
                        return;
                    }
                }
            }
            Walk::Id => {
                let mut range = hull.first.max(1)..=hull.last.min(table.last());
                while let Some(seq) = if descending { range.next_back() } else { range.next() } {
                    if !take(seq) {
                        return;
                    }
                }
            }
        }
    }

    fn sort(&self, query: &Query, found: &mut Vec<u64>) {
        if query.order.is_empty() {
            return;
        }
        let mut keyed: Vec<(Vec<Cell>, u64)> = found
            .iter()
            .map(|seq| {
                let rec = Rec::new(query.obj, *seq);
                let row = self.store.visible(rec);
                let keys =
                    query.order.iter().map(|o| row.map_or(Cell::Null, |r| self.path_value(&o.path, rec, r)));
                (keys.collect(), *seq)
            })
            .collect();
        keyed.sort_by(|(a, seq_a), (b, seq_b)| {
            for (order, (a, b)) in query.order.iter().zip(a.iter().zip(b)) {
                let by = match (a.is_null(), b.is_null()) {
                    (true, true) => Ordering::Equal,
                    (true, false) if order.nulls_last => Ordering::Greater,
                    (true, false) => Ordering::Less,
                    (false, true) if order.nulls_last => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    (false, false) if order.descending => self.order(*b, *a),
                    (false, false) => self.order(*a, *b),
                };
                if by != Ordering::Equal {
                    return by;
                }
            }
            seq_a.cmp(seq_b)
        });
        *found = keyed.into_iter().map(|(_, seq)| seq).collect();
    }

    /// Rows that an index of values or ids names; `None` = no such index applies or it names too many.
    fn points(&self, obj: Obj, expr: &Expr) -> Option<BTreeSet<u64>> {
        match expr {
            Expr::And(all) => all.iter().find_map(|e| self.points(obj, e)),
            Expr::Or(all) => {
                let mut found = BTreeSet::new();
                for e in all {
                    found.extend(self.points(obj, e)?);
                }
                Some(found)
            }
            Expr::Cmp(path, Op::Eq, value) => self.point(obj, path, std::slice::from_ref(value)),
            Expr::In(path, false, values, _) => self.point(obj, path, values),
            Expr::Not(_) | Expr::Cmp(..) | Expr::In(..) | Expr::Like(..) | Expr::Multi(..) => None,
        }
    }

    fn point(&self, obj: Obj, path: &super::compile::Path, values: &[Const]) -> Option<BTreeSet<u64>> {
        if !path.hops.is_empty() {
            return None;
        }
        let field = &self.store.schema.get(obj).fields[path.leaf.first()?.1];
        let mut found = BTreeSet::new();
        for value in values {
            match (field.source, value) {
                (Source::System(System::Id), Const::Id(_, rec)) => {
                    found.extend(rec.filter(|r| r.object() == obj).map(Rec::seq));
                }
                (Source::Slot(slot), value) if field.indexed => {
                    let cell = match value {
                        Const::Text(text) => match self.store.pool.find(text) {
                            Some(sym) => Cell::Text(sym),
                            None => continue,
                        },
                        Const::Num(m, p) => Cell::Num(*m, *p),
                        Const::Id(_, Some(rec)) => Cell::Ref(*rec),
                        Const::Id(_, None) => continue,
                        Const::Date(day) => Cell::Date(*day),
                        Const::Time(time) => Cell::Time(*time),
                        Const::Null | Const::Bool(_) | Const::Days(..) => return None,
                    };
                    found.extend(self.store.by_value(obj, slot, cell, MOST_POINTS)?);
                }
                _ => return None,
            }
        }
        Some(found)
    }

    fn hull(&self, obj: Obj, expr: &Expr) -> Hull {
        match expr {
            Expr::And(all) => all.iter().fold(ALL, |hull, e| hull.and(self.hull(obj, e))).refine(),
            Expr::Or(all) => {
                let mut hulls = all.iter().map(|e| self.hull(obj, e));
                let first = hulls.next().unwrap_or(ALL);
                hulls.fold(first, Hull::or)
            }
            Expr::Cmp(path, op, value) if path.hops.is_empty() => {
                let field =
                    path.leaf.first().map(|(obj, field)| self.store.schema.get(*obj).fields[*field].source);
                match (field, value) {
                    (Some(Source::System(System::Modstamp)), Const::Time(at)) => stamp_hull(*op, *at),
                    (Some(Source::System(System::Id)), Const::Id(id, _)) => self.id_hull(obj, *op, id),
                    _ => ALL,
                }
            }
            Expr::Not(_) | Expr::Cmp(..) | Expr::In(..) | Expr::Like(..) | Expr::Multi(..) => ALL,
        }
    }

    fn id_hull(&self, obj: Obj, op: Op, id: &[u8; 15]) -> Hull {
        // Where the id stands among this object's sequences, whatever object it is of.
        let lowest = self.store.id15(Rec::new(obj, 0));
        let (at, exact) = if id[..6] == lowest[..6] {
            (crate::sandbox::ids::sequence(id), true)
        } else if *id < lowest {
            (0, false)
        } else {
            (u64::MAX, false)
        };
        match op {
            Op::Gt if exact => Hull { first: at.saturating_add(1), ..ALL },
            Op::Gt | Op::Ge => Hull { first: at, ..ALL },
            Op::Lt if exact => Hull { last: at.saturating_sub(1), ..ALL },
            Op::Lt | Op::Le => Hull { last: at, ..ALL },
            Op::Eq if exact => Hull { first: at, last: at, ..ALL },
            Op::Eq | Op::Ne | Op::Like => ALL,
        }
    }
}

fn stamp_hull(op: Op, at: i64) -> Hull {
    match op {
        Op::Gt => Hull { low: (at.saturating_add(1), 0), ..ALL },
        Op::Ge => Hull { low: (at, 0), ..ALL },
        Op::Lt => Hull { high: (at.saturating_sub(1), u64::MAX), ..ALL },
        Op::Le => Hull { high: (at, u64::MAX), ..ALL },
        Op::Eq => Hull { low: (at, 0), high: (at, u64::MAX), ..ALL },
        Op::Ne | Op::Like => ALL,
    }
}

/// The index order that is the query's order.
fn walk_of(org: &Org, query: &Query) -> Option<(Walk, bool)> {
    let source = |i: usize| {
        let order = query.order.get(i)?;
        if !order.path.hops.is_empty() {
            return None;
        }
        let (obj, field) = order.path.leaf.first()?;
        Some((org.store.schema.get(*obj).fields[*field].source, order.descending))
    };
    let (id, stamp) = (Source::System(System::Id), Source::System(System::Modstamp));
    match (query.order.len(), source(0), source(1)) {
        (0, _, _) => {
            let bounded = query.cond.as_ref().is_some_and(|c| {
                let hull = org.hull(query.obj, c);
                hull.low != ALL.low || hull.high != ALL.high
            });
            // Without an order rows come by id; a range of stamps is smaller than all ids.
            if bounded { None } else { Some((Walk::Id, false)) }
        }
        (1, Some((s, descending)), _) if s == id => Some((Walk::Id, descending)),
        (1, Some((s, descending)), _) if s == stamp => Some((Walk::Stamp, descending)),
        (2, Some((s, a)), Some((i, b))) if s == stamp && i == id && a == b => Some((Walk::Stamp, a)),
        _ => None,
    }
}
