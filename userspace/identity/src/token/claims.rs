//! A token's claims as flat texts, which policies match and the record shows.
//!
//! | in the token | name and value |
//! |---|---|
//! | `"sub": "agent-7"` | `sub` = `agent-7` |
//! | `"org": {"unit": "er"}` | `org.unit` = `er` |
//! | `"groups": ["dba", "er"]` | `groups` = `dba,er`, `groups[dba]` = `true`, `groups[er]` = `true` |
//! | `"admin": true`, `"level": 3` | `admin` = `true`, `level` = `3` |
//!
//! The names with brackets are for exact matches: a comma may be part of an element. A name that could come about in two
//! ways (`{"a.b": 1, "a": {"b": 2}}`) is left out, and so are names with brackets of their own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::TokenError;

/// Names above which a token is none: some directories list hundreds of groups.
const MOST: usize = 1024;
/// Bytes of one name.
const LONGEST_NAME: usize = 256;

pub(super) fn flat(claims: &Map<String, Value>) -> Result<BTreeMap<String, String>, TokenError> {
    let mut flat = Flat::default();
    flat.object("", claims)?;
    let Flat { mut found, ambiguous } = flat;
    found.retain(|name, _| !ambiguous.contains(name));
    Ok(found)
}

#[derive(Default)]
struct Flat {
    found: BTreeMap<String, String>,
    ambiguous: BTreeSet<String>,
}

impl Flat {
    fn object(&mut self, above: &str, claims: &Map<String, Value>) -> Result<(), TokenError> {
        for (name, value) in claims {
            if name.contains(['[', ']']) {
                continue;
            }
            let name = if above.is_empty() {
                name.clone()
            } else {
                format!("{above}.{name}")
            };
            self.claim(name, value)?;
        }
        Ok(())
    }

    fn claim(&mut self, name: String, value: &Value) -> Result<(), TokenError> {
        match value {
            Value::Null => Ok(()),
            Value::Object(inner) => self.object(&name, inner),
            Value::Array(elements) => {
                let elements: Vec<String> = elements.iter().map(shown).collect();
                for element in elements.iter().filter(|element| !element.contains(['[', ']'])) {
                    self.put(format!("{name}[{element}]"), "true".to_owned(), true)?;
                }
                self.put(name, elements.join(","), false)
            }
            scalar => self.put(name, shown(scalar), false),
        }
    }

    /// `again`: whether the same may be said twice.
    fn put(&mut self, name: String, value: String, again: bool) -> Result<(), TokenError> {
        if name.len() > LONGEST_NAME || self.found.len() >= MOST {
            return Err(TokenError::Claim("set of claims"));
        }
        if self.found.insert(name.clone(), value).is_some() && !again {
            self.ambiguous.insert(name);
        }
        Ok(())
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
