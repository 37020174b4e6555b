//! From the bytes that a client received to something to look at.

mod http;
mod mysql;
mod postgres;

use interdict_record::Frame;
use serde::Serialize;

/// Cells longer than this are shown in part.
const CELL: usize = 4 << 10;
/// Rows of one result that are shown. The bytes have them all.
const ROWS: usize = 10_000;

/// One thing that a client was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// A result.
    Table(Table),
    /// A success without rows, in the service's words.
    Done(String),
    /// A notice or a warning.
    Note(String),
    /// An error, the proxy's refusals among them.
    Error(String),
    /// Text, such as the head or the body of an HTTP answer.
    Text(String),
    /// Bytes that are not kept: beyond what is kept of one answer, or shown unmasked by a grant.
    Missing {
        /// How many.
        bytes: u64,
        /// A grant had lifted masks.
        withheld: bool,
        /// Their SHA-256, of what was withheld.
        digest: Option<String>,
    },
    /// Bytes that don't read as the protocol's.
    Bytes(u64),
}

/// A result's rows as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Names.
    pub columns: Vec<String>,
    /// Cells; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows besides, that are not shown.
    pub more: u64,
}

impl Table {
    fn push(&mut self, row: Vec<Option<String>>) {
        if self.rows.len() < ROWS {
            self.rows.push(row);
        } else {
            self.more += 1;
        }
    }
}

/// Reads one session's bytes.
pub(crate) enum Decoder {
    Postgres(postgres::Decoder),
    Mysql(mysql::Decoder),
    Http(http::Decoder),
    /// Nothing is known of it.
    Other(u64, Vec<Shown>),
}

impl Decoder {
    pub(crate) fn new(protocol: &str) -> Self {
        match protocol {
            "postgres" => Self::Postgres(postgres::Decoder::default()),
            "mysql" => Self::Mysql(mysql::Decoder::default()),
            "http" => Self::Http(http::Decoder::default()),
            _ => Self::Other(0, Vec::new()),
        }
    }

    /// The answer to another statement begins. `labels`: of its result, as the record has them.
    pub(crate) fn begin(&mut self, labels: Vec<String>) {
        match self {
            Self::Postgres(decoder) => decoder.begin(labels),
            Self::Mysql(_) | Self::Http(_) | Self::Other(..) => {}
        }
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        match self {
            Self::Postgres(decoder) => decoder.take(bytes),
            Self::Mysql(decoder) => decoder.take(bytes),
            Self::Http(decoder) => decoder.take(bytes),
            Self::Other(count, _) => *count += bytes.len() as u64,
        }
    }

    /// What follows is not there. The next answer begins with a message of its own.
    pub(crate) fn missing(&mut self, frame: &Frame) {
        let missing = Shown::Missing {
            bytes: frame.length.saturating_sub(frame.payload.len() as u64),
            withheld: frame.flags.iter().any(|flag| flag == "withheld"),
            digest: frame.digest.clone(),
        };
        match self {
            Self::Postgres(decoder) => decoder.missing(missing),
            Self::Mysql(decoder) => decoder.missing(missing),
            Self::Http(decoder) => decoder.missing(missing),
            Self::Other(_, shown) => shown.push(missing),
        }
    }

    /// What came since the last time.
    pub(crate) fn shown(&mut self) -> Vec<Shown> {
        match self {
            Self::Postgres(decoder) => decoder.shown(),
            Self::Mysql(decoder) => decoder.shown(),
            Self::Http(decoder) => decoder.shown(),
            Self::Other(count, shown) => {
                let mut all = std::mem::take(shown);
                if std::mem::take(count) > 0 {
                    all.push(Shown::Bytes(*count));
                }
                all
            }
        }
    }
}

/// A cell's bytes as text, not too long.
fn cell(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => hex(bytes),
    };
    clip(text)
}

fn clip(mut text: String) -> String {
    use std::fmt::Write as _;
    if text.len() > CELL {
        let mut end = CELL;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let left = text.len() - end;
        text.truncate(end);
        let _ = write!(text, "… ({left} bytes more)");
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = format!("\\x{}", hex::encode(bytes.get(..CELL).unwrap_or(bytes)));
    if bytes.len() > CELL {
        let _ = write!(text, "… ({} bytes more)", bytes.len() - CELL);
    }
    text
}
