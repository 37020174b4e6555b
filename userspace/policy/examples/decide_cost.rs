//! What a decision costs: `cargo run --release -p interdict-policy --example decide_cost [POLICY]`.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use interdict_policy::{Identity, KeySource, PolicySet, Request};
use interdict_sql::{Analyzer, PostgresSettings};

const ROUNDS: u32 = 200_000;

fn main() {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "policies/hipaa-phi.yaml".to_owned());
    let set = match PolicySet::load_with(&[PathBuf::from(path)], KeySource::Offline) {
        Ok(set) => set,
        Err(found) => {
            for diagnostic in found {
                eprintln!("{diagnostic}");
            }
            std::process::exit(2);
        }
    };
    let identity = Identity {
        name: "agents/bench".to_owned(),
        ..Identity::default()
    };
    let effective = set.effective("clinic", &identity);
    let analyzer = Analyzer::new(1 << 20);
    for text in [
        "SELECT id, name, ssn FROM patients WHERE id = $1",
        "SELECT p.name, v.visit_date FROM public.patients p JOIN public.visits v ON v.patient_id = p.id",
        "UPDATE visits SET reason = $1 WHERE id = $2",
        "DROP TABLE patients",
        "BEGIN",
    ] {
        let analysis = analyzer.postgres(text.as_bytes(), &PostgresSettings::default());
        for statement in &analysis.statements {
            let request = Request {
                identity: &identity,
                service: "clinic",
                protocol: "postgres",
                database: "emr",
                db_user: "svc",
                application: "bench",
                kind: statement.kind,
                effects: statement.effects,
                relations: &statement.relations,
                masked_columns: &[],
                http: None,
                parameters: &[],
                text,
                complete: statement.complete(),
                gaps: &statement.gaps,
                grants: &[],
            };
            let started = Instant::now();
            for _ in 0..ROUNDS {
                black_box(effective.judge(black_box(&request)));
            }
            println!(
                "{:6.2} µs  {text}",
                started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
            );
        }
    }
    let started = Instant::now();
    for _ in 0..ROUNDS {
        black_box(set.effective("clinic", black_box(&identity)));
    }
    println!(
        "{:6.2} µs  effective()",
        started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
    );
}
