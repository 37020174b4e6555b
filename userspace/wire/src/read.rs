//! What the protocols have in common, as nom parsers over a framed body. Each knows the name of its field, so that an
//! error says where the body went wrong.

use nom::bytes::complete::take;
use nom::error::{ErrorKind, ParseError};
use nom::number::complete::u8;
use nom::{Err, IResult, Parser};

use crate::WireError;

pub(crate) type Read<'a, O> = IResult<&'a [u8], O, Fault>;

/// What a field parser found wrong; [`whole`] adds the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Short(&'static str),
    Invalid(&'static str),
    NotUtf8(&'static str),
}

impl Fault {
    fn of(self, message: &'static str) -> WireError {
        match self {
            Self::Short(field) => WireError::Short { message, field },
            Self::Invalid(field) => WireError::Invalid { message, field },
            Self::NotUtf8(field) => WireError::NotUtf8 { message, field },
        }
    }
}

/// Required by nom's combinators; every primitive below names its own fault.
impl<'a> ParseError<&'a [u8]> for Fault {
    fn from_error_kind(_: &'a [u8], _: ErrorKind) -> Self {
        Self::Short("a field")
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Reads a whole body: what the parser leaves over is an error.
pub(crate) fn whole<'a, O>(
    message: &'static str,
    body: &'a [u8],
    mut parser: impl Parser<&'a [u8], Output = O, Error = Fault>,
) -> Result<O, WireError> {
    match parser.parse(body) {
        Ok(([], output)) => Ok(output),
        Ok((rest, _)) => Err(WireError::Trailing {
            message,
            bytes: rest.len(),
        }),
        Err(Err::Error(fault) | Err::Failure(fault)) => Err(fault.of(message)),
        // Complete parsers never ask for more.
        Err(Err::Incomplete(_)) => Err(WireError::Short {
            message,
            field: "a field",
        }),
    }
}

/// Checks that a body is empty.
pub(crate) fn nothing(message: &'static str, body: &[u8]) -> Result<(), WireError> {
    whole(message, body, |input| Ok((input, ())))
}

/// A fault that is not a lack of bytes.
pub(crate) fn invalid<O>(field: &'static str) -> Result<O, Err<Fault>> {
    Err(Err::Error(Fault::Invalid(field)))
}

/// Gives a parser's failure the name of the field.
pub(crate) fn named<'a, O>(
    field: &'static str,
    mut parser: impl Parser<&'a [u8], Output = O, Error = ()>,
) -> impl Parser<&'a [u8], Output = O, Error = Fault> {
    move |input| parser.parse(input).map_err(|_| Err::Error(Fault::Short(field)))
}

/// One byte.
#[inline]
pub(crate) fn byte<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = u8, Error = Fault> {
    named(field, u8)
}

/// `count` bytes.
#[inline]
pub(crate) fn bytes<'a>(
    field: &'static str,
    count: usize,
) -> impl Parser<&'a [u8], Output = &'a [u8], Error = Fault> {
    named(field, take(count))
}

/// String: everything up to a zero byte, which is consumed and not returned.
#[inline]
pub(crate) fn cstring<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = &'a [u8], Error = Fault> {
    move |input: &'a [u8]| {
        let end = memchr::memchr(0, input).ok_or(Err::Error(Fault::Short(field)))?;
        let (rest, text) = bytes(field, end).parse(input)?;
        let (rest, _) = byte(field).parse(rest)?;
        Ok((rest, text))
    }
}

/// String that must be UTF-8.
#[inline]
pub(crate) fn utf8<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = &'a str, Error = Fault> {
    move |input: &'a [u8]| {
        let (rest, text) = cstring(field).parse(input)?;
        let text = str::from_utf8(text).map_err(|_| Err::Error(Fault::NotUtf8(field)))?;
        Ok((rest, text))
    }
}

/// All that is left.
pub(crate) fn rest(input: &[u8]) -> Read<'_, &[u8]> {
    nom::combinator::rest(input)
}
