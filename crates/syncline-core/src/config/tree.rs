//! TOML files as one tree in which every key and value knows its place.

use super::problem::{Place, Problem, codes};
use std::{ops::Range, sync::Arc};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Place,
    pub(crate) value: Tree,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Text(String),
    /// An integer or float, as written, without underscores.
    Number(String),
    Bool(bool),
    /// A date, time or both, as TOML prints it.
    Time(String),
    Array(Vec<Node>),
    Table(Table),
}

impl Tree {
    /// For error messages.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Time(_) => "a date or time",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Keys in the order in which they stand in the files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

impl Table {
    /// Appends the content with sorted keys; the form can be taken apart again, so different contents look different.
    pub(crate) fn canonical(&self, take: &dyn Fn(&str) -> bool, out: &mut String) {
        let mut entries: Vec<&Entry> = self.entries.iter().filter(|entry| take(&entry.key)).collect();
        entries.sort_by(|left, right| left.key.cmp(&right.key));
        out.push('{');
        for entry in entries {
            sized(&entry.key, out);
            entry.node.canonical(out);
        }
        out.push('}');
    }
}

impl Node {
    fn canonical(&self, out: &mut String) {
        match &self.value {
            Tree::Text(text) => {
                out.push('t');
                sized(text, out);
            }
            Tree::Number(text) => {
                out.push('n');
                sized(text, out);
            }
            Tree::Time(text) => {
                out.push('d');
                sized(text, out);
            }
            Tree::Bool(value) => out.push(if *value { '1' } else { '0' }),
            Tree::Array(items) => {
                out.push('[');
                items.iter().for_each(|item| item.canonical(out));
                out.push(']');
            }
            Tree::Table(table) => table.canonical(&|_| true, out),
        }
    }
}

fn sized(text: &str, out: &mut String) {
    out.push_str(&text.len().to_string());
    out.push(':');
    out.push_str(text);
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Place,
    pub(crate) node: Node,
}

/// Reads one file.
pub(crate) fn read(name: &str, text: &str, problems: &mut Vec<Problem>) -> Table {
    let file: Arc<str> = Arc::from(name);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = Place::find(&file, text, error.span().map_or(0, |span| span.start));
        problems.push(Problem::error(
            codes::SYNTAX,
            &at,
            format!("this is not TOML: {}", error.message().lines().next().unwrap_or_default()),
            "mend the syntax here; https://toml.io describes it",
        ));
    }
    Source { file, text }.table(table.get_ref())
}

struct Source<'a> {
    file: Arc<str>,
    text: &'a str,
}

impl Source<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place::find(&self.file, self.text, span.start)
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        let mut order: Vec<_> = table.iter().collect();
        order.sort_by_key(|(key, value)| (key.span().start, value.span().start));
        let entries = order
            .into_iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().clone().into_owned(),
                at: self.place(key.span()),
                node: self.node(value),
            })
            .collect();
        Table { entries }
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let tree = match value.get_ref() {
            DeValue::String(text) => Tree::Text(text.clone().into_owned()),
            DeValue::Integer(number) => Tree::Number(number.as_str().replace('_', "")),
            DeValue::Float(number) => Tree::Number(number.as_str().replace('_', "")),
            DeValue::Boolean(value) => Tree::Bool(*value),
            DeValue::Datetime(time) => Tree::Time(time.to_string()),
            DeValue::Array(items) => Tree::Array(items.iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => Tree::Table(self.table(table)),
        };
        Node { at: self.place(value.span()), value: tree }
    }
}

/// Adds `more` to `table`: tables are joined, any other key that stands in both is an error that names both places.
pub(crate) fn merge(table: &mut Table, more: Table, problems: &mut Vec<Problem>) {
    for entry in more.entries {
        let Some(present) = table.entries.iter_mut().find(|present| present.key == entry.key) else {
            table.entries.push(entry);
            continue;
        };
        match (&mut present.node.value, entry.node.value) {
            (Tree::Table(present), Tree::Table(more)) => merge(present, more, problems),
            _ => problems.push(Problem::error(
                codes::TWICE,
                &entry.at,
                format!("`{}` is set twice; the first time at {}", entry.key, present.at),
                "keep one of the two",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_and_place() {
        let mut problems = Vec::new();
        let table = read("a.toml", "b = 1\na = 'ü'\n[t.x]\nz = 0.5 # no\ny = [true]\n", &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let keys: Vec<_> =
            table.entries.iter().map(|entry| (entry.key.as_str(), entry.at.to_string())).collect();
        assert_eq!(
            keys,
            [("b", "a.toml:1:1".into()), ("a", "a.toml:2:1".into()), ("t", "a.toml:3:2".into())]
        );
    }

    #[test]
    fn a_key_in_two_files_names_both_places() {
        let mut problems = Vec::new();
        let mut table = read("syncline.toml", "[serve]\npoll = \"60s\"\n", &mut problems);
        let more = read("conf.d/a.toml", "[serve]\n  poll = \"5s\"\n[server]\n", &mut problems);
        merge(&mut table, more, &mut problems);
        let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "conf.d/a.toml:2:3: error[SYN-1004]: `poll` is set twice; the first time at syncline.toml:2:1\n  \
              fix: keep one of the two"
            ]
        );
        assert_eq!(table.entries.len(), 2);
    }
}
