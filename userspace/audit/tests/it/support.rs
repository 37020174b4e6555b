//! What all the tests need.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use interdict_audit::{Audit, AuditError, Config, Filter, PublicKey, SealKey, Seals, Table, scan};
use interdict_record::{
    Column, Record, RelationAccess, SessionEnded, SessionStarted, StatementEnded, StatementStarted,
};
use uuid::Uuid;

/// 2026-03-01T12:00:00Z.
pub(crate) const NOON: i64 = 1_772_366_400_000_000;
pub(crate) const HOUR: i64 = 3_600_000_000;

pub(crate) fn config(directory: &Path) -> Config {
    Config::new(directory, "host-1", "boot-1")
}

/// With a key, kept beside the directory.
pub(crate) fn sealed(directory: &Path) -> Config {
    let mut config = config(directory);
    config.seals = Some(Seals::new(SealKey::keep(&key(directory), directory).unwrap()));
    config
}

/// Where the key is.
pub(crate) fn key(directory: &Path) -> PathBuf {
    directory.with_extension("key")
}

/// The public half of it.
pub(crate) fn public(directory: &Path) -> PublicKey {
    SealKey::read(&key(directory)).unwrap().unwrap().public()
}

/// A directory for a record, with room beside it for a key.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let above = tempfile::tempdir().unwrap();
    let directory = above.path().join("audit");
    (above, directory)
}

/// Copies a directory, as it is at this moment.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

pub(crate) fn session_started(session_id: Uuid, at: i64) -> Record {
    Record::SessionStarted(Box::new(SessionStarted {
        session_id,
        started_at: at,
        service: "clinic".to_owned(),
        protocol: "postgres".to_owned(),
        workload: Some("agents".to_owned()),
        identity: "spiffe://clinic/triage".to_owned(),
        attestation: "kernel".to_owned(),
        claims: BTreeMap::from([("sub".to_owned(), "agent-7".to_owned())]),
        pid: Some(4242),
        uid: Some(u32::MAX),
        ancestry: vec!["/usr/bin/python3".to_owned(), "/sbin/init".to_owned()],
        origin_port: Some(5432),
        ..SessionStarted::default()
    }))
}

pub(crate) fn session_ended(session_id: Uuid, at: i64) -> Record {
    Record::SessionEnded(Box::new(SessionEnded {
        session_id,
        ended_at: at,
        end_reason: "client".to_owned(),
        statements: 1,
        ..SessionEnded::default()
    }))
}

pub(crate) fn statement_started(session_id: Uuid, statement_id: Uuid, at: i64) -> Record {
    Record::StatementStarted(Box::new(StatementStarted {
        session_id,
        statement_id,
        requested_at: at,
        decided_at: at + 40,
        service: "clinic".to_owned(),
        identity: "spiffe://clinic/triage".to_owned(),
        kind: "select".to_owned(),
        statement: "SELECT name, ssn FROM patients WHERE id = $1".to_owned(),
        fingerprint: Some("a0b1c2d3e4f50617".to_owned()),
        parameters: vec![Some("17".to_owned()), None],
        effects: vec!["read".to_owned()],
        relations: vec![RelationAccess {
            name: "public.patients".to_owned(),
            access: "read".to_owned(),
        }],
        complete: true,
        decision: "mask".to_owned(),
        policy: Some("hipaa-phi".to_owned()),
        policy_digest: Some(format!("sha256:{}", "ab".repeat(32))),
        ..StatementStarted::default()
    }))
}

pub(crate) fn statement_ended(session_id: Uuid, statement_id: Uuid, at: i64) -> Record {
    Record::StatementEnded(Box::new(StatementEnded {
        session_id,
        statement_id,
        first_byte_at: Some(at - 10),
        ended_at: at,
        columns: Arc::new(vec![
            Column {
                label: "name".to_owned(),
                origin: None,
                mask: None,
            },
            Column {
                label: "ssn".to_owned(),
                origin: Some("public.patients.ssn".to_owned()),
                mask: Some("partial(keep_last=4)".to_owned()),
            },
        ]),
        status: "ok".to_owned(),
        rows: 1,
        bytes: 64,
        masked_cells: 1,
        masked_by: BTreeMap::from([("public.patients.ssn".to_owned(), 1)]),
        ..StatementEnded::default()
    }))
}

/// Appends, and waits until it is recorded.
pub(crate) async fn record(audit: &Audit, records: Vec<Record>) {
    waited(audit, records).await.unwrap();
}

/// How often the journal was made durable.
pub(crate) fn syncs(audit: &Audit) -> u64 {
    audit.syncs().total().0
}

/// In the two ways that there are, by turns.
pub(crate) async fn waited(audit: &Audit, records: Vec<Record>) -> Result<(), AuditError> {
    static TURN: AtomicU64 = AtomicU64::new(0);
    if TURN.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
        return audit.append(records).await?.durable().await;
    }
    audit.put(records).await?;
    // Nothing waits for what comes after bytes, nor in batch mode; here it does.
    audit.flush().await
}

/// `count` statements of one session, both records each, `step` microseconds apart.
pub(crate) async fn statements(audit: &Audit, session_id: Uuid, count: i64, from: i64, step: i64) {
    for index in 0..count {
        let (statement_id, at) = (Uuid::now_v7(), from + index * step);
        let records = vec![
            statement_started(session_id, statement_id, at),
            statement_ended(session_id, statement_id, at + 100),
        ];
        audit.append(records).await.unwrap().durable().await.unwrap();
    }
}

pub(crate) type Rows = Vec<serde_json::Map<String, serde_json::Value>>;

pub(crate) fn rows(directory: &Path, table: Table) -> Rows {
    scan(directory, Filter::new(table))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// The published segments of a table, in order.
pub(crate) fn segments(directory: &Path, table: Table) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for day in std::fs::read_dir(directory.join(table.name())).unwrap() {
        files.extend(
            std::fs::read_dir(day.unwrap().path())
                .unwrap()
                .map(|file| file.unwrap().path()),
        );
    }
    files.sort_by_key(|path| path.file_name().unwrap().to_owned());
    files
}
