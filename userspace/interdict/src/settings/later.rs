//! What the settings can say and this version cannot do.
//!
//! It is refused, never accepted in silence. Delivering one of these means deleting its line here. What changes nothing about
//! who is protected from what (`admin`) is accepted, and the daemon warns that it has no effect.

use super::node::{Node, Value};
use super::problems::Problems;

/// A key's path (list positions left out), and the value it is about: a text, the beginning of one (`unix:*`), or
/// whatever is there (`*`).
const LATER: &[(&str, &str)] = &[];

/// Reports everything in the tree that is on the list.
pub(super) fn refuse(root: &Node, problems: &mut Problems) {
    walk(root, &mut String::new(), problems);
}

fn walk(node: &Node, path: &mut String, problems: &mut Problems) {
    match &node.value {
        Value::Map(entries) => {
            let length = path.len();
            for (key, child) in entries {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(&key.name);
                if LATER.contains(&(path, "*")) {
                    problems.add(
                        key.at,
                        format!("`{}` is not supported in this version yet", key.name),
                    );
                } else {
                    walk(child, path, problems);
                }
                path.truncate(length);
            }
        }
        Value::List(nodes) => {
            for child in nodes {
                walk(child, path, problems);
            }
        }
        Value::Text(text) => {
            let listed = LATER.iter().find(|(key, value)| {
                key == path
                    && value
                        .strip_suffix('*')
                        .map_or(value == text, |start| text.starts_with(start))
            });
            if let Some((key, value)) = listed {
                let key = key.rsplit('.').next().unwrap_or(key);
                problems.add(
                    node.at,
                    format!("`{key}: {value}` is not supported in this version yet"),
                );
            }
        }
        Value::Null | Value::Bool | Value::Integer(_) | Value::Float => {}
    }
}
