//! What a session's client was sent, read back.

use std::path::Path;

use interdict_record::{Frame, Micros};
use uuid::Uuid;

use crate::AuditError;
use crate::scan::{Filter, Scan, scan};
use crate::segment::read::Cells;
use crate::table::Table;
use crate::value::Value;

/// A clock that was set back since a session began, in microseconds: how far before its beginning its frames may be dated.
const SET_BACK: Micros = 86_400_000_000;

/// The frames of a session, in the order in which they were sent.
pub struct Frames(Scan);

/// Reads the frames of a session.
///
/// # Errors
/// The directory or its journal can't be read. What is wrong with a segment comes as an item.
pub fn frames(directory: &Path, session_id: Uuid) -> Result<Frames, AuditError> {
    let mut filter = Filter::new(Table::Frames);
    filter.session_id = Some(session_id);
    filter.from = began(session_id).map(|began| began.saturating_sub(SET_BACK));
    scan(directory, filter).map(Frames)
}

/// When a session began, as its identifier (UUIDv7) tells.
pub(crate) fn began(session_id: Uuid) -> Option<Micros> {
    let (seconds, nanoseconds) = session_id.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    micros.checked_add(i64::from(nanoseconds / 1000))
}

impl Iterator for Frames {
    type Item = Result<Frame, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.step().map(|cells| cells.map(frame)).transpose()
    }
}

fn frame(cells: Cells) -> Frame {
    let mut frame = Frame::default();
    for (name, value) in cells {
        match (name.as_str(), value) {
            ("session_id", value) => frame.session_id = id(&value).unwrap_or_default(),
            ("statement_id", value) => frame.statement_id = id(&value),
            ("ordinal", value) => frame.ordinal = count(&value),
            ("length", value) => frame.length = count(&value),
            ("at", value) => frame.at = value.as_integer().unwrap_or_default(),
            ("direction", Value::Text(direction)) => frame.direction = direction,
            ("digest", Value::Text(digest)) => frame.digest = Some(digest),
            ("payload", Value::Blob(payload)) => frame.payload = payload,
            ("flags", Value::List(flags)) => {
                frame.flags = flags
                    .iter()
                    .filter_map(|flag| flag.as_text().map(str::to_owned))
                    .collect();
            }
            _ => {}
        }
    }
    frame
}

fn id(value: &Value) -> Option<Uuid> {
    value.as_bytes().and_then(|bytes| Uuid::from_slice(bytes).ok())
}

fn count(value: &Value) -> u64 {
    value
        .as_integer()
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or_default()
}
