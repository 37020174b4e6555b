//! HTTP's engine without sockets: what is forwarded, refused, shown and recorded.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that goes wrong has failed"
)]

mod bench;

use interdict_masking::{Subject, TokenKey};
use interdict_policy::Ruling;
use interdict_session::Output;
use interdict_session::http::Step;
use interdict_wire::http::Framing;

use self::bench::{Bench, Shown, request_of, response_of};

const POLICY: &str = r#"
name: api
applies: { services: ["*"] }
mask:
  - columns: ["**.ssn"]
    with: { partial: { keep_last: 4 } }
  - columns: ["patients.{ssn,weight}"]
    with: redact
  - detect: [us_ssn, email]
    with: redact
rules:
  - name: no-deletes
    when: '"delete" in effects'
    then: deny
    message: deleting is not allowed
    hint: ask an operator
  - name: no-drafts
    when: 'http.path.startsWith("/drafts") && "really" in http.query && http.headers["x-team"] == "b"'
    then: deny
  - name: small
    when: 'result.bytes > 100000'
    then: deny
"#;

fn with(media_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nContent-MD5: x\r\nx-amz-checksum-crc32: y\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn json_is_masked_and_its_length_made_right() {
    let mut bench = Bench::new("plain", POLICY);
    let shown = bench.get(
        "/patients/7",
        &with(
            "application/json",
            r#"{"ssn": "123-45-6789", "n": 1.50, "note": "SSN 123-45-6789"}"#,
        ),
    );
    assert_eq!(
        shown.text(),
        r#"{"ssn": "*****6789", "n": 1.50, "note": "SSN [redacted]"}"#
    );
    assert_eq!(
        shown.head.as_ref().unwrap().1,
        Framing::Length(shown.body.len() as u64)
    );
    assert_eq!(shown.header("Content-MD5"), None, "a digest of another body");
    assert_eq!(shown.header("x-amz-checksum-crc32"), None);
    assert_eq!(bench.last_ended().masked_cells, 2);
    assert_eq!(bench.last_ended().sqlstate.as_deref(), Some("200"));
}

#[test]
fn columns_of_any_table_are_fields_of_any_body() {
    let policy = "name: a\nmask:\n  - columns: [\"*.ssn\", \"*.date_of_*\"]\n    with: redact\n  - columns: [\"patients.name\"]\n    with: redact\n";
    let mut bench = Bench::new("plain", policy);
    let shown = bench.get(
        "/x",
        &with(
            "application/json",
            r#"[{"SSN": 7, "dateOfBirth": "1980-02-03", "name": "Ida"}]"#,
        ),
    );
    assert_eq!(
        shown.text(),
        r#"[{"SSN": 0, "dateOfBirth": "[redacted]", "name": "Ida"}]"#
    );
    assert_eq!(bench.last_started().decision, "mask");
}

#[test]
fn nothing_is_touched_without_a_policy() {
    let mut bench = Bench::new("plain", "");
    let body = "{\"ssn\": \"123-45-6789\", broken";
    let shown = bench.get("/a%2fb", &with("application/json", body));
    assert_eq!(shown.text(), body);
    assert_eq!(shown.header("Content-MD5").as_deref(), Some("x"));
}

#[test]
fn labels_do_not_hide_what_a_body_is() {
    let json = r#"{"ssn": "AB-12-XY99"}"#;
    let rows = "id,ssn\n1,AB-12-XY99\n";
    for (media_type, body) in [
        ("text/plain", json),
        ("application/octet-stream", json),
        (
            "text/plain",
            "{\"ssn\": \"AB-12-XY99\"}\n{\"ssn\": \"AB-12-XY99\"}\n",
        ),
        ("text/plain", rows),
        ("binary/octet-stream", rows),
        ("application/x-ndjson", "{\"ssn\": \"AB-12-XY99\"}\n"),
    ] {
        let mut bench = Bench::new("plain", POLICY);
        let (mut exchange, _) = bench.forwarded("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        let shown = bench.answer(&mut exchange, with(media_type, body).as_bytes(), 4096);
        assert!(!shown.text().contains("AB-12"), "{media_type}: {}", shown.text());
        assert!(shown.text().contains("XY99"), "{media_type}: {}", shown.text());
    }
}

#[test]
fn what_can_not_be_read_is_not_shown() {
    for (head, body) in [
        ("Content-Type: application/json", "{\"a\": tru"),
        ("Content-Type: application/json; charset=utf-16", "{}"),
        (
            "Content-Type: application/json\r\nContent-Encoding: compress",
            "{}",
        ),
        ("Content-Type: application/json\r\nContent-Encoding: gzip", "{}"),
        ("Content-Type: application/json\r\nContent-Type: text/plain", "{}"),
        (
            "Content-Type: application/json\r\nContent-Range: bytes 0-1/9",
            "{}",
        ),
        ("Content-Type: multipart/byteranges; boundary=x", "{}"),
        ("Content-Type: image/png", "\u{1}\u{2} 123-45-6789 "),
        ("Content-Type: application/zip", "PK\u{3}\u{4} anything"),
    ] {
        let mut bench = Bench::new("plain", POLICY);
        let answer = format!(
            "HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let shown = bench.get("/x", &answer);
        assert_eq!(shown.status(), 403, "{head}: {}", shown.text());
        assert!(!shown.text().contains("6789"), "{head}: {}", shown.text());
        assert_eq!(
            shown.header("Content-Type").as_deref(),
            Some("application/problem+json")
        );
        assert_eq!(bench.last_ended().status, "refused", "{head}");
    }
}

#[test]
fn a_part_is_refused_only_where_something_is_masked() {
    let answer = "HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nab";
    assert_eq!(Bench::new("plain", POLICY).get("/x", answer).status(), 403);
    assert_eq!(Bench::new("plain", "").get("/x", answer).status(), 206);
}

#[test]
fn lines_of_a_text_go_on_as_they_end() {
    let mut bench = Bench::new("plain", POLICY);
    let (mut exchange, _) = bench.forwarded("GET /log HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut out = Output::default();
    let (head, framing, _) =
        response_of(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut shown = Shown::default();
    shown.take(bench.engine.answer(&mut exchange, head, framing, 2, &mut out));
    shown.take(bench.engine.data(&mut exchange, b"seen 123-45", 2, &mut out));
    assert_eq!(shown.text(), "", "a line that may go on");
    shown.take(bench.engine.data(&mut exchange, b"-6789 today\n", 2, &mut out));
    assert_eq!(shown.text(), "seen [redacted] today\n");
    shown.take(bench.engine.data(&mut exchange, b"more\n", 2, &mut out));
    assert!(shown.text().ends_with("more\n"));
}

#[test]
fn heads_are_searched_too() {
    let mut bench = Bench::new("plain", POLICY);
    let shown = bench.get("/x", "HTTP/1.1 404 no 123-45-6789\r\nX-Who: a@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nContent-Length: 0\r\n\r\n");
    let head = &shown.head.as_ref().unwrap().0;
    assert_eq!(head.status, 404);
    assert_eq!(&head.reason[..], b"no [redacted]");
    assert_eq!(shown.header("X-Who").as_deref(), Some("[redacted]"));
    assert_eq!(
        shown.header("Date").as_deref(),
        Some("Sat, 21 Nov 2026 10:00:00 GMT")
    );
    assert_eq!(bench.last_ended().status, "error");
}

#[test]
fn rules_see_the_request() {
    let mut bench = Bench::new("plain", POLICY);
    let (status, body) = bench.refused("DELETE /patients/7 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(status, 403);
    for part in [
        "deleting is not allowed (rule no-deletes)",
        "ask an operator",
        "\"status\":403",
    ] {
        assert!(body.contains(part), "{body}");
    }
    assert_eq!(bench.last_started().kind, "delete");
    assert_eq!(bench.last_started().decision, "deny");
    let draft = |team: &str, query: &str| {
        format!("GET /x/../drafts/1?{query} HTTP/1.1\r\nHost: a\r\nX-Team: {team}\r\n\r\n")
    };
    assert_eq!(bench.refused(&draft("b", "really")).0, 403);
    bench.forwarded(&draft("a", "really"));
    bench.forwarded(&draft("b", "not"));
}

#[test]
fn credentials_are_not_on_record() {
    let mut bench = Bench::new("plain", "name: a\nrecord: { literals: keep }\n");
    let (_, forward) = bench.forwarded(
        "GET /x?token=hunter2&a=1&X-Amz-Signature=hunter2 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer hunter2\r\nCookie: s=hunter2\r\nX-Api-Key: hunter2\r\n\r\n",
    );
    assert_eq!(
        forward.head.headers.get("Authorization").map(|value| &value[..]),
        Some(&b"Bearer hunter2"[..])
    );
    let started = format!("{:?}", bench.last_started());
    assert!(!started.contains("hunter2"), "{started}");
    assert!(started.contains("a=1"), "{started}");
}

#[test]
fn what_masks_is_kept_from_the_record() {
    let mut bench = Bench::new("plain", POLICY);
    bench.forwarded("GET /patients/123-45-6789?name=Ida HTTP/1.1\r\nHost: api.internal\r\n\r\n");
    let started = bench.last_started();
    assert_eq!(started.statement, "GET http://api.internal/patients/{id}?name");
    assert!(!format!("{started:?}").contains("Ida"), "{started:?}");
}

#[test]
fn paths_with_two_meanings_are_refused_where_a_policy_depends_on_them() {
    for path in ["/a%2fb", "/a/%2e%2e/b", "/../a", "/a%5cb"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(Bench::new("plain", POLICY).refused(&request).0, 400, "{path}");
        Bench::new("plain", "").forwarded(&request);
    }
}

#[test]
fn other_protocols_are_refused_but_for_websockets() {
    let upgrade = |value: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {value}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
    };
    assert_eq!(Bench::new("plain", POLICY).refused(&upgrade("SPDY/3.1")).0, 403);
    assert_eq!(
        Bench::new("plain", POLICY)
            .refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
            .0,
        403
    );
    let (_, forward) = Bench::new("plain", POLICY).forwarded(&upgrade("h2c"));
    assert!(
        !forward.head.headers.contains("Upgrade"),
        "an offer that is not taken up"
    );
    let (_, forward) = Bench::new("plain", POLICY).forwarded(&upgrade("websocket"));
    assert!(forward.head.headers.contains("Upgrade"));
    assert!(!forward.head.headers.contains("Sec-WebSocket-Extensions"));
}

#[test]
fn a_limit_stops_what_streams() {
    let mut bench = Bench::new("plain", POLICY);
    let (mut exchange, _) = bench.forwarded("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    let body = "x".repeat(200_000);
    let shown = bench.answer(&mut exchange, with("text/plain", &body).as_bytes(), 8192);
    assert!(shown.cut, "{}", shown.body.len());
    assert!(shown.body.len() <= 100_000, "{}", shown.body.len());
    assert_eq!(bench.last_ended().rule.as_deref(), Some("small"));
}

#[test]
fn a_limit_stops_what_is_held_until_its_end() {
    let mut bench = Bench::new("plain", &POLICY.replace("100000", "1000"));
    let body = format!(r#"{{"a": "{}"}}"#, "x".repeat(2000));
    let shown = bench.get("/x", &with("application/json", &body));
    assert_eq!(shown.status(), 403, "{}", shown.text());
    assert_eq!(bench.last_ended().rule.as_deref(), Some("small"));
}

#[test]
fn dynamodb_attributes_are_columns() {
    let mut bench = Bench::new("aws-dynamodb", POLICY);
    let request = |operation: &str, body: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: dynamodb.us-east-1.amazonaws.com\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let (mut exchange, forward) = bench.forwarded(&request(
        "GetItem",
        r#"{"TableName": "patients", "Key": {"id": {"S": "1"}}}"#,
    ));
    assert!(forward.body.is_some(), "the body that was looked at");
    let answer = with(
        "application/x-amz-json-1.0",
        r#"{"Item":{"id":{"S":"1"},"SSN":{"S":"AB"},"weight":{"N":"61"}}}"#,
    );
    let shown = bench.answer(&mut exchange, answer.as_bytes(), 5);
    assert_eq!(
        shown.text(),
        r#"{"Item":{"id":{"S":"1"},"SSN":{"S":"[redacted]"},"weight":{"N":"0"}}}"#
    );
    assert_eq!(bench.last_started().kind, "get_item");
    assert_eq!(bench.last_started().relations[0].name, "patients");

    let (status, body) = bench.refused(&request(
        "DeleteItem",
        r#"{"TableName": "patients", "Key": {"id": {"S": "1"}}}"#,
    ));
    assert_eq!(status, 400);
    assert!(body.contains("AccessDeniedException"), "{body}");
    let begins = r#"{"TableName": "patients", "FilterExpression": "begins_with(ssn, :a)", "ExpressionAttributeValues": {":a": {"S": "12"}}}"#;
    let (_, body) = bench.refused(&request("Scan", begins));
    assert!(body.contains("patients.ssn"), "{body}");
    let by_key = "name: a\nmask:\n  - columns: [\"**.ssn\"]\n    with: redact\n";
    let (_, body) = Bench::new("aws-dynamodb", by_key).refused(&request("Scan", begins));
    assert!(body.contains("patients.ssn"), "{body}");
    let equals = begins.replace("begins_with(ssn, :a)", "ssn = :a");
    bench.forwarded(&request("Scan", &equals));
}

#[test]
fn refusals_have_the_form_of_the_api() {
    let (status, body) =
        Bench::new("aws-s3", POLICY).refused("DELETE /bucket/a/b.csv HTTP/1.1\r\nHost: s3.internal\r\n\r\n");
    assert_eq!(status, 403);
    assert!(
        body.contains("<Code>AccessDenied</Code>") && body.contains("<Key>a/b.csv</Key>"),
        "{body}"
    );
    let (status, body) = Bench::new("kubernetes", POLICY)
        .refused("DELETE /api/v1/namespaces/a/pods/b HTTP/1.1\r\nHost: k\r\n\r\n");
    assert_eq!(status, 403);
    assert!(
        body.contains("\"kind\":\"Status\"") && body.contains("\"reason\":\"Forbidden\""),
        "{body}"
    );
    let policy = "name: a\nrules:\n  - name: no-shell\n    when: '\"shell\" in tables'\n    then: deny\n";
    let call = r#"{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "shell", "arguments": {"c": "ls"}}}"#;
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{call}",
        call.len()
    );
    let (status, body) = Bench::new("mcp", policy).refused(&request);
    assert_eq!(status, 200);
    assert!(
        body.contains("\"id\":7") && body.contains("\"code\":-32001") && body.contains("no-shell"),
        "{body}"
    );
}

#[test]
fn secrets_of_kubernetes_are_masked_whatever_the_policy_says() {
    let mut bench = Bench::new("kubernetes", "name: a\n");
    let (mut exchange, _) = bench.forwarded("GET /api/v1/namespaces/a/secrets/b HTTP/1.1\r\nHost: k\r\n\r\n");
    let shown = bench.answer(
        &mut exchange,
        with(
            "application/json",
            r#"{"kind":"Secret","data":{"p":"aHVudGVyMg=="},"type":"Opaque"}"#,
        )
        .as_bytes(),
        4,
    );
    assert!(!shown.text().contains("aHVudGVyMg"), "{}", shown.text());
    assert!(shown.text().contains("\"type\":\"Opaque\""), "{}", shown.text());
}

#[test]
fn a_body_that_decides_is_bounded() {
    let mut bench = Bench::new("mcp", POLICY);
    let (status, _) = bench.refused(
        "POST /mcp HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n",
    );
    assert_eq!(status, 413);
}

const HOLDS: &str = r#"
name: api
rules:
  - name: ask
    when: '"delete" in effects || http.method == "POST"'
    then: { hold: { approvers: ["group:dpo"] } }
    message: it needs a person
"#;

fn approved() -> Ruling {
    Ruling::Approved {
        approval: uuid::Uuid::from_u128(42),
        by: vec!["user:eve".to_owned()],
    }
}

/// Two requests of a connection wait, and are decided upon in another order.
#[test]
fn what_needs_a_person_waits_with_all_of_its_body() {
    let mut bench = Bench::new("plain", HOLDS);
    let delete = "DELETE /patients/7 HTTP/1.1\r\nHost: api.internal\r\n\r\n";
    let post =
        "POST /patients HTTP/1.1\r\nHost: api.internal\r\nContent-Length: 13\r\n\r\n{\"name\":\"Ada\"}";
    let mut out = Output::default();
    let mut wait = |request: &str| {
        let (head, framing, body) = request_of(request);
        let (mut exchange, mut step) = bench.engine.begin(head, framing, 1, &mut out);
        if let Step::Body = step {
            step = bench.engine.body(&mut exchange, &body, 1, &mut out);
            assert!(matches!(step, Step::Body));
            step = bench.engine.body_end(&mut exchange, 1, &mut out);
        }
        assert!(matches!(step, Step::Wait), "{step:?}");
        (exchange, *out.petition.take().unwrap())
    };
    let (mut first, of_first) = wait(delete);
    let (mut second, of_second) = wait(post);
    let (_, of_other) = wait(&post.replace("Ada", "Eve"));
    assert_ne!(
        of_second.digest, of_other.digest,
        "the body is part of what is approved"
    );
    assert_eq!(of_first.rule.as_deref(), Some("ask"));
    assert!(
        of_second
            .parameters
            .iter()
            .flatten()
            .any(|value| value.contains("Ada"))
    );
    let step = bench.engine.on_ruling(&mut second, approved(), 2, &mut out);
    let Step::Forward(forward) = step else {
        panic!("{step:?}")
    };
    assert_eq!(forward.body.as_deref(), Some(&b"{\"name\":\"Ada\""[..13]));
    let denied = Ruling::Denied {
        approval: uuid::Uuid::from_u128(43),
        by: vec!["user:eve".to_owned()],
        reason: "no ticket".to_owned(),
    };
    let step = bench.engine.on_ruling(&mut first, denied, 2, &mut out);
    let Step::Refuse(reply) = step else {
        panic!("{step:?}")
    };
    assert_eq!(reply.head.status, 403);
    assert!(String::from_utf8_lossy(&reply.body).contains("no ticket"));
    bench.records.append(&mut out.records);
    assert_eq!(bench.last_started().decision, "deny");
    assert_eq!(bench.last_started().approval_id, Some(uuid::Uuid::from_u128(43)));
}

/// With masks and without: what says whose data it is is read beside what is shown.
#[test]
fn whose_data_an_answer_was_is_told_by_tokens() {
    let subjects = "name: api\nsubjects:\n  - columns: [\"$.patients.mrn\", \"**.record\"]\n    key: record\n    as: mrn\n  - columns: [\"*.patient_id\"]\n    key: record\n";
    let masks = "mask:\n  - columns: [\"**.mrn\", \"*.patient_id\"]\n    with: redact\n";
    let key = TokenKey::new(b"a key of the test, 32 bytes long").unwrap();
    let token = |name: &str, value: &str| {
        Subject::new(name, Some(key.clone()))
            .token(value.as_bytes())
            .unwrap()
    };
    let unknown = ["subjects_unknown".to_owned()];
    for policy in [subjects.to_owned(), format!("{subjects}{masks}")] {
        for (media_type, body, expected, said) in [
            (
                "application/json",
                r#"{"patients": [{"mrn": "A\u002d17"}, {"mrn": 4711, "x": {"record": " A-17 "}}], "mrn": "none"}"#,
                vec![token("mrn", "A-17"), token("mrn", "4711")],
                &[][..],
            ),
            (
                "application/x-ndjson",
                "{\"patientId\": 1}\n{\"patient_id\": \"2\"}\n{\"patient_id\": null}\n",
                vec![token("patient_id", "1"), token("patient_id", "2")],
                &[],
            ),
            (
                "text/csv",
                "patient_id,name\n1,Ada\n,Bo\n",
                vec![token("patient_id", "1")],
                &[],
            ),
            ("text/plain", r#"{"record": 5}"#, vec![token("mrn", "5")], &[]),
            ("text/plain", "nothing of that", vec![], &unknown),
            ("application/octet-stream", "\u{1}\u{2}", vec![], &unknown),
            ("application/json", "{}", vec![], &[]),
        ] {
            let mut bench = Bench::new("plain", &policy);
            bench.get("/x", &with(media_type, body));
            let ended = bench.last_ended();
            let expected: std::collections::BTreeSet<String> = expected.into_iter().collect();
            let found: std::collections::BTreeSet<String> = ended.subjects.iter().cloned().collect();
            assert_eq!(found, expected, "{media_type} {body}");
            assert_eq!(ended.flags, said, "{media_type} {body}");
        }
    }
    // What can't be read as it says passes as it did without.
    let mut bench = Bench::new("plain", subjects);
    let shown = bench.get("/x", &with("application/json", "{\"record\": 5"));
    assert_eq!(shown.text(), "{\"record\": 5");
    assert_eq!(bench.last_ended().subjects, [token("mrn", "5")]);
    assert_eq!(bench.last_ended().flags, unknown);
    // An answer that is refused shows nobody's.
    let denied =
        format!("{subjects}rules:\n  - name: small\n    when: 'result.bytes > 10'\n    then: deny\n");
    let mut bench = Bench::new("plain", &denied);
    bench.get(
        "/x",
        &with("application/json", r#"{"record": 5, "more": "and more"}"#),
    );
    assert_eq!(bench.last_ended().status, "refused");
    assert!(bench.last_ended().subjects.is_empty());
}
