//! Signing requests anew by AWS's signature version 4.
//!
//! Sources: "Create a signed AWS API request" and "Signature calculations: Authorization header" of AWS's documentation.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use interdict_wire::http::{Framing, Headers, Text};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{AwsKeys, take_out};
use crate::http::exchange::Forward;
use crate::refusal::NotLoggedIn;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Not a part of what is signed: the service checks no signature over it.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const PAYLOAD: &str = "x-amz-content-sha256";
/// Parameters of a signature in a query.
const IN_QUERY: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Region-Set",
];

/// Signs a request with these keys. The client's signature is gone by then, but for one in the query; `claimed` is what it said of
/// region and service.
pub(super) fn sign(
    forward: &mut Forward,
    keys: &AwsKeys,
    claimed: Option<(String, String)>,
    now: i64,
    tls: bool,
) -> Result<(), NotLoggedIn<'static>> {
    let (region, service) = scope(forward, keys, claimed)?;
    let payload = payload(forward, &service, tls)?;
    for name in ["X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Region-Set"] {
        take_out(forward, name);
    }
    forget_query(forward)?;
    let time = Timestamp::from_microsecond(now)
        .map(|time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_default();
    let day = time.get(..8).unwrap_or_default();
    let headers = &mut forward.head.headers;
    let mut put = headers.set("X-Amz-Date", time.clone());
    if service == "s3" || headers.contains(PAYLOAD) {
        put = put.and(headers.set(PAYLOAD, payload.clone()));
    }
    if let Some(token) = &keys.session_token {
        put = put.and(headers.set("X-Amz-Security-Token", token.reveal().to_vec()));
    }
    put.map_err(|_| unwritable())?;

    let (signed, fields) = fields(&forward.head.headers);
    let target = forward.head.target.as_str();
    let (path, query) = parts(target);
    let request = format!(
        "{}\n{}\n{}\n{fields}\n{signed}\n{payload}",
        forward.head.method.as_str(),
        canonical_path(path, service == "s3"),
        canonical_query(query),
    );
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let request = hex::encode(digest(&SHA256, request.as_bytes()).as_ref());
    let signature = hex::encode(signature(
        keys.secret_access_key.reveal(),
        [day, &region, &service],
        format!("{ALGORITHM}\n{time}\n{scope}\n{request}").as_bytes(),
    ));
    let id = String::from_utf8_lossy(keys.access_key_id.reveal());
    let authorization =
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
    let put = forward.head.headers.set("Authorization", authorization);
    put.map_err(|_| unwritable())
}

fn unwritable() -> NotLoggedIn<'static> {
    NotLoggedIn::Unsigned {
        why: "the credentials for it can't be written in a field",
        instead: "the operator finds them in the settings: credentials of the service",
    }
}

/// Region and service: the settings' own, else those of the signature that the client made.
fn scope(
    forward: &Forward,
    keys: &AwsKeys,
    claimed: Option<(String, String)>,
) -> Result<(String, String), NotLoggedIn<'static>> {
    let claimed = claimed.or_else(|| {
        let (_, query) = parts(forward.head.target.as_str());
        let value = pairs(query)
            .find(|(name, _)| name.eq_ignore_ascii_case("X-Amz-Credential"))?
            .1;
        scope_of(&String::from_utf8_lossy(&decoded(value)))
    });
    let (region, service) = claimed.unzip();
    let region = keys.region.as_deref().map(str::to_owned).or(region);
    let service = keys.service.as_deref().map(str::to_owned).or(service);
    region.zip(service).ok_or(NotLoggedIn::Unsigned {
        why: "the request has no signature of version 4 that would tell region and service",
        instead: "sign it with any keys; or the operator sets region and service (credentials of the service)",
    })
}

/// Region and service of `KEY/DAY/REGION/SERVICE/aws4_request`.
fn scope_of(credential: &str) -> Option<(String, String)> {
    let mut parts = credential.rsplit('/');
    let end = parts.next()?;
    let (service, region, _day, _key) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (end == "aws4_request" && plain(region) && plain(service))
        .then(|| (region.to_owned(), service.to_owned()))
}

/// What the client's `Authorization` says of region and service.
pub(super) fn claimed(headers: &Headers) -> Option<(String, String)> {
    let value = String::from_utf8_lossy(headers.get("Authorization")?).into_owned();
    let credential = value
        .strip_prefix(ALGORITHM)?
        .split(',')
        .find_map(|part| part.trim().strip_prefix("Credential="))?;
    scope_of(credential.trim())
}

