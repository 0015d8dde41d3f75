//! Whether a row fulfils a condition.

use super::compile::{Const, Expr, Members, Path, Wild};
use super::parse::Op;
use crate::sandbox::ids::Rec;
use crate::sandbox::org::Org;
use crate::sandbox::schema::Type;
use crate::sandbox::store::Row;
use crate::sandbox::value::{Cell, compare_numbers};
use std::cmp::Ordering;

impl Org {
    /// A path's value; null where a parent is missing or not accessible.
    pub(crate) fn path_value(&self, path: &Path, rec: Rec, row: &Row) -> Cell {
        let schema = &self.store.schema;
        if path.hops.is_empty() {
            return match path.leaf.first() {
                Some((obj, field)) => row.get(rec, &schema.get(*obj).fields[*field]),
                None => Cell::Null,
            };
        }
        let (mut rec, mut row) = (rec, row);
        for hop in &path.hops {
            let Some((obj, field)) = hop.iter().find(|(obj, _)| *obj == rec.object()) else {
                return Cell::Null;
            };
            let Some(next) = row.get(rec, &schema.get(*obj).fields[*field]).rec() else { return Cell::Null };
            let Some(parent) = self.store.visible(next).filter(|r| !r.hidden) else { return Cell::Null };
            (rec, row) = (next, parent);
        }
        if path.leaf.is_empty() {
            return self.store.pool.find(&schema.get(rec.object()).name).map_or(Cell::Null, Cell::Text);
        }
        match path.leaf.iter().find(|(obj, _)| *obj == rec.object()) {
            Some((obj, field)) => row.get(rec, &schema.get(*obj).fields[*field]),
            None => Cell::Null,
        }
    }

    pub(crate) fn holds(&self, expr: &Expr, rec: Rec, row: &Row) -> bool {
        match expr {
            Expr::And(all) => all.iter().all(|e| self.holds(e, rec, row)),
            Expr::Or(all) => all.iter().any(|e| self.holds(e, rec, row)),
            Expr::Not(inner) => !self.holds(inner, rec, row),
            Expr::Cmp(path, op, value) => self.compare(self.path_value(path, rec, row), path.ty, *op, value),
            Expr::In(path, negated, values, members) => {
                let cell = self.path_value(path, rec, row);
                let found = match members {
                    Members::Ids(ids) => cell.rec().is_some_and(|rec| ids.contains(&rec)),
                    Members::Texts(texts) => {
                        cell.sym().is_some_and(|sym| texts.contains(self.store.pool.fold_text(sym)))
                    }
                    Members::Listed => values.iter().any(|value| self.compare(cell, path.ty, Op::Eq, value)),
                };
                found != *negated
            }
            Expr::Like(path, pattern) => match self.path_value(path, rec, row).sym() {
                Some(sym) => {
                    let text: Vec<char> = self.store.pool.fold_text(sym).chars().collect();
                    like(pattern, &text)
                }
                None => false,
            },
            Expr::Multi(path, includes, groups) => {
                let cell = self.path_value(path, rec, row);
                let text = cell.sym().map(|sym| self.store.pool.fold_text(sym)).unwrap_or_default();
                let chosen: Vec<&str> = text.split(';').map(str::trim).collect();
                groups.iter().any(|group| group.iter().all(|part| chosen.contains(&part.as_str())))
                    == *includes
            }
        }
    }

    fn compare(&self, cell: Cell, ty: Type, op: Op, value: &Const) -> bool {
        if matches!(value, Const::Null) {
            return match op {
                Op::Eq => cell.is_null() && ty != Type::Bool,
                Op::Ne => !cell.is_null(),
                Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Like => false,
            };
        }
        if cell.is_null() {
            return op == Op::Ne;
        }
        if let Const::Days(from, to) = value {
            let day = match cell {
                Cell::Date(day) => i64::from(day),
                Cell::Time(seconds) => seconds.div_euclid(86_400),
                Cell::Null | Cell::Bool(_) | Cell::Num(..) | Cell::Text(_) | Cell::Ref(_) => return false,
            };
            let (from, to) = (i64::from(*from), i64::from(*to));
            return match op {
                Op::Eq => (from..to).contains(&day),
                Op::Ne => !(from..to).contains(&day),
                Op::Lt => day < from,
                Op::Le => day < to,
                Op::Gt => day >= to,
                Op::Ge => day >= from,
                Op::Like => false,
            };
        }
        let order = match (cell, value) {
            (Cell::Bool(a), Const::Bool(b)) => a.cmp(b),
            (Cell::Num(m, p), Const::Num(vm, vp)) => compare_numbers((m, p), (*vm, *vp)),
            (Cell::Date(a), Const::Date(b)) => a.cmp(b),
            (Cell::Time(a), Const::Time(b)) => a.cmp(b),
            (Cell::Text(sym), Const::Text(text)) => self.store.pool.fold_text(sym).cmp(text.as_str()),
            (Cell::Ref(rec), Const::Id(_, Some(other))) if rec.object() == other.object() => rec.cmp(other),
            (Cell::Ref(rec), Const::Id(id, _)) => self.store.id15(rec).cmp(id),
            _ => return false,
        };
        match op {
            Op::Eq => order == Ordering::Equal,
            Op::Ne => order != Ordering::Equal,
            Op::Lt => order == Ordering::Less,
            Op::Le => order != Ordering::Greater,
            Op::Gt => order == Ordering::Greater,
            Op::Ge => order != Ordering::Less,
            Op::Like => false,
        }
    }

    /// How two values sort; null apart.
    pub(crate) fn order(&self, a: Cell, b: Cell) -> Ordering {
        match (a, b) {
            (Cell::Num(m, p), Cell::Num(vm, vp)) => compare_numbers((m, p), (vm, vp)),
            (Cell::Text(a), Cell::Text(b)) => self.store.pool.fold_text(a).cmp(self.store.pool.fold_text(b)),
            (Cell::Bool(a), Cell::Bool(b)) => a.cmp(&b),
            (Cell::Date(a), Cell::Date(b)) => a.cmp(&b),
            (Cell::Time(a), Cell::Time(b)) => a.cmp(&b),
            (Cell::Ref(a), Cell::Ref(b)) if a.object() == b.object() => a.cmp(&b),
            (Cell::Ref(a), Cell::Ref(b)) => self.store.id15(a).cmp(&self.store.id15(b)),
            _ => Ordering::Equal,
        }
    }
}

/// Pattern match without backtracking over more than the last `%`.
fn like(pattern: &[Wild], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Wild::Any) => {
                retry = Some((p, t));
                p += 1;
            }
            Some(Wild::One) => (p, t) = (p + 1, t + 1),
            Some(Wild::Char(c)) if *c == text[t] => (p, t) = (p + 1, t + 1),
            Some(Wild::Char(_)) | None => match retry {
                Some((at, from)) => {
                    retry = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|w| *w == Wild::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_matches_wildcards() {
        use Wild::{Any, Char, One};
        let t = |s: &str| s.chars().collect::<Vec<_>>();
        assert!(like(&[Char('a'), Any], &t("abc")));
        assert!(like(&[Any, Char('c')], &t("abcc")));
        assert!(like(&[One, Char('b'), Any, Char('d')], &t("abcbcd")));
        assert!(!like(&[Char('a'), One], &t("a")));
        assert!(like(&[Any], &t("")));
        assert!(!like(&[Any, Char('x'), Any], &t("abc")));
    }
}
