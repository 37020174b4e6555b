//! The characters and the lines of RFC 9112, as nom parsers over one line without its CRLF.

use nom::bytes::complete::{tag, take_while};
use nom::combinator::rest;
use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult, Parser};

use super::text::check_target;
use super::{HttpError, Version};

/// A parser's failure; carries the error that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault(Option<HttpError>);

type Read<'a, O> = IResult<&'a [u8], O, Fault>;

impl<'a> ParseError<&'a [u8]> for Fault {
    fn from_error_kind(_: &'a [u8], _: ErrorKind) -> Self {
        Self(None)
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Gives a parser's failure its error.
pub(super) fn or<'a, O>(
    error: HttpError,
    mut parser: impl Parser<&'a [u8], Output = O, Error = Fault>,
) -> impl Parser<&'a [u8], Output = O, Error = Fault> {
    move |input| {
        parser.parse(input).map_err(|failure: Err<Fault>| match failure {
            Err::Error(Fault(None)) => Err::Error(Fault(Some(error))),
            other => other,
        })
    }
}

pub(super) fn fail<O>(error: HttpError) -> Result<O, Err<Fault>> {
    Err(Err::Error(Fault(Some(error))))
}

/// Reads a whole line; `error` is for what is left over.
pub(super) fn whole<'a, O>(
    line: &'a [u8],
    error: HttpError,
    mut parser: impl Parser<&'a [u8], Output = O, Error = Fault>,
) -> Result<O, HttpError> {
    match parser.parse(line) {
        Ok(([], output)) => Ok(output),
        Ok(_) | Err(Err::Incomplete(_)) => Err(error),
        Err(Err::Error(Fault(fault)) | Err::Failure(Fault(fault))) => Err(fault.unwrap_or(error)),
    }
}

/// `tchar` of RFC 9110, section 5.6.2.
pub(super) const fn is_token(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

/// What a field's value or a reason phrase may have: visible ASCII, space, tab, and bytes beyond ASCII.
pub(super) const fn is_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// Visible ASCII.
pub(super) const fn is_target(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~')
}

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A value without the white space around it.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let start = value
        .iter()
        .position(|byte| !is_blank(*byte))
        .unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(|byte| !is_blank(*byte))
        .map_or(start, |at| at + 1);
    value.get(start..end).unwrap_or_default()
}

/// A token, which may be empty.
pub(super) fn token(input: &[u8]) -> Read<'_, &[u8]> {
    take_while(is_token).parse(input)
}

/// Method, target and version.
pub(super) fn request_line(line: &[u8]) -> Result<(&[u8], &[u8], Version), HttpError> {
    if line == b"PRI * HTTP/2.0" {
        return Err(HttpError::Http2Preface);
    }
    if line.first().copied().is_some_and(is_blank) {
        return Err(HttpError::RequestLine);
    }
    whole(line, HttpError::RequestLine, |input| {
        let (input, method) = token(input)?;
        match input.first() {
            None => return fail(HttpError::RequestLine),
            Some(b' ') if !method.is_empty() => {}
            Some(_) => return fail(HttpError::Method),
        }
        let (input, _) = tag(&b" "[..]).parse(input)?;
        let (input, target) = take_while(|byte| byte != b' ').parse(input)?;
        if target.is_empty() {
            return fail(HttpError::RequestLine);
        }
        if let Err(error) = check_target(target) {
            return fail(error);
        }
        let (input, _) = or(HttpError::Http09, tag(&b" "[..])).parse(input)?;
        let (input, version) = rest(input)?;
        match Version::parse(version) {
            Some(version) => Ok((input, (method, target, version))),
            // The last word is a version: the words before it were meant for the target.
            None if version
                .rsplit(|byte| *byte == b' ')
                .next()
                .and_then(Version::parse)
                .is_some() =>
            {
                fail(HttpError::TargetByte)
            }
            None => fail(HttpError::Version),
        }
    })
}

/// Version, status and reason. The space before an empty reason may be missing: many servers leave it out.
pub(super) fn status_line(line: &[u8]) -> Result<(Version, u16, &[u8]), HttpError> {
    whole(line, HttpError::StatusLine, |input| {
        let (input, version) = take_while(|byte| byte != b' ').parse(input)?;
        let Some(version) = Version::parse(version) else {
            return fail(HttpError::Version);
        };
        let (input, _) = tag(&b" "[..]).parse(input)?;
        let (input, digits) = take_while(|byte| byte != b' ').parse(input)?;
        let status = match digits {
            [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => digits
                .iter()
                .fold(0, |sum, digit| sum * 10 + u16::from(*digit - b'0')),
            _ => return fail(HttpError::Status),
        };
        let (input, reason) = rest(input)?;
        let reason = reason.strip_prefix(b" ").unwrap_or(reason);
        if !reason.iter().copied().all(is_value) {
            return fail(HttpError::Reason);
        }
        Ok((input, (version, status, reason)))
    })
}

/// Name and value of a field; the value with the white space around it.
pub(super) fn field_line(line: &[u8]) -> Result<(&[u8], &[u8]), HttpError> {
    whole(line, HttpError::Name, |input| {
        let (input, name) = token(input)?;
        let (input, _) = or(fault_of_name(name, input), tag(&b":"[..])).parse(input)?;
        if name.is_empty() {
            return fail(HttpError::EmptyName);
        }
        let (input, value) = rest(input)?;
        if !value.iter().copied().all(is_value) {
            return fail(HttpError::Value);
        }
        Ok((input, (name, value)))
    })
}

/// What is wrong if no colon comes where the name ended.
fn fault_of_name(name: &[u8], input: &[u8]) -> HttpError {
    if !input.contains(&b':') {
        return HttpError::NoColon;
    }
    let after = input.iter().position(|byte| !is_blank(*byte)).unwrap_or_default();
    match input.get(after) {
        Some(b':') if !name.is_empty() => HttpError::SpaceBeforeColon,
        Some(b':') => HttpError::EmptyName,
        _ => HttpError::Name,
    }
}
