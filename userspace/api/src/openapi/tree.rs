//! A document as a tree whose nodes know where they stand.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Spanned, options};

use super::{Problem, Syntax};
use crate::json::{self, Json, Value};

/// How large a document can be, in bytes.
const LARGEST: usize = 16 << 20;

/// A value and its place, counted from 1.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) held: Held,
}

#[derive(Debug)]
pub(super) enum Held {
    /// Null, a boolean, a number.
    Other,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let mut found = self.members().iter().filter(|(key, _)| key == name);
        found.next().map(|(_, node)| node)
    }

    pub(super) fn members(&self) -> &[(String, Self)] {
        match &self.held {
            Held::Map(members) => members,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        match &self.held {
            Held::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.held {
            Held::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::text)
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.held, Held::Map(_))
    }

    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            line: self.line,
            column: Some(self.column),
            message: message.into(),
        }
    }
}

pub(super) fn read(text: &str, syntax: Syntax) -> Result<Node, Problem> {
    let at_start = |message: String| Problem {
        line: 1,
        column: None,
        message,
    };
    if text.len() > LARGEST {
        return Err(at_start(format!(
            "the document has {} bytes; the most that is read are {LARGEST}",
            text.len()
        )));
    }
    match syntax {
        Syntax::Json => {
            let lines = Lines::of(text);
            let json = json::parse_text(text).map_err(|fault| {
                let (line, column) = lines.place(fault.at);
                Problem {
                    line,
                    column: Some(column),
                    message: fault.gap.to_string(),
                }
            })?;
            Ok(lines.node(&json))
        }
        Syntax::Yaml => {
            let options = options! {
                strict_booleans: true,
                with_snippet: false,
            };
            serde_saphyr::from_str_with_options(text, options).map_err(|error| {
                let error = error.without_snippet();
                let place = error.location();
                let message = error.to_string();
                Problem {
                    line: place.map_or(1, |place| place.line() as usize),
                    column: place.map(|place| place.column() as usize),
                    message: message
                        .split_once(" at line ")
                        .map_or(message.clone(), |(message, _)| message.to_owned()),
                }
            })
        }
    }
}

/// Where the lines of a text begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(breaks).collect(),
        }
    }

    fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or_default();
        let before = self.text.get(start..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    fn node(&self, json: &Json<'_>) -> Node {
        let (line, column) = self.place(json.span.start);
        let held = match &json.value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Held::Other,
            Value::Text(text) => Held::Text(text.clone().into_owned()),
            Value::List(items) => Held::List(items.iter().map(|item| self.node(item)).collect()),
            Value::Object(members) => Held::Map(
                members
                    .iter()
                    .map(|(key, value)| (key.clone().into_owned(), self.node(value)))
                    .collect(),
            ),
        };
        Node { line, column, held }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let held = Spanned::<Held>::deserialize(deserializer)?;
        Ok(Self {
            line: held.defined.line() as usize,
            column: held.defined.column() as usize,
            held: held.value,
        })
    }
}

impl<'de> Deserialize<'de> for Held {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Held;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E: Error>(self) -> Result<Held, E> {
                Ok(Held::Other)
            }

            fn visit_none<E: Error>(self) -> Result<Held, E> {
                Ok(Held::Other)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Held, D::Error> {
                Held::deserialize(deserializer)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Held, E> {
                Ok(Held::Other)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Held, E> {
                Ok(Held::Other)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Held, E> {
                Ok(Held::Other)
            }

            fn visit_i128<E: Error>(self, _: i128) -> Result<Held, E> {
                Ok(Held::Other)
            }

            fn visit_u128<E: Error>(self, _: u128) -> Result<Held, E> {
                Ok(Held::Other)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Held, E> {
                Ok(Held::Other)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Held, E> {
                Ok(Held::Text(text.to_owned()))
            }

            fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Held, E> {
                Ok(Held::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Held, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Held::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Held, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Held::Map(members))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
