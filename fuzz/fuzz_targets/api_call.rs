#![no_main]

use std::sync::{Arc, LazyLock};

use interdict_api::openapi::{Document, Syntax};
use interdict_api::{Call, Profile};
use libfuzzer_sys::fuzz_target;

static CLINIC: LazyLock<Arc<Document>> = LazyLock::new(|| {
    let text = include_str!("../../userspace/api/src/openapi/tests/clinic.yaml");
    Arc::new(Document::parse(text, Syntax::Yaml).unwrap())
});

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"];

// A byte of choices, then lines: host, path, query, `X-Amz-Target`, another header's value; the rest is the body, or an OpenAPI
// document.
fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let mut parts = rest.splitn(6, |byte| *byte == b'\n');
    let mut line = || {
        parts
            .next()
            .and_then(|line| std::str::from_utf8(line).ok())
            .unwrap_or_default()
    };
    let (host, path, query, target, header) = (line(), line(), line(), line(), line());
    let body = parts.next();
    let profile = match choice >> 4 {
        0 => Profile::Plain,
        1 | 2 => Profile::S3,
        3..=6 => Profile::DynamoDb,
        7 | 8 => Profile::Kubernetes,
        9 | 10 => Profile::Mcp,
        11 | 12 => Profile::OpenApi(Arc::clone(&CLINIC)),
        syntax => {
            let text = body
                .and_then(|body| std::str::from_utf8(body).ok())
                .unwrap_or_default();
            let syntax = if syntax == 13 { Syntax::Json } else { Syntax::Yaml };
            match Document::parse(text, syntax) {
                Ok(document) => Profile::OpenApi(Arc::new(document)),
                Err(problems) => {
                    assert!(problems.iter().all(|problem| problem.line > 0));
                    return;
                }
            }
        }
    };
    let query: Vec<(String, String)> = query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let headers = [
        ("x-amz-target", target),
        ("x-amz-copy-source", header),
        ("accept", header),
        ("content-type", header),
    ];
    let mut call = Call {
        method: METHODS[usize::from(choice & 7)],
        host,
        path,
        query: &query,
        headers: &headers,
        body: None,
    };
    let needed = profile.needs_body(&call);
    if needed {
        call.body = body;
    }
    let all = profile.analyse(&call);
    assert!(!all.is_empty());
    for analysis in &all {
        assert!(!analysis.kind.is_empty() || !analysis.complete());
        assert!(analysis.arguments.len() <= 2_000);
        assert!(analysis.reads.iter().all(|reads| reads.base.starts_with('$')));
        assert!(
            analysis
                .relations
                .iter()
                .all(|relation| !relation.name.is_empty() || !analysis.complete())
        );
    }
    assert!(!needed || call.body.is_some() || all.iter().any(|analysis| !analysis.complete()));
});
