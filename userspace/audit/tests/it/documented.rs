//! Every query of `docs/audit.md`, run by DuckDB over a record with something to find.

use std::process::Command;
use std::sync::Arc;

use interdict_audit::Audit;
use interdict_record::{ApprovalEvent, Event, Frame, GrantEvent, LedgerEntry, PolicyLoaded, Record};
use uuid::Uuid;

use crate::support::{
    HOUR, NOON, config, record, runtime, session_ended, session_started, statement_ended, statement_started,
    statements,
};

const RUNNER: &str = r"
import re, sys, duckdb
root, page = sys.argv[1:3]
text = open(page).read().replace('/var/lib/interdict/audit', root)
blocks = re.findall(r'```sql\n(.*?)```', text, re.S)
assert len(blocks) == 12, len(blocks)
db = duckdb.connect()
for number, block in enumerate(blocks):
    for query in block.split(';'):
        if query.strip():
            rows = db.execute(query).fetchall()
            print(number, len(rows), rows[:1])
            assert number == 0 or rows, block
assert rows == [(0,)], rows
";

#[test]
fn the_queries_of_the_documentation_run_and_find_something() {
    let Ok(python) = std::env::var("INTERDICT_DUCKDB_PYTHON") else {
        eprintln!(
            "SKIPPED: INTERDICT_DUCKDB_PYTHON names no Python with duckdb; the documented queries were NOT run"
        );
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        // Not closed, so that the second start is a recovery.
        let audit = Audit::open(config(directory.path())).unwrap();
        record(
            &audit,
            vec![Record::Event(Box::new(Event {
                at: NOON,
                kind: "start".into(),
                ..Event::default()
            }))],
        )
        .await;
        drop(audit);
        let audit = Audit::open(config(directory.path())).unwrap();
        let digest = format!("sha256:{}", "ab".repeat(32));
        let loaded = PolicyLoaded {
            at: NOON,
            name: "hipaa-phi".into(),
            digest,
            source: "name: hipaa-phi".into(),
        };
        record(&audit, vec![Record::PolicyLoaded(Box::new(loaded))]).await;
        let counted = LedgerEntry {
            at: NOON,
            workload: "agents".into(),
            service: "clinic".into(),
            ..LedgerEntry::default()
        };
        record(&audit, vec![Record::Ledger(Box::new(counted))]).await;
        let frame = Frame {
            at: NOON,
            ..Frame::default()
        };
        let approval = ApprovalEvent {
            at: NOON,
            event: "denied".into(),
            ..ApprovalEvent::default()
        };
        let grant = GrantEvent {
            at: NOON,
            event: "created".into(),
            ..GrantEvent::default()
        };
        let records = vec![
            Record::Frame(Box::new(frame)),
            Record::Approval(Box::new(approval)),
            Record::Grant(Box::new(grant)),
        ];
        record(&audit, records).await;
        let session = Uuid::now_v7();
        record(&audit, vec![session_started(session, NOON)]).await;
        statements(&audit, session, 4, NOON, HOUR).await;
        let edit = |mut record: Record, id: Uuid| {
            match &mut record {
                Record::StatementStarted(started) => {
                    (started.statement_id, started.decision, started.rule) =
                        (id, "deny".into(), Some("bulk-export".into()));
                    started.fingerprint = Some("ffffffffffffffff".into());
                    started.requested_at = NOON + 24 * HOUR;
                }
                Record::StatementEnded(ended) => {
                    (ended.statement_id, ended.rows) = (id, 5000);
                    Arc::make_mut(&mut ended.columns)[0].origin = Some("public.patients.name".into());
                }
                _ => {}
            }
            record
        };
        let id = Uuid::now_v7();
        let records = vec![
            edit(statement_started(session, id, NOON), id),
            edit(statement_ended(session, id, NOON + 25 * HOUR), id),
            session_ended(session, NOON + 26 * HOUR),
        ];
        record(&audit, records).await;
        audit.close().await.unwrap();
    });
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/audit.md");
    let output = Command::new(python)
        .args(["-c", RUNNER])
        .arg(directory.path())
        .arg(page)
        .output()
        .unwrap();
    eprintln!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
