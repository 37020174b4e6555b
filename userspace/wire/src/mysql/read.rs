//! The field types of MySQL as nom parsers, beside what all protocols have. Numbers are little-endian.

use nom::Parser;
use nom::number::complete::{le_u16, le_u24, le_u32, le_u64};

use crate::read::named;
pub(super) use crate::read::{Fault, Read, byte, bytes, cstring, invalid, nothing, rest, whole};

/// The first byte of a length-encoded value that is NULL, where a value may be.
pub(super) const NULL: u8 = 0xfb;

/// int<2>.
#[inline]
pub(super) fn int16<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = u16, Error = Fault> {
    named(field, le_u16)
}

/// int<3>.
#[inline]
pub(super) fn int24<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = u32, Error = Fault> {
    named(field, le_u24)
}

/// int<4>.
#[inline]
pub(super) fn int32<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = u32, Error = Fault> {
    named(field, le_u32)
}

/// int<8>.
#[inline]
pub(super) fn int64<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = u64, Error = Fault> {
    named(field, le_u64)
}

/// int<lenenc>.
#[inline]
pub(super) fn lenenc_int<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = u64, Error = Fault> {
    move |input: &'a [u8]| {
        let (rest, first) = byte(field).parse(input)?;
        match first {
            0..=0xfa => Ok((rest, u64::from(first))),
            0xfc => int16(field).map(u64::from).parse(rest),
            0xfd => int24(field).map(u64::from).parse(rest),
            0xfe => int64(field).parse(rest),
            _ => invalid(field),
        }
    }
}

/// string<lenenc>.
#[inline]
pub(super) fn lenenc<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = &'a [u8], Error = Fault> {
    move |input: &'a [u8]| {
        let (rest, length) = lenenc_int(field).parse(input)?;
        // What does not fit is longer than the body, too.
        bytes(field, usize::try_from(length).unwrap_or(usize::MAX)).parse(rest)
    }
}

/// string<lenenc> that may be NULL.
#[inline]
pub(super) fn lenenc_or_null<'a>(
    field: &'static str,
) -> impl Parser<&'a [u8], Output = Option<&'a [u8]>, Error = Fault> {
    move |input| read_lenenc_or_null(field, input)
}

/// The same, for rows, which are made of it: what is short is read without a call.
#[inline]
pub(super) fn read_lenenc_or_null<'a>(field: &'static str, input: &'a [u8]) -> Read<'a, Option<&'a [u8]>> {
    match input.split_first() {
        Some((&NULL, rest)) => return Ok((rest, None)),
        Some((&length, rest)) if length < NULL => {
            if let Some((value, rest)) = rest.split_at_checked(usize::from(length)) {
                return Ok((rest, Some(value)));
            }
        }
        _ => {}
    }
    lenenc(field).map(Some).parse(input)
}

/// A text with a length of one byte.
pub(super) fn short_bytes<'a>(
    field: &'static str,
) -> impl Parser<&'a [u8], Output = &'a [u8], Error = Fault> {
    move |input: &'a [u8]| {
        let (rest, length) = byte(field).parse(input)?;
        bytes(field, usize::from(length)).parse(rest)
    }
}

/// A string that a zero byte or the packet's end ends: some clients leave the zero of the last field out.
pub(super) fn cstring_or_rest<'a>(
    field: &'static str,
) -> impl Parser<&'a [u8], Output = &'a [u8], Error = Fault> {
    move |input: &'a [u8]| match memchr::memchr(0, input) {
        Some(_) => cstring(field).parse(input),
        None => rest(input),
    }
}

/// Checks the first byte of a packet.
pub(super) fn tag<'a>(field: &'static str, tag: u8) -> impl Parser<&'a [u8], Output = (), Error = Fault> {
    move |input: &'a [u8]| match byte(field).parse(input)? {
        (rest, found) if found == tag => Ok((rest, ())),
        _ => invalid(field),
    }
}
