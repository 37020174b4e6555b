//! PostgreSQL's own regression statements: what the analysis says of each, beside what the server did.
//!
//! The suite's scripts run as the suite runs them, one after another in one database, by psql. Each statement that the
//! analysis takes to change nothing is watched: it must take no transaction id, move no sequence, and leave the session's
//! settings, advisory locks, prepared statements and cursors as they were.
#![allow(unreachable_pub, reason = "modules of one program")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

#[path = "regression/relay.rs"]
mod relay;
#[path = "regression/server.rs"]
mod server;
#[path = "regression/tally.rs"]
mod tally;
#[path = "regression/watch.rs"]
mod watch;
#[path = "regression/wire.rs"]
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use server::{DATABASE, Server, USER};
use tally::Tally;

/// How long a script may take; the slowest take some seconds.
const LONGEST: Duration = Duration::from_mins(2);

#[test]
#[ignore = "needs INTERDICT_SQL_CORPUS, which `cargo xtask test` fetches and sets"]
fn what_the_analysis_takes_for_harmless_changes_nothing() {
    let corpus = std::env::var_os("INTERDICT_SQL_CORPUS").map(PathBuf::from);
    let corpus = corpus.expect("INTERDICT_SQL_CORPUS: PostgreSQL's src/test/regress");
    let only = std::env::var("INTERDICT_SQL_SCRIPTS").ok();
    let started = Instant::now();
    let server = Server::start(&corpus.join("data"));
    let tally = Arc::new(Mutex::new(Tally::default()));
    let relay = server.directory.path().join("relay");
    fs::create_dir(&relay).unwrap();
    relay::listen(&relay, server.socket(), Arc::clone(&tally));
    let locked = || tally.lock().unwrap_or_else(PoisonError::into_inner);
    for name in schedule(&corpus) {
        if only
            .as_ref()
            .is_some_and(|only| name != "test_setup" && !only.split(',').any(|part| part == name))
        {
            continue;
        }
        let path = corpus.join("sql").join(format!("{name}.sql"));
        let text = fs::read(&path).unwrap();
        locked().begin(&name, String::from_utf8_lossy(&text).into_owned());
        let took = run(&server, &relay, &path);
        if took > Duration::from_secs(3) {
            println!("{name} took {:.1} s", took.as_secs_f64());
        }
    }
    let tally = locked();
    println!("{}", tally.gaps());
    println!("{} refused by the server", tally.refused);
    println!(
        "{} accepted, {} of them analysed complete",
        tally.accepted, tally.complete
    );
    println!(
        "{} more by psql, {} of them complete",
        tally.made, tally.made_complete
    );
    println!(
        "{} taken for harmless and watched, {} not to be watched",
        tally.compared, tally.unwatched
    );
    println!("{} share their analysis", tally.shared);
    for (why, count) in &tally.excused {
        println!("{count:>5} of these took a transaction id that is no sign of a change: {why}");
    }
    println!(
        "{} of these changed something; {:.0} s",
        tally.offenders.len(),
        started.elapsed().as_secs_f64()
    );
    assert!(tally.offenders.is_empty(), "\n{}", tally.offenders.join("\n"));
    if only.is_none() {
        assert!(tally.accepted > 15_000, "the scripts ran");
        assert!(tally.compared > 5_000, "they were watched");
        assert!(tally.shared > 2_000, "texts share what they can");
        assert!(tally.complete * 1_000 >= tally.accepted * 995, "complete");
    }
}

/// The scripts in the suite's order, without its comments.
fn schedule(corpus: &Path) -> Vec<String> {
    let schedule = fs::read_to_string(corpus.join("parallel_schedule")).unwrap();
    let groups = schedule.lines().filter_map(|line| line.strip_prefix("test:"));
    groups
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect()
}

/// Runs a script by psql, through the relay.
fn run(server: &Server, relay: &Path, script: &Path) -> Duration {
    let place = server.directory.path();
    let started = Instant::now();
    let mut psql = Command::new(server.programs.join("psql"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            psql.env_remove(name);
        }
    }
    let mut psql = psql
        .args(["-X", "-a", "-q", "-U", USER, "-d", DATABASE])
        .args(["-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on"])
        .arg("-h")
        .arg(relay)
        .env("PG_ABS_SRCDIR", place)
        .env("PG_ABS_BUILDDIR", place)
        // The suite's own C functions are not built.
        .env("PG_LIBDIR", "/nonexistent")
        .env("PG_DLSUFFIX", ".so")
        .env("PGTZ", "PST8PDT")
        .env("PGDATESTYLE", "Postgres, MDY")
        .env_remove("LD_LIBRARY_PATH")
        .current_dir(place)
        .stdin(fs::File::open(script).unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while psql.try_wait().unwrap().is_none() {
        if started.elapsed() > LONGEST {
            psql.kill().unwrap();
            panic!("{} stands still", script.display());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    started.elapsed()
}
