//! The servers, their data, and everything that stands before them.

mod check;
mod data;
mod https;
pub(super) mod interdict;
mod peers;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::https::Https;
use super::endpoint::{Endpoint, Family, Role};
use crate::cleanup::Cleanup;
use crate::mariadb::MariaDb;
use crate::postgres::{self, Postgres};
use crate::ui;
use crate::workspace::Workspace;

pub(super) const DATABASE: &str = "bench";
pub(super) const USER: &str = "bench";

/// Of the tables that are read whole: some 160 MB on PostgreSQL's wire.
pub(super) const ROWS: u64 = 1_000_000;

/// What is measured through, and what it is measured with.
pub(super) struct Servers {
    /// Our own clients and copying proxies.
    pub(super) load: PathBuf,
    /// Where everything of this run lies.
    pub(super) place: PathBuf,
    postgres: Option<Postgres>,
    mysql: Option<MariaDb>,
    https: Option<Https>,
}

impl Servers {
    pub(super) fn postgres(&self) -> Result<&Postgres> {
        self.postgres.as_ref().context("PostgreSQL was not started")
    }

    pub(super) fn https(&self) -> Result<&Https> {
        self.https.as_ref().context("nginx was not started")
    }

    /// Each with its port and its first process.
    fn direct(&self) -> Result<Vec<Endpoint>> {
        let mut all = Vec::new();
        let mut add = |family, port, process| {
            all.push(Endpoint {
                role: Role::Direct,
                family,
                port,
                process,
            });
        };
        if let Some(server) = &self.postgres {
            add(Family::Postgres, server.port, server.process()?);
        }
        if let Some(server) = &self.mysql {
            add(Family::Mysql, server.port, server.process()?);
        }
        if let Some(server) = &self.https {
            add(Family::Https, server.port, server.process);
        }
        Ok(all)
    }

    /// What the servers are, for the report.
    pub(super) fn versions(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        if let Some(server) = &self.postgres {
            let version = server.run("postgres", "SHOW server_version")?;
            all.push(format!("PostgreSQL {}", version.trim()));
        }
        if let Some(server) = &self.mysql {
            all.push(format!("MariaDB {}", server.run("", "SELECT VERSION()")?.trim()));
        }
        if self.https.is_some() {
            all.push("nginx".to_owned());
        }
        Ok(all)
    }
}

/// The program with our clients and copying proxies, optimised: they must not be what is slow.
pub(super) fn load(workspace: &Workspace) -> Result<PathBuf> {
    ui::step(
        "clients and copying proxies",
        workspace
            .cargo()
            .args(["build", "--release", "--package", "interdict-load"]),
    )?;
    Ok(workspace.target.join("release/interdict-load"))
}

/// Starts everything that `families` need; all of it is undone by `cleanup`.
pub(super) fn start(
    binary: &Path,
    load: PathBuf,
    families: &[Family],
    cleanup: &Cleanup,
) -> Result<(Servers, Vec<Endpoint>)> {
    let place = tempfile::Builder::new()
        .prefix("interdict-bench-")
        .tempdir()?
        .keep();
    let removed = place.clone();
    cleanup.add("the temporary directory stays", move || {
        Ok(fs::remove_dir_all(removed)?)
    });
    postgres::check_place(&place)?;
    let wanted = |family| families.contains(&family);
    let servers = Servers {
        load,
        postgres: wanted(Family::Postgres)
            .then(|| data::postgres(&place, cleanup))
            .transpose()?,
        mysql: wanted(Family::Mysql)
            .then(|| data::mysql(&place, cleanup))
            .transpose()?,
        https: wanted(Family::Https)
            .then(|| https::start(&place, cleanup))
            .transpose()?,
        place,
    };
    let direct = servers.direct()?;
    let mut endpoints = direct.clone();
    endpoints.extend(peers::start(&servers, &direct, cleanup)?);
    endpoints.extend(interdict::start(binary, &servers, &direct, cleanup)?);
    for endpoint in &endpoints {
        check::check(&servers, endpoint)?;
    }
    Ok((servers, endpoints))
}
