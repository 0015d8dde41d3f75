//! Scope predicates: a small part of CEL's grammar, over a kind's attributes.
//!
//! `has(x)`, `x == literal`, `x != literal`, `x in [literal, …]`, a bare yes-or-no attribute, `true`, `false`, `!`, `&&`,
//! `||`, parentheses. Anything else is refused with its position.

use crate::mapping::Predicate;
use syncline_model::{AttributeName, Value};

/// Longest text and deepest nesting that are read.
const MAX_BYTES: usize = 4096;
const MAX_DEPTH: usize = 32;

/// What is wrong, and at which character (from 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// A literal as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Number(String),
    Bool(bool),
}

/// Gives a literal an attribute's type; `Err` says why it cannot have it. `None` as literal asks whether the attribute
/// exists and is a yes or no.
pub(crate) trait Types {
    /// Whether there is such an attribute; the message guesses what was meant.
    fn known(&self, name: &str) -> Result<(), String>;
    /// The literal as a value of the attribute.
    fn value(&self, name: &str, literal: &Literal) -> Result<Value, String>;
}

/// Reads a predicate.
pub(crate) fn parse(text: &str, types: &dyn Types) -> Result<Predicate, Refused> {
    if text.len() > MAX_BYTES {
        return Err(Refused { at: 0, message: format!("the predicate is longer than {MAX_BYTES} bytes") });
    }
    let mut parser = Parser { text: text.chars().collect(), at: 0, depth: 0, types };
    let predicate = parser.any()?;
    parser.space();
    match parser.peek() {
        None => Ok(predicate),
        Some(letter) => Err(parser.refuse(format!("`{letter}` is not understood here"))),
    }
}

/// The text with a caret under the position.
pub(crate) fn caret(text: &str, at: usize) -> String {
    let line: String = text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter }).collect();
    format!("\n    {line}\n    {:>width$}", "^", width = at + 1)
}

struct Parser<'a> {
    text: Vec<char>,
    at: usize,
    depth: usize,
    types: &'a dyn Types,
}

impl Parser<'_> {
    fn refuse(&self, message: impl Into<String>) -> Refused {
        Refused { at: self.at, message: message.into() }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Takes a sign if it comes next.
    fn sign(&mut self, sign: &str) -> bool {
        self.space();
        let length = sign.chars().count();
        let next = self.text.get(self.at..self.at + length);
        let taken = next.is_some_and(|next| next.iter().copied().eq(sign.chars()));
        if taken {
            self.at += length;
        }
        taken
    }

    fn expect(&mut self, sign: &str) -> Result<(), Refused> {
        if self.sign(sign) { Ok(()) } else { Err(self.refuse(format!("`{sign}` is missing here"))) }
    }

    fn any(&mut self) -> Result<Predicate, Refused> {
        let mut parts = vec![self.all()?];
        while self.sign("||") {
            parts.push(self.all()?);
        }
        Ok(single(parts, Predicate::Any))
    }

    fn all(&mut self) -> Result<Predicate, Refused> {
        let mut parts = vec![self.not()?];
        while self.sign("&&") {
            parts.push(self.not()?);
        }
        Ok(single(parts, Predicate::All))
    }

    fn not(&mut self) -> Result<Predicate, Refused> {
        self.space();
        let followed_by_equals = self.text.get(self.at + 1) == Some(&'=');
        if self.peek() == Some('!') && !followed_by_equals {
            self.at += 1;
            return self.nested(Self::not).map(|inner| Predicate::Not(Box::new(inner)));
        }
        if self.sign("(") {
            let inner = self.nested(Self::any)?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.term()
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<Predicate, Refused>) -> Result<Predicate, Refused> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.refuse(format!("nested deeper than {MAX_DEPTH}")));
        }
        let predicate = inner(self)?;
        self.depth -= 1;
        Ok(predicate)
    }

    fn term(&mut self) -> Result<Predicate, Refused> {
        self.space();
        let start = self.at;
        let name = self.name()?;
        match name.as_str() {
            "true" => return Ok(Predicate::Constant(true)),
            "false" => return Ok(Predicate::Constant(false)),
            "has" => {
                self.expect("(")?;
                self.space();
                let at = self.at;
                let name = self.name()?;
                self.types.known(&name).map_err(|message| Refused { at, message })?;
                self.expect(")")?;
                return Ok(Predicate::Has(AttributeName::from(name)));
            }
            _ => self.types.known(&name).map_err(|message| Refused { at: start, message })?,
        }
        if self.sign("==") {
            let value = self.value(&name)?;
            Ok(Predicate::Equals(AttributeName::from(name), value))
        } else if self.sign("!=") {
            let value = self.value(&name)?;
            Ok(Predicate::Not(Box::new(Predicate::Equals(AttributeName::from(name), value))))
        } else if self.word("in") {
            self.expect("[")?;
            let mut values = Vec::new();
            while !self.sign("]") {
                if !values.is_empty() {
                    self.expect(",")?;
                }
                values.push(self.value(&name)?);
            }
            Ok(Predicate::In(AttributeName::from(name), values))
        } else {
            let yes = self.types.value(&name, &Literal::Bool(true));
            yes.map(|yes| Predicate::Equals(AttributeName::from(name), yes))
                .map_err(|_| self.refuse("`==`, `!=` or `in` is missing here"))
        }
    }

    fn value(&mut self, attribute: &str) -> Result<Value, Refused> {
        self.space();
        let at = self.at;
        let literal = self.literal()?;
        self.types.value(attribute, &literal).map_err(|message| Refused { at, message })
    }

    fn word(&mut self, word: &str) -> bool {
        let start = self.at;
        if self.sign(word) && !self.peek().is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
            return true;
        }
        self.at = start;
        false
    }

    fn name(&mut self) -> Result<String, Refused> {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            self.at += 1;
        }
        let name: String = self.text[start..self.at].iter().collect();
        if name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) {
            self.at = start;
            return Err(self.refuse("an attribute's name or `has(…)` is missing here"));
        }
        Ok(name)
    }

    fn literal(&mut self) -> Result<Literal, Refused> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            Some(letter) if letter.is_ascii_digit() || letter == '-' => {
                let start = self.at;
                self.at += 1;
                while self.peek().is_some_and(|letter| letter.is_ascii_digit() || letter == '.') {
                    self.at += 1;
                }
                Ok(Literal::Number(self.text[start..self.at].iter().collect()))
            }
            _ if self.word("true") => Ok(Literal::Bool(true)),
            _ if self.word("false") => Ok(Literal::Bool(false)),
            _ => Err(self.refuse("a text in quotes, a number, true or false is missing here")),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Literal, Refused> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(letter) = self.peek() else {
                self.at = start;
                return Err(self.refuse("this text has no closing quote"));
            };
            self.at += 1;
            match letter {
                _ if letter == quote => return Ok(Literal::Text(text)),
                '\\' => {
                    let escaped = self.peek();
                    self.at += 1;
                    match escaped {
                        Some(same @ ('\\' | '"' | '\'')) => text.push(same),
                        Some('n') => text.push('\n'),
                        Some('t') => text.push('\t'),
                        _ => {
                            self.at -= 2;
                            return Err(
                                self.refuse("only \\\\, \\\", \\', \\n and \\t may follow a backslash")
                            );
                        }
                    }
                }
                other => text.push(other),
            }
        }
    }
}

