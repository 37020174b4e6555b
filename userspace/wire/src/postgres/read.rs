//! The field types of PostgreSQL as nom parsers, beside what all protocols have.

use nom::Parser;
use nom::number::complete::{be_i32, be_u16, be_u32};

use crate::read::named;
pub(super) use crate::read::{Fault, Read, byte, bytes, cstring, invalid, nothing, rest, utf8, whole};

/// Int16, unsigned.
#[inline]
pub(super) fn int16<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = u16, Error = Fault> {
    named(field, be_u16)
}

/// Int32, unsigned.
#[inline]
pub(super) fn int32<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = u32, Error = Fault> {
    named(field, be_u32)
}

/// Int32 length, -1 for NULL, then that many bytes.
#[inline]
pub(super) fn value<'a>(
    field: &'static str,
) -> impl Parser<&'a [u8], Output = Option<&'a [u8]>, Error = Fault> {
    move |input| read_value(field, input)
}

/// The same, for rows, which are made of it: what is as usual is read without a call.
#[inline]
pub(super) fn read_value<'a>(field: &'static str, input: &'a [u8]) -> Read<'a, Option<&'a [u8]>> {
    if let Some((length, rest)) = input.split_first_chunk()
        && let Ok(length) = usize::try_from(i32::from_be_bytes(*length))
        && let Some((value, rest)) = rest.split_at_checked(length)
    {
        return Ok((rest, Some(value)));
    }
    unusual_value(field, input)
}

#[cold]
fn unusual_value<'a>(field: &'static str, input: &'a [u8]) -> Read<'a, Option<&'a [u8]>> {
    let (rest, length) = named(field, be_i32).parse(input)?;
    match usize::try_from(length) {
        Ok(length) => bytes(field, length).map(Some).parse(rest),
        Err(_) if length == -1 => Ok((rest, None)),
        Err(_) => invalid(field),
    }
}
