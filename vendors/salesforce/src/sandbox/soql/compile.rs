//! Syntax tree → query over field positions: names resolved, literals typed.

use super::lex::{caret, unescape};
use super::literals;
use super::parse::{Cond, Item, Lit, Name, Op, Select, parse};
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::{self, Id15, Obj, Rec};
use crate::sandbox::org::Org;
use crate::sandbox::schema::{Field, Type};
use crate::sandbox::value;
use std::collections::BTreeSet;

/// (object, field) for each object that a path can meet at one place.
pub(crate) type Place = Vec<(Obj, usize)>;

/// A field of the row or of a parent up to five hops away.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    pub(crate) hops: Vec<Place>,
    /// Empty: the name of the object met (`Owner.Type`).
    pub(crate) leaf: Place,
    pub(crate) ty: Type,
}

/// A typed literal.
#[derive(Debug, Clone)]
pub(crate) enum Const {
    Null,
    Bool(bool),
    Num(i64, u8),
    /// Lower case.
    Text(String),
    Date(i32),
    Time(i64),
    /// `[from, to)` in days.
    Days(i32, i32),
    Id(Id15, Option<Rec>),
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Cmp(Path, Op, Const),
    In(Path, bool, Vec<Const>, Members),
    Like(Path, Vec<Wild>),
    Multi(Path, bool, Vec<Vec<String>>),
}

/// The values of an IN list where they can be looked up.
#[derive(Debug, Clone)]
pub(crate) enum Members {
    /// Compare one by one.
    Listed,
    Ids(BTreeSet<Rec>),
    Texts(BTreeSet<String>),
}

impl Members {
    fn of(values: &[Const]) -> Self {
        let mut ids = BTreeSet::new();
        let mut texts = BTreeSet::new();
        for value in values {
            match value {
                // An id of another org or object is no row's.
                Const::Id(_, rec) => ids.extend(*rec),
                Const::Text(text) => {
                    texts.insert(text.clone());
                }
                Const::Null
                | Const::Bool(_)
                | Const::Num(..)
                | Const::Date(_)
                | Const::Time(_)
                | Const::Days(..) => return Members::Listed,
            }
        }
        if texts.is_empty() { Members::Ids(ids) } else { Members::Texts(texts) }
    }
}

/// A piece of a LIKE pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wild {
    One,
    Any,
    Char(char),
}

#[derive(Debug, Clone)]
pub(crate) enum Out {
    Field { name: String, place: Place },
    TypeName { name: String },
    Parent { name: String, hop: Place, any: bool, node: Vec<Out> },
    Children { name: String, field: usize, query: Box<Query> },
}

#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) path: Path,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

/// A query that can be run.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) obj: Obj,
    pub(crate) outs: Vec<Out>,
    pub(crate) count: bool,
    pub(crate) cond: Option<Expr>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
    pub(crate) all_rows: bool,
}

impl Org {
    /// Reads a statement against the schema that the API user sees.
    pub(crate) fn compile(&self, soql: &str) -> Res<Query> {
        let select = parse(soql)?;
        let obj = self.store.schema.find(&select.from.text).ok_or_else(|| {
            let message = format!(
                "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append \
                 the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate \
                 names.",
                select.from.text
            );
            Fail::new(400, "INVALID_TYPE", caret(soql, select.from.at, &message))
        })?;
        Compiler { org: self, soql, obj, alias: select.alias.clone() }.query(&select)
    }
}

struct Compiler<'a> {
    org: &'a Org,
    soql: &'a str,
    obj: Obj,
    alias: Option<String>,
}

