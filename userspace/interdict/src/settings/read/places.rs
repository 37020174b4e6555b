//! A few sections alone: `audit`, `admin` and `authority`.

use std::path::Path;

use interdict_policy::Diagnostic;

use super::super::Places;
use super::super::node::{Node, Position, Value};
use super::super::problems::Problems;

/// Reads them; other sections are not looked at.
pub(in super::super) fn places(path: &Path) -> Result<Places, Vec<Diagnostic>> {
    let mut problems = Problems::new(path);
    let tree = super::text_of(path)
        .map_err(|error| problems.add(Position::START, format!("cannot read the settings: {error}")))
        .and_then(|text| Node::parse(&text).map_err(|(at, message)| problems.add(at, message)));
    let mut found = Places::default();
    match tree {
        Ok(Node {
            value: Value::Map(entries),
            ..
        }) => {
            for (key, node) in &entries {
                match key.name.as_str() {
                    "audit" => found.audit = super::audit(node, &mut problems),
                    "admin" => found.admin = super::admin(node, &mut problems),
                    "authority" => {
                        found.authority = super::authority(node, &mut problems).unwrap_or_default();
                    }
                    _ => {}
                }
            }
        }
        Ok(node) => problems.expected(&node, "the settings"),
        Err(()) => {}
    }
    let list = problems.into_list();
    if list.is_empty() { Ok(found) } else { Err(list) }
}
