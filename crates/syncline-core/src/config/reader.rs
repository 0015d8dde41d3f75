//! Reading a table key by key: what nobody asked for is refused, with a guess at what was meant.

use super::{
    problem::{Place, Problem, codes},
    tree::{Node, Table, Tree},
};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// All problems found so far.
pub(crate) type Problems = Vec<Problem>;

/// A table that is being read.
pub(crate) struct Reader<'a> {
    table: &'a Table,
    /// Where the table stands, for what is missing in it.
    pub(crate) at: Place,
    /// What the table is, for messages: "`[kind.person]`".
    pub(crate) name: String,
    asked: BTreeSet<&'a str>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(table: &'a Table, at: &Place, name: impl Into<String>) -> Self {
        Self { table, at: at.clone(), name: name.into(), asked: BTreeSet::new() }
    }

    /// The value of a key.
    pub(crate) fn get(&mut self, key: &str) -> Option<&'a Node> {
        let entry = self.table.entries.iter().find(|entry| entry.key == key)?;
        self.asked.insert(&entry.key);
        Some(&entry.node)
    }

    /// Keys that nobody asked for yet, with their values.
    pub(crate) fn rest(&self) -> Vec<(&'a str, &'a Place, &'a Node)> {
        let open = self.table.entries.iter().filter(|entry| !self.asked.contains(entry.key.as_str()));
        open.map(|entry| (entry.key.as_str(), &entry.at, &entry.node)).collect()
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &str, problems: &mut Problems) -> Option<(&'a str, &'a Place)> {
        let node = self.get(key)?;
        text(node, key, problems).map(|text| (text, &node.at))
    }

    /// A table.
    pub(crate) fn sub(&mut self, key: &str, problems: &mut Problems) -> Option<(&'a Table, &'a Place)> {
        let node = self.get(key)?;
        table(node, key, problems).map(|table| (table, &node.at))
    }

    /// A yes or no.
    pub(crate) fn flag(&mut self, key: &str, problems: &mut Problems) -> Option<bool> {
        let node = self.get(key)?;
        match &node.value {
            Tree::Bool(value) => Some(*value),
            Tree::Text(_) | Tree::Number(_) | Tree::Time(_) | Tree::Array(_) | Tree::Table(_) => {
                wrong(node, key, "true or false", problems);
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &str,
        words: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let (text, at) = self.text(key, problems)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        problems.push(Problem::error(
            codes::BAD_VALUE,
            at,
            format!("`{key}` cannot be `{text}`"),
            format!("it is one of {}{}", list(&known), did_you_mean(text, known.iter().copied())),
        ));
        None
    }

    /// A length of time.
    pub(crate) fn duration(&mut self, key: &str, problems: &mut Problems) -> Option<SignedDuration> {
        let (text, at) = self.text(key, problems)?;
        let parsed = duration(text);
        if parsed.is_none() {
            problems.push(Problem::error(
                codes::BAD_VALUE,
                at,
                format!("`{text}` is no length of time"),
                "write a whole number and a unit: \"90s\", \"5m\", \"24h\" or \"7d\"",
            ));
        }
        parsed
    }

    /// A share between 0 and 1, in thousandths.
    pub(crate) fn share(&mut self, key: &str, problems: &mut Problems) -> Option<u64> {
        let node = self.get(key)?;
        let share = match &node.value {
            Tree::Number(number) => permille(number),
            Tree::Text(_) | Tree::Bool(_) | Tree::Time(_) | Tree::Array(_) | Tree::Table(_) => None,
        };
        if share.is_none() {
            wrong(node, key, "a share from 0 to 1 with up to three digits, such as 0.05", problems);
        }
        share
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&mut self, key: &str, problems: &mut Problems) -> Option<u64> {
        let node = self.get(key)?;
        let count = match &node.value {
            Tree::Number(number) => number.parse().ok(),
            Tree::Text(_) | Tree::Bool(_) | Tree::Time(_) | Tree::Array(_) | Tree::Table(_) => None,
        };
        if count.is_none() {
            wrong(node, key, "a whole number of 0 or more", problems);
        }
        count
    }

    /// A list of texts; a single text counts as a list of one.
    pub(crate) fn texts(&mut self, key: &str, problems: &mut Problems) -> Option<Vec<(&'a str, &'a Place)>> {
        let node = self.get(key)?;
        texts(node, key, problems)
    }

    /// Says that a key is missing.
    pub(crate) fn missing(&self, key: &str, fix: &str, problems: &mut Problems) {
        problems.push(Problem::error(
            codes::MISSING_KEY,
            &self.at,
            format!("{} has no `{key}`", self.name),
            fix,
        ));
    }

    /// Refuses the keys that nobody asked for; `known` are those that could have been meant.
    pub(crate) fn finish<'k>(
        self,
        known: impl IntoIterator<Item = &'k str> + Clone,
        problems: &mut Problems,
    ) {
        for (key, at, _) in self.rest() {
            problems.push(unknown_key(&self.name, key, at, known.clone()));
        }
    }
}

