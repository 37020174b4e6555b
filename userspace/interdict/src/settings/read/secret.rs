//! `{ file: … }`, `{ env: … }`, `{ command: … }`, `{ credential: … }`.

use super::super::node::{Node, Value};
use super::super::problems::Problems;
use super::super::values::Span;
use super::super::{Renewed, SecretSource};

const SOURCES: [&str; 4] = ["file", "env", "command", "credential"];

/// Where a secret comes from. `what` names it: `the password`. A file is read, so that one which can't be used is reported here;
/// the other sources may be there for the daemon only.
pub(super) fn source(node: &Node, what: &str, problems: &mut Problems) -> Option<SecretSource> {
    if let Value::Text(_) = node.value {
        // Its text is likely to be the secret: not repeated.
        problems.add(
            node.at,
            format!(
                "expected where {what} comes from, not {what}: `{{ file: … }}`, `{{ env: … }}`, `{{ command: […] }}` or `{{ credential: … }}`"
            ),
        );
        return None;
    }
    let (key, value) = problems.choice(node, "a secret's source", &SOURCES)?;
    match key.name.as_str() {
        "file" => {
            let path = problems.text(value, "a file with the secret")?;
            let source = SecretSource::File(problems.resolve(path));
            match source.read() {
                Ok(_) => Some(source),
                Err(error) => {
                    problems.add(value.at, format!("expected a file with the secret: {error}"));
                    None
                }
            }
        }
        "env" => Some(SecretSource::Env(
            problems.text(value, "an environment variable's name")?.to_owned(),
        )),
        "credential" => {
            let name = problems.text(value, "the name of a systemd credential")?;
            if name.contains('/') || name.starts_with('.') {
                problems.add(
                    value.at,
                    "expected the name of a systemd credential, without a path",
                );
                return None;
            }
            Some(SecretSource::Credential(name.to_owned()))
        }
        _ => command(value, problems).map(SecretSource::Command),
    }
}

/// The same with `refresh`, how long what a command prints is used.
pub(super) fn renewed(node: &Node, what: &str, problems: &mut Problems) -> Option<Renewed> {
    let Value::Map(entries) = &node.value else {
        return source(node, what, problems).map(Renewed::from);
    };
    let (refresh, others): (Vec<_>, Vec<_>) = entries
        .iter()
        .cloned()
        .partition(|(key, _)| key.name == "refresh");
    let node = Node {
        at: node.at,
        value: Value::Map(others),
    };
    let mut renewed = Renewed::from(source(&node, what, problems)?);
    if let Some((key, span)) = refresh.first() {
        if !matches!(renewed.source, SecretSource::Command(_)) {
            problems.add(
                key.at,
                "`refresh` has a use with `command` only: other sources are read at every login",
            );
        }
        let Span(lifetime) = problems.parse(span, "a duration such as 10m")?;
        renewed.lifetime = lifetime;
    }
    Some(renewed)
}

/// A list of words, or a text that is split at blanks: no shell reads it.
fn command(node: &Node, problems: &mut Problems) -> Option<Vec<String>> {
    const EXPECTED: &str = "a command as a list: [PROGRAM, ARGUMENT, …]";
    let words: Vec<String> = match &node.value {
        Value::Text(text) if text.contains(['"', '\'', '\\', '$', '`', '|', '&', ';', '<', '>']) => {
            problems.add(
                node.at,
                format!("expected {EXPECTED}: no shell reads a text with quotes, variables or pipes"),
            );
            return None;
        }
        Value::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
        _ => {
            let entries = problems.list(node, EXPECTED);
            let words: Vec<String> = entries
                .iter()
                .filter_map(|word| problems.text(word, "a word of the command").map(str::to_owned))
                .collect();
            if words.len() != entries.len() || !matches!(node.value, Value::List(_)) {
                return None;
            }
            words
        }
    };
    if words.is_empty() {
        problems.add(node.at, format!("expected {EXPECTED}"));
        return None;
    }
    Some(words)
}
