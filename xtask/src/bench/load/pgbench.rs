//! PostgreSQL's own generator of load.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Run;
use crate::bench::setup::{DATABASE, USER};
use crate::postgres::Postgres;
use crate::ui;

/// How it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pgbench {
    pub(super) script: Script,
    pub(super) mode: &'static str,
    pub(super) clients: u32,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// Its own select by key: one number of an account, which no policy here is about.
    Account,
    /// Two of whose six columns some endpoints mask.
    Patient,
    /// The first, with a connection for each statement.
    Connect,
}

/// The script of [`Script::Patient`].
const PATIENT: &str = "\\set id random(1, 1000000)
SELECT id, name, ssn, email, notes, visited FROM patients WHERE id = :id;
";

impl Pgbench {
    pub(super) fn run(&self, server: &Postgres, port: u16, seconds: u32) -> Result<Run> {
        let place = tempfile::tempdir()?;
        let mut command = server.program("pgbench");
        command
            .current_dir(place.path())
            .env("PGSSLMODE", "disable")
            .args(["-h", "127.0.0.1", "-U", USER, "--no-vacuum", "-M", self.mode])
            .args(["-p", &port.to_string(), "-T", &seconds.to_string()])
            .args([
                "-c",
                &self.clients.to_string(),
                "-j",
                &self.clients.min(2).to_string(),
            ])
            .args(match self.script {
                Script::Account => ["--select-only"].as_slice(),
                Script::Patient => &["--file", "patient.sql"],
                Script::Connect => &["--select-only", "--connect"],
            });
        fs::write(place.path().join("patient.sql"), PATIENT)?;
        // Its times of new connections leave out the connecting.
        let timed = self.script != Script::Connect;
        if timed {
            command.arg("--log");
        }
        if timed && self.clients > 1 {
            // Writing all of them down would cost more than some proxies do.
            command.args(["--sampling-rate", "0.3"]);
        }
        let said = ui::output(Command::arg(&mut command, DATABASE))?;
        let (operations, per_second) =
            summary(&said).with_context(|| format!("pgbench's answer is not understood: {said}"))?;
        let times = if timed { times(place.path())? } else { Vec::new() };
        let at = |hundredths: usize| {
            let place = (times.len() * hundredths / 100).min(times.len().saturating_sub(1));
            times.get(place).map(|time| *time as f64)
        };
        Ok(Run {
            operations,
            seconds: operations as f64 / per_second,
            bytes: 0,
            p50_us: at(50),
            p99_us: at(99),
        })
    }
}

/// How many, and how many a second.
fn summary(said: &str) -> Option<(u64, f64)> {
    let number = |start: &str| {
        let rest = said.lines().find_map(|line| line.trim().strip_prefix(start))?;
        rest.split(|letter: char| letter != '.' && !letter.is_ascii_digit())
            .find(|part| !part.is_empty())
    };
    Some((
        number("number of transactions actually processed: ")?
            .parse()
            .ok()?,
        number("tps = ")?.parse().ok()?,
    ))
}

/// The times in pgbench's log, the third field of each line, in microseconds, in their order.
fn times(place: &Path) -> Result<Vec<u64>> {
    let mut times = Vec::new();
    for entry in fs::read_dir(place)? {
        let path = entry?.path();
        // Beside the logs lies the script.
        if path.extension().is_some_and(|extension| extension == "sql") {
            continue;
        }
        let log = fs::read_to_string(path)?;
        times.extend(
            log.lines()
                .filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()),
        );
    }
    times.sort_unstable();
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pgbench_is_understood() {
        let said = "scaling factor: 10\nnumber of transactions actually processed: 12345\nnumber of failed transactions: 0 (0.000%)\n\
                    tps = 678.90 (without initial connection time)\n";
        assert_eq!(summary(said), Some((12_345, 678.9)));
        assert_eq!(summary("tps = 1\n"), None);
    }

    #[test]
    fn times_are_of_all_threads_and_in_order() -> Result<()> {
        let place = tempfile::tempdir()?;
        fs::write(
            place.path().join("pgbench_log.1"),
            "0 1 900 0 0 0\n0 2 10 0 0 0\n",
        )?;
        fs::write(place.path().join("pgbench_log.1.1"), "0 3 20 0 0 0\n")?;
        fs::write(place.path().join("patient.sql"), PATIENT)?;
        assert_eq!(times(place.path())?, [10, 20, 900]);
        Ok(())
    }
}
