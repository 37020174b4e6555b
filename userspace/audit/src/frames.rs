//! What a session's client was sent, read back.

use std::path::Path;

use interdict_record::Frame;
use uuid::Uuid;

use crate::AuditError;
use crate::scan::{Filter, Scan, scan};
use crate::segment::read::Cells;
use crate::table::Table;
use crate::value::Value;

/// The frames of a session, in the order in which they were sent.
pub struct Frames(Scan);

/// Reads the frames of a session.
///
/// # Errors
/// The directory or its journal can't be read. What is wrong with a segment comes as an item.
pub fn frames(directory: &Path, session_id: Uuid) -> Result<Frames, AuditError> {
    scan(directory, Filter::of_session(Table::Frames, session_id)).map(Frames)
}

impl Frames {
    pub(crate) fn new(scan: Scan) -> Self {
        Self(scan)
    }
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
