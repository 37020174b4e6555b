//! MySQL and MariaDB: masked values that are still values of their type.
//!
//! Values are taken and given as text rows have them. Those of binary rows are turned into text before and back after: what
//! is given here is in range for its type, so that it can be.
//!
//! Texts are taken to be UTF-8. In another character set that has ASCII as a part (latin1, gbk, …) they are bytes: detectors
//! find what is ASCII, partial shows stars only where the ends are not also UTF-8, a fixed text goes out in UTF-8.
//! In UTF-16 and the like, which a client can ask for at any time, there are no masked texts: they become NULL.

use bytes::BytesMut;

pub use crate::outcome::{Detected, Masked};
pub use types::Type;

use crate::{
    Detection, Mask, inside,
    shown::{self, Shown},
};
use types::Kind;

mod read;
mod types;
mod wide;
mod write;

/// Appends the masked form of a non-NULL value.
///
/// A mask that the type can't follow redacts. Types of which no harmless value is known become NULL: geometries, vectors,
/// MariaDB's data types that are not named in [`Type::with_format`], numbers of types that no server sends.
///
/// The harmless values: `[redacted]`, 0, `{}`, 0001-01-01, midnight, year 0000, the zero UUID and address; for a TIMESTAMP,
/// which has no such year, 1970-01-02; as many zero bits; nothing for bytes, and for ENUM and SET, where the server itself
/// shows nothing for what is no member. All other masks treat bytes, ENUM and SET as text.
pub fn mask(mask: &Mask, of: Type, text: &[u8], out: &mut BytesMut) -> Masked {
    let kind = seen(of, text);
    let shown = match kind {
        Kind::Year if *mask != Mask::Null => {
            read::year(mask, text).map_or(Shown::Redacted, |year| Shown::Integer(year.into()))
        }
        _ => shown::decide(mask, kind.sort(), &read::Text { kind, text }),
    };
    write::write(&shown, kind, text, out)
}

/// Appends the type's harmless constant, as [`Mask::Redact`] shows it, without any value: for what may tell nothing of itself,
/// neither its length nor whether it is NULL. The one difference is BIT, of which this makes eight bits.
///
/// [`Masked::Null`] for types without such a constant.
pub fn blank(of: Type, out: &mut BytesMut) -> Masked {
    let Some(constant) = of.kind().constant() else {
        return Masked::Null;
    };
    out.extend_from_slice(constant);
    Masked::Value
}

/// Looks for what the detectors know in a non-NULL value, and appends the value with the hits replaced if there are any,
/// still a value of its type: JSON stays JSON. Numbers, dates and the like are not looked into. Calls `on_hit` with a
/// detector's name for each hit.
///
/// Bytes are looked into as well, as any text is cast to them with a word: replaced where they are UTF-8, NULL with a hit
/// where they are not, and there nobody else is asked for a second opinion.
pub fn detect(
    detection: &Detection,
    of: Type,
    text: &[u8],
    out: &mut BytesMut,
    mut on_hit: impl FnMut(&str),
) -> Detected {
    if detection.is_empty() {
        return Detected::Clean;
    }
    let on_hit: &mut dyn FnMut(&str) = &mut on_hit;
    let start = out.len();
    let detected = match seen(of, text) {
        Kind::Text | Kind::Padded | Kind::Choice | Kind::Foreign => {
            inside::plain(detection, text, out, on_hit)
        }
        Kind::Json => inside::document(detection, text, out, on_hit),
        Kind::Bytes if std::str::from_utf8(text).is_ok() => inside::plain(detection, text, out, on_hit),
        Kind::Bytes if detection.is_consulting() => Detected::Clean,
        Kind::Bytes => inside::opaque(detection, text, on_hit),
        Kind::Wide(units) => inside::opaque(detection, wide::utf8(units, text).as_bytes(), on_hit),
        _ => Detected::Clean,
    };
    if detected != Detected::Replaced {
        out.truncate(start);
    }
    detected
}

/// Appends the text of a non-NULL value that identifies somebody, the same for the column in whatever format and character set it is
/// sent: numbers without leading zeros (`ZEROFILL` shows in text alone), wide characters in UTF-8. False for types of which
/// nothing is known.
pub fn identifier(of: Type, text: &[u8], out: &mut BytesMut) -> bool {
    match seen(of, text) {
        Kind::Opaque => return false,
        Kind::Integer(_) => match std::str::from_utf8(text).map(str::parse::<i128>) {
            Ok(Ok(number)) => out.extend_from_slice(number.to_string().as_bytes()),
            _ => return false,
        },
        Kind::Wide(units) => out.extend_from_slice(wide::utf8(units, text).as_bytes()),
        _ => out.extend_from_slice(text),
    }
    true
}

/// The kind of a value, of which JSON may be wide without the column's definition telling it.
fn seen(of: Type, text: &[u8]) -> Kind {
    match of.kind() {
        Kind::Json => wide::units_of_document(text).map_or(Kind::Json, Kind::Wide),
        kind => kind,
    }
}

/// Whether [`detect`] can find anything in values of the type.
pub fn is_searched(of: Type) -> bool {
    matches!(
        of.kind(),
        Kind::Text | Kind::Padded | Kind::Choice | Kind::Foreign | Kind::Json | Kind::Bytes | Kind::Wide(_)
    )
}

#[cfg(test)]
mod tests;
