//! MySQL's and MariaDB's own servers beside the analysis: how they cut texts, and what statements do that the analysis takes to
//! change nothing.
//!
//! MariaDB is started from `mariadbd` in a directory of its own; a running MySQL is asked through the socket that
//! `INTERDICT_MYSQL_SOCKET` names, where there is one. The statements are those of MariaDB's own test suite (the package
//! mariadb-test-data, `mysql-test/main`), in the directory that `INTERDICT_MYSQL_CORPUS` names; `INTERDICT_MYSQL_SAMPLE=n` takes every
//! nth file of them. `cargo xtask test` fetches them and takes every second.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

#[path = "../src/mysql/tests/cases.rs"]
mod cases;
#[path = "mysql/oracle.rs"]
mod oracle;
#[path = "mysql/server.rs"]
mod server;
#[path = "mysql/suite.rs"]
mod suite;

use std::fmt::Write as _;
use std::path::PathBuf;

use interdict_sql::mysql::{Flavour, canonical};
use interdict_sql::{Analyzer, Control, Effect, Effects, MysqlSettings};
use server::Server;

/// The part of what the server's grammar accepts that the analysis has to cover: the rest is text that exists only at run time,
/// nesting beyond the limit, and forms that are read by no other server.
const COVERED: f64 = 0.995;

/// What changes nothing that outlasts the statement.
const HARMLESS: Effects = Effects::of(&[Effect::Read, Effect::Explain, Effect::Lock]);

fn settings(flavour: Flavour, version: u32) -> MysqlSettings {
    MysqlSettings {
        flavour,
        version,
        multi_statements: false,
        ..MysqlSettings::default()
    }
}

/// Each text and its canonical form give the same, or an error both.
fn same_meaning(server: &Server, flavour: Flavour, version: u32) {
    for (text, mysql, mariadb) in cases::READING {
        let wanted = match flavour {
            Flavour::Mysql => mysql,
            Flavour::Mariadb => mariadb,
        };
        let told = canonical(text.as_bytes(), &settings(flavour, version));
        assert_eq!(told.as_deref(), *wanted, "{text}");
        let given = server.run(text);
        match wanted {
            Some(wanted) => assert_eq!(given.0, server.run(wanted).0, "{flavour:?}: {text}"),
            // Not read here: the server refuses it too, or it is one of those that nobody could mean.
            None => assert!(
                given.1.contains("ERROR") || text.contains('!') || text.contains('@'),
                "{text}"
            ),
        }
    }
}

/// Queries made at random: no column shows the protected value of which lineage says that it doesn't.
fn nothing_goes_unnoticed(server: &Server, settings: &MysqlSettings) {
    const QUERIES: usize = 3_000;
    let mut maker = oracle::Maker(20_261_121);
    let queries: Vec<String> = (0..QUERIES).map(|_| maker.query(3).0).collect();
    let answers = server.answers(&oracle::setup(server::END), &queries);
    let analyzer = Analyzer::new(1 << 20);
    let (mut followed, mut lost, mut shown) = (0, 0, 0);
    for (query, rows) in queries.iter().zip(answers) {
        let Some(first) = rows.first() else { continue };
        let lineages = analyzer.trace_mysql(query.as_bytes(), settings, &oracle::Clinic);
        let [lineage] = lineages.as_slice() else {
            panic!("{query}")
        };
        if lineage.gap.is_some() {
            lost += 1;
            continue;
        }
        followed += 1;
        for column in 0..first.len() {
            let leaks = rows.iter().any(|row| {
                row.get(column)
                    .is_some_and(|cell| cell.to_uppercase().contains(oracle::CANARY))
            });
            let flow = lineage
                .output(column, first.len())
                .unwrap_or_else(|| panic!("{} columns: {query}", first.len()));
            assert!(!leaks || flow.shows(), "column {column}: {query}");
            shown += usize::from(leaks);
        }
    }
    println!("{followed} queries followed, {lost} not; {shown} columns showed the value");
    assert!(followed > QUERIES / 2 && shown > QUERIES / 10 && lost < QUERIES / 20);
}

#[test]
#[ignore = "starts mariadbd"]
fn what_mariadb_shows_is_followed() {
    let server = Server::start();
    let (flavour, version) = MysqlSettings::server(server.run("SELECT VERSION()").0.trim()).unwrap();
    nothing_goes_unnoticed(&server, &settings(flavour, version));
}

