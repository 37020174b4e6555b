//! PostgreSQL: masked values that are still values of their type, in text and in binary.
//!
//! The forms are those of the server's own output and receive functions (`src/backend/utils/adt`), which the tests ask a
//! running server about.

use bytes::BytesMut;

pub use crate::outcome::{Detected, Masked};
pub use identifier::identifier;

use crate::{Detection, Mask, shown};
use types::{Kind, Known};

mod binary;
pub mod copy;
mod identifier;
mod inside;
mod read;
mod text;
mod types;

/// The format of a value on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Format code 0: as the type's output function writes it, without a terminator.
    Text,
    /// Format code 1: as the type's send function writes it.
    Binary,
}

/// Appends the masked form of a non-NULL value.
///
/// A mask that the type can't follow redacts. The type is the one that RowDescription names, hence a base type where the
/// column is of a domain. Types that are not PostgreSQL's own (enums, composites, those of extensions) become NULL: what
/// is valid for them is known only to the server's catalogue, and NULL is the one value that all types share. A caller who knows that
/// such a type is a text in disguise (citext) may pass the OID of text, 25.
///
/// Dates in text are understood in the ISO `DateStyle`; generalise and shift-date redact those of another style.
/// `client_encoding` is taken to be UTF-8: in another, partial shows stars only where the ends are not also UTF-8.
pub fn mask(mask: &Mask, type_oid: u32, format: Format, value: &[u8], out: &mut BytesMut) -> Masked {
    match types::lookup(type_oid) {
        Some(Known::Scalar(of)) => {
            let shown = shown::decide(
                mask,
                of.kind.sort(),
                &read::Raw {
                    kind: of.kind,
                    format,
                    value,
                },
            );
            match format {
                Format::Text => text::write(&shown, of, value, out),
                Format::Binary => binary::write(&shown, of, value, out),
            }
        }
        Some(Known::Array(_)) if *mask == Mask::Null => Masked::Null,
        Some(Known::Array(element)) => empty_array(element.oid, format, out),
        None => Masked::Null,
    }
}

/// Appends the type's harmless constant, as [`Mask::Redact`] shows it, without any value: for what may tell nothing of itself,
/// neither its length nor whether it is NULL. Where Redact looks at the value (the number of bits of a bit string, the currency
/// sign of money, `bytea_output`, the element type of an anyarray), this has one answer for all.
///
/// [`Masked::Null`] for types without such a constant: those that are not PostgreSQL's own, records, and a few that no client can
/// make a value of.
pub fn blank(type_oid: u32, format: Format, out: &mut BytesMut) -> Masked {
    match types::lookup(type_oid) {
        // Has a binary form only together with an element type.
        Some(Known::Scalar(of)) if of.kind == Kind::AnyArray => empty_array(types::TEXT, format, out),
        Some(Known::Scalar(of)) => {
            let constant = match format {
                Format::Text => of.text,
                Format::Binary => of.binary,
            };
            constant.map_or(Masked::Null, |constant| {
                out.extend_from_slice(constant);
                Masked::Value
            })
        }
        Some(Known::Array(element)) => empty_array(element.oid, format, out),
        None => Masked::Null,
    }
}

fn empty_array(element: u32, format: Format, out: &mut BytesMut) -> Masked {
    match format {
        Format::Text => out.extend_from_slice(b"{}"),
        Format::Binary => binary::empty_array(element, out),
    }
    Masked::Value
}

/// Whether values of the type are text that detectors look into as it is: text and its kin, JSON, XML, and the types that are
/// not PostgreSQL's own (among them citext and enums). [`detect`] looks into arrays and records of these as well.
pub fn is_text_like(type_oid: u32) -> bool {
    match types::lookup(type_oid) {
        Some(Known::Scalar(of)) => of.kind.is_text_like(),
        Some(Known::Array(_)) => false,
        None => true,
    }
}

/// Looks for what the detectors know in a non-NULL value, and appends the value with the hits replaced if there are any,
/// still a value of its type: JSON stays JSON, arrays and records stay what they are. Numbers, dates and the like are not
/// looked into. Calls `on_hit` with a detector's name for each hit.
pub fn detect(
    detection: &Detection,
    type_oid: u32,
    format: Format,
    value: &[u8],
    out: &mut BytesMut,
    mut on_hit: impl FnMut(&str),
) -> Detected {
    inside::detect(detection, type_oid, format, value, out, &mut on_hit, 0)
}

/// Whether [`detect`] can find anything in values of the type.
pub fn is_searched(type_oid: u32) -> bool {
    match types::lookup(type_oid) {
        Some(Known::Scalar(of) | Known::Array(of)) => {
            of.kind.is_text_like() || matches!(of.kind, Kind::Record | Kind::AnyArray)
        }
        None => true,
    }
}

#[cfg(test)]
mod tests;
