//! Detectors in values of every type that holds text.

use bytes::{BufMut as _, BytesMut};

use super::{
    Detected, Format,
    types::{self, Kind, Known},
};
use crate::{
    Detection,
    inside::{document, opaque, plain},
};

/// Arrays of records of arrays … no deeper than this. Deeper ones are NULL.
const DEPTH: u32 = 16;

pub(super) fn detect(
    detection: &Detection,
    type_oid: u32,
    format: Format,
    value: &[u8],
    out: &mut BytesMut,
    on_hit: &mut dyn FnMut(&str),
    depth: u32,
) -> Detected {
    if detection.is_empty() {
        return Detected::Clean;
    }
    let start = out.len();
    let detected = match (types::lookup(type_oid), format) {
        (Some(Known::Scalar(of)), _) if of.kind.is_plain_text() => plain(detection, value, out, on_hit),
        (Some(Known::Scalar(of)), _) if of.kind == Kind::Json => document(detection, value, out, on_hit),
        (Some(Known::Scalar(of)), _) if of.kind == Kind::Xml => syntax(detection, value, out, on_hit),
        (Some(Known::Scalar(of)), Format::Text) if of.kind == Kind::Jsonb => {
            document(detection, value, out, on_hit)
        }
        (Some(Known::Scalar(of)), Format::Binary) if of.kind == Kind::Jsonb => {
            let Some((version, text)) = value.split_first() else {
                return Detected::Clean;
            };
            out.put_u8(*version);
            let detected = document(detection, text, out, on_hit);
            if *version != 1 && detected != Detected::Clean {
                Detected::Null
            } else {
                detected
            }
        }
        (Some(Known::Scalar(of) | Known::Array(of)), _)
            if !of.kind.is_text_like() && !matches!(of.kind, Kind::AnyArray | Kind::Record) =>
        {
            return Detected::Clean;
        }
        // Documents within an array's quotes: what is found in one can't be replaced without reading it.
        (Some(Known::Array(of)), Format::Text) if matches!(of.kind, Kind::Json | Kind::Jsonb) => {
            opaque(detection, value, on_hit)
        }
        (Some(Known::Scalar(_) | Known::Array(_)) | None, Format::Text) => {
            syntax(detection, value, out, on_hit)
        }
        (Some(Known::Scalar(of)), Format::Binary) if of.kind == Kind::Record => {
            let known = record(detection, value, out, on_hit, depth);
            known.unwrap_or_else(|| opaque(detection, value, on_hit))
        }
        (Some(Known::Scalar(_) | Known::Array(_)), Format::Binary) => {
            let known = array(detection, value, out, on_hit, depth);
            known.unwrap_or_else(|| opaque(detection, value, on_hit))
        }
        // An enum or citext is its text; a composite is no text, for the zeros in its counts and lengths.
        (None, Format::Binary) if !value.contains(&0) => plain(detection, value, out, on_hit),
        (None, Format::Binary) => opaque(detection, value, on_hit),
    };
    if detected != Detected::Replaced {
        out.truncate(start);
    }
    detected
}

/// A text with a syntax: arrays and composites (quotes, braces, brackets, commas, backslashes), XML. A replacement goes in
/// only if it is free of syntax, and [`Mask::Redact`](crate::Mask::Redact)'s text otherwise.
fn syntax(detection: &Detection, text: &[u8], out: &mut BytesMut, on_hit: &mut dyn FnMut(&str)) -> Detected {
    let is_syntax = |c: &u8| {
        c.is_ascii_whitespace()
            || matches!(
                c,
                b'"' | b'\\' | b'{' | b'}' | b'(' | b')' | b',' | b'<' | b'>' | b'&'
            )
    };
    let hits = detection.find(text);
    let mut rest = 0;
    for hit in &hits {
        let Some(found) = text.get(hit.range.clone()) else {
            return Detected::Null;
        };
        // Without its quote or bracket the value would be another.
        if found
            .iter()
            .any(|c| matches!(c, b'"' | b'\\' | b'{' | b'}' | b'<' | b'>'))
        {
            return Detected::Null;
        }
        out.put_slice(text.get(rest..hit.range.start).unwrap_or_default());
        let start = out.len();
        detection.replace(hit, found, out);
        if out.get(start..).unwrap_or_default().iter().any(is_syntax) {
            out.truncate(start);
            out.put_slice(crate::plain::REDACTED);
        }
        on_hit(detection.name(hit));
        rest = hit.range.end;
    }
    out.put_slice(text.get(rest..).unwrap_or_default());
    if hits.is_empty() {
        Detected::Clean
    } else {
        Detected::Replaced
    }
}

