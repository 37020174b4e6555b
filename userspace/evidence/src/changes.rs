//! Policies in force over the period, and how each differs from the one before.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use similar::TextDiff;

use crate::EvidenceError;

/// A version of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) digest: String,
    /// Its file in the package.
    pub(crate) file: String,
    /// Against the version before; empty for the first.
    pub(crate) diff: String,
}

/// Writes each version once, and what changed. `rows`: of `policies`, in order.
pub(crate) fn write(rows: &[Map<String, Value>], out: &Path) -> Result<Vec<Version>, EvidenceError> {
    let folder = out.join("policies");
    fs::create_dir_all(&folder).map_err(EvidenceError::io("made", &folder))?;
    let text = |row: &Map<String, Value>, name: &str| {
        row.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut last: BTreeMap<String, (String, String)> = BTreeMap::new();
    let (mut versions, mut all) = (Vec::new(), String::new());
    for row in rows {
        let (name, digest, source) = (text(row, "name"), text(row, "digest"), text(row, "source"));
        let before = last.insert(name.clone(), (digest.clone(), source.clone()));
        if before.as_ref().is_some_and(|(known, _)| *known == digest) {
            continue;
        }
        let safe: String = name
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || letter == '-' {
                    letter
                } else {
                    '_'
                }
            })
            .collect();
        let short: String = digest.trim_start_matches("sha256:").chars().take(12).collect();
        let file = format!("policies/{safe}-{short}.yaml");
        let path = out.join(&file);
        fs::write(&path, &source).map_err(EvidenceError::io("written", &path))?;
        let diff = before.map_or_else(String::new, |(known, earlier)| {
            TextDiff::from_lines(&earlier, &source)
                .unified_diff()
                .context_radius(2)
                .header(&known, &digest)
                .to_string()
        });
        if !diff.is_empty() {
            let _ = writeln!(all, "# {name}, in force from {}\n{diff}", text(row, "at"));
        }
        versions.push(Version {
            name,
            digest,
            file,
            diff,
        });
    }
    let path = folder.join("changes.diff");
    fs::write(&path, all).map_err(EvidenceError::io("written", &path))?;
    Ok(versions)
}
