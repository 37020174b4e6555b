//! What the record costs: statements a second with group commit, and CPU time for each, both records, hash, chain and
//! Parquet included. `cargo run --release -p interdict-audit --example throughput -- DIRECTORY [TASKS] [SECONDS]`

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use interdict_audit::{Audit, AuditError, Config, Durability, verify};
use interdict_record::{Record, StatementEnded, StatementStarted};
use uuid::Uuid;

fn started(session_id: Uuid, statement_id: Uuid) -> StatementStarted {
    StatementStarted {
        session_id,
        statement_id,
        requested_at: 1_772_366_400_000_000,
        decided_at: 1_772_366_400_000_040,
        service: "clinic".to_owned(),
        identity: "spiffe://clinic/triage".to_owned(),
        kind: "select".to_owned(),
        statement: "SELECT name, ssn, birth_date FROM patients WHERE id = $1 ORDER BY name LIMIT 20"
            .to_owned(),
        fingerprint: Some("a0b1c2d3e4f50617".to_owned()),
        parameters: vec![Some("17".to_owned())],
        effects: vec!["read".to_owned()],
        complete: true,
        decision: "mask".to_owned(),
        policy_digest: Some(format!("sha256:{}", "ab".repeat(32))),
        ..StatementStarted::default()
    }
}

async fn work(audit: Audit, until: Instant, count: Arc<AtomicU64>) -> Result<(), AuditError> {
    let session_id = Uuid::now_v7();
    while Instant::now() < until {
        let statement_id = Uuid::now_v7();
        let record = Record::StatementStarted(Box::new(started(session_id, statement_id)));
        audit.append(vec![record]).await?.durable().await?;
        let ended = StatementEnded {
            session_id,
            statement_id,
            ended_at: 1_772_366_400_000_900,
            status: "ok".to_owned(),
            rows: 20,
            bytes: 2000,
            ..StatementEnded::default()
        };
        let _not_awaited = audit
            .append(vec![Record::StatementEnded(Box::new(ended))])
            .await?;
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// User and system time of this process, from `/proc/self/stat` (a hundredth of a second each).
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks.saturating_mul(10))
}

fn formats() {
    let record = started(Uuid::now_v7(), Uuid::now_v7());
    let measure = |name: &str, encode: &dyn Fn(&mut Vec<u8>)| {
        let (mut out, begin) = (Vec::with_capacity(2048), Instant::now());
        for _ in 0..100_000 {
            out.clear();
            encode(&mut out);
        }
        let each = begin.elapsed().as_nanos() / 100_000;
        println!("{name}: {} bytes, {each} ns to write", out.len());
    };
    measure("MessagePack, named", &|out| {
        assert!(rmp_serde::encode::write_named(out, &record).is_ok());
    });
    measure("JSON", &|out| {
        assert!(serde_json::to_writer(out, &record).is_ok());
    });
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("which directory?")?);
    let tasks: usize = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    formats();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    for (name, durability) in [
        ("strict", Durability::Strict),
        ("batch 50 ms", Durability::Batch(Duration::from_millis(50))),
    ] {
        let directory = directory.join(name.replace(' ', "-"));
        let mut config = Config::new(&directory, "bench", "boot");
        config.durability = durability;
        let count = Arc::new(AtomicU64::new(0));
        let (before, begin) = (cpu(), Instant::now());
        runtime.block_on(async {
            let audit = Audit::open(config)?;
            let until = begin + Duration::from_secs(seconds);
            let works: Vec<_> = (0..tasks)
                .map(|_| tokio::spawn(work(audit.clone(), until, Arc::clone(&count))))
                .collect();
            for work in works {
                work.await??;
            }
            audit.close().await?;
            Ok::<_, Box<dyn std::error::Error>>(())
        })?;
        let (spent, count) = (cpu().saturating_sub(before), count.load(Ordering::Relaxed).max(1));
        let rate = count as f64 / begin.elapsed().as_secs_f64();
        let each = spent.as_secs_f64() * 1e6 / count as f64;
        println!("{name}: {count} statements by {tasks} tasks, {rate:.0}/s, {each:.1} µs CPU each");
        let begin = Instant::now();
        let report = verify(&directory)?;
        println!("verified in {:.1} s\n{report}", begin.elapsed().as_secs_f64());
    }
    Ok(())
}
