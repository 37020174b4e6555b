//! The `workloads` section.

use std::collections::HashMap;

use globset::GlobBuilder;

use super::super::node::{Node, Position, Value};
use super::super::problems::Problems;
use super::super::{Match, Workload};
use super::service;

const MATCHES: [&str; 5] = ["cgroup", "unit", "user", "executable", "pod"];

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
    let matches = matches.and_then(|node| match_of(node, problems));
    Some(Workload {
        name: name?,
        matches: matches?,
    })
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
        "user" => problems
            .text(value, "a user's name")
            .map(|user| Match::User(user.to_owned())),
        "executable" => glob(
            value,
            "a pattern of executables such as /opt/agent/bin/*",
            problems,
        )
        .map(Match::Executable),
        _ => pod(value, problems),
    }
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
