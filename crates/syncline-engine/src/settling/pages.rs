//! Which records are settled in one go. Those of one survivor stay together, however many they are: whose it is can only be
//! told beside the others, and the first page would take it.

use std::collections::BTreeMap;
use syncline_model::RecordRef;

/// Records with those that each of them names, in pages of `size` where no survivor has more.
pub(super) fn pages(size: usize, succeeded: Vec<(RecordRef, Vec<RecordRef>)>) -> Vec<Vec<RecordRef>> {
    let mut groups = Groups::default();
    for (record, named) in &succeeded {
        for other in named {
            groups.join(record, other);
        }
    }
    let mut together: BTreeMap<usize, Vec<RecordRef>> = BTreeMap::new();
    for (record, _) in succeeded {
        together.entry(groups.of(&record)).or_default().push(record);
    }
    let mut pages: Vec<Vec<RecordRef>> = Vec::new();
    for group in together.into_values() {
        match pages.last_mut() {
            Some(page) if page.len() + group.len() <= size => page.extend(group),
            Some(_) | None => pages.push(group),
        }
    }
    pages
}

/// Records of which one names the other, or both a third.
#[derive(Default)]
struct Groups {
    numbers: BTreeMap<RecordRef, usize>,
    /// By number, one of the same group with a lower number; the first of a group has its own.
    lower: Vec<usize>,
}

impl Groups {
    fn of(&mut self, record: &RecordRef) -> usize {
        let next = self.lower.len();
        let mut at = *self.numbers.entry(record.clone()).or_insert(next);
        if at == next {
            self.lower.push(next);
        }
        while self.lower[at] != at {
            self.lower[at] = self.lower[self.lower[at]];
            at = self.lower[at];
        }
        at
    }

    fn join(&mut self, one: &RecordRef, other: &RecordRef) {
        let (one, other) = (self.of(one), self.of(other));
        self.lower[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(id: &str) -> RecordRef {
        RecordRef::new("hubspot", "contacts", id)
    }

    fn paged(size: usize, succeeded: &[(&str, &[&str])]) -> Vec<Vec<String>> {
        let succeeded = succeeded
            .iter()
            .map(|(id, named)| (contact(id), named.iter().map(|id| contact(id)).collect()))
            .collect();
        let ids = |page: Vec<RecordRef>| page.iter().map(|record| record.id.to_string()).collect();
        pages(size, succeeded).into_iter().map(ids).collect()
    }

    #[test]
    fn records_of_one_survivor_are_on_one_page() {
        let merged: [(&str, &[&str]); 4] = [("1", &["9"]), ("2", &["8"]), ("3", &["9"]), ("4", &["7"])];
        assert_eq!(paged(2, &merged), [vec!["1", "3"], vec!["2", "4"]]);
        assert_eq!(paged(1, &merged), [vec!["1", "3"], vec!["2"], vec!["4"]]);
        assert_eq!(paged(9, &merged), [["1", "3", "2", "4"]]);
    }

    #[test]
    fn a_chain_of_merges_is_on_one_page() {
        let merged: [(&str, &[&str]); 3] = [("1", &["2"]), ("3", &["4"]), ("2", &["3"])];
        assert_eq!(paged(1, &merged), [["1", "3", "2"]]);
    }
}
