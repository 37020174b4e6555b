//! What is held of a long body.

use super::*;

/// Pushes a body that goes on and on; the most that was held.
fn most_held(kind: Kind, plan: &Arc<BodyPlan>, limits: Limits, begin: &str, again: &str, end: &str) -> usize {
    const BYTES: usize = 3 << 20;
    let mut body = Body::new(kind, Arc::clone(plan), limits);
    let (mut out, mut tally) = (BytesMut::new(), Tally::default());
    let mut most = 0;
    let mut push = |piece: &str| {
        body.push(piece.as_bytes(), &mut out, &mut tally).unwrap();
        assert!(!String::from_utf8_lossy(&out).contains("852-41-7396"));
        out.clear();
        most = most.max(body.held());
    };
    push(begin);
    let piece = again.repeat((4 << 10) / again.len() + 1);
    for _ in 0..BYTES / piece.len() {
        push(&piece);
    }
    push(end);
    body.finish(&mut out, &mut tally).unwrap();
    most
}

#[test]
fn memory_stays_flat() {
    let limits = Limits {
        value: 16 << 10,
        depth: 64,
        line: 16 << 10,
        window: 16 << 10,
    };
    let plan = both(&[("**.ssn", last_four())]);
    let multipart = Kind::Multipart {
        boundary: b"b".as_slice().into(),
    };
    for (kind, begin, again, end) in [
        (
            Kind::Json,
            "[0",
            r#",{"ssn":"852-41-7396","x":["b 852-41-7396",1,{}]}"#,
            "]",
        ),
        (Kind::Json, r#"{"x":""#, "one \\u00e9 string 852-41-7396 ", "\"}"),
        (Kind::Json, r#"{"ssn":""#, "852-41-7396 ", "\"}"),
        (Kind::NdJson, "", "{\"ssn\":\"852-41-7396\"}\n", ""),
        (Kind::EventStream, "", "data: {\"ssn\":\"852-41-7396\"}\n\n", ""),
        (Kind::Form, "", "ssn=852-41-7396&", ""),
        (
            multipart.clone(),
            "--b",
            "\r\nA: b\r\n\r\n852-41-7396\r\n--b",
            "--",
        ),
        (multipart, "--b\r\n\r\n", "a 852-41-7396 ", "\r\n--b--"),
        (Kind::Csv { delimiter: None }, "id,ssn\n", "1,852-41-7396\n", ""),
        (Kind::Text, "", "a 852-41-7396 ", ""),
        (Kind::Text, "https://example.org/", "a", ""),
        (Kind::Xml, "<r>", "<p>a <b>852-41-7396</b></p>", "</r>"),
        (Kind::Xml, "<r a='", "852-41-7396 ", "'/>"),
    ] {
        let most = most_held(kind.clone(), &plan, limits, begin, again, end);
        assert!(most <= limits.value + (8 << 10), "{kind:?} of {again}: {most}");
    }
}
