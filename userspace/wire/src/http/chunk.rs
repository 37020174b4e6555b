//! Chunks (RFC 9112, section 7.1): their first lines, and writing them.

use bytes::{BufMut, BytesMut};
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::combinator::opt;
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded};

use super::grammar::{Fault, fail, is_token, is_value, or, whole};
use super::{Headers, HttpError};

/// The fields that trailers may not have: RFC 9110, section 6.5.1, and those that trust or meaning hangs on.
const FORBIDDEN: [&str; 29] = [
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Cookie",
    "Expect",
    "Forwarded",
    "Host",
    "Keep-Alive",
    "Location",
    "Max-Forwards",
    "Origin",
    "Pragma",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Range",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "WWW-Authenticate",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
];

/// The size that a chunk's first line tells. Extensions are checked and dropped.
pub(super) fn chunk_size(line: &[u8]) -> Result<u64, HttpError> {
    whole(line, HttpError::ChunkExtension, |input| {
        let (input, digits) = or(
            HttpError::ChunkSize,
            take_while1(|byte: u8| byte.is_ascii_hexdigit()),
        )
        .parse(input)?;
        if !matches!(input.first(), None | Some(b';')) {
            return fail(HttpError::ChunkSize);
        }
        if digits.len() > 16 {
            return fail(HttpError::ChunkSizeOverflow);
        }
        let size = digits.iter().fold(0_u64, |size, digit| {
            (size << 4) | u64::from(char::from(*digit).to_digit(16).unwrap_or_default())
        });
        let value = alt((take_while1(is_token), quoted));
        let extension = (
            tag(&b";"[..]),
            take_while1(is_token),
            opt(preceded(tag(&b"="[..]), value)),
        );
        let (input, _) = many0_count(extension).parse(input)?;
        Ok((input, size))
    })
}

/// A quoted string, given with its escapes.
fn quoted(input: &[u8]) -> nom::IResult<&[u8], &[u8], Fault> {
    let plain = take_while1(|byte| is_value(byte) && byte != b'"' && byte != b'\\');
    let escaped =
        preceded(tag(&b"\\"[..]), nom::bytes::complete::take(1_usize)).and_then(take_while1(is_value));
    delimited(
        tag(&b"\""[..]),
        nom::combinator::recognize(many0_count(alt((plain, escaped)))),
        tag(&b"\""[..]),
    )
    .parse(input)
}

/// Refuses trailers that change what was read before them.
pub(super) fn check_trailers(trailers: &Headers) -> Result<(), HttpError> {
    for (name, _) in trailers.iter() {
        if let Some(forbidden) = FORBIDDEN
            .into_iter()
            .find(|forbidden| forbidden.as_bytes().eq_ignore_ascii_case(name))
        {
            return Err(HttpError::ForbiddenTrailer(forbidden));
        }
    }
    Ok(())
}

/// Writes a chunk. Of no data it writes nothing: an empty chunk would end the body.
pub fn write_chunk(data: &[u8], out: &mut BytesMut) {
    if !data.is_empty() {
        out.put_slice(format!("{:x}\r\n", data.len()).as_bytes());
        out.put_slice(data);
        write_chunk_end(out);
    }
}

/// Begins a chunk of `length` bytes, which the caller sends itself; then [`write_chunk_end`].
///
/// # Errors
/// [`HttpError::EmptyChunk`] for a length of 0.
pub fn write_chunk_start(length: u64, out: &mut BytesMut) -> Result<(), HttpError> {
    if length == 0 {
        return Err(HttpError::EmptyChunk);
    }
    out.put_slice(format!("{length:x}\r\n").as_bytes());
    Ok(())
}

/// Ends a chunk that [`write_chunk_start`] began.
pub fn write_chunk_end(out: &mut BytesMut) {
    out.put_slice(b"\r\n");
}

/// Ends a chunked body, with trailers if there are any.
///
/// # Errors
/// [`HttpError::ForbiddenTrailer`]: nothing is written.
pub fn write_last_chunk(trailers: &Headers, out: &mut BytesMut) -> Result<(), HttpError> {
    check_trailers(trailers)?;
    out.put_slice(b"0\r\n");
    trailers.encode(out);
    out.put_slice(b"\r\n");
    Ok(())
}
