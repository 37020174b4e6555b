//! Prints what an analysis costs: `cargo run -p interdict-sql --release --example cost`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use interdict_sql::{Analyzer, PostgresSettings};

fn main() {
    let settings = PostgresSettings::default();
    let point = "SELECT abalance FROM pgbench_accounts WHERE aid = 5";
    let report = "WITH recent AS (SELECT patient_id, max(seen_at) AS seen FROM visits WHERE seen_at > now() - interval '30 days' \
                  GROUP BY patient_id) SELECT p.name, r.seen, count(o.id) FILTER (WHERE o.abnormal) AS abnormal FROM patients p \
                  JOIN recent r ON r.patient_id = p.id LEFT JOIN observations o ON o.patient_id = p.id WHERE p.ward = ANY($1) \
                  GROUP BY 1, 2 HAVING count(o.id) > 3 ORDER BY abnormal DESC LIMIT 50";
    for (name, text) in [("point select", point), ("report", report)] {
        // A cache too small to keep anything.
        let cold = Analyzer::new(0);
        let warm = Analyzer::new(1 << 20);
        let uncached = each(|| cold.postgres(text.as_bytes(), &settings).statements.len());
        let cached = each(|| warm.postgres(text.as_bytes(), &settings).statements.len());
        println!(
            "{name:<14} {:>4} bytes   uncached {uncached:>10.2?}   cached {cached:>10.2?}",
            text.len()
        );
    }
    let rows = |bytes: usize| format!("INSERT INTO t VALUES {}(1)", "(1),".repeat(bytes / 4));
    let sum = |bytes: usize| format!("SELECT {}1", "1+".repeat(bytes / 2));
    let list = |bytes: usize| format!("SELECT {}1", "1,".repeat(bytes / 2));
    for bytes in [1 << 14, 1 << 17, 1_000_000] {
        for (name, text) in [("rows", rows(bytes)), ("sum", sum(bytes)), ("list", list(bytes))] {
            let cold = Analyzer::new(0);
            let start = Instant::now();
            let gaps = cold.postgres(text.as_bytes(), &settings).gaps.clone();
            println!(
                "{name:<14} {:>7} bytes   {:>10.2?}   {gaps:?}",
                text.len(),
                start.elapsed()
            );
        }
    }
}

fn each(mut work: impl FnMut() -> usize) -> Duration {
    for _ in 0..100 {
        black_box(work());
    }
    let (start, times) = (Instant::now(), 20_000);
    for _ in 0..times {
        black_box(work());
    }
    start.elapsed() / times
}