/// What is signed for the body.
fn payload(forward: &Forward, service: &str, tls: bool) -> Result<String, NotLoggedIn<'static>> {
    let said = forward
        .head
        .headers
        .get(PAYLOAD)
        .map(|value| String::from_utf8_lossy(value).into_owned());
    let empty = || hex::encode(digest(&SHA256, b"").as_ref());
    match said {
        Some(said)
            if said.starts_with("STREAMING-") && said.contains("-PAYLOAD") && !said.contains("UNSIGNED") =>
        {
            Err(NotLoggedIn::Unsigned {
                why: "each part of the body is signed with the client's keys, and can't be signed anew",
                instead: "have the SDK sign the body as a whole or not at all: botocore's request_checksum_calculation=when_required, \
                          chunked encoding off (chunkedEncodingEnabled, disable_chunked_encoding), or HTTPS",
            })
        }
        // The service checks the body against it, or is told not to.
        Some(said) if said != UNSIGNED || tls => Ok(said),
        _ => match (&forward.body, forward.framing) {
            (Some(body), _) => Ok(hex::encode(digest(&SHA256, body).as_ref())),
            (None, Framing::None | Framing::Length(0)) => Ok(empty()),
            (None, _) if service == "s3" && tls => Ok(UNSIGNED.to_owned()),
            (None, _) if service == "s3" => Err(NotLoggedIn::Unsigned {
                why: "the body has no digest, and without TLS towards the service it can't go unsigned",
                instead: "send x-amz-content-sha256 with the body's digest; or the operator has TLS towards the service",
            }),
            (None, _) => Err(NotLoggedIn::Unsigned {
                why: "the body has no digest and was not held to be signed",
                instead: "send x-amz-content-sha256 with the body's digest",
            }),
        },
    }
}

/// Takes a signature out of the query.
fn forget_query(forward: &mut Forward) -> Result<(), NotLoggedIn<'static>> {
    let target = forward.head.target.as_str();
    let Some((path, query)) = target.split_once('?') else {
        return Ok(());
    };
    let of_signature = |pair: &&str| {
        let name = decoded(pair.split('=').next().unwrap_or_default());
        !IN_QUERY
            .iter()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(&name))
    };
    let kept: Vec<&str> = query.split('&').filter(of_signature).collect();
    if kept.len() == query.split('&').count() {
        return Ok(());
    }
    let target = if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    };
    forward.head.target = Text::target(target).map_err(|_| unwritable())?;
    Ok(())
}

/// Names of the fields that are signed, and their canonical form: the host and what says how the request is meant. Others may
/// change on their way.
fn fields(headers: &Headers) -> (String, String) {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in headers.iter() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if !matches!(&*name, "host" | "content-type" | "content-md5") && !name.starts_with("x-amz-") {
            continue;
        }
        let value = String::from_utf8_lossy(value);
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => all.push((name, value)),
        }
    }
    all.sort();
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let mut fields = String::new();
    for (name, value) in &all {
        let _ = writeln!(fields, "{name}:{value}");
    }
    (names.join(";"), fields)
}

/// Path and query of a target, whether it has a scheme and a host before them or not.
fn parts(target: &str) -> (&str, &str) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = match path.split_once("://") {
        Some((_, rest)) if !path.starts_with('/') => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => path,
    };
    (path, query)
}

/// S3 takes the path for what it means; to the others it is a text that is escaped once more.
fn canonical_path(path: &str, literal: bool) -> String {
    if literal {
        escaped(&decoded(path), true)
    } else {
        escaped(path.as_bytes(), true)
    }
}

fn canonical_query(query: &str) -> String {
    let plain = |text: &str| escaped(&decoded(&text.replace('+', "%20")), false);
    let mut all: Vec<(String, String)> = pairs(query)
        .map(|(name, value)| (plain(name), plain(value)))
        .collect();
    all.sort();
    let all: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    all.join("&")
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Without escapes; what is none stays.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escape.unwrap_or(first));
        rest = match escape {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    out
}

/// All but what RFC 3986 calls unreserved, and slashes where they stay.
fn escaped(bytes: &[u8], slashes: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte));
            }
            b'/' if slashes => out.push('/'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The key that is for a day, a region and a service, and with it the text's signature.
fn signature(secret: &[u8], scope: [&str; 3], text: &[u8]) -> Vec<u8> {
    let mut key = Zeroizing::new([b"AWS4", secret].concat());
    for part in scope.into_iter().chain(["aws4_request"]) {
        let next = hmac::sign(&hmac::Key::new(HMAC_SHA256, &key), part.as_bytes());
        key = Zeroizing::new(next.as_ref().to_vec());
    }
    hmac::sign(&hmac::Key::new(HMAC_SHA256, &key), text)
        .as_ref()
        .to_vec()
}
