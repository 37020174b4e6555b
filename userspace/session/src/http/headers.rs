//! Fields of heads: what is kept of them, what does not hold any more, what may be seen.

use std::sync::Arc;

use bytes::BytesMut;
use interdict_masking::Detection;
use interdict_wire::http::{Headers, ResponseHead};

/// Fields that let their sender in. Neither policies nor the audit see their values.
pub(super) fn is_credential(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-goog-iam-authorization-token",
        "x-vault-token",
        "x-xsrf-token",
        "apikey",
    ];
    const ENDS: [&str; 6] = [
        "-token",
        "-secret",
        "-password",
        "-api-key",
        "-apikey",
        "-credential",
    ];
    NAMES.contains(&name) || ENDS.iter().any(|end| name.ends_with(end))
}

/// Puts asterisks in the place of credentials in a head that is written, for the record. True if there were any.
pub fn hide_credentials(head: &mut [u8]) -> bool {
    let mut hidden = false;
    for line in head.split_mut(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at_mut(colon);
        if is_credential(&String::from_utf8_lossy(name).to_ascii_lowercase()) {
            for byte in value.iter_mut().skip(1).filter(|byte| **byte != b'\r') {
                *byte = if *byte == b' ' { b' ' } else { b'*' };
                hidden = true;
            }
        }
    }
    hidden
}

/// Names in lower case with their values, several of one name joined; without credentials.
pub(super) fn known(headers: &Headers) -> Vec<(String, String)> {
    let mut known: Vec<(String, String)> = Vec::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if is_credential(&name) {
            continue;
        }
        let value = String::from_utf8_lossy(value);
        match known.iter_mut().find(|(other, _)| *other == name) {
            Some((_, values)) => {
                values.push_str(", ");
                values.push_str(&value);
            }
            None => known.push((name, value.into_owned())),
        }
    }
    known
}

/// Takes out what is about one connection and not about the message (RFC 9110, section 7.6.1). What frames the body is the
/// driver's, and so is an upgrade.
pub(super) fn make_end_to_end(headers: &mut Headers) {
    let named: Vec<String> = headers
        .tokens("Connection")
        .map(|token| String::from_utf8_lossy(token).into_owned())
        .collect();
    for name in named.iter().map(String::as_str).chain([
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Upgrade",
        "HTTP2-Settings",
    ]) {
        headers.remove(name);
    }
    // Of what a client can do with a body's end, only trailers may be asked of another (RFC 9110, section 10.1.4).
    let trailers = headers.has_token("TE", "trailers");
    headers.remove("TE");
    if trailers {
        let _ = headers.set("TE", "trailers");
    }
}

/// Takes out of a head what was said of a body that is not the one the client gets.
pub(super) fn forget_body(headers: &mut Headers) {
    const NAMES: [&str; 13] = [
        "Accept-Ranges",
        "Content-Digest",
        "Content-MD5",
        "Digest",
        "Repr-Digest",
        "Signature",
        "Signature-Input",
        "x-amz-checksum-type",
        "x-amz-crc32",
        "x-amz-content-sha256",
        "x-goog-hash",
        "x-ms-content-crc64",
        "x-ms-blob-content-md5",
    ];
    headers.retain(|name, _| {
        let checksum = name
            .get(..15)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"x-amz-checksum-"));
        !checksum
            && !NAMES
                .iter()
                .any(|known| known.as_bytes().eq_ignore_ascii_case(name))
    });
}

/// Fields that a proxy or the protocol fills, in forms that detectors take for others.
const OF_THE_PROTOCOL: [&str; 21] = [
    "age",
    "alt-svc",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expires",
    "keep-alive",
    "last-modified",
    "retry-after",
    "server",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "sec-websocket-accept",
    "x-amz-id-2",
    "x-amz-request-id",
];

/// Lets detectors look into what a head says in free text.
pub(super) fn scrub(head: &mut ResponseHead, detection: Option<&Arc<Detection>>) -> u64 {
    let Some(detection) = detection else { return 0 };
    let mut found = 0;
    let mut reason = BytesMut::new();
    if detection.redact(&head.reason, &mut reason, |_| found += 1) {
        head.reason = reason.freeze();
    }
    found + scrub_fields(&mut head.headers, detection)
}

/// Lets detectors look into header fields or trailers.
pub(super) fn scrub_fields(headers: &mut Headers, detection: &Detection) -> u64 {
    let mut found = 0;
    let mut clean = Headers::new();
    for (name, value) in headers.iter() {
        let ours = OF_THE_PROTOCOL
            .iter()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(name));
        let mut shown = BytesMut::new();
        let hit = !ours && detection.redact(value, &mut shown, |_| found += 1);
        let value = if hit { shown.freeze() } else { value.clone() };
        // What a mask shows can have no control characters that were not there before; if it had, the field is left out.
        let _ = clean.push(name.clone(), value);
    }
    if found > 0 {
        *headers = clean;
    }
    found
}
