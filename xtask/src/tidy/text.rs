//! Finding words in text without a pattern language.

/// Where `word` stands in `line` with no letter, digit or underscore on either side.
pub(super) fn words<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    line.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    #[test]
    fn whole_words_only() {
        assert_eq!(super::words("ab b_ (b) b", "b").collect::<Vec<_>>(), [7, 10]);
    }
}