impl Compiler<'_> {
    fn query(&self, select: &Select) -> Res<Query> {
        let mut outs = Vec::new();
        let mut count = false;
        for item in &select.items {
            match item {
                Item::Path(name) | Item::Label(name, None) => self.select(&mut outs, name, None)?,
                Item::Label(name, Some(alias)) => self.select(&mut outs, name, Some(alias))?,
                Item::Count if select.items.len() == 1 => count = true,
                Item::Count => return Err(self.malformed(select.from.at, "COUNT() must stand alone")),
                Item::Fields(which) => self.all_fields(&mut outs, which, select)?,
                Item::Sub(sub) => outs.push(self.children(sub)?),
            }
        }
        let mut order = Vec::new();
        for sort in &select.order {
            let path = self.path(&sort.path)?;
            self.sortable(&path, &sort.path, "sorted")?;
            order.push(Order {
                path,
                descending: sort.descending,
                nulls_last: sort.nulls_last.unwrap_or(false),
            });
        }
        let cond = match &select.cond {
            Some(cond) => Some(self.cond(cond)?),
            None => None,
        };
        Ok(Query {
            obj: self.obj,
            outs,
            count,
            cond,
            order,
            limit: select.limit,
            offset: select.offset,
            all_rows: select.all_rows,
        })
    }

    fn malformed(&self, at: usize, message: &str) -> Fail {
        Fail::malformed_query(caret(self.soql, at, message))
    }
    fn invalid(&self, at: usize, message: &str) -> Fail {
        Fail::new(400, "INVALID_FIELD", caret(self.soql, at, message))
    }

    fn parts<'n>(&self, name: &'n Name) -> Vec<&'n str> {
        let mut parts: Vec<&str> = name.text.split('.').collect();
        let object = self.org.store.schema.get(self.obj);
        let own = |p: &str| {
            self.alias.as_deref().is_some_and(|a| a.eq_ignore_ascii_case(p))
                || (object.name.eq_ignore_ascii_case(p) && object.relation(p).is_none())
        };
        if parts.len() > 1 && own(parts[0]) {
            parts.remove(0);
        }
        parts
    }

    /// One hop over a relationship from any of the objects.
    fn hop(&self, from: &[Obj], relation: &str, at: usize) -> Res<(Place, Vec<Obj>)> {
        let schema = &self.org.store.schema;
        let place: Place = from
            .iter()
            .filter_map(|obj| Some((*obj, schema.get(*obj).relation(relation)?)))
            .filter(|(obj, field)| !schema.get(*obj).fields[*field].hidden)
            .collect();
        if place.is_empty() {
            let message = format!(
                "Didn't understand relationship '{relation}' in field path. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name. Please reference your \
                 WSDL or the describe call for the appropriate names."
            );
            return Err(self.invalid(at, &message));
        }
        let mut targets: Vec<Obj> =
            place.iter().flat_map(|(obj, field)| schema.get(*obj).fields[*field].targets.clone()).collect();
        targets.sort_unstable();
        targets.dedup();
        Ok((place, targets))
    }

    fn leaf(&self, objects: &[Obj], field: &str, at: usize) -> Res<Place> {
        let schema = &self.org.store.schema;
        let many = objects.len() > 1;
        if many && field.eq_ignore_ascii_case("type") {
            return Ok(Place::new());
        }
        let place: Place = objects
            .iter()
            .filter_map(|obj| Some((*obj, schema.get(*obj).find(field)?)))
            .filter(|(obj, index)| !schema.get(*obj).fields[*index].hidden)
            .collect();
        if place.is_empty() {
            let entity =
                if many { "Name" } else { objects.first().map_or("", |obj| &*schema.get(*obj).name) };
            let message = format!(
                "No such column '{field}' on entity '{entity}'. If you are attempting to use a custom field, be sure \
                 to append the '__c' after the custom field name. Please reference your WSDL or the describe call for \
                 the appropriate names."
            );
            return Err(self.invalid(at, &message));
        }
        Ok(place)
    }

    fn path(&self, name: &Name) -> Res<Path> {
        let parts = self.parts(name);
        let mut objects = vec![self.obj];
        let mut hops = Vec::new();
        for relation in &parts[..parts.len() - 1] {
            let (place, targets) = self.hop(&objects, relation, name.at)?;
            hops.push(place);
            objects = targets;
        }
        if hops.len() > 5 {
            return Err(self.malformed(name.at, "a relationship path may have at most five hops"));
        }
        let leaf = self.leaf(&objects, parts[parts.len() - 1], name.at)?;
        let ty = leaf.first().map_or(Type::Text, |(obj, field)| self.field(*obj, *field).ty);
        Ok(Path { hops, leaf, ty })
    }

    fn field(&self, obj: Obj, field: usize) -> &Field {
        &self.org.store.schema.get(obj).fields[field]
    }

    fn sortable(&self, path: &Path, name: &Name, how: &str) -> Res<()> {
        if path.leaf.iter().all(|(obj, field)| self.field(*obj, *field).filterable()) {
            return Ok(());
        }
        let bare = name.text.rsplit('.').next().unwrap_or_default();
        Err(self.invalid(name.at, &format!("field '{bare}' can not be {how} in a query call")))
    }

    fn select(&self, outs: &mut Vec<Out>, name: &Name, alias: Option<&str>) -> Res<()> {
        let parts = self.parts(name);
        self.select_in(outs, &[self.obj], &parts, name, alias)
    }

    fn select_in(
        &self,
        outs: &mut Vec<Out>,
        objects: &[Obj],
        parts: &[&str],
        name: &Name,
        alias: Option<&str>,
    ) -> Res<()> {
        if let [relation, rest @ ..] = parts
            && !rest.is_empty()
        {
            let (hop, targets) = self.hop(objects, relation, name.at)?;
            let label = hop
                .first()
                .and_then(|(obj, field)| self.field(*obj, *field).relation.clone())
                .unwrap_or_else(|| (*relation).to_owned());
            let known = outs.iter().position(|o| matches!(o, Out::Parent { name, .. } if *name == label));
            let at = known.unwrap_or(outs.len());
            if known.is_none() {
                outs.push(Out::Parent { name: label, hop, any: targets.len() > 1, node: Vec::new() });
            }
            if let Some(Out::Parent { node, .. }) = outs.get_mut(at) {
                self.select_in(node, &targets, rest, name, alias)?;
            }
            return Ok(());
        }
        let place = self.leaf(objects, parts.first().unwrap_or(&""), name.at)?;
        let Some((obj, field)) = place.first() else {
            outs.push(Out::TypeName { name: "Type".into() });
            return Ok(());
        };
        let label = alias.map_or_else(|| self.field(*obj, *field).name.to_string(), str::to_owned);
        if outs.iter().any(|o| matches!(o, Out::Field { name, .. } if *name == label)) {
            return Err(self.invalid(name.at, &format!("duplicate field selected: {label}")));
        }
        outs.push(Out::Field { name: label, place });
        Ok(())
    }

    fn all_fields(&self, outs: &mut Vec<Out>, which: &str, select: &Select) -> Res<()> {
        if which != "STANDARD" && select.limit.is_none_or(|limit| limit > 200) {
            let message = "The SOQL FIELDS function must have a LIMIT of at most 200";
            return Err(self.malformed(select.from.at, message));
        }
        for (index, field) in self.org.store.schema.get(self.obj).seen() {
            let wanted = match which {
                "ALL" => true,
                "CUSTOM" => field.custom,
                "STANDARD" => !field.custom,
                _ => return Err(self.malformed(select.from.at, &format!("unexpected token: '{which}'"))),
            };
            if wanted {
                outs.push(Out::Field { name: field.name.to_string(), place: vec![(self.obj, index)] });
            }
        }
        Ok(())
    }

    fn children(&self, sub: &Select) -> Res<Out> {
        let relation = &sub.from.text;
        let schema = &self.org.store.schema;
        let found = schema.children(self.obj).into_iter().find(|(child, field)| {
            schema.get(*child).fields[*field]
                .child
                .as_deref()
                .is_some_and(|c| c.eq_ignore_ascii_case(relation))
        });
        let Some((child, field)) = found else {
            let message = format!(
                "Didn't understand relationship '{relation}' in FROM part of query call. If you are attempting to use \
                 a custom relationship, be sure to append the '__r' after the custom relationship name. Please \
                 reference your WSDL or the describe call for the appropriate names."
            );
            return Err(Fail::new(400, "INVALID_TYPE", caret(self.soql, sub.from.at, &message)));
        };
        let inner = Compiler { org: self.org, soql: self.soql, obj: child, alias: sub.alias.clone() };
        let name = schema.get(child).fields[field].child.clone().unwrap_or_default();
        Ok(Out::Children { name, field, query: Box::new(inner.query(sub)?) })
    }

    fn cond(&self, cond: &Cond) -> Res<Expr> {
        Ok(match cond {
            Cond::And(all) => Expr::And(all.iter().map(|c| self.cond(c)).collect::<Res<_>>()?),
            Cond::Or(all) => Expr::Or(all.iter().map(|c| self.cond(c)).collect::<Res<_>>()?),
            Cond::Not(inner) => Expr::Not(Box::new(self.cond(inner)?)),
            Cond::Cmp(name, Op::Like, lit) => {
                let path = self.filter(name)?;
                let (true, Lit::Text(pattern)) = (path.ty.is_text(), lit) else {
                    return Err(
                        self.invalid(name.at, "invalid operator: LIKE takes a text field and a string")
                    );
                };
                Expr::Like(path, wild(pattern))
            }
            Cond::Cmp(name, op, lit) => {
                let path = self.filter(name)?;
                let value = self.constant(&path, name, lit)?;
                if path.ty == Type::Bool && !matches!(op, Op::Eq | Op::Ne) {
                    return Err(self.invalid(name.at, "invalid operator on boolean field"));
                }
                Expr::Cmp(path, *op, value)
            }
            Cond::In(name, negated, lits) => {
                let path = self.filter(name)?;
                let values: Vec<Const> =
                    lits.iter().map(|lit| self.constant(&path, name, lit)).collect::<Res<_>>()?;
                let members = Members::of(&values);
                Expr::In(path, *negated, values, members)
            }
            Cond::Multi(name, includes, texts) => {
                let path = self.filter(name)?;
                if path.ty != Type::Multi {
                    return Err(self.invalid(name.at, "INCLUDES and EXCLUDES take a multi-select picklist"));
                }
                let groups =
                    texts.iter().map(|t| t.split(';').map(|p| p.trim().to_lowercase()).collect()).collect();
                Expr::Multi(path, *includes, groups)
            }
        })
    }

    fn filter(&self, name: &Name) -> Res<Path> {
        let path = self.path(name)?;
        self.sortable(&path, name, "filtered")?;
        Ok(path)
    }

    fn constant(&self, path: &Path, name: &Name, lit: &Lit) -> Res<Const> {
        let bare = name.text.rsplit('.').next().unwrap_or_default();
        let typed = |quoted: &str| {
            let ty = path.ty.names().0;
            let message = format!(
                "value of filter criterion for field '{bare}' must be of type {ty} and should {quoted}be enclosed in quotes"
            );
            self.invalid(name.at, &message)
        };
        let today = self.org.now.div_euclid(86_400) as i32;
        match (path.ty, lit) {
            (_, Lit::Null) => Ok(Const::Null),
            (Type::Bool, Lit::Bool(value)) => Ok(Const::Bool(*value)),
            (Type::Id | Type::Reference, Lit::Text(text)) => self.id(name, &unescape(text)),
            (ty, Lit::Text(text)) if ty.is_text() => {
                let plain = unescape(text);
                Ok(if plain.is_empty() { Const::Null } else { Const::Text(plain.to_lowercase()) })
            }
            (ty, Lit::Number(text)) if ty.is_number() => match value::number(text, 15) {
                Some(value::Cell::Num(m, p)) => Ok(Const::Num(m, p)),
                _ => Err(typed("not ")),
            },
            (Type::Date, Lit::Date(date)) => Ok(Const::Date(*date)),
            (Type::Time, Lit::Time(time)) => Ok(Const::Time(*time)),
            (Type::Date | Type::Time, Lit::Range(word, n)) => {
                let (from, to) = literals::range(word, *n, today).ok_or_else(|| typed("not "))?;
                Ok(Const::Days(from, to))
            }
            (ty, _) if ty.is_text() || matches!(ty, Type::Id | Type::Reference) => Err(typed("")),
            _ => Err(typed("not ")),
        }
    }

    fn id(&self, name: &Name, text: &str) -> Res<Const> {
        if text.is_empty() {
            return Ok(Const::Id([b'0'; 15], None));
        }
        let bare = name.text.rsplit('.').next().unwrap_or_default();
        let id = ids::read(text).ok_or_else(|| {
            Fail::new(
                400,
                "INVALID_QUERY_FILTER_OPERATOR",
                caret(self.soql, name.at, &format!("invalid ID field: {bare}")),
            )
        })?;
        Ok(Const::Id(id, self.org.store.read_id(text).ok().flatten()))
    }
}

fn wild(pattern: &str) -> Vec<Wild> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => pieces.push(Wild::Any),
            '_' => pieces.push(Wild::One),
            '\\' => pieces.extend(chars.next().map(Wild::Char)),
            _ => pieces.extend(c.to_lowercase().map(Wild::Char)),
        }
    }
    pieces
}
