use bytes::Bytes;
use interdict_wire::http::{Framing, Headers, Limits, RequestPart, RequestReader};

use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(Zeroizing::new(text.as_bytes().to_vec()))
}

fn request(text: &str, body: Option<&'static [u8]>) -> Forward {
    let mut input = bytes::BytesMut::from(text.replace('\n', "\r\n").as_bytes());
    let mut reader = RequestReader::new(Limits::default());
    let Some(RequestPart::Head(head, framing)) = reader.next(&mut input).unwrap() else {
        panic!("{text}")
    };
    Forward {
        head,
        framing,
        body: body.map(Bytes::from_static),
    }
}

fn bearer() -> Shown {
    Shown::Field {
        name: "Authorization".into(),
        value: secret("Bearer of-the-service"),
    }
}

fn keys(token: Option<&str>, scope: Option<(&str, &str)>) -> Shown {
    Shown::Signature(AwsKeys {
        access_key_id: secret("AKIDEXAMPLE"),
        secret_access_key: secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: token.map(secret),
        region: scope.map(|(region, _)| region.into()),
        service: scope.map(|(_, service)| service.into()),
    })
}

fn value(forward: &Forward, name: &str) -> Vec<String> {
    let all = forward.head.headers.get_all(name);
    all.map(|value| String::from_utf8_lossy(value).into_owned())
        .collect()
}

#[test]
fn what_the_client_sends_is_replaced() {
    let mut forward = request(
        "GET / HTTP/1.1\nHost: a\nauthorization: Bearer mine\nAuthorization: Basic bQ==\nProxy-Authorization: x\nAccept-Encoding: gzip\n\n",
        None,
    );
    bearer().put(&mut forward, 0, false).unwrap();
    assert_eq!(value(&forward, "Authorization"), ["Bearer of-the-service"]);
    assert_eq!(value(&forward, "Accept-Encoding"), ["identity"]);
    assert!(value(&forward, "Proxy-Authorization").is_empty());

    let mut forward = request(
        "GET / HTTP/1.1\nHost: a\nX-Api-Key: mine\nx_api_key: mine\nX_Api-key: mine\nX-Api-Keys: other\n\n",
        None,
    );
    let shown = Shown::Field {
        name: "X-Api-Key".into(),
        value: secret("of-the-service"),
    };
    shown.put(&mut forward, 0, false).unwrap();
    let all: Vec<_> = forward
        .head
        .headers
        .iter()
        .map(|(name, value)| {
            format!(
                "{}: {}",
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            )
        })
        .collect();
    assert_eq!(
        all,
        [
            "Host: a",
            "X-Api-Keys: other",
            "Accept-Encoding: identity",
            "X-Api-Key: of-the-service"
        ]
    );
    assert!(
        bearer()
            .put(&mut request("TRACE / HTTP/1.1\nHost: a\n\n", None), 0, false)
            .is_err()
    );
}

/// 30 August 2015, 12:36:00, of AWS's own examples.
const THEN: i64 = 1_440_938_160_000_000;

/// "get-vanilla" and "get-vanilla-query-order-key-case" of AWS's test suite for version 4.
#[test]
fn signatures_are_as_aws_has_them() {
    for (target, expected) in [
        (
            "/",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ] {
        let mut forward = request(
            &format!("GET {target} HTTP/1.1\nHost: example.amazonaws.com\nAuthorization: x\n\n"),
            None,
        );
        keys(None, Some(("us-east-1", "service")))
            .put(&mut forward, THEN, true)
            .unwrap();
        assert_eq!(
            value(&forward, "Authorization"),
            [format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={expected}"
            )]
        );
    }
}

