use super::*;

fn kind() -> Kind {
    Kind::Multipart {
        boundary: b"b-1".as_slice().into(),
    }
}

fn part(headers: &str, content: &str) -> String {
    format!("--b-1\r\n{headers}\r\n\r\n{content}\r\n")
}

#[test]
fn parts_are_masked_by_their_types() {
    let plan = both(&[
        ("$.patient.ssn", last_four()),
        ("**.name", Mask::Redact),
        ("$.doc.x", Mask::Null),
    ]);
    for (headers, content, want) in [
        (
            "Content-Disposition: form-data; name=\"patient[ssn]\"",
            "852-41-7396",
            "*****7396",
        ),
        (
            "content-disposition: form-data; filename=\"a;name=x\"; name=\"Name\"",
            "a\r\n--b-\r\nc",
            "[redacted]",
        ),
        (
            "Content-Disposition: form-data; name=other",
            "852-41-7396\r\n--b-2",
            "[redacted]\r\n--b-2",
        ),
        (
            "Content-Disposition: form-data; name=ssn",
            "852417396",
            "[redacted]",
        ),
        (
            "Content-Disposition: form-data; name=doc\r\nContent-Type: application/json",
            r#"{"x":1,"name":"Zoe","patient":{"ssn":"852-41-7396"}}"#,
            r#"{"x":null,"name":"[redacted]","patient":{"ssn":"*****7396"}}"#,
        ),
        (
            "Content-Disposition: form-data; name=\"name\"\r\nContent-Type: application/json",
            r#"{"q":"x"}"#,
            r#"{"q":"[redacted]"}"#,
        ),
        (
            "Content-Disposition: form-data; name=f; filename=\"f.csv\"\r\nContent-Type: text/csv",
            "id,name\n1,Zoe\n",
            "id,name\n1,[redacted]\n",
        ),
        ("X: y", "", ""),
    ] {
        let body = format!("{}--b-1--\r\n", part(headers, content));
        assert_eq!(
            masked(&kind(), &plan, Limits::default(), body.as_bytes()),
            Ok(format!("{}--b-1--\r\n", part(headers, want))),
            "{headers}"
        );
    }
}

#[test]
fn what_surrounds_parts() {
    let plan = detecting();
    let body =
        "852-41-7396\r\n--b-1 \t\r\n\r\na\r\n--b-1\r\nX: 852-41-7396\r\n\r\nb\r\n--b-1--\r\n852-41-7396";
    assert_eq!(
        shown(&kind(), &plan, body),
        "--b-1\r\n\r\na\r\n--b-1\r\nX: [redacted]\r\n\r\nb\r\n--b-1--\r\n"
    );
    for body in [
        "",
        "--b-1\r\n\r\na",
        "--b-1\r\n\r\na\r\n--b-1",
        "--b-1\r\n\r\na\r\n--b-12\r\n",
        "--b-1\r\n\r\n--b-1--\r\n",
        "--b-1\r\nX y\r\n\r\na\r\n--b-1--",
        "--b-1\r\nX: y\r\n z\r\n\r\na\r\n--b-1--",
        "--b-1\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\na\r\n--b-1--",
        "--b-1\r\nContent-Type: text/plain; charset=utf-16\r\n\r\na\r\n--b-1--",
    ] {
        refused(&kind(), &plan, body.as_bytes());
    }
}

#[test]
fn unknown_parts() {
    let body = format!(
        "{}--b-1--\r\n",
        part(
            "Content-Disposition: form-data; name=f\r\nContent-Type: image/png",
            "\u{1}852-41-7396"
        )
    );
    let plan = |unknown| Arc::new(BodyPlan::builder().detect(detection()).unknown(unknown).build());
    assert_eq!(shown(&kind(), &plan(Unknown::Pass), &body), body);
    assert_eq!(
        shown(&kind(), &plan(Unknown::Detect), &body),
        body.replace("852-41-7396", "[redacted]")
    );
    assert_eq!(
        refused(&kind(), &plan(Unknown::Deny), body.as_bytes()),
        BodyError::UnknownPart.to_string()
    );
    let encoded = body.replace("Type: image/png", "Transfer-Encoding: base64");
    refused(&kind(), &plan(Unknown::Deny), encoded.as_bytes());
}
