//! Who authenticates to a service: `credentials`, and the login of `catalogue`.

mod http;

use interdict_policy::IdentityGlob;

use super::super::node::{Node, Value};
use super::super::problems::Problems;
use super::super::{Credentials, Injected, Login, Protocol, Shown};
use super::secret;

pub(super) fn read(node: &Node, protocol: Option<Protocol>, problems: &mut Problems) -> Option<Credentials> {
    if let Value::Text(text) = &node.value {
        if text == "pass" {
            return Some(Credentials::Pass);
        }
        let text = text.escape_debug();
        problems.add(
            node.at,
            format!("expected `pass` or `{{ inject: {{ user: …, password: … }} }}`, found `{text}`"),
        );
        return None;
    }
    let (key, inject) = problems.choice(node, "`credentials` (or `pass`)", &["inject"])?;
    if protocol == Some(Protocol::Opaque) {
        problems.add(
            key.at,
            "`inject` has no use with `protocol: opaque`: bytes are passed on as they are",
        );
        return None;
    }
    let Value::List(entries) = &inject.value else {
        return Some(Credentials::Inject(vec![one(inject, false, protocol, problems)?]));
    };
    if entries.is_empty() {
        problems.add(inject.at, "expected at least one login");
    }
    let mut all = Vec::new();
    let mut everybody = None;
    for entry in entries {
        if let Some(line) = everybody {
            problems.add(
                entry.at,
                format!("nobody is left for this login: the one at line {line} is for everybody"),
            );
            return None;
        }
        let injected = one(entry, true, protocol, problems)?;
        if injected.identities.is_empty() {
            everybody = Some(entry.at.line);
        }
        all.push(injected);
    }
    Some(Credentials::Inject(all))
}

/// `listed`: one of several, which can be for some only.
fn one(node: &Node, listed: bool, protocol: Option<Protocol>, problems: &mut Problems) -> Option<Injected> {
    let identities = match &node.value {
        Value::Map(entries) if listed => entries.iter().find(|(key, _)| key.name == "identities"),
        _ => None,
    };
    let identities = match identities {
        None => Vec::new(),
        Some((_, globs)) => {
            const EXPECTED: &str = "a list of identities such as [\"agents/*\", \"namespace=prod\"]";
            let list = problems.list(globs, EXPECTED);
            if list.is_empty() {
                problems.add(globs.at, format!("expected {EXPECTED}"));
                return None;
            }
            let mut texts = Vec::new();
            for glob in list {
                let text = problems.text(glob, "an identity, or a glob over them")?;
                if let Err(error) = IdentityGlob::parse(text) {
                    problems.add(glob.at, error);
                    return None;
                }
                texts.push(text.to_owned());
            }
            texts
        }
    };
    let without = without(node, "identities");
    let node = if listed { &without } else { node };
    let shown = if protocol == Some(Protocol::Http) {
        http::credential(node, problems).map(Shown::Http)
    } else {
        login(node, "`inject`", problems).map(Shown::Login)
    };
    Some(Injected {
        identities,
        shown: shown?,
    })
}

/// A mapping without one of its keys.
fn without(node: &Node, key: &str) -> Node {
    let value = match &node.value {
        Value::Map(entries) => {
            let others = entries.iter().filter(|(found, _)| found.name != key);
            Value::Map(others.cloned().collect())
        }
        other => other.clone(),
    };
    Node { at: node.at, value }
}

/// A user, and its password if it has one.
pub(super) fn login(node: &Node, what: &str, problems: &mut Problems) -> Option<Login> {
    let fields = problems.fields(node, what, &["user", "password"])?;
    let user = fields.require("user", "a user of the service", problems);
    let user = user.and_then(|node| problems.text(node, "a user of the service").map(str::to_owned));
    let password = match fields.get("password") {
        Some(node) => Some(secret::renewed(node, "the password", problems)?),
        None => None,
    };
    Some(Login {
        user: user?,
        password,
    })
}
