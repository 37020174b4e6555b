//! What clients do to an endpoint.

mod drain;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use self::drain::Form;
use super::endpoint::Endpoint;
use super::setup::{DATABASE, ROWS, USER};
use crate::postgres::Postgres;
use crate::ui;

/// One kind of work.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    /// A select by key, over and over on `clients` connections.
    Select {
        name: &'static str,
        point: Point,
        mode: &'static str,
        clients: u32,
    },
    /// pgbench's own with a connection for each statement.
    Connect { name: &'static str, clients: u32 },
    /// One large result, read to its end.
    Large {
        name: &'static str,
        statement: &'static str,
        form: Form,
    },
}

/// Whose row is selected.
#[derive(Clone, Copy, Debug)]
pub(super) enum Point {
    /// pgbench's own: one number of an account, which no policy here is about.
    Account,
    /// Three of whose six columns some endpoints mask.
    Patient,
}

/// pgbench's script of [`Point::Patient`].
const PATIENT: &str = "\\set id random(1, 1000000)
SELECT id, name, ssn, email, notes, visited FROM patients WHERE id = :id;
";

/// What one turn came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    /// Statements, connections or rows.
    pub(super) operations: u64,
    pub(super) per_second: f64,
    /// Only with a single client: with several it says more about the queue.
    pub(super) median: Option<Duration>,
    pub(super) bytes_per_second: Option<f64>,
}

impl Load {
    /// All of them, in the order they are run.
    pub(super) fn all() -> Vec<Self> {
        let select = |name, point, mode, clients| Self::Select {
            name,
            point,
            mode,
            clients,
        };
        let large = |name, statement, form| Self::Large {
            name,
            statement,
            form,
        };
        vec![
            select("account simple c1", Point::Account, "simple", 1),
            select("account simple c8", Point::Account, "simple", 8),
            select("account prepared c1", Point::Account, "prepared", 1),
            select("account prepared c8", Point::Account, "prepared", 8),
            select("patient simple c1", Point::Patient, "simple", 1),
            select("patient simple c8", Point::Patient, "simple", 8),
            select("patient prepared c1", Point::Patient, "prepared", 1),
            select("patient prepared c8", Point::Patient, "prepared", 8),
            Self::Connect {
                name: "connect c4",
                clients: 4,
            },
            large("1M rows, text", "SELECT * FROM patients", Form::Simple),
            large("1M rows, binary", "SELECT * FROM patients", Form::Binary),
            large("1M rows, copy text", "COPY patients TO STDOUT", Form::Simple),
            large(
                "1M rows, copy binary",
                "COPY patients TO STDOUT (FORMAT binary)",
                Form::Simple,
            ),
        ]
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Select { name, .. } | Self::Connect { name, .. } | Self::Large { name, .. } => name,
        }
    }

    /// One turn.
    pub(super) fn run(&self, server: &Postgres, endpoint: &Endpoint, seconds: u32) -> Result<Run> {
        match *self {
            Self::Select {
                point, mode, clients, ..
            } => pgbench(server, endpoint, seconds, mode, clients, Work::Point(point)),
            Self::Connect { clients, .. } => {
                pgbench(server, endpoint, seconds, "simple", clients, Work::Connect)
            }
            Self::Large { statement, form, .. } => {
                let (bytes, took) = drain::read(endpoint.port, USER, DATABASE, statement, form)?;
                let seconds = took.as_secs_f64();
                Ok(Run {
                    operations: ROWS,
                    per_second: ROWS as f64 / seconds,
                    median: None,
                    bytes_per_second: Some(bytes as f64 / seconds),
                })
            }
        }
    }
}

/// What pgbench does.
#[derive(Clone, Copy)]
enum Work {
    Point(Point),
    Connect,
}

fn pgbench(
    server: &Postgres,
    endpoint: &Endpoint,
    seconds: u32,
    mode: &str,
    clients: u32,
    work: Work,
) -> Result<Run> {
    let place = tempfile::tempdir()?;
    let mut command = server.program("pgbench");
    command
        .current_dir(place.path())
        .env("PGSSLMODE", "disable")
        .args(["-h", "127.0.0.1", "-U", USER, "--no-vacuum", "-M", mode])
        .args(["-p", &endpoint.port.to_string(), "-T", &seconds.to_string()])
        .args(["-c", &clients.to_string(), "-j", &clients.min(2).to_string()])
        .args(match work {
            Work::Point(Point::Account) => ["--select-only"].as_slice(),
            Work::Point(Point::Patient) => &["--file", "patient.sql"],
            Work::Connect => &["--select-only", "--connect"],
        });
    fs::write(place.path().join("patient.sql"), PATIENT)?;
    let timed = clients == 1;
    if timed {
        command.arg("--log");
    }
    let said = ui::output(Command::arg(&mut command, DATABASE))?;
    let (operations, per_second) =
        summary(&said).with_context(|| format!("pgbench's answer is not understood: {said}"))?;
    let median = if timed { median(place.path())? } else { None };
    Ok(Run {
        operations,
        per_second,
        median,
        bytes_per_second: None,
    })
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

/// The middle one of the times in pgbench's log, the third field of each line, in microseconds.
fn median(place: &Path) -> Result<Option<Duration>> {
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
    Ok(times.get(times.len() / 2).copied().map(Duration::from_micros))
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
    fn the_median_is_the_middle_one() -> Result<()> {
        let place = tempfile::tempdir()?;
        fs::write(
            place.path().join("pgbench_log.1"),
            "0 1 900 0 0 0\n0 2 10 0 0 0\n0 3 20 0 0 0\n",
        )?;
        assert_eq!(median(place.path())?, Some(Duration::from_micros(20)));
        Ok(())
    }
}
