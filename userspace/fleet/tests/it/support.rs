//! A record with something of everything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use interdict_audit::{Audit, Config, Observer, Row};
use interdict_record::{
    ApprovalEvent, ApprovalShown, Column, Event, GrantEvent, LedgerEntry, PolicyLoaded, Record,
    RelationAccess, SessionEnded, SessionStarted, StatementEnded, StatementStarted,
};
use uuid::Uuid;

/// 2026-03-01T12:00:00Z.
pub(crate) const NOON: i64 = 1_772_366_400_000_000;

/// Keeps what it sees.
#[derive(Default)]
pub(crate) struct Seen(pub(crate) Mutex<Vec<Row>>);

impl Observer for Seen {
    fn row(&self, row: &Row) {
        self.0.lock().unwrap().push(row.clone());
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

pub(crate) fn open(directory: &Path, observers: impl IntoIterator<Item = Arc<dyn Observer>>) -> Audit {
    let mut config = Config::new(directory, "host-1", "boot-1");
    for observer in observers {
        config.observers.add(observer);
    }
    Audit::open(config).unwrap()
}

pub(crate) async fn append(audit: &Audit, records: Vec<Record>) {
    audit.append(records).await.unwrap().durable().await.unwrap();
}

pub(crate) fn session_started(session_id: Uuid) -> Record {
    Record::SessionStarted(Box::new(SessionStarted {
        session_id,
        started_at: NOON,
        service: "clinic".into(),
        protocol: "postgres".into(),
        workload: Some("agents".into()),
        identity: "spiffe://clinic/triage".into(),
        attestation: "kernel".into(),
        claims: BTreeMap::from([("oidc.sub".into(), "agent-7".into())]),
        pid: Some(4242),
        process_started_at: Some(NOON - 1_000_000),
        uid: Some(1000),
        executable: Some("/usr/bin/python3.11".into()),
        executable_digest: Some(format!("sha256:{}", "cd".repeat(32))),
        command: Some("python3 triage.py \"quoted\"".into()),
        ancestry: vec!["/usr/bin/bash".into(), "/sbin/init".into()],
        cgroup: Some("/agents/triage".into()),
        unit: Some("triage.service".into()),
        container_id: Some("c0ffee".into()),
        pod: Some("triage-0".into()),
        origin_address: Some("10.0.3.7".into()),
        origin_port: Some(5432),
        flags: vec!["ancestry_partial".into()],
        ..SessionStarted::default()
    }))
}

pub(crate) fn session_ended(session_id: Uuid, reason: &str) -> Record {
    Record::SessionEnded(Box::new(SessionEnded {
        session_id,
        ended_at: NOON + 9_000_000,
        end_reason: reason.into(),
        statements: 1,
        bytes_in: 100,
        bytes_out: 2000,
        ..SessionEnded::default()
    }))
}

/// A statement that was let through with a masked column.
pub(crate) fn statement(
    session_id: Uuid,
    edit: impl FnOnce(&mut StatementStarted, &mut StatementEnded),
) -> Vec<Record> {
    let statement_id = Uuid::now_v7();
    let mut started = StatementStarted {
        session_id,
        statement_id,
        requested_at: NOON,
        decided_at: NOON + 40,
        service: "clinic".into(),
        identity: "spiffe://clinic/triage".into(),
        kind: "select".into(),
        statement: "SELECT name, ssn FROM patients WHERE id = $1 /* ü\n */".into(),
        fingerprint: Some("a0b1c2d3e4f50617".into()),
        parameters: vec![Some("17".into()), None],
        effects: vec!["read".into()],
        relations: vec![RelationAccess {
            name: "public.patients".into(),
            access: "read".into(),
        }],
        complete: true,
        decision: "mask".into(),
        policy: Some("hipaa-phi".into()),
        policy_digest: Some(format!("sha256:{}", "ab".repeat(32))),
        ..StatementStarted::default()
    };
    let mut ended = StatementEnded {
        session_id,
        statement_id,
        first_byte_at: Some(NOON + 2_000),
        ended_at: NOON + 5_000,
        columns: Arc::new(vec![Column {
            label: "ssn".into(),
            origin: Some("public.patients.ssn".into()),
            mask: Some("partial(keep_last=4)".into()),
        }]),
        status: "ok".into(),
        rows: 1,
        bytes: 64,
        masked_cells: 1,
        masked_by: BTreeMap::from([("public.patients.ssn".into(), 1)]),
        ..StatementEnded::default()
    };
    edit(&mut started, &mut ended);
    vec![
        Record::StatementStarted(Box::new(started)),
        Record::StatementEnded(Box::new(ended)),
    ]
}

fn event(kind: &str) -> Record {
    Record::Event(Box::new(Event {
        at: NOON,
        kind: kind.into(),
        actor: "daemon".into(),
        message: format!("about {kind}"),
        detail: BTreeMap::from([("why".into(), "because".into())]),
    }))
}

/// Rows of every table and class.
pub(crate) fn everything() -> Vec<Record> {
    let session = Uuid::now_v7();
    let mut records = vec![
        event("start"),
        event("attack_refused"),
        event("something_new"),
        Record::PolicyLoaded(Box::new(PolicyLoaded {
            at: NOON,
            name: "hipaa-phi".into(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            source: "name: hipaa-phi".into(),
        })),
        Record::Ledger(Box::new(LedgerEntry {
            at: NOON,
            workload: "agents".into(),
            service: "clinic".into(),
            ..LedgerEntry::default()
        })),
        session_started(session),
    ];
    records.extend(statement(session, |_, _| {}));
    records.extend(statement(session, |started, ended| {
        (started.kind, started.decision) = ("drop".into(), "deny".into());
        started.statement = "DROP TABLE patients".into();
        started.effects = vec!["drop".into()];
        (started.rule, started.message) = (Some("no-destructive".into()), Some("refused".into()));
        (ended.status, ended.sqlstate) = ("refused".into(), Some("42501".into()));
        (ended.rows, ended.masked_cells) = (0, 0);
        (ended.columns, ended.first_byte_at) = (Arc::default(), None);
    }));
    records.extend(statement(session, |started, ended| {
        (started.service, started.kind) = ("fhir".into(), "get".into());
        started.statement = "GET /Patient/17?_summary=true".into();
        started.fingerprint = None;
        started.decision = "allow".into();
        (ended.sqlstate, ended.masked_cells) = (Some("200".into()), 0);
    }));
    records.extend(statement(session, |started, ended| {
        (started.service, started.kind) = ("bucket".into(), "delete_objects".into());
        started.statement = "POST /exports?delete".into();
        started.effects = vec!["delete".into()];
        ended.status = "error".into();
        ended.sqlstate = Some("503".into());
    }));
    records.push(session_ended(session, "client"));
    let refused = Uuid::now_v7();
    records.push(session_started(refused));
    records.push(session_ended(refused, "identity_refused"));
    let approval = Uuid::now_v7();
    for what in ["requested", "denied"] {
        records.push(Record::Approval(Box::new(ApprovalEvent {
            at: NOON,
            event: what.into(),
            approval_id: approval,
            session_id: session,
            service: "clinic".into(),
            identity: "spiffe://clinic/triage".into(),
            rule: Some("bulk-export".into()),
            shown: (what == "requested").then(Box::<ApprovalShown>::default),
            people: if what == "denied" {
                vec!["dana".into()]
            } else {
                Vec::new()
            },
            reason: Some("too much".into()),
            ..ApprovalEvent::default()
        })));
    }
    for what in ["created", "revoked"] {
        records.push(Record::Grant(Box::new(GrantEvent {
            at: NOON,
            event: what.into(),
            grant_id: approval,
            person: "dana".into(),
            identities: vec!["spiffe://clinic/*".into(), "oidc:x".into()],
            services: vec!["clinic".into()],
            effects: vec!["read".into()],
            columns: vec!["patients.ssn".into()],
            break_glass: true,
            ..GrantEvent::default()
        })));
    }
    records
}

/// Says loudly why a test did not run: past the harness, which keeps what a passing test prints with `eprintln`.
pub(crate) fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "\n*** SKIPPED: {why}\n");
}

/// A Python with what these tests need.
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var_os("INTERDICT_DUCKDB_PYTHON").map(PathBuf::from);
    if python.is_none() {
        skipped(
            "INTERDICT_DUCKDB_PYTHON names no Python with the packages of xtask/src/setup/analyst.rs; this was NOT tested",
        );
    }
    python
}
