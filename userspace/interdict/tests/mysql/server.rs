//! A MariaDB of its own, with the synthetic clinic in it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{free_port, is_root, run, scratch, text};

/// Who logs in: `agent` with a password, `open` without one, `sealed` by TLS only, `other` to change to.
const USERS: &str = "\
create database clinic character set utf8mb4;
create user agent@'127.0.0.1' identified by 'secret of the agent';
create user open@'127.0.0.1';
create user sealed@'127.0.0.1' identified by 'sealed' require ssl;
create user other@'127.0.0.1' identified by 'other';
grant all on *.* to agent@'127.0.0.1', open@'127.0.0.1', sealed@'127.0.0.1';
grant select on clinic.* to other@'127.0.0.1';";

/// Names are made up, numbers are from ranges that are never issued or are documented examples.
const CLINIC: &str = "\
create table patients (id int primary key, name varchar(40), ssn varchar(11), mrn varchar(12) unique, email text, phone text,
  dob date, notes text, weight int);
insert into patients values
  (1, 'Ada Example', '123-45-6789', 'MRN0000001', 'ada@example.org', '+1 202 555 0101', '1980-02-03', 'recovering well', 61),
  (2, 'Bo Sample', '219-09-9999', 'MRN0000002', 'bo@example.org', '+1 202 555 0102', '1975-11-30', 'call back', 80),
  (3, 'Cy Null', null, null, null, null, null, null, null);
create table visits (id int primary key, patient int, at datetime, specimen varchar(20));
insert into visits select seq, 1 + seq % 3, '2026-01-01' + interval seq hour, lpad(seq, 9, '4') from seq_1_to_2000;
create view patient_names as select id, name from patients;
create view patient_cards as select id, name, ssn from patients;";

/// A running server; stopped and removed when dropped.
pub(crate) struct MariaDb {
    pub(crate) port: u16,
    directory: tempfile::TempDir,
    child: Child,
}

impl MariaDb {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with more of its options.
    pub(crate) fn start_with(options: &[String]) -> Self {
        let directory = scratch();
        run(Command::new("cp")
            .arg("-a")
            .arg(template())
            .arg(directory.path().join("data")));
        let port = free_port();
        let log = fs::File::create(directory.path().join("errors")).unwrap();
        let child = as_server(Command::new("mariadbd").arg("--no-defaults"))
            .arg(format!("--datadir={}", directory.path().join("data").display()))
            .arg(format!("--socket={}", directory.path().join("sock").display()))
            .arg(format!(
                "--general-log-file={}",
                directory.path().join("log").display()
            ))
            // A server that starts removes what it takes for its own leftovers in the folder for temporary tables.
            .arg(format!("--tmpdir={}", directory.path().display()))
            .arg(format!("--port={port}"))
            .args([
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--general-log",
                "--innodb-flush-method=nosync",
                "--innodb-buffer-pool-size=16M",
            ])
            .args(options)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("mariadbd, which `cargo xtask setup` brings: {error}"));
        let server = Self {
            port,
            directory,
            child,
        };
        let deadline = Instant::now() + Duration::from_mins(1);
        while !server
            .root()
            .args(["-e", "select 1"])
            .output()
            .unwrap()
            .status
            .success()
        {
            assert!(
                Instant::now() < deadline,
                "mariadbd does not come up:\n{}",
                server.errors()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server.sql(USERS);
        server.sql(&format!("use clinic; {CLINIC}"));
        server
    }

    /// Runs statements as root, past the daemon.
    pub(crate) fn sql(&self, statements: &str) -> String {
        text(&run(self.root().args(["-e", statements])).stdout)
    }

    /// Every statement that reached the server.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// What the server has to say of itself.
    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(self.directory.path().join("errors")).unwrap_or_default()
    }

    fn root(&self) -> Command {
        let mut command = Command::new("mariadb");
        command
            .args(["--no-defaults", "-N", "-B", "-u", "root", "-S"])
            .arg(self.directory.path().join("sock"));
        command
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The client, logged in over TCP as a user of [`USERS`], bare and without titles.
pub(crate) fn client(port: u16, user: &str) -> Command {
    let mut command = Command::new("mariadb");
    login(&mut command, port, user).args([
        "-N",
        "-B",
        "--connect-timeout=10",
        "--default-character-set=utf8mb4",
        "clinic",
    ]);
    command
}

/// The arguments of a login, which all of MariaDB's tools take.
pub(crate) fn login<'a>(command: &'a mut Command, port: u16, user: &str) -> &'a mut Command {
    let password = match user {
        "agent" => "secret of the agent",
        "sealed" => "sealed",
        "other" => "other",
        _ => "",
    };
    command
        .args(["--no-defaults", "-h", "127.0.0.1", "-P"])
        .arg(port.to_string())
        .args(["-u", user])
        .env("MYSQL_PWD", password)
}

/// A fresh data directory to copy: making one takes seconds.
fn template() -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let version: String = text(&run(Command::new("mariadbd").arg("--version")).stdout)
        .chars()
        .filter(|letter| letter.is_ascii_digit() || *letter == '.')
        .collect();
    let place = base.join(format!("mariadb-{version}"));
    let lock = fs::File::create(base.join("mariadb.lock")).unwrap();
    lock.lock().unwrap();
    if !place.exists() {
        let half = base.join("mariadb-half");
        let _ = fs::remove_dir_all(&half);
        run(as_server(Command::new("mariadb-install-db").arg("--no-defaults"))
            .arg(format!("--datadir={}", half.display()))
            .args([
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                "--innodb-log-file-size=4M",
            ]));
        fs::rename(&half, &place).unwrap();
    }
    place
}

/// MariaDB's programs refuse to be root unless told to.
fn as_server(command: &mut Command) -> &mut Command {
    if is_root() {
        command.arg("--user=root");
    }
    command
}
