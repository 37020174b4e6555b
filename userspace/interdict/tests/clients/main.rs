//! Clients that people use, each run twice on the same data, past the daemon and through it under the policy for health
//! data: what they show has to be the same, or masked as the policy says.
//!
//! `verdicts` lists every difference with its reason; a listed difference that is gone fails as well.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up has failed"
)]

mod dump;
mod psql;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod tools;
mod verdicts;

use stage::{Shown, Stage};
use tools::Python;

const REQUIREMENTS: &str = "requirements.txt";

#[test]
fn psql_shows_the_schema_as_it_is() {
    let stage = Stage::start();
    stage.compare("psql", psql::run_all);
}

#[test]
fn psql_completes_names() {
    let stage = Stage::start();
    stage.compare("psql-completion", |port| {
        tools::steps(
            std::process::Command::new("python3")
                .arg("-B")
                .arg(tools::program("completion.py")),
            port,
            &[],
        )
    });
}

#[test]
fn pg_dump_writes_permitted_tables() {
    let stage = Stage::start();
    stage.compare("pg_dump", dump::run);
}

#[test]
fn sqlalchemy_works_with_psycopg() {
    sqlalchemy("psycopg");
}

#[test]
fn sqlalchemy_works_with_psycopg2() {
    sqlalchemy("psycopg2");
}

fn sqlalchemy(driver: &str) {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    let stage = Stage::start();
    for program in ["sqlalchemy_reflection", "sqlalchemy_orm"] {
        stage.compare(&format!("{program} {driver}"), |port| {
            python.run(program, port, &[driver])
        });
    }
}

#[test]
fn django_inspects_and_its_models_work() {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    Stage::start().compare("django", |port| python.run("django_models", port, &[]));
}

#[test]
fn duckdb_reads_by_binary_copy() {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    Stage::start().compare("duckdb", |port| python.run("duckdb_postgres", port, &[]));
}

#[test]
fn drivers_of_python_work() {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    Stage::start().compare("drivers", |port| python.run("drivers", port, &[]));
}

#[test]
fn definitions_change_past_the_daemon() {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    let stage = Stage::start();
    let past = stage.past().to_string();
    stage.compare("migration", |port| python.run("migration", port, &[&past]));
}

#[test]
fn node_postgres_works() {
    let Some(modules) = tools::node_modules() else {
        return;
    };
    Stage::start().compare("node", |port| {
        let mut node = std::process::Command::new("node");
        node.arg("--no-deprecation")
            .arg(tools::program("node.js"))
            .env("NODE_PATH", &modules);
        tools::steps(&mut node, port, &[])
    });
}