#[test]
fn region_and_service_are_the_clients_unless_they_are_set() {
    let signed = "GET /b HTTP/1.1\nHost: a\nAuthorization: AWS4-HMAC-SHA256 Credential=mine/20150830/eu-west-3/s3/aws4_request, SignedHeaders=host, Signature=0\n\n";
    let presigned = "GET /b?x=1&X-Amz-Credential=mine%2F20150830%2Feu-west-3%2Fs3%2Faws4_request&X-Amz-Signature=0&X-Amz-Date=d HTTP/1.1\nHost: a\n\n";
    for (text, target) in [(signed, "/b"), (presigned, "/b?x=1")] {
        let mut forward = request(text, None);
        keys(Some("temporary"), None)
            .put(&mut forward, THEN, true)
            .unwrap();
        let authorization = value(&forward, "Authorization").remove(0);
        assert!(
            authorization.contains("AKIDEXAMPLE/20150830/eu-west-3/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"),
            "{authorization}"
        );
        assert_eq!(forward.head.target.as_str(), target);
        assert_eq!(value(&forward, "X-Amz-Security-Token"), ["temporary"]);
        let mut forward = request(text, None);
        keys(None, Some(("us-east-1", "s3")))
            .put(&mut forward, THEN, true)
            .unwrap();
        assert!(value(&forward, "Authorization")[0].contains("/us-east-1/s3/"));
    }
    for text in [
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\nHost: a\nAuthorization: AWS4-HMAC-SHA256 Credential=mine/d/eu west/s3/aws4_request\n\n",
    ] {
        assert!(
            keys(None, None)
                .put(&mut request(text, None), THEN, true)
                .is_err()
        );
    }
}

#[test]
fn bodies_are_signed_as_they_can_be() {
    let put = |said: &str, body, service, tls| {
        let mut forward = request(
            &format!("PUT /b HTTP/1.1\nHost: a\nContent-Length: 3\n{said}\n"),
            body,
        );
        let outcome = keys(None, Some(("us-east-1", service))).put(&mut forward, THEN, tls);
        outcome.map(|()| value(&forward, "x-amz-content-sha256"))
    };
    let unsigned = vec!["UNSIGNED-PAYLOAD".to_owned()];
    assert_eq!(put("", None, "s3", true), Ok(unsigned.clone()));
    assert!(put("", None, "s3", false).is_err());
    assert!(put("", None, "sqs", true).is_err());
    assert_eq!(put("", Some(b"abc"), "sqs", true), Ok(Vec::new()));
    let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
    assert_eq!(put("", Some(b"abc"), "s3", false), Ok(vec![of_abc.clone()]));
    let said = |value: &str| format!("X-Amz-Content-SHA256: {value}\n");
    assert_eq!(put(&said("UNSIGNED-PAYLOAD"), None, "s3", true), Ok(unsigned));
    assert!(put(&said("UNSIGNED-PAYLOAD"), None, "s3", false).is_err());
    assert_eq!(put(&said(&of_abc), None, "s3", false), Ok(vec![of_abc]));
    let trailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    assert_eq!(
        put(&said(trailer), None, "s3", true),
        Ok(vec![trailer.to_owned()])
    );
    for chunks in [
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    ] {
        assert!(put(&said(chunks), None, "s3", true).is_err());
    }
    assert_eq!(
        request("GET / HTTP/1.1\nHost: a\n\n", None).framing,
        Framing::None
    );
}

#[test]
fn a_secret_does_not_come_back() {
    let text = b"you sent Bearer of-the-service, of-the-serv and of-the-serviceof-the-service of-the";
    let expected = b"you sent Bearer **************, of-the-serv and **************************** of-the";
    for step in 1..text.len() {
        let mut echo = bearer().echo();
        let mut shown = Vec::new();
        for piece in text.chunks(step) {
            shown.extend_from_slice(&echo.body(Bytes::copy_from_slice(piece)));
        }
        shown.extend_from_slice(&echo.end());
        assert_eq!(
            String::from_utf8_lossy(&shown),
            String::from_utf8_lossy(expected),
            "in pieces of {step}"
        );
    }
    let mut headers = Headers::new();
    headers.push("X-Echo", "Bearer of-the-service").unwrap();
    headers.push("X-Other", "as it was").unwrap();
    let mut echo = bearer().echo();
    echo.fields(&mut headers);
    assert_eq!(headers.get("X-Echo").unwrap(), "Bearer **************");
    assert_eq!(headers.get("X-Other").unwrap(), "as it was");
    // What can't begin a secret is not held back.
    assert_eq!(echo.body(Bytes::from_static(b"data")), "data");
}
