//! Two sections alone: `audit` and `admin`.

use std::path::Path;

use interdict_policy::Diagnostic;

use super::super::node::{Node, Position, Value};
use super::super::problems::Problems;
use super::super::{Admin, Audit};

/// Reads them; other sections are not looked at.
pub(in super::super) fn places(path: &Path) -> Result<(Audit, Admin), Vec<Diagnostic>> {
    let mut problems = Problems::new(path);
    let tree = super::text_of(path)
        .map_err(|error| problems.add(Position::START, format!("cannot read the settings: {error}")))
        .and_then(|text| Node::parse(&text).map_err(|(at, message)| problems.add(at, message)));
    let mut found = (Audit::default(), Admin::default());
    match tree {
        Ok(Node {
            value: Value::Map(entries),
            ..
        }) => {
            for (key, node) in &entries {
                match key.name.as_str() {
                    "audit" => found.0 = super::audit(node, &mut problems),
                    "admin" => found.1 = super::admin(node, &mut problems),
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
