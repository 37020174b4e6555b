//! A server to ask, by its own command-line client.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The end of a statement in what the client is given.
pub(super) const END: &str = "~~~END~~~";

/// What tells that rows or definitions changed, the session's way of reading included: every change that is kept is in the log, and what
/// the server puts into tables of its own for a while is not.
const STATE: &str = "CONCAT_WS('|', @@gtid_binlog_pos, @@sql_mode, @@character_set_client, @@autocommit)";

pub(super) struct Server {
    socket: PathBuf,
    own: Option<(Child, tempfile::TempDir)>,
}

/// What running statements showed.
pub(super) struct Watched {
    pub(super) ran: usize,
    /// How often the server crashed over a statement and a new one had to take its place.
    pub(super) crashes: usize,
    /// The statement, the state before and after.
    pub(super) changed: Vec<(String, String, String)>,
}

impl Server {
    /// A MariaDB of its own.
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let made = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal"])
            .arg(format!("--datadir={}", data.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("mariadb-install-db, of the package mariadb-server");
        assert!(made.success());
        let socket = folder.path().join("socket");
        let child = Command::new("mariadbd")
            .args(["--no-defaults", "--skip-networking", "--user=root"])
            .args([
                "--log-bin=log",
                "--server-id=1",
                "--log-bin-trust-function-creators=1",
            ])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--tmpdir={}", data.display()))
            .arg(format!("--socket={}", socket.display()))
            .arg(format!("--secure-file-priv={}", folder.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            socket,
            own: Some((child, folder)),
        };
        let started = Instant::now();
        while server.run("SELECT 1").0.trim() != "1" {
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "mariadbd does not come up"
            );
            thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// Puts a new server, with nothing in it, in the place of one that ended by itself; whether it had.
    fn revive(&mut self) -> bool {
        let Some((child, _)) = &mut self.own else {
            return false;
        };
        let ended = child.try_wait().unwrap().is_some();
        if ended {
            *self = Self::start();
        }
        ended
    }

    /// One that runs already.
    pub(super) fn at(socket: PathBuf) -> Self {
        Self { socket, own: None }
    }

    fn client(&self) -> Command {
        let mut client = Command::new("mariadb");
        client
            .args([
                "--no-defaults",
                "-uroot",
                "-N",
                "-B",
                "-f",
                "--reconnect",
                "-c",
                "--default-character-set=utf8mb4",
            ])
            .arg(format!("--delimiter={END}"))
            .arg(format!("--socket={}", self.socket.display()));
        client
    }

    /// Output and errors of what the client is given.
    pub(super) fn run(&self, input: &str) -> (String, String) {
        let mut child = self
            .client()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mariadb, of the package mariadb-client");
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = thread::spawn(move || {
            // One that goes away early has said why.
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }

    /// The rows of each query, in cells; none where it failed.
    pub(super) fn answers(&self, setup: &str, queries: &[String]) -> Vec<Vec<Vec<String>>> {
        let mut input = setup.to_owned();
        for (at, query) in queries.iter().enumerate() {
            let _ = writeln!(input, "SELECT '@@{at}'{END} SET @v = 'clean'{END} {query}{END}");
        }
        let mut answers = vec![Vec::new(); queries.len()];
        let mut current = None;
        for line in self.run(&input).0.lines() {
            if let Some(at) = line.strip_prefix("@@") {
                current = at.parse::<usize>().ok();
            } else if let Some(rows) = current.and_then(|at| answers.get_mut(at)) {
                rows.push(line.split('\t').map(str::to_owned).collect());
            }
        }
        answers
    }

    /// For each statement, whether the server's grammar refuses it.
    pub(super) fn refuses(&self, statements: &[String]) -> Vec<bool> {
        let mut input = format!("CREATE DATABASE IF NOT EXISTS test{END}\nUSE test{END}\n");
        for statement in statements {
            // One line each, so that an error's line tells which.
            let _ = writeln!(
                input,
                "SET @q = CONVERT(0x{} USING utf8mb4){END} PREPARE s FROM @q{END}",
                hex(statement)
            );
        }
        let (_, errors) = self.run(&input);
        let mut refused = vec![false; statements.len()];
        for line in errors.lines() {
            let Some(rest) = line
                .strip_prefix("ERROR 1064 ")
                .or_else(|| line.strip_prefix("ERROR 1149 "))
            else {
                continue;
            };
            let number = rest
                .split_once("at line ")
                .and_then(|(_, rest)| rest.split(':').next())
                .and_then(|number| number.parse::<usize>().ok());
            if let Some(slot) = number.and_then(|number| refused.get_mut(number.saturating_sub(3))) {
                *slot = true;
            }
        }
        refused
    }

    /// Runs all statements in order, and reads the server's state around those that are taken to be harmless.
    ///
    /// Out of their order, some statements of the suite crash the server. What is left of their session is not watched then.
    pub(super) fn watch(&mut self, all: &[String], harmless: &[&str]) -> Watched {
        /// Statements that share a session: what one of them does to it does not end the watching.
        const SESSION: usize = 300;
        let places: HashMap<&str, usize> = harmless
            .iter()
            .enumerate()
            .map(|(at, text)| (*text, at))
            .collect();
        let mut watched = Watched {
            ran: 0,
            crashes: 0,
            changed: Vec::new(),
        };
        for part in all.chunks(SESSION) {
            let (output, _) = self.run(&script(part, &places));
            let mut before: HashMap<usize, String> = HashMap::new();
            for line in output.lines() {
                let marked = |mark: &str| {
                    let rest = line.strip_prefix(mark)?;
                    let (at, state) = rest.split_once('\t')?;
                    Some((at.trim().parse::<usize>().ok()?, state.to_owned()))
                };
                if let Some((at, state)) = marked("@@before ") {
                    before.insert(at, state);
                } else if let Some((at, after)) = marked("@@after ") {
                    let Some(before) = before.remove(&at) else {
                        continue;
                    };
                    watched.ran += 1;
                    if before != after {
                        watched.changed.push((harmless[at].to_owned(), before, after));
                    }
                }
            }
            watched.crashes += usize::from(self.revive());
        }
        watched
    }
}

/// What the client is given for some of the statements.
fn script(statements: &[String], places: &HashMap<&str, usize>) -> String {
    /// Words of what would end the watching, or take long.
    const LEFT_OUT: [&str; 18] = [
        "kill",
        "shutdown",
        "change ",
        "sleep",
        "get_lock",
        "lock",
        "flush",
        "wait",
        "benchmark",
        "password",
        "grant",
        "user",
        "role",
        "global",
        "read_only",
        "log_bin",
        "max_statement_time",
        "reset",
    ];
    let mut input = format!(
        "CREATE DATABASE IF NOT EXISTS test{END}\nUSE test{END}\nSET max_statement_time = 0.5{END}\n"
    );
    for statement in statements {
        let lower = statement.to_ascii_lowercase();
        if LEFT_OUT.iter().any(|word| lower.contains(word)) {
            continue;
        }
        // As a constant, so that the client does not read it too.
        let run = format!(
            "EXECUTE IMMEDIATE CONVERT(0x{} USING utf8mb4){END}\n",
            hex(statement)
        );
        let Some(at) = places.get(statement.as_str()) else {
            input.push_str(&run);
            continue;
        };
        let state = |when: &str| format!("SELECT '{when} {at}', {STATE}{END}\n");
        input.push_str(&state("@@before"));
        input.push_str(&run);
        input.push_str(&state("@@after"));
    }
    input
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.own {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "{byte:02x}");
        all
    })
}
