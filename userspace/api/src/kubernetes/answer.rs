//! Where answers hold objects and secrets, and in which form they may come.

use super::request::Resource;
use crate::analysis::{Analysis, Cells, Reads};

/// Where objects stand: alone, in a list, in an event of a watch, in a row of a table, in an event with a table.
const OBJECTS: [&str; 5] = [
    "$",
    "$.items[*]",
    "$.object",
    "$.rows[*].object",
    "$.object.rows[*].object",
];

/// What of a secret's object is secret; `kubectl apply` keeps a copy of the whole in an annotation.
const HELD: [&str; 4] = [
    ".data.*",
    ".stringData.*",
    ".binaryData.*",
    ".metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']",
];

pub(super) fn masks(resource: &Resource<'_>, name: &str, analysis: &mut Analysis) {
    analysis.reads.extend(OBJECTS.iter().map(|base| Reads {
        base: (*base).to_owned(),
        relation: name.to_owned(),
        cells: Cells::Plain,
    }));
    match (resource.group, resource.plural, resource.subresource) {
        ("", "secrets" | "configmaps", _) => {
            let all = OBJECTS
                .iter()
                .flat_map(|base| HELD.iter().map(move |held| format!("{base}{held}")));
            analysis.secrets.extend(all);
        }
        ("", "serviceaccounts", Some("token")) => analysis.secrets.push("$.status.token".to_owned()),
        ("authentication.k8s.io", "tokenreviews", _) => {
            analysis
                .secrets
                .extend(["$.spec.token", "$.status.token"].map(str::to_owned));
        }
        _ => {}
    }
}

/// The `Accept` to send in place of one that allows another form than JSON.
pub(super) fn json_only(accept: Option<&str>) -> Option<String> {
    let ranges: Vec<&str> = accept?.split(',').map(str::trim).collect();
    let kind = |range: &str| {
        let kind = range.split_once(';').map_or(range, |(kind, _)| kind);
        kind.trim().to_ascii_lowercase()
    };
    let json: Vec<&str> = ranges
        .iter()
        .copied()
        .filter(|range| kind(range) == "application/json")
        .collect();
    // The server's own choice is JSON.
    let any = |range: &&str| matches!(kind(range).as_str(), "*/*" | "application/*");
    if json.len() + ranges.iter().filter(|range| any(range)).count() == ranges.len() {
        return None;
    }
    Some(if json.is_empty() {
        "application/json".to_owned()
    } else {
        json.join(",")
    })
}