fn single(mut parts: Vec<Predicate>, join: fn(Vec<Predicate>) -> Predicate) -> Predicate {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    join(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture;

    impl Types for Fixture {
        fn known(&self, name: &str) -> Result<(), String> {
            ["email", "country", "vip", "size"].contains(&name).then_some(()).ok_or(format!("no `{name}`"))
        }

        fn value(&self, name: &str, literal: &Literal) -> Result<Value, String> {
            match (name, literal) {
                ("vip", Literal::Bool(value)) => Ok(Value::Bool(*value)),
                ("size", Literal::Number(number)) => {
                    number.parse().map(Value::Decimal).map_err(|_| "odd".into())
                }
                ("email" | "country", Literal::Text(text)) => Value::text(text).ok_or("blank".into()),
                _ => Err("not its type".into()),
            }
        }
    }

    fn read(text: &str) -> Result<Predicate, Refused> {
        parse(text, &Fixture)
    }

    #[test]
    fn precedence_is_not_then_and_then_or() {
        let has = |name: &str| Predicate::Has(name.into());
        assert_eq!(
            read("has(email) || !vip && size == 3").unwrap(),
            Predicate::Any(vec![
                has("email"),
                Predicate::All(vec![
                    Predicate::Not(Box::new(Predicate::Equals("vip".into(), Value::Bool(true)))),
                    Predicate::Equals("size".into(), Value::Decimal(3.into())),
                ]),
            ])
        );
        assert_eq!(
            read(" ( has( email )||vip )&&country in ['DE', \"A\\\"T\"]").unwrap(),
            Predicate::All(vec![
                Predicate::Any(vec![has("email"), Predicate::Equals("vip".into(), Value::Bool(true))]),
                Predicate::In(
                    "country".into(),
                    vec![Value::text("DE").unwrap(), Value::text("A\"T").unwrap()]
                ),
            ])
        );
        assert_eq!(
            read("country != 'DE'").unwrap(),
            Predicate::Not(Box::new(Predicate::Equals("country".into(), Value::text("DE").unwrap())))
        );
    }

    #[test]
    fn anything_else_is_refused_where_it_stands() {
        for (text, at) in [
            ("", 0),
            ("has(emial)", 4),
            ("has(email", 9),
            ("country", 7),
            ("size > 3", 5),
            ("size == 'x'", 8),
            ("size == 3 && ", 13),
            ("country == 'DE", 11),
            ("country in ['DE' 'AT']", 17),
            ("has(email) has(email)", 11),
            ("email.matches('x')", 5),
        ] {
            assert_eq!(read(text).map_err(|refused| refused.at), Err(at), "{text}");
        }
        assert!(read(&"(".repeat(4000)).is_err());
        assert!(read(&"!".repeat(40)).is_err());
    }

    #[test]
    fn the_caret_stands_under_the_mistake() {
        assert_eq!(caret("a b", 2), "\n    a b\n      ^");
    }
}
