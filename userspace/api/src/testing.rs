//! Requests written as text, and analyses shown in a line.

use std::fmt::Write as _;

use interdict_sql::Effect;

use crate::{Analysis, Call, Profile};

/// A request: method and target, header fields a line each, an empty line, the body.
pub(crate) fn analyse(profile: &Profile, text: &str) -> Vec<Analysis> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines().map(str::trim);
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let headers: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query: Vec<(String, String)> = query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    let host = headers.iter().find(|(name, _)| *name == "Host");
    let path = decode(path);
    let mut call = Call {
        method,
        host: host.map_or("localhost", |(_, host)| host),
        path: &path,
        query: &query,
        headers: &headers,
        body: None,
    };
    if profile.needs_body(&call) && !body.is_empty() {
        call.body = Some(body.trim_end().as_bytes());
    }
    profile.analyse(&call)
}

/// The only analysis.
pub(crate) fn one(profile: &Profile, text: &str) -> Analysis {
    let mut all = analyse(profile, text);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

/// `kind effects relation:access …`, with `!` if there is a gap.
pub(crate) fn show(analysis: &Analysis) -> String {
    let effects: Vec<_> = analysis.effects.iter().map(Effect::as_str).collect();
    let mut out = format!("{} {}", analysis.kind, effects.join(","));
    for relation in &analysis.relations {
        let _ = write!(out, " {relation}:{}", relation.access);
    }
    if !analysis.complete() {
        out.push_str(" !");
    }
    out
}

/// Checks a table of requests and of what is shown of them; several analyses are parted by ` | `.
pub(crate) fn table(profile: &Profile, rows: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (request, expected) in rows {
        let all = analyse(profile, request);
        let found = all.iter().map(show).collect::<Vec<_>>().join(" | ");
        if found != *expected {
            let gaps: Vec<_> = all
                .iter()
                .flat_map(|analysis| &analysis.gaps)
                .map(ToString::to_string)
                .collect();
            wrong.push(format!(
                "{request}\n  expected {expected}\n  found    {found}  {gaps:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |bytes: &mut std::str::Bytes<'_>| {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
        };
        out.push(if byte == b'%' { hex(&mut bytes) } else { byte });
    }
    String::from_utf8(out).unwrap()
}
