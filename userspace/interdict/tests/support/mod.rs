//! A real PostgreSQL, a real daemon and a real cgroup for the end-to-end tests.
#![allow(unreachable_pub, reason = "shared by several test programs")]
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up has failed"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The synthetic clinic: names are made up, numbers are from ranges that are never issued or are documented examples.
pub const CLINIC: &str = "\
create table patients (id int primary key, name text, ssn text, mrn varchar(12), email text, phone text, dob date, notes text, weight int);
insert into patients values
  (1, 'Ada Example', '123-45-6789', 'MRN0000001', 'ada@example.org', '+1 202 555 0101', '1980-02-03', 'recovering well', 61),
  (2, 'Bo Sample', '219-09-9999', 'MRN0000002', 'bo@example.org', '+1 202 555 0102', '1975-11-30', 'call back', 80),
  (3, 'Cy Null', null, null, null, null, null, null, null);
create table visits (id int primary key, patient int, at timestamptz, specimen text);
insert into visits select i, 1 + i % 3, '2026-01-01'::timestamptz + i * interval '1 hour', lpad(i::text, 9, '4') from generate_series(1, 2000) i;
create view patient_names as select id, name from patients;
create view patient_cards as select id, name, ssn from patients;";

/// A policy over it.
pub const POLICY: &str = "\
name: clinic
applies: { services: [\"*\"] }
default: allow
uncertain: deny
mask:
  - columns: [\"patients.ssn\"]
    with: { partial: { keep_last: 4 } }
  - columns: [\"patients.mrn\", \"patients.email\", \"patients.dob\", \"patients.weight\"]
    with: redact
  - columns: [\"patients.phone\"]
    with: \"null\"
rules:
  - name: no-destructive
    when: 'effects.exists(e, e in [\"drop\", \"truncate\", \"delete_without_where\"])'
    then: deny
    message: destructive statements are refused on clinical data
  - name: few-rows
    when: 'result.rows > 1000'
    then: deny
    message: more than 1000 rows at once are refused
";

/// A directory that is gone afterwards, with a policy and whatever else a test puts there.
pub fn scratch() -> tempfile::TempDir {
    let directory = tempfile::Builder::new()
        .prefix("interdict-test-")
        .tempdir()
        .unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

pub fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// Says loudly why a test did not run: past the harness, which keeps what a passing test prints with `eprintln`.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "\n*** SKIPPED: {why}\n");
}

/// A PostgreSQL of its own, with every statement in its log.
pub struct Postgres {
    pub port: u16,
    pub directory: tempfile::TempDir,
    binaries: PathBuf,
}

impl Postgres {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With more settings.
    pub fn start_with(more: &str) -> Self {
        let binaries = binaries();
        let directory = scratch();
        let data = directory.path().join("data");
        if is_root() {
            let user = nix::unistd::User::from_name("postgres")
                .unwrap()
                .expect("the postgres user, from the Debian package");
            nix::unistd::chown(directory.path(), Some(user.uid), Some(user.gid)).unwrap();
        }
        run(as_postgres(&binaries.join("initdb"))
            .args(["-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "-D"])
            .arg(&data));
        let port = free_port();
        let settings = format!(
            "listen_addresses='127.0.0.1,::1'\nport={port}\nunix_socket_directories='{0}'\nfsync=off\nlog_statement=all\n\
             log_line_prefix='%p|%a|'\nmax_connections=100\nlog_min_messages=error\nlc_messages='C'\ntimezone='UTC'\n{more}\n",
            directory.path().display()
        );
        let conf = data.join("postgresql.conf");
        fs::write(&conf, fs::read_to_string(&conf).unwrap() + &settings).unwrap();
        let server = Self {
            port,
            directory,
            binaries,
        };
        run(server.control("start").args(["-w", "-l"]).arg(server.log_path()));
        server.psql(CLINIC);
        server
    }

    fn control(&self, action: &str) -> Command {
        let mut command = as_postgres(&self.binaries.join("pg_ctl"));
        command
            .arg("-D")
            .arg(self.directory.path().join("data"))
            .arg(action);
        command
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Everything that the server logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Runs SQL directly, past the proxy.
    pub fn psql(&self, sql: &str) -> String {
        let output = psql(self.port, sql);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.control("stop").args(["-m", "immediate"]).output();
    }
}

fn binaries() -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.path().join("bin"))
                .filter(|path| path.join("initdb").exists())
                .collect()
        })
        .unwrap_or_default();
    found.sort();
    found
        .pop()
        .expect("PostgreSQL's server binaries below /usr/lib/postgresql: run `cargo xtask setup`")
}

fn as_postgres(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

pub fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// psql over TCP, unaligned and without titles.
pub fn psql(port: u16, sql: &str) -> Output {
    psql_command(port).args(["-c", sql]).output().expect("psql")
}

pub fn psql_command(port: u16) -> Command {
    let mut command = Command::new("psql");
    command
        .args([
            "-XAt",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-d",
            "postgres",
            "-p",
            &port.to_string(),
        ])
        .env("PGCONNECT_TIMEOUT", "10");
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The daemon's binary: the release one if the caller built it, this package's otherwise.
pub fn interdict() -> PathBuf {
    std::env::var_os("INTERDICT_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_interdict")), PathBuf::from)
}

/// A running daemon.
pub struct Daemon {
    pub child: Child,
    pub audit: PathBuf,
    errors: Arc<Mutex<String>>,
}

impl Daemon {
    /// Starts it and waits until it is ready.
    pub fn start(settings: &Path, audit: &Path) -> Self {
        let mut child = Command::new(interdict())
            .args(["run", "--config"])
            .arg(settings)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("interdict");
        let errors = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 || Instant::now() > deadline {
                let _ = child.kill();
                panic!("the daemon did not become ready:\n{}", errors.lock().unwrap());
            }
            errors.lock().unwrap().push_str(&line);
            if line.trim() == "ready" {
                break;
            }
        }
        let sink = Arc::clone(&errors);
        std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap_or(0) > 0 {
                sink.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Self {
            child,
            audit: audit.to_owned(),
            errors,
        }
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// What it wrote to standard error so far.
    pub fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    /// Whether its log has this, now or soon: what it told a client may be there before what it logged.
    pub fn logs(&self, needle: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if self.errors().contains(needle) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Asks it to stop and waits; everything is sealed afterwards.
    pub fn stop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.signal(nix::sys::signal::Signal::SIGTERM);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().unwrap().is_none() {
            assert!(
                Instant::now() < deadline,
                "the daemon does not stop:\n{}",
                self.errors()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("the daemon said:\n{}", self.errors());
        }
    }
}

/// Settings with an explicit listener only; returns the file and the listener's port.
pub fn explicit_settings(directory: &Path, upstream: u16, policy: Option<&str>) -> (PathBuf, u16) {
    let port = free_port();
    let policies = match policy {
        Some(policy) => {
            fs::write(directory.join("policy.yaml"), policy).unwrap();
            "policies: [policy.yaml]\n"
        }
        None => "",
    };
    let settings = format!(
        "services:\n  - name: clinic\n    protocol: postgres\n    listen: \"127.0.0.1:{port}\"\n    \
         upstream: {{ address: \"127.0.0.1:{upstream}\", tls: disable }}\n{policies}\
         audit: {{ directory: audit, durability: strict, segment: {{ rows: 100000, age: 1h }} }}\nkernel: {{ mode: off }}\n\
         admin: {{ socket: admin.sock }}\nauthority: none\n"
    );
    let path = directory.join("interdict.yaml");
    fs::write(&path, settings).unwrap();
    (path, port)
}

/// Rows of an audit table, by the daemon's own reader.
pub fn audit_rows(audit: &Path, table: &str) -> Vec<serde_json::Value> {
    let output = run(Command::new(interdict())
        .args(["audit", "rows", "--json", "--table", table])
        .arg(audit));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = document.get("rows").cloned().unwrap_or(document);
    rows.as_array().cloned().unwrap_or_default()
}

/// `interdict audit verify` says the record is sound.
pub fn assert_sound(audit: &Path) {
    run(Command::new(interdict()).args(["audit", "verify"]).arg(audit));
}

/// A cgroup below the version 2 root.
pub struct Cgroup {
    pub path: PathBuf,
    pub name: String,
}

impl Cgroup {
    pub fn root() -> Option<PathBuf> {
        ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
            .map(PathBuf::from)
            .into_iter()
            .find(|path| path.join("cgroup.procs").exists() && path.join("cgroup.controllers").exists())
    }

    pub fn create(label: &str) -> Self {
        let name = format!("/interdict-test-{label}-{}", std::process::id());
        let path = Self::root().unwrap().join(name.trim_start_matches('/'));
        fs::create_dir_all(&path).unwrap();
        Self { path, name }
    }

    /// Makes the command join the cgroup before it executes.
    pub fn enrol(&self, command: &mut Command) {
        let procs = self.path.join("cgroup.procs");
        let file = fs::OpenOptions::new().write(true).open(procs).unwrap();
        let join = move || {
            use std::io::Write as _;
            (&file).write_all(b"0")
        };
        #[allow(
            unsafe_code,
            reason = "the closure only writes to a file that is open already"
        )]
        // SAFETY: after fork it makes one write system call and touches no lock or allocator.
        unsafe {
            command.pre_exec(join);
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for _ in 0..50 {
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Reads a child's output to its end.
pub fn read_all(child: &mut Child) -> String {
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        let _ = stdout.read_to_string(&mut text);
    }
    text
}

/// Tokens of identifiers as `interdict policy token` has them, with the key `record`.
pub fn subject_tokens(settings: &Path, name: &str, values: &[&str]) -> BTreeSet<String> {
    let mut child = Command::new(interdict())
        .args(["policy", "token", "--key", "record", "--as", name, "--config"])
        .arg(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for value in values {
        writeln!(input, "{value}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let tokens: BTreeSet<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(tokens.len(), values.len());
    tokens
}

/// Of the statement that has this in its text: its tokens, and its flags about them.
pub fn subjects_shown(audit: &Path, needle: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let rows = audit_rows(audit, "statements");
    let row = rows
        .iter()
        .find(|row| row["statement"].as_str().unwrap().contains(needle))
        .unwrap_or_else(|| panic!("{needle}: {rows:#?}"));
    let list = |column: &str| -> BTreeSet<String> {
        let list = row[column].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|entry| entry.as_str().unwrap().to_owned())
            .collect()
    };
    let flags = list("flags")
        .into_iter()
        .filter(|flag| flag.starts_with("subjects"));
    (list("subjects"), flags.collect())
}
