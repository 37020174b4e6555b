//! Of the `audit` section what makes the record stand: `retention`, `seals`, `anchors`.

use std::time::Duration;

use interdict_audit::{Retention, Table};

use super::super::node::{Node, Value};
use super::super::problems::{Fields, Problems};
use super::super::values::Span;
use super::super::{AnchorAt, Audit, KeyPlace, ObjectStore, SealKeys};
use super::{plain_name, secret};

pub(super) fn read(fields: &Fields<'_>, audit: &mut Audit, problems: &mut Problems) {
    if let Some(node) = fields.get("retention") {
        audit.retention = retention(node, audit.segment_age, problems);
    }
    if let Some(node) = fields.get("seals") {
        audit.seals = seals(node, problems);
    }
    let Some(node) = fields.get("anchors") else { return };
    for entry in problems.list(node, "a list of places off the host") {
        let Some(anchor) = anchor(entry, problems) else {
            continue;
        };
        // Of two authorities of one name the tokens would be in one file.
        let named = |other: &AnchorAt| match (other, &anchor) {
            (AnchorAt::Stamp { name, .. }, AnchorAt::Stamp { name: new, .. }) => name == new,
            (other, new) => other == new,
        };
        if audit.anchors.iter().any(named) {
            problems.add(entry.at, "this anchor is already listed");
        } else {
            audit.anchors.push(anchor);
        }
    }
}

/// A time for all, or times by table.
fn retention(node: &Node, least: Duration, problems: &mut Problems) -> Retention {
    let mut retention = Audit::default().retention;
    if let Value::Text(_) = node.value {
        if let Some(time) = time(node, least, problems) {
            retention.default = time;
        }
        return retention;
    }
    let mut known = vec!["default"];
    known.extend(Table::ALL.map(Table::name));
    let Some(fields) = problems.fields(node, "`retention` (or a duration)", &known) else {
        return retention;
    };
    if let Some(node) = fields.get("default")
        && let Some(time) = time(node, least, problems)
    {
        retention.default = time;
    }
    for table in Table::ALL {
        if let Some(node) = fields.get(table.name())
            && let Some(time) = time(node, least, problems)
        {
            retention.tables.insert(table, time);
        }
    }
    retention
}

/// A duration, or `forever`. `None` only with a problem noted.
#[expect(
    clippy::option_option,
    reason = "outside: a problem was noted; inside: nothing is meant"
)]
fn time(node: &Node, least: Duration, problems: &mut Problems) -> Option<Option<Duration>> {
    if let Value::Text(text) = &node.value
        && text == "forever"
    {
        return Some(None);
    }
    let Span(time) = problems.parse(node, "a duration such as 2190d, or `forever`")?;
    if time < least {
        problems.add(
            node.at,
            "expected a retention longer than `segment.age`: a segment would be removed before it is written",
        );
    }
    Some(Some(time))
}

fn seals(node: &Node, problems: &mut Problems) -> SealKeys {
    let mut seals = SealKeys::default();
    let Some(fields) = problems.fields(node, "`seals`", &["key", "previous"]) else {
        return seals;
    };
    if let Some(node) = fields.get("key") {
        if let Value::Text(_) = node.value {
            if let Some(path) = problems.text(node, "a file, or where the key comes from") {
                seals.key = KeyPlace::File(problems.resolve(path));
            }
        } else if let Some(source) = secret::source(node, "the key", problems) {
            seals.key = KeyPlace::Source(source);
        }
    }
    if let Some(node) = fields.get("previous") {
        seals.previous = secret::source(node, "the key before", problems);
    }
    seals
}

