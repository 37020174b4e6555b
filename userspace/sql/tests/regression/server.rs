//! A server of its own in a temporary directory, quiet enough that what happens in it is a statement's doing.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::wire::Session;

/// The superuser.
pub(crate) const USER: &str = "postgres";
/// Where the scripts run: some of them name it.
pub(crate) const DATABASE: &str = "regression";

/// Nothing of the server's own may take a transaction id. The rest spares time.
const SETTINGS: [&str; 13] = [
    "listen_addresses=",
    "autovacuum=off",
    "checkpoint_timeout=1h",
    "max_wal_size=8GB",
    "max_prepared_transactions=2",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "jit=off",
    "shared_buffers=256MB",
    // A statement that takes longer is refused; without a limit one could hold up all the others.
    "statement_timeout=10s",
    // As the suite itself sets them.
    "timezone=PST8PDT",
    "datestyle=Postgres,MDY",
];

/// A running server and a place for what the scripts read and write.
pub(crate) struct Server {
    pub(crate) directory: tempfile::TempDir,
    postmaster: Child,
    pub(crate) programs: PathBuf,
}

impl Server {
    /// Starts one, with `data` of the suite where the server's own user can read it.
    pub(crate) fn start(data: &Path) -> Self {
        let programs = programs();
        let directory = tempfile::Builder::new()
            .prefix("interdict-sql-")
            .tempdir()
            .unwrap();
        let place = directory.path();
        // Clients connect as whoever runs the test.
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["data", "results"] {
            fs::create_dir(place.join(folder)).unwrap();
        }
        for file in fs::read_dir(data).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), place.join("data").join(file.file_name())).unwrap();
        }
        let owner = account();
        if let Some((uid, gid)) = owner {
            for folder in ["", "data", "results"] {
                chown(place.join(folder), Some(uid), Some(gid)).unwrap();
            }
        }
        let cluster = place.join("cluster");
        let initdb = command(&programs.join("initdb"), owner, place)
            .args([
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "-U",
                USER,
            ])
            .arg("-D")
            .arg(&cluster)
            .output()
            .unwrap();
        assert!(
            initdb.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&initdb.stderr)
        );
        let log = File::create(place.join("log")).unwrap();
        let postmaster = command(&programs.join("postgres"), owner, place)
            .arg("-D")
            .arg(&cluster)
            .arg("-k")
            .arg(place)
            .args(SETTINGS.iter().flat_map(|setting| ["-c", *setting]))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self {
            directory,
            postmaster,
            programs,
        };
        server.prepare();
        server
    }

    /// Its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join(".s.PGSQL.5432")
    }

    /// The database as the suite makes it.
    fn prepare(&self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut session = loop {
            match Session::open(&self.socket(), USER, "postgres") {
                Ok(session) => break session,
                Err(error) if Instant::now() > deadline => {
                    let log = fs::read_to_string(self.directory.path().join("log"));
                    panic!("the server does not start: {error}\n{}", log.unwrap_or_default());
                }
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        };
        session
            .ask(&format!("CREATE DATABASE {DATABASE} TEMPLATE template0"))
            .unwrap();
        for setting in [
            "lc_messages TO 'C'",
            "lc_monetary TO 'C'",
            "lc_numeric TO 'C'",
            "lc_time TO 'C'",
            "bytea_output TO 'hex'",
            "timezone_abbreviations TO 'Default'",
            "intervalstyle TO 'postgres_verbose'",
        ] {
            session
                .ask(&format!("ALTER DATABASE {DATABASE} SET {setting}"))
                .unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT: at once, together with all its processes.
        let pid = self.postmaster.id().to_string();
        let told = Command::new("kill").args(["-QUIT", &pid]).status();
        if !told.is_ok_and(|status| status.success()) {
            let _ = self.postmaster.kill();
        }
        let _ = self.postmaster.wait();
    }
}

/// Where PostgreSQL's programs are: the newest of those that Debian puts side by side, or on the path.
fn programs() -> PathBuf {
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
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .rev()
        .map(|(_, path)| path)
        .chain(std::env::split_paths(&path))
        .find(|path| {
            ["initdb", "postgres", "psql"]
                .iter()
                .all(|program| path.join(program).exists())
        })
        .expect("PostgreSQL's server and psql: `cargo xtask setup` installs them")
}

/// The server refuses to run as root: then the package's user runs it.
fn account() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        said.trim().parse::<u32>().ok()
    };
    (id(&["-u"]) == Some(0)).then(|| {
        let user = id(&["-u", USER]).zip(id(&["-g", USER]));
        user.expect("a user `postgres` to run the server as: we are root, which it refuses to be")
    })
}

fn command(program: &Path, owner: Option<(u32, u32)>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    command
}
