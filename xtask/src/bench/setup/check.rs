//! Whether an endpoint shows what it should: a figure is worth nothing if what should be masked is not, or the other way round.

use std::process::Command;

use anyhow::{Result, ensure};

use super::{DATABASE, Servers, USER};
use crate::bench::endpoint::{Endpoint, Family};
use crate::mariadb::MariaDb;
use crate::ui;

/// A row in every database.
const ROW: &str = "SELECT name, ssn, email FROM patients WHERE id = 17";

/// What is in it, and in both files.
const NAME: &str = "Patient 1";
const SECRETS: [&str; 2] = ["117-18-0018", "patient17@example.org"];
/// Of the first one in the files.
const FIRST: [&str; 2] = ["101-02-0002", "patient1@example.org"];

pub(super) fn check(servers: &Servers, endpoint: &Endpoint) -> Result<()> {
    let port = endpoint.port.to_string();
    let (mut command, secrets) = match endpoint.family {
        Family::Postgres => {
            let mut psql = servers.postgres()?.program("psql");
            psql.env("PGSSLMODE", "disable")
                .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"])
                .args(["-U", USER, "-d", DATABASE, "-p", &port, "-c", ROW]);
            (psql, SECRETS)
        }
        Family::Mysql => {
            let mut client = MariaDb::client(None)?;
            client
                .args(["--skip-ssl", "-N", "-B", "-h", "127.0.0.1", "-P", &port])
                .args(["-u", USER, DATABASE, "-e", ROW]);
            (client, SECRETS)
        }
        Family::Https => {
            let mut curl = Command::new("curl");
            curl.args([
                "--silent",
                "--show-error",
                "--fail",
                "--max-time",
                "20",
                "--cacert",
            ])
            .arg(&servers.https()?.authority)
            .arg(format!("https://localhost:{port}/1k.json"));
            (curl, FIRST)
        }
    };
    let name = endpoint.role.name();
    let shown = ui::output(&mut command).map_err(|error| error.context(name))?;
    ensure!(shown.contains(NAME), "{name} shows {shown}");
    for secret in secrets {
        ensure!(
            shown.contains(secret) != endpoint.role.masks(),
            "{name} masks otherwise than it should: {shown}"
        );
    }
    Ok(())
}
