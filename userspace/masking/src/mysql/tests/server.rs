//! With a real MariaDB: what it takes as a value of a type is one.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

mod values;

/// A server of its own in a temporary directory, without a network.
struct Server {
    directory: tempfile::TempDir,
    process: Child,
}

impl Server {
    /// `None` only where the tests are told to do without.
    fn start() -> Option<Self> {
        if std::env::var_os("INTERDICT_TEST_NO_MARIADB").is_some_and(|value| value == "1") {
            eprintln!("INTERDICT_TEST_NO_MARIADB=1: nothing is asked of a server");
            return None;
        }
        let directory = tempfile::Builder::new()
            .prefix("interdict-masking")
            .tempdir()
            .unwrap();
        let owner = owner();
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(directory.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut install = Command::new(program("mariadb-install-db"));
        let mut server = Command::new(program("mariadbd"));
        for command in [&mut install, &mut server] {
            command.current_dir(directory.path()).stdin(Stdio::null());
            command
                .arg("--no-defaults")
                .arg(format!("--datadir={}", directory.path().join("data").display()))
                // A server that starts clears temporary tables away, those of its neighbours too.
                .arg(format!("--tmpdir={}", directory.path().display()));
            if let Some((uid, gid)) = owner {
                command.uid(uid).gid(gid);
            }
        }
        install.args([
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ]);
        let output = install.output().unwrap();
        assert!(
            output.status.success(),
            "mariadb-install-db: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        server
            .arg(format!("--socket={}", directory.path().join("socket").display()))
            .args([
                "--skip-networking",
                "--innodb-flush-log-at-trx-commit=0",
                "--character-set-server=utf8mb4",
            ]);
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let process = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let server = Self { directory, process };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let (_, error) = self.run(&["--batch"], "CREATE DATABASE masks");
            if error.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.directory.path().join("log"));
                panic!("the server does not start: {error}\n{}", log.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the client program writes, and what goes wrong.
    fn run(&self, options: &[&str], script: &str) -> (String, String) {
        let mut client = Command::new(program("mariadb"))
            .args([
                "--no-defaults",
                "--user=root",
                "--default-character-set=utf8mb4",
                "--force",
            ])
            .arg(format!(
                "--socket={}",
                self.directory.path().join("socket").display()
            ))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = client.stdin.take().unwrap();
        let script = script.to_owned();
        // It stops reading where nobody reads what it writes.
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = client.wait_with_output().unwrap();
        let _ = writer.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    }

    /// The rows of all results, fields apart by tabs, with the client's escapes resolved.
    fn rows(&self, script: &str) -> (Vec<Vec<String>>, String) {
        let (output, errors) = self.run(
            &["--batch", "--skip-column-names", "masks"],
            &format!("SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE';\n{script}"),
        );
        let rows = output
            .lines()
            .map(|line| line.split('\t').map(unescape).collect());
        (rows.collect(), errors)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn unescape(field: &str) -> String {
    let mut shown = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        shown.push(match character {
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                't' => '\t',
                '0' => '\0',
                other => other,
            },
            other => other,
        });
    }
    shown
}

/// On the path, or where Debian has what only root is to run.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join(name))
        .find(|program| program.exists())
        .unwrap_or_else(|| {
            panic!("no MariaDB server here ({name}): install one, or set INTERDICT_TEST_NO_MARIADB=1")
        })
}

/// The server refuses to run as root: then the package's user runs it.
fn owner() -> Option<(u32, u32)> {
    let id = |args: &[&str]| {
        let output = Command::new("id").args(args).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse::<u32>()
            .ok()
    };
    (id(&["-u"]) == Some(0)).then(|| {
        let user = id(&["-u", "mysql"]).zip(id(&["-g", "mysql"]));
        user.expect("running as root, and there is no user `mysql` to run a server as")
    })
}
