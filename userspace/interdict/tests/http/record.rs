//! What is on record of requests, and what is not.

use std::io::Write as _;

use serde_json::Value;

use crate::origin::Origin;
use crate::stage::{PLANTED, Service, Stage, bytes_below};
use crate::support::audit_rows;
use crate::wire::Wire;

const CREDENTIALS: &[&str] = &["hunter2", "c2VjcmV0LW9mLXRoZS1hZ2VudA"];

fn asked(stage: &Stage, request: &str) -> u16 {
    let mut wire = Wire::connect(stage.port("masked"));
    wire.send(request.as_bytes());
    wire.answer().unwrap().head.status
}

fn patients() -> Origin {
    let body = r#"{"ssn": "123-45-6789", "note": "SSN 219-09-9999 seen", "mail": "ada@example.org", "mrn": "MRN0000001"}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: session=hunter2\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Origin::start(move |_, stream| stream.write_all(answer.as_bytes()).is_ok())
}

#[test]
fn requests_are_statements() {
    let origin = patients();
    let mut stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let get = format!(
        "GET /v1/patients/42?fields=ssn HTTP/1.1\r\nHost: api.internal\r\nUser-Agent: test/1\r\ntraceparent: 00-{trace}-b7ad6b7169203331-01\r\n\r\n"
    );
    assert_eq!(asked(&stage, &get), 200);
    assert_eq!(
        asked(
            &stage,
            "POST /v1/patients HTTP/1.1\r\nHost: api.internal\r\nContent-Length: 2\r\n\r\n{}"
        ),
        200
    );
    assert_eq!(
        asked(
            &stage,
            "DELETE /v1/patients/42 HTTP/1.1\r\nHost: api.internal\r\n\r\n"
        ),
        403
    );
    assert_eq!(origin.take().len(), 2);
    let rows = stage.statements();
    let sessions = audit_rows(&stage.daemon.audit, "sessions");
    assert_eq!((rows.len(), sessions.len()), (3, 3), "{rows:#?}");
    let of = |kind: &str| rows.iter().find(|row| row["kind"] == kind).unwrap();

    let read = of("get");
    assert_eq!(
        read["statement"], "GET http://api.internal/v1/patients/{id}?fields",
        "{read}"
    );
    assert_eq!(
        (
            &read["decision"],
            &read["status"],
            &read["sqlstate"],
            &read["trace_id"]
        ),
        (&"mask".into(), &"ok".into(), &"200".into(), &trace.into()),
        "{read}"
    );
    assert_eq!(read["effects"].to_string(), "[\"read\"]");
    assert_eq!(read["masked_cells"], 3, "{read}");
    let by: Vec<&Value> = [&read["masked_by"]].to_vec();
    for detector in ["us_ssn", "email", "ssn"] {
        assert!(by[0].to_string().contains(detector), "{read}");
    }
    let write = of("post");
    assert!(
        write["effects"].to_string().contains("write") || write["effects"].to_string().contains("insert"),
        "{write}"
    );
    let removed = of("delete");
    assert_eq!(
        (
            &removed["decision"],
            &removed["rule"],
            &removed["status"],
            &removed["sqlstate"]
        ),
        (
            &"deny".into(),
            &"no-deletes".into(),
            &"refused".into(),
            &"403".into()
        ),
        "{removed}"
    );
    assert!(removed["effects"].to_string().contains("\"delete\""), "{removed}");
    assert!(
        sessions.iter().all(|row| row["protocol"] == "http"),
        "{sessions:#?}"
    );
    assert!(
        sessions.iter().any(|row| row["application"] == "test/1"),
        "{sessions:#?}"
    );
}

#[test]
fn no_protected_value_and_no_credential_comes_to_the_record() {
    let origin = patients();
    let mut stage = Stage::start(vec![Service::new("masked", origin.port)]);
    let secrets = "Authorization: Bearer hunter2\r\nCookie: s=hunter2\r\nX-Api-Key: hunter2\r\nProxy-Authorization: Basic c2VjcmV0LW9mLXRoZS1hZ2VudA==\r\n";
    for request in [
        format!(
            "GET /patients/123-45-6789?mail=ada@example.org&access_token=hunter2 HTTP/1.1\r\nHost: a\r\n{secrets}\r\n"
        ),
        format!(
            "POST /patients HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 22\r\n{secrets}\r\n{{\"ssn\": \"123-45-6789\"}}"
        ),
        format!("DELETE /patients/219-09-9999 HTTP/1.1\r\nHost: a\r\n{secrets}\r\n"),
        format!(
            "GET /patients/bo@example.org HTTP/1.1\r\nHost: a\r\nUser-Agent: test SSN 123-45-6789\r\nReferer: http://a/?ssn=123-45-6789\r\n{secrets}\r\n"
        ),
    ] {
        asked(&stage, &request);
    }
    assert_eq!(origin.take().len(), 3);
    let rows = stage.statements();
    assert_eq!(rows.len(), 4, "{rows:#?}");
    let listed = format!("{rows:?}{:?}", audit_rows(&stage.daemon.audit, "sessions"));
    let files = bytes_below(&stage.daemon.audit);
    // What a client calls itself is its own word, and is kept: `MRN0000001` is of no form that is known.
    for value in PLANTED
        .iter()
        .filter(|value| **value != "MRN0000001")
        .chain(CREDENTIALS)
    {
        assert!(!listed.contains(value), "{value} is on the record: {listed}");
        assert!(
            !files
                .windows(value.len())
                .any(|window| window == value.as_bytes()),
            "{value} is in the record's files"
        );
    }
}