fn anchor(node: &Node, problems: &mut Problems) -> Option<AnchorAt> {
    let (key, value) = problems.choice(node, "an anchor", &["file", "webhook", "object_store", "rfc3161"])?;
    if key.name == "object_store" {
        return object_store(value, problems).map(AnchorAt::ObjectStore);
    }
    if key.name == "rfc3161" {
        return stamp(value, problems);
    }
    if key.name == "file" {
        let path = problems.text(value, "a directory on another machine")?;
        let path = problems.resolve(path);
        if std::fs::metadata(&path).is_ok_and(|about| !about.is_dir()) {
            problems.add(
                value.at,
                format!("expected a directory: {} is a file", path.display()),
            );
            return None;
        }
        return Some(AnchorAt::File(path));
    }
    let fields = problems.fields(value, "a webhook", &["name", "url", "secret"])?;
    let name = fields.require("name", "what receipts and events call it", problems);
    let name = name.and_then(|node| plain_name(node, "a name", problems));
    let url = fields.require("url", "where seals are sent", problems);
    let url = url.and_then(|node| super::approvals::url_of(node, problems));
    let secret = fields.require("secret", "what both ends sign with: `{ file: … }`", problems);
    let secret = secret.and_then(|node| secret::source(node, "the secret", problems));
    Some(AnchorAt::Webhook {
        name: name?,
        url: url?,
        secret: secret?,
    })
}

fn stamp(node: &Node, problems: &mut Problems) -> Option<AnchorAt> {
    let fields = problems.fields(node, "a time stamping authority", &["name", "url"])?;
    let name = fields.require(
        "name",
        "what receipts, events and the tokens' files call it",
        problems,
    );
    let name = name.and_then(|node| plain_name(node, "a name", problems));
    let url = fields.require("url", "where it answers", problems);
    let url = url.and_then(|node| super::approvals::url_of(node, problems));
    Some(AnchorAt::Stamp {
        name: name?,
        url: url?,
    })
}

fn object_store(node: &Node, problems: &mut Problems) -> Option<ObjectStore> {
    const KEYS: [&str; 7] = [
        "url",
        "endpoint",
        "region",
        "lock",
        "access_key_id",
        "secret_access_key",
        "session_token",
    ];
    let fields = problems.fields(node, "an object store", &KEYS)?;
    let url = fields.require("url", "where seals are put: `s3://BUCKET/PREFIX`", problems);
    let url = url.and_then(|node| {
        let text = problems.text(node, "`s3://BUCKET/PREFIX`")?;
        let place = text
            .strip_prefix("s3://")
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")));
        let place = place.filter(|(bucket, _)| {
            (3..=63).contains(&bucket.len())
                && bucket.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
                })
        });
        if place.is_none() {
            problems.add(node.at, "expected `s3://BUCKET/PREFIX`");
        }
        place.map(|(bucket, prefix)| (bucket.to_owned(), prefix.trim_matches('/').to_owned()))
    });
    let region = fields
        .get("region")
        .and_then(|node| problems.text(node, "a region such as us-east-1"))
        .unwrap_or("us-east-1")
        .to_owned();
    let (mut scheme, mut authority) = ("https".to_owned(), format!("s3.{region}.amazonaws.com"));
    if let Some(node) = fields.get("endpoint") {
        let uri = super::approvals::url_of(node, problems)?;
        uri.scheme_str().unwrap_or("https").clone_into(&mut scheme);
        authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    }
    let lock = fields.require("lock", "how long nobody may delete them, such as 2190d", problems);
    let lock = lock.and_then(|node| problems.parse(node, "a duration such as 2190d"));
    let mut source = |name: &str, what: &str| {
        let node = fields.require(name, &format!("{what}: `{{ file: … }}`"), problems)?;
        secret::source(node, what, problems)
    };
    let id = source("access_key_id", "the access key's id");
    let key = source("secret_access_key", "the secret access key");
    let session_token = fields
        .get("session_token")
        .and_then(|node| secret::source(node, "the session token", problems));
    let ((bucket, prefix), Span(lock)) = (url?, lock?);
    Some(ObjectStore {
        bucket,
        prefix,
        scheme,
        authority,
        region,
        lock,
        access_key_id: id?,
        secret_access_key: key?,
        session_token,
    })
}
