//! What clients do to an endpoint.

mod client;
pub(super) mod drain;
mod pgbench;

use anyhow::Result;
use serde::Deserialize;

use self::drain::Form;
use self::pgbench::{Pgbench, Script};
use super::endpoint::{Endpoint, Family, Role};
use super::setup::{DATABASE, ROWS, Servers, USER};

/// One kind of work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) name: &'static str,
    work: Work,
    /// Client, proxies and server share one core: nothing waits for another core to wake up.
    pub(super) pinned: bool,
    /// Only run where its name is asked for.
    pub(super) aside: bool,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Pgbench(Pgbench),
    /// One large result of PostgreSQL, read to its end.
    Large {
        statement: &'static str,
        form: Form,
    },
    /// Arguments of our own clients of MySQL.
    Mysql(&'static [&'static str]),
    /// Likewise of HTTPS.
    Https(&'static [&'static str]),
}

/// What one turn came to.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Run {
    /// Statements, connections, requests or rows.
    pub(super) operations: u64,
    pub(super) seconds: f64,
    /// Of answers, where they are counted.
    #[serde(default)]
    pub(super) bytes: u64,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
}

/// Names that targets ask for.
pub(super) const PINNED: &str = "postgres c1, one core";
pub(super) const SIMPLE_8: &str = "postgres simple c8";
pub(super) const SIMPLE_32: &str = "postgres simple c32";
pub(super) const PREPARED_8: &str = "postgres prepared c8";
pub(super) const PREPARED_32: &str = "postgres prepared c32";
pub(super) const CONNECT: &str = "postgres connect c4";
pub(super) const LARGE: &str = "postgres 1M rows";
pub(super) const COPY: &str = "postgres 1M rows, copy";
pub(super) const MYSQL: [&str; 3] = ["mysql point t1", "mysql point t8", "mysql point t32"];
pub(super) const MYSQL_LARGE: &str = "mysql 1M rows";
pub(super) const HTTPS_1K: &str = "https 1 KiB c8";
pub(super) const HTTPS_64K: &str = "https 64 KiB c8";

impl Load {
    /// All of them, in the order they are run.
    pub(super) fn all() -> Vec<Self> {
        let load = |name, work| Self {
            name,
            work,
            pinned: false,
            aside: false,
        };
        let bench = |name, script, mode, clients| {
            load(
                name,
                Work::Pgbench(Pgbench {
                    script,
                    mode,
                    clients,
                }),
            )
        };
        let large = |name, statement, form| load(name, Work::Large { statement, form });
        let aside = |load: Self| Self { aside: true, ..load };
        vec![
            Self {
                pinned: true,
                ..bench(PINNED, Script::Account, "simple", 1)
            },
            bench(SIMPLE_8, Script::Account, "simple", 8),
            bench(SIMPLE_32, Script::Account, "simple", 32),
            bench(PREPARED_8, Script::Account, "prepared", 8),
            bench(PREPARED_32, Script::Account, "prepared", 32),
            bench("postgres patients, prepared c8", Script::Patient, "prepared", 8),
            bench(CONNECT, Script::Connect, "simple", 4),
            large(LARGE, "SELECT * FROM patients", Form::Simple),
            large(COPY, "COPY patients TO STDOUT", Form::Simple),
            aside(large(
                "postgres 1M rows, binary",
                "SELECT * FROM patients",
                Form::Binary,
            )),
            aside(large(
                "postgres 1M rows, binary copy",
                "COPY patients TO STDOUT (FORMAT binary)",
                Form::Simple,
            )),
            load(MYSQL[0], Work::Mysql(&["--work", "point", "--clients", "1"])),
            load(MYSQL[1], Work::Mysql(&["--work", "point", "--clients", "8"])),
            load(MYSQL[2], Work::Mysql(&["--work", "point", "--clients", "32"])),
            load(
                "mysql read-only t8",
                Work::Mysql(&["--work", "read-only", "--clients", "8"]),
            ),
            load(
                MYSQL_LARGE,
                Work::Mysql(&["--work", "large", "--statement", "SELECT * FROM patients"]),
            ),
            load(HTTPS_1K, Work::Https(&["--path", "/1k.json", "--clients", "8"])),
            load(HTTPS_64K, Work::Https(&["--path", "/64k.json", "--clients", "8"])),
            load(
                "https connect c4",
                Work::Https(&["--path", "/1k.json", "--clients", "4", "--connect"]),
            ),
        ]
    }

    pub(super) const fn family(&self) -> Family {
        match self.work {
            Work::Pgbench(_) | Work::Large { .. } => Family::Postgres,
            Work::Mysql(_) => Family::Mysql,
            Work::Https(_) => Family::Https,
        }
    }

    /// Whether there is something to see of an endpoint under it.
    pub(super) fn takes(&self, endpoint: &Endpoint) -> bool {
        endpoint.family == self.family()
            && match endpoint.role {
                Role::Inject => self.name == CONNECT,
                Role::Detectors => matches!(self.work, Work::Large { .. }),
                // Where each statement waits for the disk or could.
                Role::MasksBatch | Role::CopySync => {
                    MYSQL.contains(&self.name)
                        || [
                            PINNED,
                            CONNECT,
                            SIMPLE_8,
                            SIMPLE_32,
                            PREPARED_8,
                            PREPARED_32,
                            HTTPS_1K,
                            HTTPS_64K,
                        ]
                        .contains(&self.name)
                }
                _ => true,
            }
    }

    /// One turn.
    pub(super) fn run(&self, servers: &Servers, endpoint: &Endpoint, seconds: u32) -> Result<Run> {
        match self.work {
            Work::Pgbench(pgbench) => pgbench.run(servers.postgres()?, endpoint.port, seconds),
            Work::Large { statement, form } => {
                let (bytes, took) = drain::read(endpoint.port, USER, DATABASE, statement, form)?;
                Ok(Run {
                    operations: ROWS,
                    seconds: took.as_secs_f64(),
                    bytes,
                    ..Run::default()
                })
            }
            Work::Mysql(arguments) => client::mysql(servers, endpoint.port, seconds, arguments),
            Work::Https(arguments) => client::https(servers, endpoint.port, seconds, arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_one_loads() {
        let mut names: Vec<_> = Load::all().iter().map(|load| load.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn endpoints_are_measured_where_they_differ() {
        let endpoint = |role, family| Endpoint {
            role,
            family,
            port: 0,
            process: 0,
        };
        let taken = |role, family| {
            let all = Load::all();
            let names = all.iter().filter(|load| load.takes(&endpoint(role, family)));
            names.map(|load| load.name).collect::<Vec<_>>()
        };
        assert_eq!(taken(Role::Inject, Family::Postgres), [CONNECT]);
        assert!(taken(Role::Detectors, Family::Postgres).contains(&LARGE));
        assert!(
            taken(Role::Copy, Family::Https)
                .iter()
                .all(|name| name.starts_with("https"))
        );
    }
}
