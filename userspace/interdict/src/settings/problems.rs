//! Reading the tree: every mistake is noted and reading goes on.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use interdict_policy::Diagnostic;

use super::node::{Key, Node, Position, Value};

/// The mistakes of one file, and the directory its relative paths start from.
#[derive(Debug)]
pub(crate) struct Problems {
    path: PathBuf,
    list: Vec<Diagnostic>,
}

impl Problems {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            list: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, at: Position, message: impl Into<String>) {
        let Position { line, column } = at;
        self.list.push(Diagnostic {
            path: self.path.clone(),
            line,
            column,
            message: message.into(),
        });
    }

    /// Mistakes in another file (a policy).
    pub(crate) fn extend(&mut self, others: Vec<Diagnostic>) {
        self.list.extend(others);
    }

    /// In the order of the file; what other files have wrong comes after.
    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        let Self { path, mut list } = self;
        list.sort_by_key(|d| (d.path != path, d.path.clone(), d.line, d.column));
        list.dedup();
        list
    }

    /// Relative paths are relative to the file.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// "expected …, found …"
    pub(crate) fn expected(&mut self, node: &Node, what: impl Display) {
        self.add(node.at, format!("expected {what}, found {}", node.value.kind()));
    }

    pub(crate) fn text<'a>(&mut self, node: &'a Node, what: impl Display) -> Option<&'a str> {
        match &node.value {
            Value::Text(text) if !text.is_empty() => return Some(text),
            Value::Text(_) => self.add(node.at, format!("expected {what}, found an empty text")),
            Value::Bool | Value::Integer(_) | Value::Float => {
                self.add(
                    node.at,
                    format!(
                        "expected {what}, found {} (quote it to make it text)",
                        node.value.kind()
                    ),
                );
            }
            Value::Null | Value::List(_) | Value::Map(_) => self.expected(node, what),
        }
        None
    }

    /// Text with a form of its own; the type's error says what was expected.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&mut self, node: &Node, what: impl Display) -> Option<T> {
        let parsed = self.text(node, what)?.parse();
        parsed.map_err(|error| self.add(node.at, format!("{error}"))).ok()
    }

    pub(crate) fn list<'a>(&mut self, node: &'a Node, what: impl Display) -> &'a [Node] {
        if let Value::List(nodes) = &node.value {
            return nodes;
        }
        self.expected(node, what);
        &[]
    }

    /// A whole number from 1.
    pub(crate) fn count(&mut self, node: &Node, what: impl Display) -> Option<u64> {
        if let Value::Integer(number) = node.value {
            if let Some(count) = u64::try_from(number).ok().filter(|count| *count > 0) {
                return Some(count);
            }
            self.add(node.at, format!("expected {what}, found {number}"));
        } else {
            self.expected(node, what);
        }
        None
    }

    /// A mapping with these keys and no others.
    pub(crate) fn fields<'a>(&mut self, node: &'a Node, what: &str, known: &[&str]) -> Option<Fields<'a>> {
        let Value::Map(entries) = &node.value else {
            self.expected(node, format_args!("{what} with {}", one_of(known)));
            return None;
        };
        for (key, _) in entries
            .iter()
            .filter(|(key, _)| !known.contains(&key.name.as_str()))
        {
            self.add(
                key.at,
                format!(
                    "unknown key `{}` in {what}: expected {}",
                    key.name.escape_debug(),
                    one_of(known)
                ),
            );
        }
        Some(Fields { at: node.at, entries })
    }

    /// A mapping with exactly one of these keys: a choice.
    pub(crate) fn choice<'a>(
        &mut self,
        node: &'a Node,
        what: &str,
        known: &[&str],
    ) -> Option<(&'a Key, &'a Node)> {
        let fields = self.fields(node, what, known)?;
        let mut chosen = fields
            .entries
            .iter()
            .filter(|(key, _)| known.contains(&key.name.as_str()));
        match (chosen.next(), chosen.next()) {
            (Some((key, value)), None) => return Some((key, value)),
            (Some(_), Some((second, _))) => {
                self.add(
                    second.at,
                    format!("expected one key only in {what}: one of {}", one_of(known)),
                );
            }
            (None, _) if fields.entries.is_empty() => {
                self.add(node.at, format!("expected {what} with one of {}", one_of(known)));
            }
            (None, _) => {}
        }
        None
    }
}

/// A mapping's entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) at: Position,
    entries: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// An absent key. One that is there without a value counts as there: it is a mistake and reported as such.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
    }

    pub(crate) fn key(&self, name: &str) -> Option<Position> {
        self.entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(key, _)| key.at)
    }

    pub(crate) fn require(&self, name: &str, what: &str, problems: &mut Problems) -> Option<&'a Node> {
        let found = self.get(name);
        if found.is_none() {
            problems.add(self.at, format!("expected `{name}`: {what}"));
        }
        found
    }
}

/// `a`, `b` or `c`
pub(crate) fn one_of(names: &[&str]) -> String {
    let mut text = String::new();
    for (position, name) in names.iter().enumerate() {
        let separator = match names.len().saturating_sub(position) {
            _ if position == 0 => "",
            1 => " or ",
            _ => ", ",
        };
        text.push_str(separator);
        text.push('`');
        text.push_str(name);
        text.push('`');
    }
    text
}
