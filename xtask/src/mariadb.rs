//! A real MariaDB in a directory of its own, on a free port of loopback.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cgroup::Cgroup;
use crate::{host, ui};

/// The account that MariaDB runs as where we are root: it refuses to be root.
const ACCOUNT: &str = "mysql";

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Takes away who could come in without a password otherwise than through the Unix socket.
const ONLY_BY_SOCKET: &str = "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost'); \
     FLUSH PRIVILEGES";

/// A running server. Who reaches its Unix socket, and only they, are let in as root without a password.
#[derive(Clone, Debug)]
pub(crate) struct MariaDb {
    /// Data, log and Unix socket.
    directory: PathBuf,
    pub(crate) port: u16,
}

/// Whether the server is installed.
pub(crate) fn is_here() -> bool {
    ["mariadbd", "mariadb-install-db"]
        .iter()
        .all(|name| host::program(name).is_some())
}

impl MariaDb {
    /// Starts one in `place/mysql`; `more` are arguments that win over ours.
    pub(crate) fn start(place: &Path, more: &[&str]) -> Result<Self> {
        let server = Self {
            directory: place.join(ACCOUNT),
            port: host::free_port()?,
        };
        host::check_socket(&server.socket())?;
        // The server's account has to get through to its own folder; what is private beside it has modes of its own.
        fs::set_permissions(place, fs::Permissions::from_mode(0o755))?;
        if host::is_root() {
            ui::output(
                Command::new("install")
                    .args(["-d", "-o", ACCOUNT, "-g", ACCOUNT, "-m", "700"])
                    .arg(&server.directory),
            )?;
        } else {
            fs::create_dir(&server.directory)?;
        }
        ui::output(server.of_server("mariadb-install-db")?.args([
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ]))?;
        let log = File::create(server.log())?;
        let mut child = server
            .of_server("mariadbd")?
            .arg(format!("--socket={}", server.socket().display()))
            .arg(format!("--pid-file={}", server.directory.join("pid").display()))
            // A server that starts removes what it takes for its own leftovers there: not those of another one of this host.
            .arg(format!("--tmpdir={}", server.directory.display()))
            .arg(format!("--port={}", server.port))
            .args([
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--character-set-server=utf8mb4",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=32M",
                "--performance-schema=OFF",
            ])
            .args(more)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C is ours to act on.
            .process_group(0)
            .spawn()
            .context("mariadbd can't be started")?;
        if let Err(error) = server.wait_ready(&mut child) {
            // It may be gone already; what matters is that it is not left behind.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error.context(fs::read_to_string(server.log()).unwrap_or_default()));
        }
        server.run("mysql", ONLY_BY_SOCKET)?;
        Ok(server)
    }

    fn wait_ready(&self, child: &mut Child) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if ui::succeeds(self.administer()?.arg("ping")) {
                return Ok(());
            }
            if let Some(status) = child.try_wait()? {
                bail!("mariadbd ended with {status} before it answered");
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("mariadbd did not answer within {}", ui::seconds(PATIENCE));
    }

    /// Its process.
    pub(crate) fn process(&self) -> Result<u32> {
        Ok(fs::read_to_string(self.directory.join("pid"))?.trim().parse()?)
    }

    fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("server.sock")
    }

    /// Its client, with nothing read from this machine's files or environment.
    pub(crate) fn client(cgroup: Option<&Cgroup>) -> Result<Command> {
        let program = program("mariadb")?;
        let mut command = cgroup.map_or_else(|| Command::new(&program), |cgroup| cgroup.command(&program));
        // It has to be the first argument.
        command.arg("--no-defaults");
        Ok(scrubbed(command))
    }

    /// Runs statements as root through the Unix socket; what they print, without titles.
    pub(crate) fn run(&self, database: &str, statements: &str) -> Result<String> {
        ui::output(
            Self::client(None)?
                .args(["-N", "-B", "-u", "root", "-S"])
                .arg(self.socket())
                .args([database, "-e", statements]),
        )
    }

    /// Stops it and waits for its end.
    pub(crate) fn stop(&self) -> Result<()> {
        ui::output(self.administer()?.arg("shutdown")).map(drop)
    }

    /// The line that stops it by hand.
    pub(crate) fn stop_line(&self) -> String {
        format!(
            "mariadb-admin --no-defaults -u root -S {} shutdown",
            self.socket().display()
        )
    }

    fn administer(&self) -> Result<Command> {
        let mut command = Command::new(program("mariadb-admin")?);
        command
            .args(["--no-defaults", "-u", "root", "-S"])
            .arg(self.socket());
        Ok(scrubbed(command))
    }

    /// One of the server's own programs, on its data and as its account.
    fn of_server(&self, name: &str) -> Result<Command> {
        let mut command = Command::new(program(name)?);
        command
            .arg("--no-defaults")
            .arg(format!("--datadir={}", self.directory.join("data").display()))
            // The account may not be let into the folder we are in.
            .current_dir("/");
        if host::is_root() {
            command.arg(format!("--user={ACCOUNT}"));
        }
        Ok(scrubbed(command))
    }
}

fn program(name: &str) -> Result<PathBuf> {
    host::program(name).with_context(|| format!("{name} is not installed; `cargo xtask setup` brings it"))
}

/// Without what the caller's environment says of other servers.
fn scrubbed(mut command: Command) -> Command {
    command.env_remove("LD_LIBRARY_PATH");
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("MYSQL") || name.starts_with("MARIADB") {
            command.env_remove(&variable);
        }
    }
    command
}
