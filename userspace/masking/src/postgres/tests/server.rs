//! With a real server: what it takes as a value of a type is one.

use std::{
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio_postgres::{
    Client, Config, NoTls, SimpleQueryMessage,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

mod copy;
mod values;

/// A server of its own in a temporary directory, without a network.
struct Server {
    directory: tempfile::TempDir,
    postmaster: Child,
}

impl Server {
    /// `None` only where the tests are told to do without.
    fn start() -> Option<Self> {
        if std::env::var_os("INTERDICT_TEST_NO_POSTGRES").is_some_and(|value| value == "1") {
            eprintln!("INTERDICT_TEST_NO_POSTGRES=1: nothing is asked of a server");
            return None;
        }
        let programs = programs();
        let directory = tempfile::Builder::new()
            .prefix("interdict-masking")
            .tempdir()
            .unwrap();
        let owner = postgres_user();
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(directory.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = directory.path().join("data");
        let mut initdb = command(&programs.join("initdb"), owner, directory.path());
        initdb
            .args([
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--username=test",
                "-D",
            ])
            .arg(&data);
        let output = initdb.output().unwrap();
        assert!(
            output.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut postgres = command(&programs.join("postgres"), owner, directory.path());
        postgres.arg("-D").arg(&data).arg("-k").arg(directory.path());
        postgres.args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "autovacuum=off",
        ]);
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let postmaster = postgres.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Some(Self {
            directory,
            postmaster,
        })
    }

    async fn connect(&self) -> Client {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let mut config = Config::new();
            match config
                .host_path(self.directory.path())
                .user("test")
                .dbname("postgres")
                .connect(NoTls)
                .await
            {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return client;
                }
                Err(error) if Instant::now() > deadline => {
                    let log = std::fs::read_to_string(self.directory.path().join("log"));
                    panic!("the server does not start: {error}\n{}", log.unwrap_or_default());
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT: at once, together with all its processes.
        let pid = self.postmaster.id().to_string();
        if !Command::new("kill")
            .args(["-QUIT", &pid])
            .status()
            .is_ok_and(|status| status.success())
        {
            let _ = self.postmaster.kill();
        }
        let _ = self.postmaster.wait();
    }
}

/// Where the server's programs are: the newest of those that Debian's packages put side by side, or on the path.
fn programs() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
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
        .find(|path| path.join("initdb").exists() && path.join("postgres").exists())
        .expect(
            "no PostgreSQL server here (initdb, postgres): install one, or set INTERDICT_TEST_NO_POSTGRES=1",
        )
}

/// The server refuses to run as root: then the package's user runs it.
fn postgres_user() -> Option<(u32, u32)> {
    let id = |args: &[&str]| {
        let output = Command::new("id").args(args).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse::<u32>()
            .ok()
    };
    (id(&["-u"]) == Some(0)).then(|| {
        let user = id(&["-u", "postgres"]).zip(id(&["-g", "postgres"]));
        user.expect("running as root, and there is no user `postgres` to run a server as")
    })
}

fn command(program: &Path, owner: Option<(u32, u32)>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    command
}

/// A value's bytes as they are, of any type.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The one value that a statement gives, in text.
async fn text(client: &Client, statement: &str) -> Result<Option<String>, String> {
    let messages = client
        .simple_query(statement)
        .await
        .map_err(|error| describe(&error))?;
    messages
        .iter()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).map(ToOwned::to_owned)),
            _ => None,
        })
        .ok_or_else(|| "no row".to_owned())
}

fn describe(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned())
}
