//! The servers that the demo is shown with, and what is different about each; all else is the same.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::clinic::{AGENT, DATABASE, PASSWORD, TABLES};
use crate::cgroup::Cgroup;
use crate::cleanup::Cleanup;
use crate::mariadb::MariaDb;
use crate::postgres::Postgres;

/// How agents come in to PostgreSQL: with a password, as in real life.
const HBA: &str = "host clinic agent 127.0.0.1/32 scram-sha-256";

/// The agent owns the tables, so that what is refused is not refused for want of a right.
const OWNER: &str = "ALTER TABLE patients OWNER TO agent; ALTER TABLE staff OWNER TO agent; \
     ALTER TABLE visits OWNER TO agent; ALTER TABLE payments OWNER TO agent";

/// Which server the demo is shown with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// PostgreSQL and psql.
    Postgres,
    /// MariaDB and its client.
    Mysql,
}

/// How a server and its client are spoken of and to.
pub(super) struct Terms {
    /// As people call the server.
    pub(super) name: &'static str,
    /// As settings call what it speaks.
    pub(super) protocol: &'static str,
    /// The client's program.
    pub(super) client: &'static str,
    /// The client's variable for the password.
    password: &'static str,
    /// What makes the client show tables as a person sees them, and read no file of this machine.
    form: &'static [&'static str],
    port: &'static str,
    user: &'static str,
    /// The client's option before a statement.
    pub(super) statement: &'static str,
    /// What stands before a refusal's hint.
    pub(super) hint: &'static str,
}

impl Kind {
    pub(super) const fn terms(self) -> &'static Terms {
        match self {
            Self::Postgres => &Terms {
                name: "PostgreSQL",
                protocol: "postgres",
                client: "psql",
                password: "PGPASSWORD",
                form: &[
                    "-X",
                    "-P",
                    "pager=off",
                    "-P",
                    "border=2",
                    "-P",
                    "linestyle=unicode",
                    "-P",
                    "null=NULL",
                ],
                port: "-p",
                user: "-U",
                statement: "-c",
                hint: "HINT:",
            },
            Self::Mysql => &Terms {
                name: "MariaDB",
                protocol: "mysql",
                client: "mariadb",
                password: "MYSQL_PWD",
                form: &["--table", "--default-character-set=utf8mb4"],
                port: "-P",
                user: "-u",
                statement: "-e",
                hint: "(hint:",
            },
        }
    }
}

impl Terms {
    /// The arguments of a login, as a person types them.
    pub(super) fn login(&self, port: u16) -> [String; 7] {
        [
            "-h",
            "127.0.0.1",
            self.port,
            &port.to_string(),
            self.user,
            AGENT,
            DATABASE,
        ]
        .map(str::to_owned)
    }

    /// Options that show tables as a person sees them.
    pub(super) const fn shown(&self) -> &'static [&'static str] {
        self.form
    }

    /// The client with its login, as a person types it.
    pub(super) fn line(&self, port: u16) -> String {
        format!("{} {}", self.client, self.login(port).join(" "))
    }

    /// The same with the password.
    pub(super) fn line_with_password(&self, port: u16) -> String {
        format!("env {}={PASSWORD} {}", self.password, self.line(port))
    }
}

/// A running server with the clinic in it.
#[derive(Clone)]
pub(super) enum Server {
    Postgres(Postgres),
    Mysql(MariaDb),
}

impl Server {
    /// Starts one in a folder of `place`, stopped by `cleanup`, and puts the clinic into it.
    pub(super) fn start(kind: Kind, place: &Path, cleanup: &Cleanup) -> Result<Self> {
        let server = match kind {
            Kind::Postgres => Self::Postgres(Postgres::start(place, HBA, "")?),
            Kind::Mysql => Self::Mysql(MariaDb::start(place, &[])?),
        };
        let stopped = server.clone();
        cleanup.add(format!("{} runs on", kind.terms().name), move || stopped.stop());
        match &server {
            Self::Postgres(postgres) => {
                postgres.run(
                    "postgres",
                    &format!("CREATE ROLE {AGENT} LOGIN PASSWORD '{PASSWORD}'"),
                )?;
                postgres.run("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
                server.run(TABLES)?;
                server.run(OWNER)?;
            }
            Self::Mysql(mariadb) => {
                mariadb.run(
                    "mysql",
                    &format!(
                        "CREATE DATABASE {DATABASE}; CREATE USER {AGENT}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'; \
                         GRANT ALL ON {DATABASE}.* TO {AGENT}@'127.0.0.1'"
                    ),
                )?;
                server.run(TABLES)?;
            }
        }
        Ok(server)
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Postgres(_) => Kind::Postgres,
            Self::Mysql(_) => Kind::Mysql,
        }
    }

    pub(super) const fn terms(&self) -> &'static Terms {
        self.kind().terms()
    }

    pub(super) const fn port(&self) -> u16 {
        match self {
            Self::Postgres(server) => server.port,
            Self::Mysql(server) => server.port,
        }
    }

    /// Runs statements on the clinic as the one who may do all, past the port; what they print, bare.
    pub(super) fn run(&self, statements: &str) -> Result<String> {
        match self {
            Self::Postgres(server) => server.run(DATABASE, statements),
            Self::Mysql(server) => server.run(DATABASE, statements),
        }
    }

    /// The client as the agent logs in with it; inside a cgroup if one is given.
    pub(super) fn client(&self, cgroup: Option<&Cgroup>, port: u16) -> Result<Command> {
        let terms = self.terms();
        let mut command = match (self, cgroup) {
            (Self::Postgres(server), Some(cgroup)) => server.program_in(cgroup, terms.client),
            (Self::Postgres(server), None) => server.program(terms.client),
            (Self::Mysql(_), cgroup) => MariaDb::client(cgroup)?,
        };
        command
            .env(terms.password, PASSWORD)
            .args(terms.form)
            .args(terms.login(port));
        Ok(command)
    }

    fn stop(&self) -> Result<()> {
        match self {
            Self::Postgres(server) => server.stop(),
            Self::Mysql(server) => server.stop(),
        }
    }

    /// The line that stops it by hand.
    pub(super) fn stop_line(&self) -> String {
        match self {
            Self::Postgres(server) => server.stop_line(),
            Self::Mysql(server) => server.stop_line(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_reads_as_people_type_it() {
        assert_eq!(
            Kind::Postgres.terms().line(5432),
            "psql -h 127.0.0.1 -p 5432 -U agent clinic"
        );
        assert_eq!(
            Kind::Mysql.terms().line_with_password(3306),
            "env MYSQL_PWD=demo mariadb -h 127.0.0.1 -P 3306 -u agent clinic"
        );
    }
}
