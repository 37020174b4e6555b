//! A refusal has the form that clients of each API understand, and nothing of what is refused goes on.

use std::fs;

use crate::origin::Origin;
use crate::stage::{Service, Stage};
use crate::support::{scratch, text};
use crate::wire::{Answer, Wire};

const POLICY: &str = r#"name: api
applies: { services: ["*"] }
rules:
  - name: no-deletes
    when: '"delete" in effects || "delete_item" == kind || "shell" in tables'
    then: deny
    message: deleting <is> not "allowed"
    hint: ask an operator
"#;

/// What a service with that profile answers to a request, and how it is asked.
struct Asked {
    profile: &'static str,
    request: &'static str,
    body: &'static str,
    status: u16,
    media_type: &'static str,
    parts: &'static [&'static str],
}

const ASKED: &[Asked] = &[
    Asked {
        profile: "plain",
        request: "DELETE /people/7 HTTP/1.1\r\nHost: a",
        body: "",
        status: 403,
        media_type: "application/problem+json",
        parts: &[
            "\"title\":\"Forbidden\"",
            "\"status\":403",
            "(rule no-deletes)",
            "\"hint\":\"ask an operator\"",
        ],
    },
    Asked {
        profile: "aws-s3",
        request: "DELETE /bucket/a%20b.csv HTTP/1.1\r\nHost: s3.internal",
        body: "",
        status: 403,
        media_type: "application/xml",
        parts: &[
            "<Code>AccessDenied</Code>",
            "&lt;is&gt;",
            "<Key>a b.csv</Key>",
            "<BucketName>bucket</BucketName>",
        ],
    },
    Asked {
        profile: "aws-dynamodb",
        request: "POST / HTTP/1.1\r\nHost: dynamodb.internal\r\nX-Amz-Target: DynamoDB_20120810.DeleteItem\r\nContent-Type: application/x-amz-json-1.0",
        body: r#"{"TableName": "people", "Key": {"id": {"N": "7"}}}"#,
        status: 400,
        media_type: "application/x-amz-json-1.0",
        parts: &["AccessDeniedException", "\"message\":\"interdict: deleting"],
    },
    Asked {
        profile: "kubernetes",
        request: "DELETE /api/v1/namespaces/clinic/pods/web HTTP/1.1\r\nHost: k",
        body: "",
        status: 403,
        media_type: "application/json",
        parts: &["\"kind\":\"Status\"", "\"reason\":\"Forbidden\"", "\"code\":403"],
    },
    Asked {
        profile: "mcp",
        request: "POST /mcp HTTP/1.1\r\nHost: m\r\nContent-Type: application/json",
        body: r#"{"jsonrpc": "2.0", "id": "seven", "method": "tools/call", "params": {"name": "shell", "arguments": {}}}"#,
        status: 200,
        media_type: "application/json",
        parts: &["\"id\":\"seven\"", "\"code\":-32001", "no-deletes"],
    },
    Asked {
        profile: "{ openapi: OPENAPI }",
        request: "DELETE /people/7 HTTP/1.1\r\nHost: a",
        body: "",
        status: 403,
        media_type: "application/problem+json",
        parts: &["(rule no-deletes)"],
    },
];

const OPENAPI: &str = "\
openapi: 3.1.0
info: { title: people, version: '1' }
paths:
  /people/{id}:
    get: { operationId: readPerson, responses: { '200': { description: one } } }
    delete: { operationId: removePerson, responses: { '204': { description: gone } } }
";

fn ask(stage: &Stage, asked: &Asked) -> Answer {
    let mut wire = Wire::connect(stage.port("masked"));
    let length = match asked.body.len() {
        0 => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    wire.send(format!("{}\r\n{length}\r\n{}", asked.request, asked.body).as_bytes());
    wire.answer().unwrap()
}

#[test]
fn have_the_form_of_the_api() {
    let origin = Origin::fixed(b"HTTP/1.1 204 No Content\r\n\r\n");
    let place = scratch();
    let document = place.path().join("people.yaml");
    fs::write(&document, OPENAPI).unwrap();
    for asked in ASKED {
        let profile = asked.profile.replace("OPENAPI", &document.display().to_string());
        let service = Service::new("masked", origin.port).line(&format!("profile: {profile}"));
        let mut stage = Stage::under(POLICY, vec![service]);
        let answer = ask(&stage, asked);
        let body = text(&answer.body);
        assert_eq!(answer.head.status, asked.status, "{profile}: {body}");
        assert_eq!(
            answer.header("Content-Type").as_deref(),
            Some(asked.media_type),
            "{profile}"
        );
        for part in asked.parts {
            assert!(body.contains(part), "{profile}: {part} is not in {body}");
        }
        assert!(origin.take().is_empty(), "{profile}");
        let rows = stage.statements();
        assert_eq!(rows.len(), 1, "{profile}: {rows:#?}");
        assert_eq!(
            (&rows[0]["decision"], &rows[0]["rule"], &rows[0]["status"]),
            (&"deny".into(), &"no-deletes".into(), &"refused".into()),
            "{profile}"
        );
        assert!(
            !profile.contains("openapi")
                || rows[0]["kind"] == "remove_person"
                || rows[0]["kind"] == "removePerson",
            "{rows:#?}"
        );
    }
}
