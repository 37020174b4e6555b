use bytes::{Bytes, BytesMut};

use super::{cuts, requests, requests_with};
use crate::http::{
    Exceeded, Framing, Headers, HttpError, Limits, RequestHead, RequestPart, RequestReader, ResponseHead,
    Text, Version,
};

fn head(part: &RequestPart) -> &RequestHead {
    match part {
        RequestPart::Head(head, _) => head,
        other => panic!("{other:?}"),
    }
}

fn only_head(stream: &str) -> RequestHead {
    let found = requests(stream.as_bytes());
    assert_eq!(found.error, None);
    head(&found.parts[0]).clone()
}

#[test]
fn headers_are_found_in_any_case_and_kept_in_order() {
    let mut headers = Headers::new();
    for (name, value) in [("Accept", "a"), ("X", " b\t"), ("accept", "c")] {
        headers.push(name, value).unwrap();
    }
    assert_eq!(headers.get("ACCEPT").unwrap(), "a");
    assert_eq!(headers.get("x").unwrap(), "b");
    assert!(headers.get_all("aCCept").eq(["a", "c"]));
    assert_eq!((headers.count("accept"), headers.len()), (2, 3));
    headers.set("ACCEPT", "d").unwrap();
    assert!(headers.iter().eq([
        (&Bytes::from("ACCEPT"), &Bytes::from("d")),
        (&Bytes::from("X"), &Bytes::from("b"))
    ]));
    headers.set("New", "").unwrap();
    assert_eq!(headers.iter().last().unwrap().0, "New");
    assert_eq!((headers.remove("x"), headers.remove("x")), (1, 0));
    assert!(!headers.contains("X"));
}

#[test]
fn tokens_of_all_fields_count() {
    let mut headers = Headers::new();
    headers.push("Connection", "keep-alive,, Upgrade ").unwrap();
    headers.push("connection", "\tcLose").unwrap();
    assert!(headers.has_token("Connection", "upgrade"));
    assert!(headers.has_token("CONNECTION", "close"));
    assert!(!headers.has_token("Connection", "keep"));
    assert!(!headers.has_token("Connection", ""));
}

#[test]
fn nothing_that_splits_a_head_can_be_put_in() {
    let mut headers = Headers::new();
    for value in ["a\r\nB: c", "a\nb", "a\rb", "a\0", "a\x7f"] {
        assert_eq!(headers.push("X", value), Err(HttpError::Value));
        assert_eq!(headers.set("X", value), Err(HttpError::Value));
    }
    for name in ["X\r\nY", "X:", "X Y", " X", "\u{e9}"] {
        assert_eq!(headers.push(name, ""), Err(HttpError::Name));
    }
    assert_eq!(headers.push("", "x"), Err(HttpError::EmptyName));
    assert!(headers.is_empty());

    assert_eq!(Text::method("GET /"), Err(HttpError::Method));
    assert_eq!(Text::method(""), Err(HttpError::Method));
    assert_eq!(Text::target("/a b"), Err(HttpError::TargetByte));
    assert_eq!(Text::target("/a\r\nb"), Err(HttpError::TargetByte));
    assert_eq!(Text::target(""), Err(HttpError::TargetForm));
    let mut out = BytesMut::new();
    let mixed = RequestHead {
        method: Text::target("G(T").unwrap(),
        target: Text::target("/").unwrap(),
        version: Version::Http11,
        headers,
    };
    assert_eq!(mixed.encode(&mut out), Err(HttpError::Method));
    let mut response = ResponseHead {
        version: Version::Http11,
        status: 200,
        reason: Bytes::from_static(b"OK\r\nX: y"),
        headers: Headers::new(),
    };
    assert_eq!(response.encode(&mut out), Err(HttpError::Reason));
    response.reason = Bytes::new();
    response.status = 99;
    assert_eq!(response.encode(&mut out), Err(HttpError::Status));
    assert!(out.is_empty());
    response.status = 200;
    response.encode(&mut out).unwrap();
    assert_eq!(&out[..], b"HTTP/1.1 200 \r\n\r\n");
}

#[test]
fn one_empty_line_is_skipped_before_each_request() {
    let one = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let found = requests(&[&one[..], one].concat());
    assert_eq!((found.parts.len(), found.error), (4, None));
}

#[test]
fn requests_follow_one_another() {
    let stream = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nHost: a\r\n\
        Transfer-Encoding: chunked\r\n\r\n2;x=\"a\\\"b\";y\r\nde\r\n0F\r\n0123456789abcde\r\n000\r\nX-Sum: 1\r\n\r\nGET /3 HTTP/1.0\r\n\r\n";
    let whole = requests(stream);
    assert_eq!(whole.error, None);
    for pieces in cuts(stream) {
        assert_eq!(requests_with(Limits::default(), pieces), whole);
    }
    let [
        first,
        one,
        RequestPart::End,
        second,
        two,
        RequestPart::Trailers(trailers),
        RequestPart::End,
        third,
        RequestPart::End,
    ] = &whole.parts[..]
    else {
        panic!("{:?}", whole.parts);
    };
    assert_eq!(head(first).target, "/1");
    assert_eq!(*one, RequestPart::Data("abc".into()));
    assert!(matches!(second, RequestPart::Head(_, Framing::Chunked)));
    assert_eq!(*two, RequestPart::Data("de0123456789abcde".into()));
    assert_eq!(trailers.get("x-sum").unwrap(), "1");
    assert_eq!(head(third).version, Version::Http10);
}

