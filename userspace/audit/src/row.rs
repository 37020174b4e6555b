//! Rows: the joined records as cells in the order of their table's columns.

mod people;

use std::sync::Arc;

use interdict_record::{
    Event, Frame, LedgerEntry, Micros, PolicyLoaded, RelationAccess, SessionEnded, SessionStarted,
    StatementEnded, StatementStarted,
};
use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::table::Table;
use crate::value::{Hash, Value};

pub(crate) use self::people::{approval, grant};

/// A complete row, `seq` and hashes included.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Whose row.
    pub table: Table,
    /// Its number in the table's chain on this host.
    pub seq: u64,
    pub(crate) hash: Hash,
    /// The time of the table's time column.
    pub at: Micros,
    /// One a column of the table.
    pub(crate) values: Vec<Value>,
}

impl Row {
    /// The columns with their names.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.table
            .columns()
            .iter()
            .map(|column| column.name)
            .zip(&self.values)
    }

    /// A column by name; null if there is none.
    pub fn get(&self, name: &str) -> &Value {
        self.table
            .index_of(name)
            .and_then(|index| self.values.get(index))
            .unwrap_or(&Value::Null)
    }

    /// The row's hash in hexadecimal: no other row of any table or host has it.
    pub fn digest(&self) -> String {
        hex::encode(self.hash)
    }
}

/// Where a table's chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The last row's `seq`; 0 before the first.
    pub(crate) seq: u64,
    /// The last row's hash.
    #[serde(with = "hex::serde")]
    pub(crate) hash: Hash,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            seq: 0,
            hash: canonical::GENESIS,
        }
    }
}

impl Head {
    /// Gives `middle` (the columns between `seq` and `previous_hash`) the next place in the chain.
    pub(crate) fn link(
        &mut self,
        table: Table,
        at: Micros,
        middle: Vec<Value>,
        scratch: &mut Vec<u8>,
    ) -> Row {
        self.seq = self.seq.saturating_add(1);
        let mut values = Vec::with_capacity(middle.len().saturating_add(3));
        values.push(Value::from(self.seq));
        values.extend(middle);
        values.push(Value::from(self.hash));
        self.hash = canonical::hash(table, &values, scratch);
        values.push(Value::from(self.hash));
        debug_assert_eq!(
            values.len(),
            table.columns().len(),
            "a row has a cell for every column of {table}"
        );
        Row {
            table,
            seq: self.seq,
            hash: self.hash,
            at,
            values,
        }
    }
}

/// The cells of a session. `ended`: `None` while it is open.
pub(crate) fn session(
    host: &str,
    boot_id: &str,
    started: SessionStarted,
    described: Described,
    ended: Option<SessionEnded>,
) -> Vec<Value> {
    let SessionStarted {
        session_id,
        started_at,
        service,
        protocol,
        workload,
        identity,
        attestation,
        claims,
        pid,
        process_started_at,
        uid,
        executable,
        executable_digest,
        command,
        ancestry,
        cgroup,
        unit,
        container_id,
        pod,
        namespace,
        service_account,
        origin_address,
        origin_port,
        upstream_address,
        mut flags,
    } = started;
    let (ended_at, end_reason, totals) = match ended {
        None => (None, None, None),
        Some(SessionEnded {
            session_id: _,
            ended_at,
            end_reason,
            statements,
            rows,
            bytes_in,
            bytes_out,
            masked_cells,
            flags: more,
        }) => {
            add_flags(&mut flags, more);
            (
                Some(ended_at),
                Some(end_reason),
                Some([statements, rows, bytes_in, bytes_out, masked_cells]),
            )
        }
    };
    let [statements, rows, bytes_in, bytes_out, masked_cells] =
        totals.map_or([None; 5], |totals| totals.map(Some));
    vec![
        session_id.into(),
        host.to_owned().into(),
        boot_id.to_owned().into(),
        Value::Time(started_at),
        Value::time(ended_at),
        end_reason.into(),
        service.into(),
        protocol.into(),
        workload.into(),
        identity.into(),
        attestation.into(),
        claims.into(),
        pid.into(),
        Value::time(process_started_at),
        uid.into(),
        executable.into(),
        executable_digest.into(),
        command.into(),
        ancestry.into(),
        cgroup.into(),
        unit.into(),
        container_id.into(),
        pod.into(),
        namespace.into(),
        service_account.into(),
        origin_address.into(),
        origin_port.into(),
        described.upstream_address.or(upstream_address).into(),
        described.database.into(),
        described.db_user.into(),
        described.application.into(),
        described.client_tls.into(),
        described.upstream_tls.into(),
        statements.into(),
        rows.into(),
        bytes_in.into(),
        bytes_out.into(),
        masked_cells.into(),
        flags.into(),
    ]
}

/// What `SessionDescribed` records said so far: later values win.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Described {
    pub(crate) database: Option<String>,
    pub(crate) db_user: Option<String>,
    pub(crate) application: Option<String>,
    pub(crate) client_tls: Option<String>,
    pub(crate) upstream_tls: Option<String>,
    pub(crate) upstream_address: Option<String>,
}

