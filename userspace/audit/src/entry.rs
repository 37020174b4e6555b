//! What a journal entry's bytes hold.
//!
//! Named MessagePack: an entry can be read by a later version whose records have more fields (those carry
//! `#[serde(default)]`), which a positional form could not promise, and it is a quarter smaller and nearly twice as
//! fast to write as JSON. The first byte is the version of this layout, the second says which record it is.

use interdict_record::{
    ApprovalEvent, Event, Frame, GrantEvent, LedgerEntry, PolicyLoaded, Record, SessionDescribed,
    SessionEnded, SessionStarted, StatementEnded, StatementStarted,
};
use serde::{Deserialize, Serialize};

use crate::AuditError;

const VERSION: u8 = 1;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    Opened(Opened),
    Record(Record),
}

/// The journal was opened: who writes from here on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Opened {
    pub(crate) host: String,
    pub(crate) boot_id: String,
}

fn write<T: Serialize>(kind: u8, value: &T, out: &mut Vec<u8>) -> Result<(), AuditError> {
    out.extend_from_slice(&[VERSION, kind]);
    rmp_serde::encode::write_named(out, value).map_err(|error| AuditError::Serialise(error.to_string()))
}

impl Entry {
    /// Appends a record's body.
    pub(crate) fn encode_record(record: &Record, out: &mut Vec<u8>) -> Result<(), AuditError> {
        match record {
            Record::SessionStarted(value) => write(1, value, out),
            Record::SessionDescribed(value) => write(2, value, out),
            Record::SessionEnded(value) => write(3, value, out),
            Record::StatementStarted(value) => write(4, value, out),
            Record::StatementEnded(value) => write(5, value, out),
            Record::PolicyLoaded(value) => write(6, value, out),
            Record::Event(value) => write(7, value, out),
            Record::Ledger(value) => write(8, value, out),
            Record::Approval(value) => write(9, value, out),
            Record::Grant(value) => write(10, value, out),
            Record::Frame(value) => write(11, value, out),
        }
    }

    /// Appends the body.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), AuditError> {
        match self {
            Self::Opened(opened) => write(0, opened, out),
            Self::Record(record) => Self::encode_record(record, out),
        }
    }

    /// Reads a body. The error never quotes the content.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, String> {
        let (&version, rest) = body.split_first().ok_or("an empty entry")?;
        let (&kind, rest) = rest.split_first().ok_or("an entry without a kind")?;
        if version != VERSION {
            return Err(format!(
                "an entry of version {version}; this program reads version {VERSION}"
            ));
        }
        let bad = |_| format!("an entry of kind {kind} that does not read as one");
        let record = match kind {
            0 => {
                return rmp_serde::from_slice::<Opened>(rest)
                    .map(Self::Opened)
                    .map_err(bad);
            }
            1 => Record::SessionStarted(rmp_serde::from_slice::<Box<SessionStarted>>(rest).map_err(bad)?),
            2 => Record::SessionDescribed(rmp_serde::from_slice::<Box<SessionDescribed>>(rest).map_err(bad)?),
            3 => Record::SessionEnded(rmp_serde::from_slice::<Box<SessionEnded>>(rest).map_err(bad)?),
            4 => Record::StatementStarted(rmp_serde::from_slice::<Box<StatementStarted>>(rest).map_err(bad)?),
            5 => Record::StatementEnded(rmp_serde::from_slice::<Box<StatementEnded>>(rest).map_err(bad)?),
            6 => Record::PolicyLoaded(rmp_serde::from_slice::<Box<PolicyLoaded>>(rest).map_err(bad)?),
            7 => Record::Event(rmp_serde::from_slice::<Box<Event>>(rest).map_err(bad)?),
            8 => Record::Ledger(rmp_serde::from_slice::<Box<LedgerEntry>>(rest).map_err(bad)?),
            9 => Record::Approval(rmp_serde::from_slice::<Box<ApprovalEvent>>(rest).map_err(bad)?),
            10 => Record::Grant(rmp_serde::from_slice::<Box<GrantEvent>>(rest).map_err(bad)?),
            11 => Record::Frame(rmp_serde::from_slice::<Box<Frame>>(rest).map_err(bad)?),
            _ => {
                return Err(format!(
                    "an entry of kind {kind}, which this program does not know"
                ));
            }
        };
        Ok(Self::Record(record))
    }
}

#[cfg(test)]
mod tests;
