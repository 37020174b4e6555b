//! What a body is whose label says little.

use std::sync::Arc;

use bytes::BytesMut;
use interdict_masking::body::{Body, BodyPlan, Kind, Limits, Tally, Unknown};

use super::{Inner, Unshown, known};

/// How many bytes decide.
const SNIFFED: usize = 4 << 10;

/// By its first bytes: JSON, lines of JSON, markup, and rows in which the plan finds something; else text; or anything, in which
/// nothing can be replaced without breaking it. `part`: what came before is not there.
pub(super) fn sniff(piece: &[u8], part: bool, plan: &Arc<BodyPlan>) -> Result<Inner, Unshown> {
    let Some(text) = text_of(piece) else {
        return binary(piece, part, plan);
    };
    if part {
        return Err(Unshown::Part);
    }
    if plan.names_values() || plan.everything() {
        let start = text.trim_start();
        if start.starts_with(['{', '[']) {
            for kind in [Kind::Json, Kind::NdJson] {
                if read_as(&kind, text, plan).is_some() {
                    return Ok(known(kind, plan));
                }
            }
        }
        if start.starts_with('<') {
            return Ok(known(Kind::Xml, plan));
        }
        let rows = Kind::Csv { delimiter: None };
        let named = |tally: Tally| !tally.masked.is_empty();
        if text.contains([',', ';', '\t']) && read_as(&rows, text, plan).is_some_and(named) {
            return Ok(known(rows, plan));
        }
    }
    Ok(known(Kind::Text, plan))
}

fn binary(piece: &[u8], part: bool, plan: &Arc<BodyPlan>) -> Result<Inner, Unshown> {
    if plan.everything() {
        return Err(Unshown::Unknown("binary data".to_owned()));
    }
    if plan.unknown() == Unknown::Detect && is_packed(piece) {
        return Err(Unshown::Packed);
    }
    match plan.unknown() {
        Unknown::Pass => Ok(Inner::Pass),
        // A value can begin in one part and end in another.
        Unknown::Detect if part => Err(Unshown::Part),
        Unknown::Detect => Ok(Inner::Known {
            body: Body::new(Kind::Text, Arc::clone(plan), Limits::default()),
            counts_lines: false,
            named: false,
            watched: true,
            mentions: None,
        }),
        Unknown::Deny => Err(Unshown::Unknown("binary data".to_owned())),
    }
}

/// Whether the bytes begin as compressed data does, or an archive: detectors see nothing in such.
fn is_packed(piece: &[u8]) -> bool {
    const SIGNS: [&[u8]; 9] = [
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
        b"BZh",
        b"\xfd7zXZ\0",
        b"PK\x03\x04",
        b"7z\xbc\xaf\x27\x1c",
        b"PAR1",
        b"Rar!",
        b"\x04\x22\x4d\x18",
    ];
    SIGNS.iter().any(|sign| piece.starts_with(sign))
}

/// The beginning, if it is text.
fn text_of(piece: &[u8]) -> Option<&str> {
    let first = piece.get(..SNIFFED).unwrap_or(piece);
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        // A character that the cut goes through.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(first.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}');
    text.chars().all(is_text).then_some(text)
}

/// What is found in the beginning if it is read so; `None` if it can't be.
fn read_as(kind: &Kind, text: &str, plan: &Arc<BodyPlan>) -> Option<Tally> {
    let mut tally = Tally::default();
    let mut body = Body::new(kind.clone(), Arc::clone(plan), Limits::default());
    let read = body.push(text.as_bytes(), &mut BytesMut::new(), &mut tally);
    read.is_ok().then_some(tally)
}
