//! Heads as the library for HTTP/2 has them, and as engines read them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use interdict_wire::http::{Framing, Headers, RequestHead, ResponseHead, Text, Version};

/// Fields that mean a connection, which no message of HTTP/2 may have (RFC 9113, section 8.2.2).
const OF_CONNECTIONS: [&str; 6] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// How the end of a body is told.
pub(super) fn framing(headers: &HeaderMap, ends: bool) -> Framing {
    if ends {
        return Framing::None;
    }
    let length = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    match length.and_then(|length| length.parse().ok()) {
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    }
}

/// A request's head; why there is none.
pub(super) fn request(parts: http::request::Parts) -> Result<RequestHead, &'static str> {
    let http::request::Parts {
        method,
        uri,
        headers: fields,
        ..
    } = parts;
    let mut headers = headers(&fields)?;
    let authority = uri.authority().map(|authority| authority.as_str().to_owned());
    let host = headers.get("Host").cloned();
    match (&authority, host) {
        (Some(authority), Some(host)) if !host.eq_ignore_ascii_case(authority.as_bytes()) => {
            return Err("the request names two hosts: :authority and Host differ");
        }
        (Some(authority), None) => headers
            .push("Host", authority.clone())
            .map_err(|_| "the request's :authority is no host")?,
        (_, Some(_)) => {}
        (None, None) => return Err("the request names no host"),
    }
    if headers.count("Host") > 1 {
        return Err("the request names several hosts");
    }
    let target = match uri.path_and_query() {
        Some(target) if method != http::Method::CONNECT => target.as_str().to_owned(),
        _ => authority.unwrap_or_else(|| "*".to_owned()),
    };
    Ok(RequestHead {
        method: Text::method(method.as_str().to_owned()).map_err(|_| "the request's method is no token")?,
        target: Text::target(target).map_err(|_| "the request's path has bytes that no path has")?,
        version: Version::Http11,
        headers,
    })
}

/// A response's head; why there is none.
pub(super) fn response(parts: &http::response::Parts) -> Result<ResponseHead, &'static str> {
    Ok(ResponseHead {
        version: Version::Http11,
        status: parts.status.as_u16(),
        reason: Bytes::new(),
        headers: headers(&parts.headers)?,
    })
}

/// Fields.
pub(super) fn headers(fields: &HeaderMap) -> Result<Headers, &'static str> {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers
            .push(name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes()))
            .map_err(|_| "a field has a value that no field has")?;
    }
    Ok(headers)
}

/// A request for the library.
pub(super) fn to_request(head: &RequestHead, scheme: &str) -> Result<http::Request<()>, String> {
    let mut fields = to_headers(&head.headers)?;
    let host = fields.remove(http::header::HOST);
    let authority = host
        .as_ref()
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let target = head.target.as_str();
    let uri = if target == "*" {
        http::Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query("*")
            .build()
    } else {
        http::Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(target)
            .build()
    };
    let mut request = http::Request::builder()
        .method(head.method.as_str())
        .version(http::Version::HTTP_2)
        .uri(uri.map_err(|error| error.to_string())?)
        .body(())
        .map_err(|error| error.to_string())?;
    *request.headers_mut() = fields;
    Ok(request)
}

/// A response for the library. `bodiless`: what is said of a body is of one that is not sent.
pub(super) fn to_response(
    head: ResponseHead,
    framing: Framing,
    bodiless: bool,
) -> Result<http::Response<()>, String> {
    let mut headers = head.headers;
    if !bodiless && framing != Framing::None {
        framing.set(&mut headers);
    }
    let mut response = http::Response::builder()
        .status(head.status)
        .version(http::Version::HTTP_2)
        .body(())
        .map_err(|error| error.to_string())?;
    *response.headers_mut() = to_headers(&headers)?;
    Ok(response)
}

/// Fields for the library, without those of connections.
pub(super) fn to_headers(headers: &Headers) -> Result<HeaderMap, String> {
    let mut fields = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        let name = HeaderName::from_bytes(name).map_err(|error| error.to_string())?;
        if OF_CONNECTIONS.contains(&name.as_str()) {
            continue;
        }
        let value = HeaderValue::from_maybe_shared(value.clone()).map_err(|error| error.to_string())?;
        fields.append(name, value);
    }
    Ok(fields)
}
