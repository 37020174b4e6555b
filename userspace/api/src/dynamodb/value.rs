//! Attribute values as text.

use crate::json::{Json, Value};

/// What an attribute value holds as text, each member of a set by itself; nothing for documents, null and what is none.
pub(super) fn texts(value: &Json<'_>) -> Vec<String> {
    let [(kind, held)] = value.members() else {
        return Vec::new();
    };
    match kind.as_ref() {
        "S" | "N" | "B" | "BOOL" => held.scalar().into_iter().collect(),
        "SS" | "NS" | "BS" => held.items().iter().filter_map(Json::scalar).collect(),
        _ => Vec::new(),
    }
}

/// An attribute value as an argument: its text, nothing if it is null or a document.
pub(super) fn argument(value: &Json<'_>) -> Option<String> {
    let mut all = texts(value);
    match &value.value {
        Value::Object(members) if members.len() == 1 && all.len() == 1 => all.pop(),
        _ => None,
    }
}
