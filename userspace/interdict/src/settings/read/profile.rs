//! `profile`: the API on top of HTTP.

use std::sync::Arc;

use interdict_api::Profile;
use interdict_api::openapi::{Document, Syntax};
use interdict_policy::Diagnostic;

use super::super::node::{Node, Value};
use super::super::problems::Problems;
use super::{readable, text_of};

/// Reads it, and the document that it names.
pub(super) fn profile(node: &Node, problems: &mut Problems) -> Option<Profile> {
    if let Value::Map(_) = node.value {
        let (_, file) = problems.choice(node, "`profile`", &["openapi"])?;
        return openapi(file, problems);
    }
    problems.parse(node, "the API that the service speaks")
}

fn openapi(node: &Node, problems: &mut Problems) -> Option<Profile> {
    let path = readable(node, "a file with an OpenAPI document", problems)?;
    let text = match text_of(&path) {
        Ok(text) => text,
        Err(error) => {
            problems.add(node.at, format!("{}: {error}", path.display()));
            return None;
        }
    };
    let json = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    match Document::parse(&text, if json { Syntax::Json } else { Syntax::Yaml }) {
        Ok(document) => Some(Profile::OpenApi(Arc::new(document))),
        Err(found) => {
            let found = found.into_iter().map(|problem| Diagnostic {
                path: path.clone(),
                line: problem.line,
                column: problem.column.unwrap_or(1),
                message: problem.message,
            });
            problems.extend(found.collect());
            None
        }
    }
}