/// An unknown key, or a secret.
pub(crate) fn unknown_key<'k>(
    table: &str,
    key: &str,
    at: &Place,
    known: impl IntoIterator<Item = &'k str> + Clone,
) -> Problem {
    if looks_secret(key) {
        return Problem::error(
            codes::SECRET,
            at,
            format!("`{key}` looks like a secret, and secrets never stand in the configuration"),
            "take it out, revoke it if the file was shared, and give it to `syncline connect` on standard input",
        );
    }
    let guess = did_you_mean(key, known.clone());
    let all: Vec<&str> = known.into_iter().collect();
    Problem::error(
        codes::UNKNOWN_KEY,
        at,
        format!("{table} has no key `{key}`"),
        if guess.is_empty() {
            format!("known here: {}", list(&all))
        } else {
            guess.trim_start_matches("; ").to_owned()
        },
    )
}

/// A node that has to be a text.
pub(crate) fn text<'a>(node: &'a Node, key: &str, problems: &mut Problems) -> Option<&'a str> {
    match &node.value {
        Tree::Text(text) => Some(text),
        Tree::Number(_) | Tree::Bool(_) | Tree::Time(_) | Tree::Array(_) | Tree::Table(_) => {
            wrong(node, key, "a text", problems);
            None
        }
    }
}

/// A node that has to be a table.
pub(crate) fn table<'a>(node: &'a Node, key: &str, problems: &mut Problems) -> Option<&'a Table> {
    match &node.value {
        Tree::Table(table) => Some(table),
        Tree::Text(_) | Tree::Number(_) | Tree::Bool(_) | Tree::Time(_) | Tree::Array(_) => {
            wrong(node, key, "a table", problems);
            None
        }
    }
}

/// A node that has to be a list of texts; a single text counts as a list of one.
pub(crate) fn texts<'a>(
    node: &'a Node,
    key: &str,
    problems: &mut Problems,
) -> Option<Vec<(&'a str, &'a Place)>> {
    match &node.value {
        Tree::Array(items) => Some(
            items.iter().filter_map(|item| text(item, key, problems).map(|text| (text, &item.at))).collect(),
        ),
        Tree::Text(text) => Some(vec![(text, &node.at)]),
        Tree::Number(_) | Tree::Bool(_) | Tree::Time(_) | Tree::Table(_) => {
            wrong(node, key, "a list of texts", problems);
            None
        }
    }
}

/// Says that a value is not what it should be.
pub(crate) fn wrong(node: &Node, key: &str, expected: &str, problems: &mut Problems) {
    problems.push(Problem::error(
        codes::BAD_VALUE,
        &node.at,
        format!("`{key}` is {} here", node.value.what()),
        format!("it has to be {expected}"),
    ));
}

fn looks_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["token", "secret", "password", "passwd", "credential", "private_key", "api_key", "apikey"]
        .iter()
        .any(|word| key.contains(word))
}

fn duration(text: &str) -> Option<SignedDuration> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: i64 = digits.trim().parse().ok().filter(|number| *number >= 0)?;
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(unit).map(SignedDuration::from_secs)
}

fn permille(number: &str) -> Option<u64> {
    let share: rust_decimal::Decimal = number.parse().ok()?;
    let thousandths = share * rust_decimal::Decimal::from(1000);
    let whole = u64::try_from(thousandths).ok().filter(|whole| *whole <= 1000)?;
    (rust_decimal::Decimal::from(whole) == thousandths).then_some(whole)
}

/// `a, b or c`
pub(crate) fn list(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [many @ .., last] => {
            let many: Vec<String> = many.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", many.join(", "))
        }
    }
}

/// `; did you mean …?`, or nothing where no known word is near.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let near = known.into_iter().map(|known| (distance(word, known), known)).min();
    match near {
        Some((distance, known)) if distance <= 1 + word.chars().count() / 4 => {
            format!("; did you mean `{known}`?")
        }
        _ => String::new(),
    }
}

/// Edits (insert, delete, replace, swap of neighbours) between two words, ignoring case.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for row in 1..=left.len() {
        let mut line = vec![row];
        for column in 1..=right.len() {
            let replace = rows[row - 1][column - 1] + usize::from(left[row - 1] != right[column - 1]);
            let mut best = replace.min(rows[row - 1][column] + 1).min(line[column - 1] + 1);
            let swapped = row > 1
                && column > 1
                && left[row - 1] == right[column - 2]
                && left[row - 2] == right[column - 1];
            if swapped {
                best = best.min(rows[row - 2][column - 2] + 1);
            }
            line.push(best);
        }
        rows.push(line);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_guessed_and_far_ones_are_not() {
        let known = ["direction", "placeholder", "rule", "tie"];
        assert_eq!(did_you_mean("drection", known), "; did you mean `direction`?");
        assert_eq!(did_you_mean("rlue", known), "; did you mean `rule`?");
        assert_eq!(did_you_mean("colour", known), "");
    }

    #[test]
    fn durations_and_shares() {
        assert_eq!(duration("90s"), Some(SignedDuration::from_secs(90)));
        assert_eq!(duration("2d"), Some(SignedDuration::from_secs(172_800)));
        for bad in ["", "s", "1", "-1s", "1w", "1.5h", "9999999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        assert_eq!(permille("0.25"), Some(250));
        assert_eq!(permille("1"), Some(1000));
        for bad in ["1.1", "-0.1", "0.0005", "inf"] {
            assert_eq!(permille(bad), None, "{bad}");
        }
    }
}
