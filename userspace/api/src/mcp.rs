//! Model Context Protocol over streamable HTTP: JSON-RPC 2.0, alone or in batches.

use std::fmt::Write as _;

use interdict_sql::{Access, Effect, Gap};

use crate::analysis::{Analysis, Cells, Reads, RefusalForm};
use crate::call::Call;
use crate::json::{self, Json, Value};
use crate::{path, plain, word};

/// How long a method's name can be.
const LONGEST_METHOD: usize = 128;
/// How many messages a batch can have.
const MOST_MESSAGES: usize = 100;

pub(crate) fn needs_body(call: &Call<'_>) -> bool {
    call.method == "POST"
}

pub(crate) fn analyse(call: &Call<'_>) -> Vec<Analysis> {
    let mut start = Analysis {
        kind: call.method.to_ascii_lowercase(),
        template: path::template(call.path).text,
        ..Analysis::default()
    };
    path::check(call.path, &mut start);
    plain::overridden(call, &mut start);
    match call.method {
        "POST" => return posted(call, &start),
        // The stream brings the server's own requests, and answers again that were lost.
        "GET" => start.does(&[Effect::Read, Effect::Listen]),
        "DELETE" => start.does(&[Effect::Session]),
        "OPTIONS" => start.does(&[Effect::Read]),
        _ => {
            plain::method(call, &mut start);
            start.unknown("its method is none of MCP's");
        }
    }
    vec![start]
}

fn posted(call: &Call<'_>, start: &Analysis) -> Vec<Analysis> {
    let body = call.body.unwrap_or_default();
    let read = match json::parse(body) {
        Ok(read) => read,
        Err(gap) => return vec![unread(start, gap)],
    };
    match &read.value {
        Value::Object(_) => vec![message(body, &read, "$", start)],
        Value::List(messages) => {
            let taken = messages.iter().take(MOST_MESSAGES);
            let mut all: Vec<_> = taken.map(|read| message(body, read, "$[*]", start)).collect();
            if messages.is_empty() {
                all.push(unread(
                    start,
                    Gap::UnknownRequest("the batch is empty".to_owned()),
                ));
            } else if messages.len() > MOST_MESSAGES {
                all.push(unread(start, Gap::TooLarge));
            }
            all
        }
        _ => vec![unread(start, no_message())],
    }
}

fn no_message() -> Gap {
    Gap::UnknownRequest("its body is no message of JSON-RPC".to_owned())
}

fn unread(start: &Analysis, gap: Gap) -> Analysis {
    let mut analysis = start.clone();
    analysis.refusal = refusal("null".to_owned());
    analysis.does(&[Effect::Call]);
    analysis.gap(gap);
    analysis
}

fn refusal(id: String) -> RefusalForm {
    RefusalForm::JsonRpc { id }
}

/// One message, whose answer stands at `base`.
fn message(body: &[u8], read: &Json<'_>, base: &str, start: &Analysis) -> Analysis {
    if !read.is_object() {
        return unread(start, no_message());
    }
    let mut analysis = start.clone();
    exact(
        read,
        &["jsonrpc", "id", "method", "params", "result", "error"],
        &mut analysis,
    );
    if read.text_of("jsonrpc") != Some("2.0") {
        analysis.gap(no_message());
    }
    let id = read.get("id");
    analysis.refusal = refusal("null".to_owned());
    if let Some(id) = id {
        match id.value {
            Value::Text(_) | Value::Number(_) => {
                let raw = body.get(id.span.clone()).unwrap_or_default();
                analysis.refusal = refusal(String::from_utf8_lossy(raw).into_owned());
            }
            _ => analysis.unknown("the message's id is neither text nor a number"),
        }
    }
    let answers = read.get("result").is_some() || read.get("error").is_some();
    match read.get("method") {
        Some(method) if !answers => {
            if id.is_none() {
                analysis.flag("notification");
            }
            if let Some(method) = method.text() {
                request(method, read.get("params"), base, &mut analysis);
            } else {
                analysis.does(&[Effect::Call]);
                analysis.unknown("the message's method is no text");
            }
        }
        None if answers => {
            "response".clone_into(&mut analysis.kind);
            analysis.flag("response");
            analysis.does(&[Effect::Notify]);
        }
        _ => {
            analysis.does(&[Effect::Call]);
            analysis.gap(no_message());
        }
    }
    analysis
}

