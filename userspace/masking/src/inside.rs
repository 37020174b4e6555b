//! Detectors in values, whatever the protocol.

use bytes::BytesMut;

use crate::{Detected, Detection, json};

/// A text without any structure.
pub(crate) fn plain(
    detection: &Detection,
    text: &[u8],
    out: &mut BytesMut,
    on_hit: &mut dyn FnMut(&str),
) -> Detected {
    if detection.redact(text, out, on_hit) {
        Detected::Replaced
    } else {
        Detected::Clean
    }
}

/// JSON.
pub(crate) fn document(
    detection: &Detection,
    text: &[u8],
    out: &mut BytesMut,
    on_hit: &mut dyn FnMut(&str),
) -> Detected {
    match json::redact(detection, text, out, on_hit) {
        Some(true) => Detected::Replaced,
        Some(false) => Detected::Clean,
        None => Detected::Null,
    }
}

/// A binary form that is not known: what is found can't be replaced, as there may be a length before it.
pub(crate) fn opaque(detection: &Detection, value: &[u8], on_hit: &mut dyn FnMut(&str)) -> Detected {
    let hits = detection.find(value);
    hits.iter().for_each(|hit| on_hit(detection.name(hit)));
    if hits.is_empty() {
        Detected::Clean
    } else {
        Detected::Null
    }
}
