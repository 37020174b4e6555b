//! Values of a policy file together with where they stand in it.

use std::borrow::Cow;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

/// A value and its place in the file. Its schema is the value's.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct At<T>(Spanned<T>);

/// A place in a file, counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl<T> At<T> {
    pub(crate) fn place(&self) -> Place {
        Place::from(&self.0.defined)
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl From<&Location> for Place {
    fn from(location: &Location) -> Self {
        Self {
            line: location.line() as usize,
            column: location.column() as usize,
        }
    }
}

/// The place of the character at `offset` of a text that the file may have quoted, folded or indented.
pub(crate) fn within(source: &str, text: &At<String>, offset: usize) -> Place {
    let start = text.place();
    let mut file = Walk::new(source, start);
    let value: Vec<char> = text.chars().collect();
    let quote = match file.peek() {
        Some(quote @ ('\'' | '"')) => {
            file.step();
            Some(quote)
        }
        // A block: its text starts on a line below.
        Some('|' | '>') => {
            file.line();
            file.space();
            None
        }
        _ => None,
    };
    for (index, wanted) in value.iter().enumerate().take(offset.min(value.len())) {
        let Some(found) = file.peek() else { break };
        let after_space = index > 0 && value.get(index - 1).is_some_and(|before| before.is_whitespace());
        if wanted.is_whitespace() {
            // Line breaks and indentation differ between file and value; runs of space meet at their ends.
            if !after_space {
                file.space();
            }
        } else {
            // A quotation mark is doubled, an escape has a backslash before it.
            if (quote == Some('\'') && found == '\'') || (quote == Some('"') && found == '\\') {
                file.step();
            }
            file.step();
        }
    }
    file.place
}

/// A position that moves through a file.
struct Walk<'a> {
    rest: std::str::Chars<'a>,
    place: Place,
}

impl<'a> Walk<'a> {
    fn new(source: &'a str, place: Place) -> Self {
        let line = source
            .split_inclusive('\n')
            .take(place.line.saturating_sub(1))
            .map(str::len)
            .sum::<usize>();
        let mut rest = source.get(line..).unwrap_or("").chars();
        for _ in 1..place.column {
            rest.next();
        }
        Self { rest, place }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn step(&mut self) {
        match self.rest.next() {
            Some('\n') => {
                self.place = Place {
                    line: self.place.line + 1,
                    column: 1,
                }
            }
            Some(_) => self.place.column += 1,
            None => {}
        }
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.step();
        }
    }

    fn line(&mut self) {
        let line = self.place.line;
        while self.place.line == line && self.peek().is_some() {
            self.step();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of the `!` in a value must be the place of the `!` in the file.
    #[test]
    fn places_within_a_text_follow_the_file() {
        #[derive(Deserialize)]
        struct File {
            when: At<String>,
        }
        let files = [
            "when: a !",
            "when: 'a !'",
            "when: \"a !\"",
            "when:\n  'it''s, it''s !'",
            "when: \"\\\"x\\\" in y !\"",
            "when: |\n  a &&\n    b !\n",
            "when: >-\n    a &&\n    b\n    && !\n",
            "# ä\nwhen: 'ä ö !'",
            "when: a &&\n  b && !\n",
        ];
        for file in files {
            let parsed: File = serde_saphyr::from_str(file).unwrap();
            let offset = parsed.when.chars().position(|c| c == '!').unwrap();
            let line = file.lines().position(|line| line.contains('!')).unwrap();
            let column = file
                .lines()
                .nth(line)
                .unwrap()
                .chars()
                .position(|c| c == '!')
                .unwrap();
            let expected = Place {
                line: line + 1,
                column: column + 1,
            };
            assert_eq!(within(file, &parsed.when, offset), expected, "{file}");
        }
    }
}