#[test]
fn a_body_is_given_as_it_comes_and_not_copied() {
    let mut reader = RequestReader::new(Limits::default());
    let mut input = BytesMut::from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\npart");
    assert!(matches!(
        reader.next(&mut input),
        Ok(Some(RequestPart::Head(_, Framing::Length(1_000_000_000_000))))
    ));
    let at = input.as_ptr();
    match reader.next(&mut input) {
        Ok(Some(RequestPart::Data(data))) => assert_eq!((&data[..], data.as_ptr()), (&b"part"[..], at)),
        other => panic!("{other:?}"),
    }
    assert_eq!(reader.next(&mut input), Ok(None));
    assert!(reader.is_inside(&input));
}

#[test]
fn what_follows_a_request_for_another_protocol_waits_for_the_answer() {
    for first in [
        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let mut reader = RequestReader::new(Limits::default());
        let mut input = BytesMut::from(&[first, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"].concat()[..]);
        let left = input.len() - first.len();
        assert!(matches!(reader.next(&mut input), Ok(Some(RequestPart::Head(..)))));
        assert_eq!(reader.next(&mut input), Ok(Some(RequestPart::End)));
        assert_eq!((reader.next(&mut input), input.len()), (Ok(None), left));
        assert!(reader.is_held());
        assert_eq!(reader.end_of_input(&input), Ok(()));
        reader.resume();
        assert!(!reader.is_held());
        match reader.next(&mut input) {
            Ok(Some(RequestPart::Head(head, _))) => assert_eq!(head.target, "/next"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn limits_hold_however_the_bytes_come() {
    let limits = Limits {
        head: 100,
        fields: 2,
        target: 20,
        chunk_line: 10,
        trailers: 20,
    };
    let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cases = [
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(20)),
            Exceeded::Target,
            20,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(69)),
            Exceeded::Head,
            100,
        ),
        ("x".repeat(101), Exceeded::Head, 100),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nZ:\r\n\r\n".into(),
            Exceeded::Fields,
            2,
        ),
        (format!("{post}1;abcdefg\r\nx\r\n"), Exceeded::ChunkLine, 10),
        (format!("{post}{}", "0".repeat(11)), Exceeded::ChunkLine, 10),
        (
            format!("{post}0\r\nA: 0123456789abcd\r\n\r\n"),
            Exceeded::Trailers,
            20,
        ),
        (
            format!("{post}0\r\nA: 1\r\nB: 2\r\nC: 3\r\n"),
            Exceeded::Fields,
            2,
        ),
    ];
    for (stream, what, limit) in cases {
        for pieces in cuts(stream.as_bytes()) {
            let found = requests_with(limits, pieces).error;
            assert_eq!(found, Some(HttpError::Limit { what, limit }), "{stream}");
        }
    }
    // Up to the limit, all is well.
    for stream in [
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(19)),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(68)),
        format!("{post}1;abcdef\r\nx\r\n0\r\nA: 0123456789abc\r\n\r\n"),
    ] {
        assert_eq!(requests_with(limits, [stream.as_bytes()]).error, None, "{stream}");
    }
}

#[test]
fn connections_are_kept_as_the_version_says() {
    let keeps = |version: &str, field: &str| {
        only_head(&format!("GET / {version}\r\nHost: a\r\n{field}\r\n\r\n")).keeps_alive()
    };
    assert!(keeps("HTTP/1.1", "X: y"));
    assert!(!keeps("HTTP/1.1", "Connection: x, Close"));
    assert!(!keeps("HTTP/1.0", "X: y"));
    assert!(keeps("HTTP/1.0", "Connection: Keep-Alive"));
    assert!(!keeps("HTTP/1.0", "Connection: keep-alive, close"));
}

#[test]
fn hosts_that_mean_the_target_are_accepted() {
    for stream in [
        "GET http://A:80/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET https://a HTTP/1.1\r\nHost: a:443\r\n\r\n",
        "GET http://[::1]:81/ HTTP/1.1\r\nHost: [::1]:81\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a_b.c-d\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        only_head(stream);
    }
}

#[test]
fn debug_shows_no_contents() {
    let stream = "POST /secret?secret HTTP/1.1\r\nHost: hidden\r\nAuthorization: secret\r\nContent-Length: 6\r\n\r\nsecret";
    let shown = format!(
        "{:?} {:?}",
        requests(stream.as_bytes()).parts,
        only_head(stream).target()
    );
    assert!(!shown.contains("secret") && !shown.contains("hidden"), "{shown}");
    assert!(
        shown.contains("Authorization") && shown.contains("POST"),
        "{shown}"
    );
}

#[test]
fn faults_name_the_status_that_answers_them() {
    let limit = |what| HttpError::Limit { what, limit: 1 };
    assert_eq!(limit(Exceeded::Target).status(), 414);
    assert_eq!(limit(Exceeded::Head).status(), 431);
    assert_eq!(HttpError::Version.status(), 505);
    assert_eq!(HttpError::CodingNotChunked.status(), 501);
    assert_eq!(HttpError::BareLf.status(), 400);
}
