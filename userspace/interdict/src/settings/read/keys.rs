//! The `keys` section: what keyed masks go by.

use std::collections::BTreeSet;
use std::path::Path;

use interdict_masking::{Keys, TokenKey};
use interdict_policy::{Diagnostic, KeySource};

use super::super::Secrets;
use super::super::node::{Node, Position, Value};
use super::super::problems::Problems;
use super::{is_plain, secret};

/// The keys that policies may name.
#[derive(Debug, Default)]
pub(super) struct Found {
    names: BTreeSet<String>,
    keys: Keys,
    /// Whether there is a key for each name.
    fetched: bool,
}

impl Found {
    /// What policies are compiled with. Where a key could not be had its name still counts: that is one mistake, not two.
    pub(super) fn source(&self) -> KeySource<'_> {
        if self.fetched {
            KeySource::Keys(&self.keys)
        } else {
            KeySource::Names(&self.names)
        }
    }
}

/// One key of the settings, whatever else is wrong in them.
pub(in super::super) fn one(path: &Path, name: &str) -> Result<TokenKey, Vec<Diagnostic>> {
    let mut problems = Problems::new(path);
    let root = super::text_of(path)
        .map_err(|error| problems.add(Position::START, format!("cannot read the settings: {error}")))
        .and_then(|text| Node::parse(&text).map_err(|(at, message)| problems.add(at, message)));
    let mut at = Position::START;
    let mut found = None;
    if let Ok(Node {
        value: Value::Map(sections),
        ..
    }) = root
        && let Some((key, section)) = sections.into_iter().find(|(key, _)| key.name == "keys")
    {
        at = key.at;
        if let Value::Map(entries) = section.value {
            let only = entries.into_iter().filter(|(key, _)| key.name == name).collect();
            let section = Node {
                at: section.at,
                value: Value::Map(only),
            };
            let read = read(Some(&section), Secrets::Fetched, &mut problems);
            found = read.keys.get(name).cloned();
        }
    }
    let mut list = problems.into_list();
    if found.is_none() && list.is_empty() {
        let mut problems = Problems::new(path);
        problems.add(at, format!("there is no key `{}` in `keys`", name.escape_debug()));
        list = problems.into_list();
    }
    found.filter(|_| list.is_empty()).ok_or(list)
}

pub(super) fn read(node: Option<&Node>, secrets: Secrets, problems: &mut Problems) -> Found {
    let mut found = Found {
        fetched: secrets == Secrets::Fetched,
        ..Found::default()
    };
    let entries = match node {
        None => return found,
        Some(Node {
            value: Value::Map(entries),
            ..
        }) => entries,
        Some(node) => {
            problems.expected(node, "`keys`, such as `{ patients: { file: patients.key } }`");
            return found;
        }
    };
    for (key, node) in entries {
        if !is_plain(&key.name) {
            problems.add(
                key.at,
                "expected a key's name of at most 64 letters, digits, `-`, `_` and `.`",
            );
            continue;
        }
        found.names.insert(key.name.clone());
        let made = secret::source(node, "the key", problems).and_then(|source| {
            if !source.is_there_for_all() && secrets == Secrets::Named {
                return None;
            }
            let made = source
                .read()
                .map_err(|error| error.to_string())
                .and_then(|secret| {
                    TokenKey::new(secret.reveal()).map_err(|error| format!("{source}: {error}"))
                });
            made.map_err(|error| problems.add(node.at, format!("the key `{}`: {error}", key.name)))
                .ok()
        });
        match made {
            Some(made) => found.keys.insert(&*key.name, made),
            None => found.fetched = false,
        }
    }
    found
}
