use super::*;

#[test]
fn events_flow_masked() {
    let plan = both(&[("**.ssn", Mask::Redact)]);
    for (body, want) in [
        ("data: {\"ssn\":\"x\"}\n\n", "data: {\"ssn\":\"[redacted]\"}\n\n"),
        (
            "data:{\"ssn\":\"x\"}\r\n\r\n",
            "data:{\"ssn\":\"[redacted]\"}\r\n\r\n",
        ),
        ("data: {\"ssn\":\"x\"}\r\r", "data: {\"ssn\":\"[redacted]\"}\r\r"),
        (
            "id: 1\ndata: {\ndata: \"ssn\":\"x\",\ndata: \"y\":1}\n\n",
            "id: 1\ndata: {\ndata: \"ssn\":\"[redacted]\",\ndata: \"y\":1}\n\n",
        ),
        ("data: {\ndata:  \"y\":1}\n\n", "data: {\ndata:  \"y\":1}\n\n"),
        (
            "data: SSN 852-41-7396\ndata: b\n\n",
            "data: SSN [redacted]\ndata: b\n\n",
        ),
        (
            ": hello\nevent: e\nretry: 10\ndata\n\n\n",
            ": hello\nevent: e\nretry: 10\ndata\n\n\n",
        ),
        ("id: a@example.org\n\n", "id: [redacted]\n\n"),
        ("event:852-41-7396\n:852-41-7396", "event:[redacted]\n:[redacted]"),
        ("\u{feff}data: {\"ssn\":1}\n\n", "\u{feff}data: {\"ssn\":0}\n\n"),
        ("data: [DONE]\n\n", "data: [DONE]\n\n"),
        ("data: {\"ssn\":1}", "data: {\"ssn\":0}"),
        ("data: 852-41-7396", "data: [redacted]"),
    ] {
        assert_eq!(shown(&Kind::EventStream, &plan, body), want, "{body:?}");
    }
    // What might be hidden in what isn't read.
    refused(&Kind::EventStream, &plan, b"data: {\"ssn\":\"852\",}\n\n");
    assert_eq!(
        shown(&Kind::EventStream, &detecting(), "data: {\"a\",}\n\n"),
        "data: {\"a\",}\n\n"
    );
}

#[test]
fn an_event_goes_on_when_it_ends() {
    let mut body = Body::new(Kind::EventStream, detecting(), Limits::default());
    let (mut out, mut tally) = (BytesMut::new(), Tally::default());
    body.push(b"data: 1\r\n\r", &mut out, &mut tally).unwrap();
    assert_eq!(&out[..], b"data: 1\r\n\r");
    body.push(b"\ndata: 2\n", &mut out, &mut tally).unwrap();
    assert_eq!(&out[..], b"data: 1\r\n\r\n");
    body.push(b"\n", &mut out, &mut tally).unwrap();
    assert_eq!(&out[..], b"data: 1\r\n\r\ndata: 2\n\n");
}

#[test]
fn everything_in_events() {
    assert_eq!(
        shown(
            &Kind::EventStream,
            &everything(),
            "event: e\n: hi\ndata: {\"a\":\"x\"}\n\ndata: text\n\n"
        ),
        "event: e\n:[redacted]\ndata: {\"a\":\"[redacted]\"}\n\ndata: [redacted]\n\n"
    );
}

#[test]
fn events_are_bounded() {
    let limits = Limits {
        line: 30,
        ..Limits::default()
    };
    assert!(
        masked(
            &Kind::EventStream,
            &detecting(),
            limits,
            b"data: 1\n\ndata: 1\n\ndata: 1\n\ndata: 1\n\n"
        )
        .is_ok()
    );
    assert!(masked(&Kind::EventStream, &detecting(), limits, &b"data: 1\n".repeat(5)).is_err());
}
