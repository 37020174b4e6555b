//! The journal's records folded into rows. Nothing but the entries decides what comes out, so a replay after a crash
//! gives the same rows, with the same `seq` and the same hashes.

mod people;

use std::collections::BTreeMap;

use interdict_record::{
    ApprovalEvent, Event, Micros, Record, SessionDescribed, SessionEnded, SessionStarted, StatementEnded,
    StatementStarted,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::entry::{Entry, Opened};
use crate::grants;
use crate::journal::reader::Gap;
use crate::row::{self, Described, Head, Row};
use crate::table::Table;
use crate::value::Value;

/// What is known after an entry: where the chains stand and what is open. The checkpoint is this, written down.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Fold {
    /// The last journal sequence that is in here.
    pub(crate) sequence: u64,
    pub(crate) heads: BTreeMap<Table, Head>,
    pub(crate) sessions: BTreeMap<Uuid, OpenSession>,
    pub(crate) statements: BTreeMap<Uuid, Box<StatementStarted>>,
    /// Approvals that nobody has decided upon, and those that may still be used, without what people were shown.
    pub(crate) approvals: BTreeMap<Uuid, Box<ApprovalEvent>>,
    /// Grants that are not over or not reviewed.
    pub(crate) grants: grants::Open,
    pub(crate) opened: Opened,
    /// The latest time that a record named.
    pub(crate) latest: Micros,
    #[serde(skip)]
    scratch: Vec<u8>,
}

/// A session that has not ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OpenSession {
    pub(crate) boot_id: String,
    pub(crate) host: String,
    pub(crate) started: Box<SessionStarted>,
    pub(crate) described: Described,
    /// Its statements without an outcome.
    pub(crate) statements: Vec<Uuid>,
    /// Statements, rows and masked cells so far: the totals if the session never reports its own.
    pub(crate) totals: [u64; 3],
}

/// How things end that did not end by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The daemon died.
    Crash,
    /// The daemon stops in order.
    Shutdown,
}

impl Fold {
    pub(crate) fn head(&self, table: Table) -> Head {
        self.heads.get(&table).copied().unwrap_or_default()
    }

    /// Takes the next entry. Entries already in here are passed over.
    pub(crate) fn apply(&mut self, sequence: u64, entry: Entry, rows: &mut Vec<Row>) {
        if sequence <= self.sequence {
            return;
        }
        self.sequence = sequence;
        match entry {
            Entry::Opened(opened) => self.opened = opened,
            Entry::Record(record) => self.record(record, rows),
        }
    }

    /// Notes that a piece of the journal is missing.
    pub(crate) fn gap(&mut self, gap: &Gap, rows: &mut Vec<Row>) {
        if gap.until <= self.sequence {
            return;
        }
        self.sequence = gap.until.saturating_sub(1);
        let name = gap
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let detail = [
            ("file", name),
            ("offset", gap.offset.to_string()),
            ("from", gap.from.to_string()),
            ("until", gap.until.to_string()),
        ];
        self.note(
            "gap",
            "the journal is damaged: entries from `from` up to but without `until` are lost",
            detail,
            rows,
        );
    }

    fn record(&mut self, record: Record, rows: &mut Vec<Row>) {
        match record {
            Record::SessionStarted(started) => self.session_started(started, rows),
            Record::SessionDescribed(described) => self.session_described(*described, rows),
            Record::SessionEnded(ended) => self.session_ended(*ended, rows),
            Record::StatementStarted(started) => self.statement_started(started, rows),
            Record::StatementEnded(ended) => self.statement_ended(*ended, rows),
            Record::PolicyLoaded(loaded) => {
                self.see(loaded.at);
                let (at, cells) = (loaded.at, row::policy(&self.opened.host, *loaded));
                self.link(Table::Policies, at, cells, rows);
            }
            Record::Ledger(entry) => {
                self.see(entry.at);
                let (at, cells) = (entry.at, row::ledger(&self.opened.host, *entry));
                self.link(Table::Ledger, at, cells, rows);
            }
            Record::Event(event) => {
                self.see(event.at);
                self.event(*event, rows);
            }
            Record::Approval(event) => self.approval(*event, rows),
            Record::Grant(event) => self.grant(*event, rows),
            Record::Frame(frame) => {
                self.see(frame.at);
                let (at, cells) = (frame.at, row::frame(&self.opened.host, *frame));
                self.link(Table::Frames, at, cells, rows);
            }
        }
    }

    fn see(&mut self, at: Micros) {
        self.latest = self.latest.max(at);
    }

    fn link(&mut self, table: Table, at: Micros, cells: Vec<Value>, rows: &mut Vec<Row>) {
        let head = self.heads.entry(table).or_default();
        rows.push(head.link(table, at, cells, &mut self.scratch));
    }

    fn event(&mut self, event: Event, rows: &mut Vec<Row>) {
        let (at, cells) = (event.at, row::event(&self.opened.host, event));
        self.link(Table::Admin, at, cells, rows);
    }

    /// A row of `admin` about the record itself.
    fn note<const N: usize>(
        &mut self,
        kind: &str,
        message: &str,
        detail: [(&str, String); N],
        rows: &mut Vec<Row>,
    ) {
        let detail = detail
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let (kind, message, actor) = (kind.to_owned(), message.to_owned(), "audit".to_owned());
        self.event(
            Event {
                at: self.latest,
                kind,
                actor,
                message,
                detail,
            },
            rows,
        );
    }

    fn session_started(&mut self, started: Box<SessionStarted>, rows: &mut Vec<Row>) {
        self.see(started.started_at);
        let id = started.session_id;
        if self.sessions.contains_key(&id) {
            self.note(
                "anomaly",
                "a session that is open was started again",
                [("session_id", id.to_string())],
                rows,
            );
            return;
        }
        let Opened { host, boot_id } = self.opened.clone();
        let (described, statements, totals) = (Described::default(), Vec::new(), [0; 3]);
        self.sessions.insert(
            id,
            OpenSession {
                boot_id,
                host,
                started,
                described,
                statements,
                totals,
            },
        );
    }

