//! DuckDB, as an analyst uses it, beside a writer that is at work.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use interdict_audit::Audit;
use uuid::Uuid;

use crate::support::{NOON, config, record, runtime, session_ended, session_started, statements};

/// Reads every table again and again; the rows must be whole, typed, and never fewer.
const READER: &str = r#"
import sys, time, duckdb
root = sys.argv[1]
db = duckdb.connect()
last, rounds, until = 0, 0, time.time() + 3
while time.time() < until:
    (count, highest) = db.execute(f"SELECT count(*), max(seq) FROM read_parquet('{root}/statements/*/*.parquet', hive_partitioning=true)").fetchone()
    assert count == highest and count >= last, (count, highest, last)
    last, rounds = count, rounds + 1
types = dict(row[:2] for row in db.execute(f"DESCRIBE SELECT * FROM read_parquet('{root}/statements/*/*.parquet')").fetchall())
assert types['statement_id'] == 'UUID', types
assert types['requested_at'] == 'TIMESTAMP WITH TIME ZONE', types
assert types['relations'] == 'STRUCT("name" VARCHAR, "access" VARCHAR)[]', types
assert types['masked_by'] == 'MAP(VARCHAR, BIGINT)', types
assert types['parameters'] == 'VARCHAR[]', types
assert types['seq'] == 'BIGINT' and types['date'] == 'DATE', types
row = db.execute(f"SELECT identity, relations[1].name, masked_by['public.patients.ssn'], columns[2].mask, parameters[2] IS NULL FROM read_parquet('{root}/statements/*/*.parquet') WHERE list_contains(effects, 'read') LIMIT 1").fetchone()
assert row == ('spiffe://clinic/triage', 'public.patients', 1, 'partial(keep_last=4)', True), row
row = db.execute(f"SELECT claims['sub'], uid, ancestry[1] FROM read_parquet('{root}/sessions/*/*.parquet') LIMIT 1").fetchone()
assert row == ('agent-7', 4294967295, '/usr/bin/python3'), row
broken = db.execute(f"SELECT count(*) FROM (SELECT previous_hash AS one, lag(hash) OVER (ORDER BY seq) AS other FROM read_parquet('{root}/statements/*/*.parquet')) WHERE one != other").fetchone()[0]
assert broken == 0, broken
print(rounds, 'rounds', last, 'rows')
assert rounds > 3 and last > 0
"#;

#[test]
fn duckdb_reads_while_the_audit_writes() {
    let Ok(python) = std::env::var("INTERDICT_DUCKDB_PYTHON") else {
        eprintln!(
            "SKIPPED: INTERDICT_DUCKDB_PYTHON names no Python with duckdb; reading with DuckDB was NOT tested"
        );
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    runtime().block_on(async {
        let mut config = config(directory.path());
        config.segment_rows = 50;
        let audit = Audit::open(config).unwrap();
        let session = Uuid::now_v7();
        record(&audit, vec![session_started(session, NOON)]).await;
        statements(&audit, session, 1, NOON, 1).await;
        record(&audit, vec![session_ended(session, NOON + 9)]).await;
        audit.rotate().await.unwrap();
        let writer = tokio::spawn({
            let (audit, stop) = (audit.clone(), Arc::clone(&stop));
            async move {
                while !stop.load(Ordering::Relaxed) {
                    statements(&audit, Uuid::now_v7(), 5, NOON, 1).await;
                }
            }
        });
        let root = directory.path().to_owned();
        let reader =
            tokio::task::spawn_blocking(move || Command::new(python).args(["-c", READER]).arg(root).output());
        let output = reader.await.unwrap().unwrap();
        stop.store(true, Ordering::Relaxed);
        writer.await.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        eprintln!("{}", String::from_utf8_lossy(&output.stdout));
        audit.close().await.unwrap();
    });
}
