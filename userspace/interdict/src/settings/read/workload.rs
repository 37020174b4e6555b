//! The `workloads` section.

use std::collections::HashMap;

use globset::GlobBuilder;

use super::super::node::{Node, Position, Value};
use super::super::problems::Problems;
use super::super::{Match, Workload};
use super::service;

const MATCHES: [&str; 6] = ["cgroup", "unit", "user", "executable", "container", "pod"];

pub(super) fn all(node: &Node, problems: &mut Problems) -> Vec<Workload> {
    let mut taken = HashMap::new();
    let entries = problems.list(node, "a list of workloads");
    entries
        .iter()
        .filter_map(|entry| one(entry, &mut taken, problems))
        .collect()
}

fn one(node: &Node, taken: &mut HashMap<String, Position>, problems: &mut Problems) -> Option<Workload> {
    let fields = problems.fields(node, "a workload", &["name", "match"])?;
    let name = fields.require("name", "what policies and the audit call the workload", problems);
    let name = name.and_then(|node| service::name(node, "workload", taken, problems));
    let matches = fields.require("match", "what makes a process one of the workload", problems);
    let matches = matches.and_then(|node| any_of(node, problems));
    Some(Workload {
        name: name?,
        matches: matches?,
    })
}

/// One match, or a list of which any will do.
fn any_of(node: &Node, problems: &mut Problems) -> Option<Vec<Match>> {
    let Value::List(nodes) = &node.value else {
        return match_of(node, problems).map(|one| vec![one]);
    };
    if nodes.is_empty() {
        problems.add(node.at, "expected at least one match");
        return None;
    }
    let matches: Vec<_> = nodes.iter().map(|node| match_of(node, problems)).collect();
    matches.into_iter().collect()
}

fn match_of(node: &Node, problems: &mut Problems) -> Option<Match> {
    let (key, value) = problems.choice(node, "`match`", &MATCHES)?;
    match key.name.as_str() {
        "cgroup" => {
            let pattern = glob(
                value,
                "a pattern of cgroup paths such as \"/agents/**\"",
                problems,
            )?;
            if !pattern.starts_with('/') {
                problems.add(
                    value.at,
                    "expected a path from the root of the cgroup hierarchy, such as \"/agents/**\"",
                );
                return None;
            }
            if matches!(pattern.as_str(), "/" | "/**" | "/*") {
                problems.add(
                    value.at,
                    "expected a part of the cgroup hierarchy: this would enrol the daemon itself",
                );
                return None;
            }
            Some(Match::Cgroup(pattern))
        }
        "unit" => {
            let pattern = glob(
                value,
                "a pattern of systemd units such as \"agent-*.service\"",
                problems,
            )?;
            let kind = pattern.rsplit_once('.').map(|(_, kind)| kind);
            if !matches!(kind, Some("service" | "slice" | "scope" | "*")) {
                problems.add(
                    value.at,
                    "expected a unit with its kind: `.service`, `.slice` or `.scope` at the end",
                );
                return None;
            }
            Some(Match::Unit(pattern))
        }
        "user" => user(value, problems).map(Match::User),
        "executable" => executable(value, problems).map(Match::Executable),
        "container" => glob(
            value,
            "a pattern of containers' names or ids such as \"web-*\"",
            problems,
        )
        .map(Match::Container),
        _ => pod(value, problems),
    }
}

/// A user's number, by itself or by name.
fn user(node: &Node, problems: &mut Problems) -> Option<u32> {
    let number = if let Value::Integer(number) = &node.value {
        u32::try_from(*number).ok()
    } else {
        let text = problems.text(node, "a user's name or number")?;
        if text.bytes().all(|b| b.is_ascii_digit()) {
            text.parse().ok()
        } else {
            Some(named(text, node, problems)?)
        }
    };
    match number {
        Some(0) => problems.add(
            node.at,
            "expected another user than root: this would enrol the daemon itself",
        ),
        // -1 means "no user" to the kernel.
        None | Some(u32::MAX) => problems.add(node.at, "expected a user's number below 4294967295"),
        Some(number) => return Some(number),
    }
    None
}

/// The number of a user by name.
fn named(name: &str, node: &Node, problems: &mut Problems) -> Option<u32> {
    let shown = name.escape_debug();
    match nix::unistd::User::from_name(name) {
        Ok(Some(user)) => return Some(user.uid.as_raw()),
        Ok(None) => problems.add(node.at, format!("there is no user `{shown}` here")),
        Err(error) => problems.add(node.at, format!("cannot look up the user `{shown}`: {error}")),
    }
    None
}

fn executable(node: &Node, problems: &mut Problems) -> Option<String> {
    let pattern = glob(
        node,
        "a pattern of executables such as /opt/agent/bin/*",
        problems,
    )?;
    let path = pattern.strip_prefix('-').unwrap_or(&pattern);
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        problems.add(
            node.at,
            "expected an absolute path without `..`, such as /opt/agent/bin/*",
        );
        return None;
    }
    Some(pattern)
}

fn glob(node: &Node, what: &str, problems: &mut Problems) -> Option<String> {
    let pattern = problems.text(node, what)?;
    if let Err(error) = GlobBuilder::new(pattern).literal_separator(true).build() {
        problems.add(node.at, format!("expected {what}: {}", error.kind()));
        return None;
    }
    Some(pattern.to_owned())
}

fn pod(node: &Node, problems: &mut Problems) -> Option<Match> {
    let fields = problems.fields(node, "`pod`", &["namespace", "labels"])?;
    let namespace = fields
        .get("namespace")
        .map(|node| problems.text(node, "a namespace"));
    let mut labels = Vec::new();
    match fields.get("labels").map(|node| (node, &node.value)) {
        Some((_, Value::Map(entries))) => {
            for (key, value) in entries {
                let value = problems.text(value, "a label's value")?;
                labels.push((key.name.clone(), value.to_owned()));
            }
        }
        Some((node, _)) => {
            problems.expected(node, "labels such as { app: agent }");
            return None;
        }
        None => {}
    }
    if namespace.is_none() && labels.is_empty() {
        problems.add(node.at, "expected `namespace`, `labels` or both");
        return None;
    }
    Some(Match::Pod {
        namespace: namespace.flatten().map(str::to_owned),
        labels,
    })
}