#[test]
#[ignore = "needs INTERDICT_MYSQL_SOCKET, a running MySQL"]
fn what_mysql_shows_is_followed() {
    let socket =
        std::env::var_os("INTERDICT_MYSQL_SOCKET").expect("INTERDICT_MYSQL_SOCKET: a MySQL's socket");
    let server = Server::at(PathBuf::from(socket));
    let (flavour, version) = MysqlSettings::server(server.run("SELECT VERSION()").0.trim()).unwrap();
    nothing_goes_unnoticed(&server, &settings(flavour, version));
}

#[test]
#[ignore = "starts mariadbd"]
fn mariadb_reads_texts_as_they_are_read_here() {
    let server = Server::start();
    let (flavour, version) = MysqlSettings::server(server.run("SELECT VERSION()").0.trim()).unwrap();
    assert_eq!(flavour, Flavour::Mariadb);
    same_meaning(&server, flavour, version);
}

#[test]
#[ignore = "needs INTERDICT_MYSQL_SOCKET, a running MySQL"]
fn mysql_reads_texts_as_they_are_read_here() {
    let socket =
        std::env::var_os("INTERDICT_MYSQL_SOCKET").expect("INTERDICT_MYSQL_SOCKET: a MySQL's socket");
    let server = Server::at(PathBuf::from(socket));
    let (flavour, version) = MysqlSettings::server(server.run("SELECT VERSION()").0.trim()).unwrap();
    assert_eq!(flavour, Flavour::Mysql);
    same_meaning(&server, flavour, version);
}

#[test]
#[ignore = "needs INTERDICT_MYSQL_CORPUS, MariaDB's mysql-test/main, and starts mariadbd"]
fn what_the_analysis_takes_for_harmless_changes_nothing() {
    let corpus = std::env::var_os("INTERDICT_MYSQL_CORPUS").expect("INTERDICT_MYSQL_CORPUS: mysql-test/main");
    let step = match std::env::var("INTERDICT_MYSQL_SAMPLE") {
        Ok(step) => step
            .parse::<usize>()
            .ok()
            .filter(|step| *step > 0)
            .expect("INTERDICT_MYSQL_SAMPLE: a number from 1"),
        Err(_) => 1,
    };
    if step > 1 {
        println!("SAMPLED: one of {step} files of the suite (INTERDICT_MYSQL_SAMPLE)");
    }
    let statements = suite::statements(&PathBuf::from(corpus), step);
    assert!(
        statements.len() > 50_000 / step,
        "{} statements",
        statements.len()
    );
    let mut server = Server::start();
    let (flavour, version) = MysqlSettings::server(server.run("SELECT VERSION()").0.trim()).unwrap();
    let logged = server.run("SELECT @@log_bin").0;
    assert_eq!(logged.trim(), "1", "without its log nothing tells what changed");
    let settings = settings(flavour, version);
    let analyzer = Analyzer::new(1 << 20);

    let refused = server.refuses(&statements);
    let mut valid = 0_u32;
    let mut complete = 0_u32;
    let mut harmless = Vec::new();
    for (text, refused) in statements.iter().zip(refused) {
        if refused {
            continue;
        }
        valid += 1;
        let analysis = analyzer.mysql(text.as_bytes(), &settings);
        if !analysis.complete() {
            continue;
        }
        complete += 1;
        if let [statement] = analysis.statements.as_slice()
            && statement.effects.without(HARMLESS).is_empty()
            && statement.control == Control::None
            && statement.kind != "set"
        {
            harmless.push((text.as_str(), statement.variables.written.clone()));
        }
    }
    let covered = f64::from(complete) / f64::from(valid);
    println!(
        "{valid} statements, {complete} complete ({:.2} %)",
        covered * 100.0
    );
    assert!(covered >= COVERED, "{covered}");

    let run = server.watch(
        &statements,
        &harmless.iter().map(|(text, _)| *text).collect::<Vec<_>>(),
    );
    println!(
        "{} harmless statements, {} of them ran; the server crashed {} times",
        harmless.len(),
        run.ran,
        run.crashes
    );
    assert!(run.ran > 5_000 / step, "{} ran", run.ran);
    let mut told = String::new();
    for (text, before, after) in &run.changed {
        let _ = writeln!(told, "{text}\n   {before}\n   {after}");
    }
    assert!(
        run.changed.is_empty(),
        "{} changed something:\n{told}",
        run.changed.len()
    );
}