/// The cells of a statement. `ended`: `None` while it is open.
pub(crate) fn statement(host: &str, started: StatementStarted, ended: Option<StatementEnded>) -> Vec<Value> {
    let StatementStarted {
        session_id,
        statement_id,
        requested_at,
        decided_at,
        service,
        identity,
        kind,
        statement,
        fingerprint,
        parameters,
        effects,
        relations,
        complete,
        mut decision,
        mut rule,
        mut message,
        policy,
        policy_digest,
        approval_id,
        grant_id,
        trace_id,
        mut flags,
    } = started;
    let relations = accesses(relations);
    let mut outcome = [const { Value::Null }; 10];
    if let Some(ended) = ended {
        let StatementEnded {
            session_id: _,
            statement_id: _,
            first_byte_at,
            ended_at,
            columns,
            status,
            sqlstate,
            rows,
            bytes,
            masked_cells,
            masked_by,
            decision: new_decision,
            rule: new_rule,
            message: new_message,
            flags: more,
            subjects,
        } = ended;
        if let Some(new) = new_decision {
            // The decision changed while the result streamed: its rule and message come with it.
            decision = new;
            rule = new_rule.or(rule);
            message = new_message.or(message);
        }
        add_flags(&mut flags, more);
        let columns = Arc::unwrap_or_clone(columns)
            .into_iter()
            .map(|column| {
                Value::Struct(vec![
                    ("label".into(), column.label.into()),
                    ("origin".into(), column.origin.into()),
                    ("mask".into(), column.mask.into()),
                ])
            })
            .collect();
        outcome = [
            Value::time(first_byte_at),
            Value::Time(ended_at),
            Value::List(columns),
            status.into(),
            sqlstate.into(),
            rows.into(),
            bytes.into(),
            masked_cells.into(),
            masked_by.into(),
            if subjects.is_empty() {
                Value::Null
            } else {
                subjects.into()
            },
        ];
    }
    let [
        first_byte_at,
        ended_at,
        columns,
        status,
        sqlstate,
        rows,
        bytes,
        masked_cells,
        masked_by,
        subjects,
    ] = outcome;
    vec![
        host.to_owned().into(),
        session_id.into(),
        statement_id.into(),
        Value::Time(requested_at),
        Value::Time(decided_at),
        first_byte_at,
        ended_at,
        service.into(),
        identity.into(),
        kind.into(),
        statement.into(),
        fingerprint.into(),
        parameters.into(),
        effects.into(),
        relations,
        columns,
        complete.into(),
        decision.into(),
        rule.into(),
        message.into(),
        policy.into(),
        policy_digest.into(),
        approval_id.into(),
        grant_id.into(),
        status,
        sqlstate,
        rows,
        bytes,
        masked_cells,
        masked_by,
        trace_id.into(),
        flags.into(),
        subjects,
    ]
}

pub(crate) fn policy(host: &str, loaded: PolicyLoaded) -> Vec<Value> {
    let PolicyLoaded {
        at,
        name,
        digest,
        source,
    } = loaded;
    vec![
        host.to_owned().into(),
        Value::Time(at),
        name.into(),
        digest.into(),
        source.into(),
    ]
}

pub(crate) fn event(host: &str, event: Event) -> Vec<Value> {
    let Event {
        at,
        kind,
        actor,
        message,
        detail,
    } = event;
    vec![
        host.to_owned().into(),
        Value::Time(at),
        kind.into(),
        actor.into(),
        message.into(),
        detail.into(),
    ]
}

pub(crate) fn ledger(host: &str, entry: LedgerEntry) -> Vec<Value> {
    let LedgerEntry {
        at,
        workload,
        service,
        seen,
        redirected,
        refused,
        exempt,
        failed_open,
        established,
        sessions,
        pending,
        difference,
        flags,
    } = entry;
    vec![
        host.to_owned().into(),
        Value::Time(at),
        workload.into(),
        service.into(),
        seen.into(),
        redirected.into(),
        refused.into(),
        exempt.into(),
        failed_open.into(),
        established.into(),
        sessions.into(),
        Value::Integer(pending),
        Value::Integer(difference),
        flags.into(),
    ]
}

pub(crate) fn frame(host: &str, frame: Frame) -> Vec<Value> {
    let Frame {
        session_id,
        statement_id,
        ordinal,
        direction,
        at,
        payload,
        length,
        digest,
        flags,
    } = frame;
    vec![
        host.to_owned().into(),
        session_id.into(),
        statement_id.into(),
        ordinal.into(),
        direction.into(),
        Value::Time(at),
        Value::Blob(payload),
        length.into(),
        digest.into(),
        flags.into(),
    ]
}

fn accesses(relations: Vec<RelationAccess>) -> Value {
    let relations = relations.into_iter().map(|relation| {
        Value::Struct(vec![
            ("name".into(), relation.name.into()),
            ("access".into(), relation.access.into()),
        ])
    });
    Value::List(relations.collect())
}

fn add_flags(flags: &mut Vec<String>, more: Vec<String>) {
    for flag in more {
        if !flags.contains(&flag) {
            flags.push(flag);
        }
    }
}
