//! The `approvals` section: webhooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Uri;
use interdict_approvals::{Form, Webhook};

use super::super::node::{Node, Value};
use super::super::problems::Problems;
use super::super::values::Listen;
use super::super::{Approvals, Secrets};
use super::{one_word, plain_name, secret};

/// A shorter secret can be tried out by whoever sees one message.
const SHORTEST: usize = 16;

pub(super) fn read(node: &Node, secrets: Secrets, problems: &mut Problems) -> Approvals {
    let mut approvals = Approvals::default();
    let Some(fields) = problems.fields(node, "`approvals`", &["listen", "webhooks"]) else {
        return approvals;
    };
    if let Some(node) = fields.get("listen") {
        approvals.listen = problems.parse(node, "ADDRESS:PORT").map(|Listen(at)| at);
        if fields.get("webhooks").is_none() {
            problems.add(
                node.at,
                "expected `webhooks` as well: only theirs are the answers that are taken",
            );
        }
    }
    let entries = fields.get("webhooks");
    for entry in entries.map_or(&[][..], |node| problems.list(node, "a list of webhooks")) {
        let Some(webhook) = webhook(entry, secrets, problems) else {
            continue;
        };
        if approvals.webhooks.iter().any(|other| other.name == webhook.name) {
            problems.add(entry.at, format!("there is a webhook `{}` already", webhook.name));
            continue;
        }
        approvals.webhooks.push(Arc::new(webhook));
    }
    approvals
}

fn webhook(node: &Node, secrets: Secrets, problems: &mut Problems) -> Option<Webhook> {
    const KEYS: [&str; 6] = ["name", "url", "form", "secret", "on", "people"];
    let fields = problems.fields(node, "a webhook", &KEYS)?;
    let name = fields.require("name", "what approvers call it: `webhook:NAME`", problems);
    let name = name.and_then(|node| plain_name(node, "a name", problems));
    let url = fields.require("url", "where it is told", problems);
    let url = url.and_then(|node| url_of(node, problems));
    let form = fields
        .get("form")
        .and_then(|node| one_word(node, &[("json", Form::Json), ("slack", Form::Slack)], problems))
        .unwrap_or_default();
    let secret = fields.require("secret", "what both ends sign with: `{ file: … }`", problems);
    let secret = secret.and_then(|node| secret_of(node, secrets, problems));
    let (mut on_requested, mut on_decided) = (true, true);
    if let Some(node) = fields.get("on") {
        (on_requested, on_decided) = (false, false);
        for word in problems.list(node, "a list of `requested` and `decided`") {
            match one_word(word, &[("requested", true), ("decided", false)], problems) {
                Some(true) => on_requested = true,
                Some(false) => on_decided = true,
                None => {}
            }
        }
    }
    let people = fields.get("people").map(|node| people(node, problems));
    Some(Webhook {
        name: name?,
        url: url?,
        form,
        secret: secret?,
        on_requested,
        on_decided,
        people: people.unwrap_or_default(),
    })
}

pub(super) fn url_of(node: &Node, problems: &mut Problems) -> Option<Uri> {
    let text = problems.text(node, "a URL")?;
    let uri: Option<Uri> = text.parse().ok();
    let usable = uri.filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if usable.is_none() {
        // Without the text: that of Slack's is a secret.
        problems.add(node.at, "expected a URL that begins with https:// or http://");
    }
    usable
}

/// Empty where it is the daemon's alone, and settings are only checked.
fn secret_of(node: &Node, secrets: Secrets, problems: &mut Problems) -> Option<Vec<u8>> {
    let source = secret::source(node, "the secret", problems)?;
    if secrets == Secrets::Named && !source.is_there_for_all() {
        return Some(Vec::new());
    }
    match source.read() {
        Ok(secret) if secret.reveal().len() < SHORTEST => {
            problems.add(
                node.at,
                format!("{source}: a secret of at least {SHORTEST} bytes is needed"),
            );
            None
        }
        Ok(secret) => Some(secret.reveal().to_vec()),
        Err(error) => {
            problems.add(node.at, error.to_string());
            None
        }
    }
}

fn people(node: &Node, problems: &mut Problems) -> BTreeMap<String, String> {
    let Value::Map(entries) = &node.value else {
        problems.expected(node, "who is who, such as `{ U024BE7LH: ada }`");
        return BTreeMap::new();
    };
    let mut people = BTreeMap::new();
    for (key, node) in entries {
        if let Some(name) = problems.text(node, "the name of a user of this host") {
            people.insert(key.name.clone(), name.to_owned());
        }
    }
    people
}
