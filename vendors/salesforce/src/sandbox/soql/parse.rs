//! Tokens → syntax tree. What stands outside the supported grammar answers MALFORMED_QUERY and says so.

use super::lex::{self, Kind, Token};
use crate::sandbox::fail::{Fail, Res};

/// A name and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) at: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Item {
    Path(Name),
    /// `toLabel(path)`.
    Label(Name, Option<String>),
    Count,
    /// `FIELDS(ALL|STANDARD|CUSTOM)`
    Fields(String),
    Sub(Box<Select>),
}

#[derive(Debug, Clone)]
pub(crate) enum Lit {
    Null,
    Bool(bool),
    Text(String),
    Number(String),
    Date(i32),
    Time(i64),
    /// A date literal (`LAST_N_DAYS:7`).
    Range(String, Option<i64>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Like,
}

#[derive(Debug, Clone)]
pub(crate) enum Cond {
    And(Vec<Cond>),
    Or(Vec<Cond>),
    Not(Box<Cond>),
    Cmp(Name, Op, Lit),
    In(Name, bool, Vec<Lit>),
    /// INCLUDES (true) or EXCLUDES.
    Multi(Name, bool, Vec<String>),
}

#[derive(Debug, Clone)]
pub(crate) struct Sort {
    pub(crate) path: Name,
    pub(crate) descending: bool,
    pub(crate) nulls_last: Option<bool>,
}

#[derive(Debug, Clone)]
pub(crate) struct Select {
    pub(crate) items: Vec<Item>,
    pub(crate) from: Name,
    pub(crate) alias: Option<String>,
    pub(crate) cond: Option<Cond>,
    pub(crate) order: Vec<Sort>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
    pub(crate) all_rows: bool,
}

const KEYWORDS: [&str; 13] = [
    "from", "where", "order", "limit", "offset", "group", "having", "with", "for", "using", "all", "update",
    "and",
];

/// Reads a whole statement.
pub(crate) fn parse(soql: &str) -> Res<Select> {
    let mut parser = Parser { soql, tokens: lex::tokens(soql)?, next: 0 };
    let select = parser.select(false)?;
    if parser.peek().kind == Kind::End { Ok(select) } else { Err(parser.unexpected()) }
}

struct Parser<'a> {
    soql: &'a str,
    tokens: Vec<Token>,
    next: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }
    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }
    fn unexpected(&self) -> Fail {
        let at = self.peek().at;
        let token = match &self.peek().kind {
            Kind::End => "<EOF>".to_owned(),
            Kind::Word(word) => word.clone(),
            Kind::Sign(sign) => (*sign).to_owned(),
            Kind::Text(text) => text.clone(),
            Kind::Number(text) => text.clone(),
            Kind::Date(_) | Kind::Time(_) => {
                self.soql[at..].split([' ', ')', ',']).next().unwrap_or_default().to_owned()
            }
        };
        lex::unexpected(self.soql, at, &token)
    }
    fn unsupported(&self, what: &str) -> Fail {
        Fail::malformed_query(lex::caret(
            self.soql,
            self.peek().at,
            &format!("{what} is not supported by this sandbox"),
        ))
    }
    fn is(&self, word: &str) -> bool {
        matches!(&self.peek().kind, Kind::Word(w) if w.eq_ignore_ascii_case(word))
    }
    fn eat(&mut self, word: &str) -> bool {
        let hit = self.is(word);
        self.next += usize::from(hit);
        hit
    }
    fn eat_sign(&mut self, sign: &str) -> bool {
        let hit = matches!(&self.peek().kind, Kind::Sign(s) if *s == sign);
        self.next += usize::from(hit);
        hit
    }
    fn need(&mut self, word: &str) -> Res<()> {
        if self.eat(word) { Ok(()) } else { Err(self.unexpected()) }
    }
    fn need_sign(&mut self, sign: &str) -> Res<()> {
        if self.eat_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }
    fn name(&mut self) -> Res<Name> {
        let at = self.peek().at;
        let Kind::Word(text) = self.peek().kind.clone() else { return Err(self.unexpected()) };
        self.next += 1;
        Ok(Name { text, at })
    }
    fn number(&mut self) -> Res<usize> {
        let Kind::Number(text) = self.peek().kind.clone() else { return Err(self.unexpected()) };
        let number = text.parse().map_err(|_| self.unexpected())?;
        self.next += 1;
        Ok(number)
    }
    /// An alias, unless the next word is a keyword.
    fn alias(&mut self) -> Option<String> {
        let Kind::Word(word) = self.peek().kind.clone() else { return None };
        if KEYWORDS.iter().any(|k| k.eq_ignore_ascii_case(&word)) {
            return None;
        }
        self.next += 1;
        Some(word)
    }

    fn select(&mut self, inner: bool) -> Res<Select> {
        self.need("SELECT")?;
        let mut items = vec![self.item(inner)?];
        while self.eat_sign(",") {
            items.push(self.item(inner)?);
        }
        self.need("FROM")?;
        let from = self.name()?;
        self.eat("AS");
        let mut select = Select {
            items,
            from,
            alias: self.alias(),
            cond: None,
            order: Vec::new(),
            limit: None,
            offset: 0,
            all_rows: false,
        };
        if matches!(self.peek().kind, Kind::Sign(",")) {
            return Err(self.unsupported("more than one object in FROM"));
        }
        if self.eat("USING") {
            self.need("SCOPE")?;
            self.name()?;
        }
        if self.eat("WHERE") {
            select.cond = Some(self.condition()?);
        }
        if self.eat("WITH") {
            self.name()?;
        }
        if self.is("GROUP") || self.is("HAVING") {
            return Err(self.unsupported("GROUP BY"));
        }
        if self.eat("ORDER") {
            self.need("BY")?;
            loop {
                select.order.push(self.sort()?);
                if !self.eat_sign(",") {
                    break;
                }
            }
        }
        if self.eat("LIMIT") {
            select.limit = Some(self.number()?);
        }
        if self.eat("OFFSET") {
            select.offset = self.number()?;
            if select.offset > 2000 {
                let message = "Maximum SOQL offset allowed is 2000";
                return Err(Fail::new(400, "NUMBER_OUTSIDE_VALID_RANGE", message));
            }
        }
        if self.eat("FOR") {
            self.name()?;
        }
        if self.eat("ALL") {
            self.need("ROWS")?;
            select.all_rows = true;
        }
        Ok(select)
    }

    fn item(&mut self, inner: bool) -> Res<Item> {
        if self.eat_sign("(") {
            if inner {
                return Err(self.unsupported("a subquery in a subquery"));
            }
            let select = self.select(true)?;
            self.need_sign(")")?;
            return Ok(Item::Sub(Box::new(select)));
        }
        if self.is("TYPEOF") {
            return Err(self.unsupported("TYPEOF"));
        }
        let name = self.name()?;
        if KEYWORDS.iter().any(|k| k.eq_ignore_ascii_case(&name.text)) {
            self.next -= 1;
            return Err(self.unexpected());
        }
        if !self.eat_sign("(") {
            let at = self.peek().at;
            if self.alias().is_some() {
                let message = "only aggregate expressions use field aliasing";
                return Err(Fail::malformed_query(lex::caret(self.soql, at, message)));
            }
            return Ok(Item::Path(name));
        }
        let item = match name.text.to_ascii_lowercase().as_str() {
            "count" if self.eat_sign(")") => return Ok(Item::Count),
            "fields" => Item::Fields(self.name()?.text.to_ascii_uppercase()),
            "tolabel" => Item::Label(self.name()?, None),
            _ => {
                self.next -= 2;
                return Err(self.unsupported(&format!("{}()", name.text)));
            }
        };
        self.need_sign(")")?;
        Ok(match item {
            Item::Label(path, _) => Item::Label(path, self.alias()),
            Item::Path(_) | Item::Count | Item::Fields(_) | Item::Sub(_) => item,
        })
    }

    fn sort(&mut self) -> Res<Sort> {
        let path = self.name()?;
        let descending = !self.eat("ASC") && self.eat("DESC");
        let mut nulls_last = None;
        if self.eat("NULLS") {
            nulls_last = Some(!self.eat("FIRST"));
            if nulls_last == Some(true) {
                self.need("LAST")?;
            }
        }
        Ok(Sort { path, descending, nulls_last })
    }

    /// AND and OR may not be mixed at one level.
    fn condition(&mut self) -> Res<Cond> {
        let first = self.term()?;
        let word = ["AND", "OR"].into_iter().find(|w| self.is(w));
        let Some(word) = word else { return Ok(first) };
        let mut all = vec![first];
        while self.eat(word) {
            all.push(self.term()?);
        }
        if self.is("AND") || self.is("OR") {
            return Err(self.unexpected());
        }
        Ok(if word == "AND" { Cond::And(all) } else { Cond::Or(all) })
    }

    fn term(&mut self) -> Res<Cond> {
        if self.eat("NOT") {
            return Ok(Cond::Not(Box::new(self.term()?)));
        }
        if self.eat_sign("(") {
            let inner = self.condition()?;
            self.need_sign(")")?;
            return Ok(inner);
        }
        let path = self.name()?;
        if self.eat_sign("(") {
            self.next -= 1;
            return Err(self.unsupported(&format!("{}() in WHERE", path.text)));
        }
        let negated = self.eat("NOT");
        if self.eat("IN") {
            return Ok(Cond::In(path, negated, self.list()?));
        }
        if negated {
            return Err(self.unexpected());
        }
        for (word, includes) in [("INCLUDES", true), ("EXCLUDES", false)] {
            if self.eat(word) {
                let texts = self.list()?.into_iter().filter_map(|lit| match lit {
                    Lit::Text(text) => Some(lex::unescape(&text)),
                    Lit::Null
                    | Lit::Bool(_)
                    | Lit::Number(_)
                    | Lit::Date(_)
                    | Lit::Time(_)
                    | Lit::Range(..) => None,
                });
                return Ok(Cond::Multi(path, includes, texts.collect()));
            }
        }
        if self.eat("LIKE") {
            return Ok(Cond::Cmp(path, Op::Like, self.literal()?));
        }
        let op = match self.take().kind {
            Kind::Sign("=") => Op::Eq,
            Kind::Sign("!=") => Op::Ne,
            Kind::Sign("<") => Op::Lt,
            Kind::Sign("<=") => Op::Le,
            Kind::Sign(">") => Op::Gt,
            Kind::Sign(">=") => Op::Ge,
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Date(_)
            | Kind::Time(_)
            | Kind::Sign(_)
            | Kind::End => {
                self.next -= 1;
                return Err(self.unexpected());
            }
        };
        Ok(Cond::Cmp(path, op, self.literal()?))
    }

    fn list(&mut self) -> Res<Vec<Lit>> {
        self.need_sign("(")?;
        if self.is("SELECT") {
            return Err(self.unsupported("a semi-join"));
        }
        let mut all = vec![self.literal()?];
        while self.eat_sign(",") {
            all.push(self.literal()?);
        }
        self.need_sign(")")?;
        Ok(all)
    }

    fn literal(&mut self) -> Res<Lit> {
        let token = self.take();
        match token.kind {
            Kind::Text(text) => Ok(Lit::Text(text)),
            Kind::Number(text) => Ok(Lit::Number(text)),
            Kind::Date(date) => Ok(Lit::Date(date)),
            Kind::Time(time) => Ok(Lit::Time(time)),
            Kind::Word(word) => match word.to_ascii_lowercase().as_str() {
                "null" => Ok(Lit::Null),
                "true" => Ok(Lit::Bool(true)),
                "false" => Ok(Lit::Bool(false)),
                _ => {
                    let upper = word.to_ascii_uppercase();
                    let n = if self.eat_sign(":") { Some(self.number()? as i64) } else { None };
                    if super::literals::range(&upper, n, 0).is_none() {
                        self.next -= if n.is_some() { 3 } else { 1 };
                        return Err(self.unexpected());
                    }
                    Ok(Lit::Range(upper, n))
                }
            },
            Kind::Sign(":") => {
                self.next -= 1;
                Err(self.unsupported("a bind variable"))
            }
            Kind::Sign(_) | Kind::End => {
                self.next -= 1;
                Err(self.unexpected())
            }
        }
    }
}