fn request(method: &str, params: Option<&Json<'_>>, base: &str, analysis: &mut Analysis) {
    analysis.kind = word::snake(method);
    if analysis.kind.is_empty() || method.len() > LONGEST_METHOD {
        "unknown".clone_into(&mut analysis.kind);
        analysis.unknown("the message's method is no name");
    }
    if params.is_some_and(|params| !matches!(params.value, Value::Object(_) | Value::List(_))) {
        analysis.unknown("the message's parameters are neither an object nor a list");
    }
    if let Some(params) = params {
        exact(params, &["name", "arguments", "uri"], analysis);
    }
    let (member, access, effects): (_, _, &[Effect]) = match method {
        "tools/call" => {
            if let Some(name) = named(params, "name", analysis) {
                analysis.relation(None, &name, Access::Read);
                analysis.relation(None, &name, Access::Write);
                analysis.reads.push(Reads {
                    base: format!("{base}.result.structuredContent"),
                    relation: name,
                    cells: Cells::Plain,
                });
            }
            analysis.does(&[Effect::Call]);
            arguments(params.and_then(|params| params.get("arguments")), analysis);
            return;
        }
        "prompts/get" => {
            if let Some(name) = named(params, "name", analysis) {
                analysis.relation(None, &name, Access::Read);
            }
            analysis.does(&[Effect::Read]);
            arguments(params.and_then(|params| params.get("arguments")), analysis);
            return;
        }
        "resources/read" => (Some("uri"), Access::Read, &[Effect::Read]),
        "resources/subscribe" | "resources/unsubscribe" => (Some("uri"), Access::Define, &[Effect::Listen]),
        "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => {
            let family = method.split_once('/').map_or(method, |(family, _)| family);
            analysis.relation(None, family, Access::Define);
            (None, Access::Define, &[Effect::Read])
        }
        "tasks/get" | "tasks/list" | "tasks/result" | "completion/complete" => {
            (None, Access::Read, &[Effect::Read])
        }
        "initialize" | "ping" | "tasks/cancel" => (None, Access::Define, &[Effect::Session]),
        "logging/setLevel" => (None, Access::Define, &[Effect::Settings]),
        _ if method.starts_with("notifications/") => (None, Access::Define, &[Effect::Notify]),
        _ => {
            analysis.relation(None, method, Access::Read);
            analysis.relation(None, method, Access::Write);
            (None, Access::Write, &[Effect::Call])
        }
    };
    analysis.does(effects);
    if let Some(member) = member
        && let Some(name) = named(params, member, analysis)
    {
        analysis.relation(None, &name, access);
    }
    arguments(params, analysis);
}

/// The text that says what the request is about.
fn named(params: Option<&Json<'_>>, member: &str, analysis: &mut Analysis) -> Option<String> {
    let name = params.and_then(|params| params.text_of(member));
    if name.is_none() {
        analysis.unknown(format!("its parameters have no `{member}`"));
    }
    name.map(str::to_owned)
}

/// Makes a gap of keys that differ from the known ones by case only, which some readers take for the same.
fn exact(object: &Json<'_>, known: &[&str], analysis: &mut Analysis) {
    let fold = |key: &str| {
        // Two letters outside of ASCII fold into it.
        key.replace('\u{17f}', "s")
            .replace('\u{212a}', "k")
            .to_ascii_lowercase()
    };
    for (key, _) in object.members() {
        if !known.contains(&key.as_ref()) && known.contains(&fold(key).as_str()) {
            analysis.gap(Gap::Unreadable(
                "a key of the message differs from the protocol's in case",
            ));
        }
    }
}

/// Every scalar below a value, named by its path: `patient.id`, `ids[0]`.
fn arguments(value: Option<&Json<'_>>, analysis: &mut Analysis) {
    if let Some(value) = value {
        flatten(&mut String::new(), value, analysis);
    }
}

fn flatten(name: &mut String, value: &Json<'_>, analysis: &mut Analysis) {
    if analysis.gaps.contains(&Gap::TooLarge) {
        return;
    }
    let length = name.len();
    match &value.value {
        Value::Object(members) => {
            for (key, value) in members {
                if length == 0 && key == "_meta" {
                    continue;
                }
                let step = word::step(key);
                name.push_str(if length == 0 {
                    step.trim_start_matches('.')
                } else {
                    &step
                });
                flatten(name, value, analysis);
                name.truncate(length);
            }
        }
        Value::List(items) => {
            for (position, value) in items.iter().enumerate() {
                let _ = write!(name, "[{position}]");
                flatten(name, value, analysis);
                name.truncate(length);
            }
        }
        _ => analysis.argument(name, value.scalar()),
    }
}

#[cfg(test)]
mod tests;