    fn session_described(&mut self, new: SessionDescribed, rows: &mut Vec<Row>) {
        let SessionDescribed {
            session_id,
            database,
            db_user,
            application,
            client_tls,
            upstream_tls,
            upstream_address,
        } = new;
        let Some(session) = self.sessions.get_mut(&session_id) else {
            let id = session_id.to_string();
            self.note(
                "anomaly",
                "a session that is not open was described",
                [("session_id", id)],
                rows,
            );
            return;
        };
        let known = &mut session.described;
        let pairs = [
            (&mut known.database, database),
            (&mut known.db_user, db_user),
            (&mut known.application, application),
            (&mut known.client_tls, client_tls),
            (&mut known.upstream_tls, upstream_tls),
            (&mut known.upstream_address, upstream_address),
        ];
        for (old, new) in pairs {
            if new.is_some() {
                *old = new;
            }
        }
    }

    fn session_ended(&mut self, ended: SessionEnded, rows: &mut Vec<Row>) {
        self.see(ended.ended_at);
        let Some(session) = self.sessions.remove(&ended.session_id) else {
            let id = ended.session_id.to_string();
            self.note(
                "anomaly",
                "a session that is not open was ended",
                [("session_id", id)],
                rows,
            );
            return;
        };
        for statement_id in session.statements {
            // Its outcome was never told: the session's end is all that is known.
            self.complete(
                StatementEnded {
                    session_id: ended.session_id,
                    statement_id,
                    ended_at: ended.ended_at,
                    status: "cut".to_owned(),
                    flags: vec!["unfinished".to_owned()],
                    ..StatementEnded::default()
                },
                rows,
            );
        }
        let at = session.started.started_at;
        let cells = row::session(
            &session.host,
            &session.boot_id,
            *session.started,
            session.described,
            Some(ended),
        );
        self.link(Table::Sessions, at, cells, rows);
    }

    fn statement_started(&mut self, started: Box<StatementStarted>, rows: &mut Vec<Row>) {
        self.see(started.decided_at.max(started.requested_at));
        let id = started.statement_id;
        if self.statements.contains_key(&id) {
            self.note(
                "anomaly",
                "a statement that is open was started again",
                [("statement_id", id.to_string())],
                rows,
            );
            return;
        }
        if let Some(session) = self.sessions.get_mut(&started.session_id) {
            session.statements.push(id);
            session.totals[0] = session.totals[0].saturating_add(1);
        }
        if let Some(grant) = started.grant_id.and_then(|grant| self.grants.get_mut(&grant)) {
            grant.open.insert(id);
        }
        self.statements.insert(id, started);
    }

    fn statement_ended(&mut self, ended: StatementEnded, rows: &mut Vec<Row>) {
        self.see(ended.ended_at);
        if !self.statements.contains_key(&ended.statement_id) {
            let id = ended.statement_id.to_string();
            self.note(
                "anomaly",
                "a statement that is not open was ended",
                [("statement_id", id)],
                rows,
            );
            return;
        }
        self.complete(ended, rows);
    }

    fn complete(&mut self, ended: StatementEnded, rows: &mut Vec<Row>) {
        let Some(started) = self.statements.remove(&ended.statement_id) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&started.session_id) {
            session.statements.retain(|id| *id != ended.statement_id);
            session.totals[1] = session.totals[1].saturating_add(ended.rows);
            session.totals[2] = session.totals[2].saturating_add(ended.masked_cells);
        }
        let (at, grant) = (started.requested_at, started.grant_id);
        if let Some(state) = grant.and_then(|grant| self.grants.get_mut(&grant))
            && state.open.remove(&started.statement_id)
        {
            state.used.add(&started, &ended);
        }
        let cells = row::statement(&self.opened.host, *started, Some(ended));
        self.link(Table::Statements, at, cells, rows);
        if let Some(grant) = grant {
            self.end_grant(grant, rows);
        }
    }

    /// The records that end what is open. The time is the last that the journal knows: the daemon was alive then.
    pub(crate) fn endings(&self, ending: Ending) -> Vec<Record> {
        let (reason, flags) = match ending {
            Ending::Crash => ("crash", vec!["recovered".to_owned()]),
            Ending::Shutdown => ("shutdown", vec!["unfinished".to_owned()]),
        };
        let statements = self.statements.values().map(|started| {
            Record::StatementEnded(Box::new(StatementEnded {
                session_id: started.session_id,
                statement_id: started.statement_id,
                ended_at: self.latest.max(started.decided_at),
                status: "unknown".to_owned(),
                flags: flags.clone(),
                ..StatementEnded::default()
            }))
        });
        let sessions = self.sessions.iter().map(|(id, session)| {
            let [statements, rows, masked_cells] = session.totals;
            Record::SessionEnded(Box::new(SessionEnded {
                session_id: *id,
                ended_at: self.latest.max(session.started.started_at),
                end_reason: reason.to_owned(),
                statements,
                rows,
                masked_cells,
                flags: flags.clone(),
                ..SessionEnded::default()
            }))
        });
        let event = match ending {
            Ending::Crash => "restart",
            Ending::Shutdown => "shutdown",
        };
        let approvals = self.approvals.values().map(|open| {
            Record::Approval(Box::new(ApprovalEvent {
                at: self.latest.max(open.at),
                event: event.to_owned(),
                ..(**open).clone()
            }))
        });
        statements.chain(sessions).chain(approvals).collect()
    }
}

#[cfg(test)]
mod tests;
