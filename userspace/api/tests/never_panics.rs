//! Whatever a request is, it has an analysis.

use std::sync::{Arc, LazyLock};

use interdict_api::openapi::{Document, Syntax};
use interdict_api::{Call, Profile};
use proptest::prelude::*;

#[expect(clippy::unwrap_used, reason = "a fixture that is whole")]
static CLINIC: LazyLock<Arc<Document>> = LazyLock::new(|| {
    let text = include_str!("../src/openapi/tests/clinic.yaml");
    Arc::new(Document::parse(text, Syntax::Yaml).unwrap())
});

fn profile() -> impl Strategy<Value = Profile> {
    prop::sample::select(vec![
        Profile::Plain,
        Profile::S3,
        Profile::DynamoDb,
        Profile::Kubernetes,
        Profile::Mcp,
        Profile::OpenApi(Arc::clone(&CLINIC)),
    ])
}

/// Texts of the words that the profiles look for and of anything else.
fn words(of: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    let word = prop_oneof![
        8 => prop::sample::select(of).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(word, 0..most).prop_map(|words| words.concat())
}

const PATH: &[&str] = &[
    "/",
    "api",
    "apis",
    "v1",
    "namespaces",
    "pods",
    "secrets",
    "watch",
    "proxy",
    "exec",
    "{id}",
    "patients",
    "4711",
    "%2f",
    ";",
    "é",
    "graphql",
    "mcp",
    "search",
    "chart.",
    ".",
];
const NAMES: &[&str] = &[
    "acl",
    "uploads",
    "uploadId",
    "partNumber",
    "list-type",
    "delete",
    "policy",
    "watch",
    "labelSelector",
    "versionId",
    "x-amz-acl",
    "_method",
];
const BODY: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\u",
    "d800",
    "1",
    "null",
    "\"jsonrpc\":\"2.0\"",
    "\"id\":1",
    "\"method\":\"tools/call\"",
    "\"params\":{\"name\":\"t\"}",
    "\"TableName\":\"P\"",
    "\"Key\":{\"id\":{\"S\":\"1\"}}",
    "\"RequestItems\":",
    "\"TransactItems\":",
    "\"FilterExpression\":\"a = :b\"",
    "\"ExpressionAttributeValues\":{\":b\":{\"S\":\"x\"}}",
    "\"Statement\":\"SELECT * FROM P\"",
    "<Delete>",
    "<Object>",
    "<Key>",
    "</Key>",
    "</Object>",
    "</Delete>",
    "&amp;",
    " ",
];
const TARGETS: &[&str] = &[
    "GetItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "UpdateItem",
    "ExecuteStatement",
    "Nothing",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn every_request_has_an_analysis(
        profile in profile(),
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY", "TRACE", "", "get"]),
        host in prop::sample::select(vec!["", ":", "b.s3.amazonaws.com", "vpce-1.s3.x.amazonaws.com", ".amazonaws.com", "[::1]:9000"]),
        path in words(PATH, 12),
        query in prop::collection::vec((words(NAMES, 2), words(PATH, 3)), 0..4),
        target in prop::sample::select(TARGETS),
        source in words(PATH, 4),
        body in words(BODY, 24),
        given in any::<bool>(),
    ) {
        let target = format!("DynamoDB_20120810.{target}");
        let headers = [("x-amz-target", target.as_str()), ("x-amz-copy-source", source.as_str()), ("accept", source.as_str())];
        let call = Call { method, host, path: &path, query: &query, headers: &headers, body: given.then_some(body.as_bytes()) };
        let all = profile.analyse(&call);
        prop_assert!(!all.is_empty());
        for analysis in &all {
            prop_assert!(!analysis.effects.is_empty());
            prop_assert!(analysis.arguments.len() <= 2_000);
            prop_assert!(analysis.reads.iter().all(|reads| reads.base.starts_with('$')));
        }
        if profile.needs_body(&call) && !given {
            prop_assert!(all.iter().any(|analysis| !analysis.complete()));
        }
    }

    #[test]
    fn every_document_is_read_or_has_a_problem(text in words(&["openapi: 3.1.0\n", "paths:\n", "  /a:\n", "    get:\n", "      $ref: '#/paths'\n",
        "      responses: {}\n", "servers:\n", "  - url: /{x}\n", "&a ", "*a ", "{", "}", "- "], 12), json in any::<bool>()) {
        let syntax = if json { Syntax::Json } else { Syntax::Yaml };
        if let Err(problems) = Document::parse(&text, syntax) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| problem.line > 0 && !problem.message.is_empty()));
        }
    }
}
