//! What grants are for and were used for, folded from the record: the evidence that no more was used than was needed.

use std::collections::{BTreeMap, BTreeSet};

use interdict_record::{GrantEvent, Micros, StatementEnded, StatementStarted};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names of a kind that a row tells at most.
const MOST: usize = 1_000;

/// A grant that is not over, or that nobody has reviewed who should.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantState {
    /// How it was minted.
    pub created: GrantEvent,
    /// How it ended, once it has.
    pub ended: Option<GrantEvent>,
    /// Whether somebody reviewed it.
    pub reviewed: bool,
    /// What it was used for.
    pub used: GrantUse,
    /// Statements under it that have no outcome yet.
    pub(crate) open: BTreeSet<Uuid>,
}

/// What a grant was used for, by statements that ran because of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantUse {
    /// Statements that were not refused.
    pub statements: u64,
    /// Rows that reached clients.
    pub rows: u64,
    /// Bytes that reached clients.
    pub bytes: u64,
    /// When the first was asked for.
    pub first: Option<Micros>,
    /// When the last ended.
    pub last: Option<Micros>,
    /// What they did.
    pub effects: BTreeSet<String>,
    /// What they touched: name and access.
    pub relations: BTreeSet<(String, String)>,
    /// Columns that were shown as they are: `schema.table.column` where the service named it, the label otherwise.
    pub columns: BTreeSet<String>,
    /// There were more names than are told here.
    pub more: bool,
}

/// Grants by their ids.
pub(crate) type Open = BTreeMap<Uuid, GrantState>;

impl GrantState {
    /// Whether nothing more is to come.
    pub(crate) fn is_done(&self) -> bool {
        self.ended.is_some() && self.open.is_empty() && (!self.created.break_glass || self.reviewed)
    }
}

impl GrantUse {
    pub(crate) fn add(&mut self, started: &StatementStarted, ended: &StatementEnded) {
        if ended.status == "refused" {
            return;
        }
        self.statements = self.statements.saturating_add(1);
        self.rows = self.rows.saturating_add(ended.rows);
        self.bytes = self.bytes.saturating_add(ended.bytes);
        self.first = Some(
            self.first
                .map_or(started.requested_at, |first| first.min(started.requested_at)),
        );
        self.last = self.last.max(Some(ended.ended_at));
        let relations = started.relations.iter();
        let relations = relations.map(|one| (one.name.clone(), one.access.clone()));
        let plain = ended.columns.iter().filter(|column| column.mask.is_none());
        let columns = plain.map(|column| column.origin.as_ref().unwrap_or(&column.label).clone());
        self.more |= note(&mut self.effects, started.effects.iter().cloned())
            | note(&mut self.relations, relations)
            | note(&mut self.columns, columns);
    }
}

/// True where one found no room.
fn note<T: Ord>(into: &mut BTreeSet<T>, names: impl Iterator<Item = T>) -> bool {
    let mut more = false;
    for name in names {
        if into.len() < MOST {
            into.insert(name);
        } else {
            more |= !into.contains(&name);
        }
    }
    more
}
