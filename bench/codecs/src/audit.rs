//! The record of a statement: journal, chain and Parquet.

use std::time::Duration;

use anyhow::{Result, ensure};
use interdict_audit::{Audit, Config, Durability, stats};
use interdict_record::{Record, StatementEnded, StatementStarted};
use uuid::Uuid;

/// Records that are appended at once, as many clients' are.
const TOGETHER: usize = 64;

/// So many statements, from their start to the sealed segment.
pub(crate) fn rows(count: usize) -> Result<()> {
    let place = tempfile::tempdir()?;
    let directory = place.path().join("audit");
    let mut config = Config::new(&directory, "bench", "boot");
    // The clock has no say in how often files are written.
    config.durability = Durability::Batch(Duration::from_hours(1));
    config.segment_age = Duration::from_hours(1);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(append(config, count))?;
    let found = stats(&directory)?;
    let kept = found.tables.get("statements").map_or(0, |table| table.rows);
    ensure!(kept == count as u64, "{kept} of {count} statements are on record");
    Ok(())
}

async fn append(config: Config, count: usize) -> Result<()> {
    let audit = Audit::open(config)?;
    let session_id = Uuid::from_u128(7);
    for start in (0..count).step_by(TOGETHER) {
        let numbers = start..count.min(start + TOGETHER);
        let records = numbers.flat_map(|number| {
            let statement_id = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number as u128);
            let requested_at = 1_772_366_400_000_000 + number as i64 * 100;
            [
                Record::StatementStarted(Box::new(started(session_id, statement_id, requested_at))),
                Record::StatementEnded(Box::new(StatementEnded {
                    session_id,
                    statement_id,
                    ended_at: requested_at + 90,
                    status: "ok".to_owned(),
                    rows: 1,
                    bytes: 60,
                    ..StatementEnded::default()
                })),
            ]
        });
        let _not_awaited = audit.append(records.collect()).await?;
    }
    audit.close().await?;
    Ok(())
}

fn started(session_id: Uuid, statement_id: Uuid, requested_at: i64) -> StatementStarted {
    StatementStarted {
        session_id,
        statement_id,
        requested_at,
        decided_at: requested_at + 4,
        service: "bench".to_owned(),
        identity: "user:bench".to_owned(),
        kind: "select".to_owned(),
        statement: "SELECT abalance FROM pgbench_accounts WHERE aid = $1".to_owned(),
        fingerprint: Some("a0b1c2d3e4f50617".to_owned()),
        parameters: vec![Some((requested_at % 1_000_000).to_string())],
        effects: vec!["read".to_owned()],
        complete: true,
        decision: "allow".to_owned(),
        policy_digest: Some(format!("sha256:{}", "ab".repeat(32))),
        ..StatementStarted::default()
    }
}
