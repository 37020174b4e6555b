//! A statement as the record has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// One row of the audit's `statements`. Fields are its columns (docs/audit.md).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "a field is the audit's column of the same name")]
pub struct Statement {
    pub statement_id: Uuid,
    /// `None`: its outcome is not known yet.
    pub seq: Option<i64>,
    pub requested_at: Option<jiff::Timestamp>,
    pub decided_at: Option<jiff::Timestamp>,
    pub first_byte_at: Option<jiff::Timestamp>,
    pub ended_at: Option<jiff::Timestamp>,
    pub kind: String,
    pub statement: String,
    pub fingerprint: Option<String>,
    pub parameters: Vec<Option<String>>,
    pub effects: Vec<String>,
    pub relations: Vec<Relation>,
    pub columns: Option<Vec<ResultColumn>>,
    pub complete: Option<bool>,
    pub decision: String,
    pub rule: Option<String>,
    pub message: Option<String>,
    pub policy: Option<String>,
    pub policy_digest: Option<String>,
    pub approval_id: Option<Uuid>,
    pub grant_id: Option<Uuid>,
    pub status: Option<String>,
    pub sqlstate: Option<String>,
    pub rows: Option<i64>,
    pub bytes: Option<i64>,
    pub masked_cells: Option<i64>,
    pub masked_by: Option<BTreeMap<String, i64>>,
    pub trace_id: Option<String>,
    pub flags: Vec<String>,
    pub subjects: Option<Vec<String>>,
}

/// A relation and what was done with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a field is the audit's field of the same name")]
pub struct Relation {
    pub name: String,
    pub access: String,
}

/// An output column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a field is the audit's field of the same name")]
pub struct ResultColumn {
    pub label: String,
    pub origin: Option<String>,
    pub mask: Option<String>,
}

impl Statement {
    pub(crate) fn read(row: Map<String, Value>) -> Result<Self, serde_json::Error> {
        // Columns that don't apply are null, and those are the defaults.
        let row = row.into_iter().filter(|(_, value)| !value.is_null()).collect();
        serde_json::from_value(Value::Object(row))
    }

    /// Whether it did not run as asked.
    pub fn is_refused(&self) -> bool {
        self.decision == "deny" || self.decision == "expire" || self.status.as_deref() == Some("refused")
    }

    /// Whether it is one of the proxy's own questions.
    pub fn is_own(&self) -> bool {
        self.flags.iter().any(|flag| flag == "interdict")
    }
}
