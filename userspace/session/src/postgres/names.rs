//! Prepared statements and portals, as the server has them and as it will have them.
//!
//! A client may send `Parse`, `Bind` and `Execute` in one go, so a name must be known before the server confirms it; and
//! what the server refuses, or skips after an error, must be forgotten, or a statement would be judged by another's
//! text. Hence two tables: `confirmed` follows the server's answers, `expected` runs ahead with what was sent.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use bytes::Bytes;
use interdict_sql::Analysis;

/// A statement as the client prepared it.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) text: Bytes,
    pub(super) analysis: Arc<Analysis>,
    /// Parameter types that the client named; 0 where it left the choice to the server.
    pub(super) parameter_types: Vec<u32>,
}

/// A bound statement.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) statement: Arc<Prepared>,
    /// The body of the `Bind`, for the record.
    pub(super) bind: Bytes,
}

impl Portal {
    /// The values and their formats as they were sent, without the names in front of them.
    pub(super) fn values(&self) -> &[u8] {
        let mut parts = self.bind.splitn(3, |byte| *byte == 0);
        parts.nth(2).unwrap_or_default()
    }
}

/// What a message does to the tables once the server accepts it.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Prepare(Bytes, Arc<Prepared>),
    Bind(Bytes, Arc<Portal>),
    CloseStatement(Bytes),
    ClosePortal(Bytes),
    /// A simple query destroys the unnamed statement and portal.
    DropUnnamed,
    /// `DEALLOCATE ALL`, `DISCARD ALL`.
    DropStatements,
}

#[derive(Clone, Debug, Default)]
struct Table {
    statements: HashMap<Bytes, Arc<Prepared>, RandomState>,
    portals: HashMap<Bytes, Arc<Portal>, RandomState>,
}

impl Table {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Prepare(name, statement) => {
                self.statements.insert(name.clone(), Arc::clone(statement));
            }
            Change::Bind(name, portal) => {
                self.portals.insert(name.clone(), Arc::clone(portal));
            }
            Change::CloseStatement(name) => {
                self.statements.remove(name);
            }
            Change::ClosePortal(name) => {
                self.portals.remove(name);
            }
            Change::DropUnnamed => {
                self.statements.remove(&b""[..]);
                self.portals.remove(&b""[..]);
            }
            Change::DropStatements => self.statements.clear(),
        }
    }
}

/// Both tables.
#[derive(Debug, Default)]
pub(super) struct Names {
    confirmed: Table,
    expected: Table,
}

impl Names {
    /// A message with this change was sent.
    pub(super) fn expect(&mut self, change: &Change) {
        self.expected.apply(change);
    }

    /// The server accepted it.
    pub(super) fn confirm(&mut self, change: &Change) {
        self.confirmed.apply(change);
    }

    /// The transaction ended: portals are gone.
    pub(super) fn end_transaction<'a>(&mut self, outstanding: impl Iterator<Item = &'a Change>) {
        if self.confirmed.portals.is_empty() && self.expected.portals.is_empty() {
            return;
        }
        self.confirmed.portals.clear();
        self.rebuild(outstanding);
    }

    /// The server refused or skipped messages: what is expected is what is confirmed and what is still outstanding.
    pub(super) fn rebuild<'a>(&mut self, outstanding: impl Iterator<Item = &'a Change>) {
        self.expected = self.confirmed.clone();
        for change in outstanding {
            self.expected.apply(change);
        }
    }

    pub(super) fn statement(&self, name: &[u8]) -> Option<&Arc<Prepared>> {
        self.expected.statements.get(name)
    }

    pub(super) fn portal(&self, name: &[u8]) -> Option<&Arc<Portal>> {
        self.expected.portals.get(name)
    }
}
