//! `audit.streams` and `audit.ship`: who gets the record beside this host.

mod kafka;

use std::path::PathBuf;

use interdict_audit::Table;
use interdict_fleet::stream::HttpFormat;

use super::super::node::{Key, Node, Value};
use super::super::problems::{Fields, Problems};
use super::super::values::Span;
use super::super::{SecretSource, Ship, Sink, Stream};
use super::{one_word, plain_name, secret};

const SINKS: [&str; 5] = ["syslog", "http", "otlp", "kafka", "file"];

pub(super) fn streams(node: &Node, problems: &mut Problems) -> Vec<Stream> {
    let mut streams: Vec<Stream> = Vec::new();
    for entry in problems.list(node, "a list of streams") {
        let Some(stream) = stream(entry, problems) else {
            continue;
        };
        if streams.iter().any(|other| other.name == stream.name) {
            problems.add(
                entry.at,
                format!("there is a stream `{}` already: give each a `name`", stream.name),
            );
            continue;
        }
        streams.push(stream);
    }
    streams
}

fn stream(node: &Node, problems: &mut Problems) -> Option<Stream> {
    const KEYS: [&str; 9] = [
        "name", "syslog", "http", "otlp", "kafka", "file", "tables", "from", "patience",
    ];
    let fields = problems.fields(node, "a stream", &KEYS)?;
    let Value::Map(entries) = &node.value else {
        return None;
    };
    let mut chosen = entries
        .iter()
        .filter(|(key, _)| SINKS.contains(&key.name.as_str()));
    let (Some((key, value)), None) = (chosen.next(), chosen.next()) else {
        problems.add(
            node.at,
            "expected a stream with one of `syslog`, `http`, `otlp`, `kafka` and `file`",
        );
        return None;
    };
    let sink = sink(key, value, problems);
    let name = match fields.get("name") {
        None => key.name.clone(),
        Some(node) => plain_name(node, "a name", problems)?,
    };
    let mut tables: Vec<Table> = Table::ALL
        .into_iter()
        .filter(|table| interdict_fleet::ocsf::Mapper::has(*table))
        .collect();
    if let Some(node) = fields.get("tables") {
        let expected = "a table: sessions, statements, policies, admin, approvals or grants";
        let listed = problems.list(node, "a list of tables").to_vec();
        tables.retain(|table| {
            listed
                .iter()
                .any(|node| matches!(&node.value, Value::Text(name) if name == table.name()))
        });
        for node in &listed {
            if !matches!(&node.value, Value::Text(name) if tables.iter().any(|table| table.name() == name)) {
                problems.expected(node, expected);
            }
        }
    }
    let beginning = fields
        .get("from")
        .and_then(|node| one_word(node, &[("beginning", true), ("now", false)], problems))
        .unwrap_or(false);
    let patience = fields
        .get("patience")
        .and_then(|node| problems.parse(node, "a duration such as 1m"))
        .map(|Span(patience)| patience);
    Some(Stream {
        name,
        sink: sink?,
        tables,
        beginning,
        patience,
    })
}

fn sink(key: &Key, node: &Node, problems: &mut Problems) -> Option<Sink> {
    match key.name.as_str() {
        "syslog" => {
            let fields = problems.fields(node, "`syslog`", &["address", "ca"])?;
            let address = fields.require("address", "where to: `tls://HOST:PORT`", problems)?;
            let address = problems.parse(
                address,
                "`tcp://HOST:PORT`, `tls://HOST:PORT` or `udp://HOST:PORT`",
            )?;
            Some(Sink::Syslog {
                address,
                ca: ca(fields, problems),
            })
        }
        "http" => {
            let fields = problems.fields(node, "`http`", &["url", "format", "token", "ca"])?;
            let url = fields.require("url", "where to", problems);
            let url = url.and_then(|node| http_url(node, problems));
            let formats = [
                ("splunk-hec", HttpFormat::SplunkHec),
                ("elastic", HttpFormat::Elastic),
                ("ndjson", HttpFormat::Ndjson),
            ];
            let format = fields.require(
                "format",
                "what it takes: `splunk-hec`, `elastic` or `ndjson`",
                problems,
            );
            let format = format.and_then(|node| one_word(node, &formats, problems));
            let token = token(fields, problems);
            Some(Sink::Http {
                url: url?,
                format: format?,
                token,
                ca: ca(fields, problems),
            })
        }
        "otlp" => {
            let fields = problems.fields(node, "`otlp`", &["endpoint", "token", "ca"])?;
            let endpoint =
                fields.require("endpoint", "where to: the address without `/v1/logs`", problems)?;
            Some(Sink::Otlp {
                endpoint: http_url(endpoint, problems)?,
                token: token(fields, problems),
                ca: ca(fields, problems),
            })
        }
        "kafka" => kafka::read(node, problems).map(Sink::Kafka),
        _ => {
            let path = problems.text(node, "the path of a file")?;
            Some(Sink::File {
                path: problems.resolve(path),
            })
        }
    }
}

fn token(fields: Fields<'_>, problems: &mut Problems) -> Option<SecretSource> {
    let node = fields.get("token")?;
    secret::source(node, "the token", problems)
}

fn ca(fields: Fields<'_>, problems: &mut Problems) -> Option<PathBuf> {
    let node = fields.get("ca")?;
    super::readable(node, "a file with certificates", problems)
}

fn http_url(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = problems.text(node, "a URL")?;
    let uri: Option<http::Uri> = text.parse().ok();
    let usable = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if !usable {
        problems.add(node.at, "expected a URL that begins with https:// or http://");
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn ship(node: &Node, problems: &mut Problems) -> Option<Ship> {
    const KEYS: [&str; 6] = [
        "to",
        "endpoint",
        "region",
        "access_key_id",
        "secret_access_key",
        "ca",
    ];
    let fields = problems.fields(node, "`ship`", &KEYS)?;
    let to = fields.require("to", "where segments go: `s3://BUCKET/PREFIX`", problems);
    let to = to.and_then(|node| {
        let text = problems.text(node, "`s3://BUCKET/PREFIX`")?;
        let bucket = text.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
        if bucket.is_none_or(str::is_empty) {
            problems.expected(node, "`s3://BUCKET/PREFIX`");
            return None;
        }
        Some(text.to_owned())
    });
    let endpoint = fields.get("endpoint").and_then(|node| http_url(node, problems));
    let region = fields
        .get("region")
        .and_then(|node| problems.text(node, "a region such as eu-central-1"))
        .map(str::to_owned);
    let keys = match (fields.get("access_key_id"), fields.get("secret_access_key")) {
        (None, None) => None,
        (Some(id), Some(key)) => {
            let id = problems.text(id, "the access key's name").map(str::to_owned);
            let key = secret::source(key, "the secret access key", problems);
            Some((id?, key?))
        }
        (Some(one), None) | (None, Some(one)) => {
            problems.add(
                one.at,
                "expected `access_key_id` and `secret_access_key` together, or neither",
            );
            return None;
        }
    };
    Some(Ship {
        to: to?,
        endpoint,
        region,
        keys,
        ca: ca(fields, problems),
    })
}