/// `array_send`: dimensions, whether it has NULLs, element type; size and lower bound of each dimension; elements with
/// their lengths. `None` if it isn't that.
fn array(
    detection: &Detection,
    value: &[u8],
    out: &mut BytesMut,
    on_hit: &mut dyn FnMut(&str),
    depth: u32,
) -> Option<Detected> {
    let (&dimensions, rest) = value.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let (&element, rest) = rest.split_first_chunk::<4>()?;
    // The server knows six at most (MAXDIM).
    let dimensions = usize::try_from(u32::from_be_bytes(dimensions))
        .ok()
        .filter(|n| *n <= 6)?;
    let (_, mut rest) = rest.split_at_checked(dimensions * 8)?;
    out.put_slice(value.get(..value.len() - rest.len())?);
    let mut found = Detected::Clean;
    while !rest.is_empty() {
        rest = field(
            detection,
            u32::from_be_bytes(element),
            rest,
            out,
            on_hit,
            depth,
            &mut found,
        )?;
    }
    Some(found)
}

/// `record_send`: the number of fields; type, length and value of each. `None` if it isn't that.
fn record(
    detection: &Detection,
    value: &[u8],
    out: &mut BytesMut,
    on_hit: &mut dyn FnMut(&str),
    depth: u32,
) -> Option<Detected> {
    let (count, mut rest) = value.split_first_chunk::<4>()?;
    out.put_slice(count);
    let mut found = Detected::Clean;
    for _ in 0..u32::from_be_bytes(*count) {
        let (type_oid, field_and_rest) = rest.split_first_chunk::<4>()?;
        out.put_slice(type_oid);
        rest = field(
            detection,
            u32::from_be_bytes(*type_oid),
            field_and_rest,
            out,
            on_hit,
            depth,
            &mut found,
        )?;
    }
    rest.is_empty().then_some(found)
}

/// A value after its length, which is -1 for NULL. Returns what follows it.
fn field<'a>(
    detection: &Detection,
    type_oid: u32,
    text: &'a [u8],
    out: &mut BytesMut,
    on_hit: &mut dyn FnMut(&str),
    depth: u32,
    found: &mut Detected,
) -> Option<&'a [u8]> {
    let (length, rest) = text.split_first_chunk::<4>()?;
    let Ok(size) = usize::try_from(i32::from_be_bytes(*length)) else {
        out.put_slice(length);
        return Some(rest);
    };
    let (value, rest) = rest.split_at_checked(size)?;
    let start = out.len();
    out.put_slice(length);
    let detected = if depth < DEPTH {
        detect(detection, type_oid, Format::Binary, value, out, on_hit, depth + 1)
    } else {
        opaque(detection, value, on_hit)
    };
    match detected {
        Detected::Clean => out.put_slice(value),
        Detected::Replaced => {
            *found = Detected::Replaced;
            let length = i32::try_from(out.len() - start - 4).ok()?;
            out.get_mut(start..start + 4)?
                .copy_from_slice(&length.to_be_bytes());
        }
        // A field of a composite may be NULL as well as the whole.
        Detected::Null => {
            *found = Detected::Replaced;
            out.truncate(start);
            out.put_i32(-1);
        }
    }
    Some(rest)
}
