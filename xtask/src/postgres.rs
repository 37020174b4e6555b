//! A real PostgreSQL in a directory of its own, on a free port of loopback.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cgroup::Cgroup;
use crate::{host, ui};

/// The account that PostgreSQL runs as where we are root: it refuses to be root.
const ACCOUNT: &str = "postgres";

/// The folder with PostgreSQL's programs: the newest that Debian's layout has, else where `initdb` is on the path.
pub(crate) fn binaries() -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, directory)| directory.join("initdb").is_file() && directory.join("postgres").is_file())
        .collect();
    versions.sort();
    if let Some((_, directory)) = versions.pop() {
        return Ok(directory);
    }
    let initdb = host::program("initdb").context("PostgreSQL's server is not installed")?;
    Ok(fs::canonicalize(&initdb)?
        .parent()
        .context("initdb is in no folder")?
        .to_owned())
}

/// A running server. Local users of its Unix socket, and only they, are let in as superuser without a password.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    programs: PathBuf,
    /// Data, log and Unix socket.
    pub(crate) directory: PathBuf,
    pub(crate) port: u16,
}

impl Postgres {
    /// Starts one in `place/postgres`. `hba` is how TCP connections are let in, `settings` are more lines of its file.
    pub(crate) fn start(place: &Path, hba: &str, settings: &str) -> Result<Self> {
        let server = Self {
            programs: binaries()?,
            directory: place.join(ACCOUNT),
            port: host::free_port()?,
        };
        let directory = &server.directory;
        // The server's account has to get through to its own folder; what is private beside it has modes of its own.
        fs::set_permissions(place, fs::Permissions::from_mode(0o755))?;
        if host::is_root() {
            let mut install = Command::new("install");
            ui::output(
                install
                    .args(["-d", "-o", ACCOUNT, "-g", ACCOUNT, "-m", "700"])
                    .arg(directory),
            )?;
        } else {
            fs::create_dir(directory)?;
        }
        ui::output(server.as_account("initdb").arg("-D").arg(directory).args([
            "-U",
            ACCOUNT,
            "-A",
            "trust",
            "--locale=C",
            "--encoding=UTF8",
            "--no-sync",
        ]))?;
        let file = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nfsync = off\nlc_messages = 'C'\n{settings}\n",
            server.port,
            directory.display()
        );
        append(&directory.join("postgresql.conf"), &file)?;
        // Written over, not replaced: it stays the account's.
        fs::write(
            directory.join("pg_hba.conf"),
            format!("local all all trust\n{hba}\n"),
        )?;
        ui::output(
            server
                .as_account("pg_ctl")
                .arg("-D")
                .arg(directory)
                .arg("-l")
                .arg(server.log())
                .args(["-w", "start"]),
        )
        .with_context(|| fs::read_to_string(server.log()).unwrap_or_default())?;
        Ok(server)
    }

    /// Its first process, which every connection's is a child of.
    pub(crate) fn process(&self) -> Result<u32> {
        let file = fs::read_to_string(self.directory.join("postmaster.pid"))?;
        Ok(file.lines().next().unwrap_or_default().parse()?)
    }

    /// The server's own log.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// One of PostgreSQL's programs, for clients: no account is changed to.
    pub(crate) fn program(&self, name: &str) -> Command {
        scrubbed(Command::new(self.programs.join(name)))
    }

    /// The same, started inside a cgroup.
    pub(crate) fn program_in(&self, cgroup: &Cgroup, name: &str) -> Command {
        scrubbed(cgroup.command(self.programs.join(name)))
    }

    /// Runs statements as superuser through the Unix socket; what they print, unaligned.
    pub(crate) fn run(&self, database: &str, statements: &str) -> Result<String> {
        let mut psql = self.program("psql");
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", ACCOUNT, "-p"])
            .arg(self.port.to_string())
            .arg("-h")
            .arg(&self.directory)
            .args(["-d", database, "-c", statements]);
        ui::output(&mut psql)
    }

    /// Stops it at once: nothing in it is to be kept.
    pub(crate) fn stop(&self) -> Result<()> {
        ui::output(self.as_account("pg_ctl").arg("-D").arg(&self.directory).args([
            "-m",
            "immediate",
            "stop",
        ]))?;
        Ok(())
    }

    /// The line that stops it by hand.
    pub(crate) fn stop_line(&self) -> String {
        let account = if host::is_root() {
            format!("runuser -u {ACCOUNT} -- ")
        } else {
            String::new()
        };
        format!(
            "{account}{} -D {} -m immediate stop",
            self.programs.join("pg_ctl").display(),
            self.directory.display()
        )
    }

    fn as_account(&self, program: &str) -> Command {
        let mut command = if host::is_root() {
            let mut command = Command::new("runuser");
            command
                .args(["-u", ACCOUNT, "--"])
                .arg(self.programs.join(program));
            command
        } else {
            Command::new(self.programs.join(program))
        };
        // The account may not be let into the folder we are in.
        command.current_dir("/").env_remove("LD_LIBRARY_PATH");
        command
    }
}

/// Without what the caller's environment says of other servers.
fn scrubbed(mut command: Command) -> Command {
    command.env_remove("LD_LIBRARY_PATH");
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().starts_with("PG") {
            command.env_remove(&variable);
        }
    }
    command
}

fn append(file: &Path, text: &str) -> Result<()> {
    let mut all = fs::read_to_string(file)?;
    all.push_str(text);
    fs::write(file, all)?;
    Ok(())
}

/// Ends with a sentence if a folder's path is too long for the Unix socket in it.
pub(crate) fn check_place(place: &Path) -> Result<()> {
    host::check_socket(&place.join(ACCOUNT).join(".s.PGSQL.65535"))
}
