//! Where secrets are after sessions of all engines: looked for in memory, environments, output, logs and the record.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::process::{Child, Command, Stdio};

use crate::running::Running;
use crate::server::MariaDb;
use crate::support::{Daemon, POLICY, Postgres, audit_rows, free_port, is_root, scratch, skipped};
use crate::{assert_absent, base64, bytes_below, count, put};

const POSTGRES: &str = "Hort3nsia-of-postgres";
const MYSQL: &str = "Camell1a-of-mysql";
const HTTP: &str = "Magn0lia-of-http";
const SECRETS: [&str; 3] = [POSTGRES, MYSQL, HTTP];

/// A service of HTTP that asks for a token.
const SERVICE: &str = "
import http.server, sys
class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *arguments): pass
    def do_GET(self):
        shown = self.headers.get('Authorization', '')
        body = ('let in, shown ' + shown).encode() if shown == 'Bearer ' + open(sys.argv[2]).read().strip() else b'not let in'
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Service).serve_forever()
";

/// An agent that keeps its connection, and asks whenever it is told to.
const HTTP_AGENT: &str = "
import http.client, sys
connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))
for line in sys.stdin:
    connection.request('GET', '/', headers={'Authorization': 'Bearer of-the-agent'})
    print(connection.getresponse().read().decode(), flush=True)
";

/// A client that is fed lines, and shows one for each.
struct Agent {
    child: Child,
    shown: BufReader<std::process::ChildStdout>,
    output: Vec<u8>,
}

impl Agent {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let shown = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            shown,
            output: Vec::new(),
        }
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.shown.read_line(&mut answer).unwrap();
        self.output.extend_from_slice(answer.as_bytes());
        answer.trim().to_owned()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All memory of a process that can be read: what a core file of it would hold.
fn memory(pid: u32) -> Vec<u8> {
    let mut file = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut all = Vec::new();
    for line in fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        if !rest.starts_with('r') || rest.contains("[v") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        // Reserved and never used, for the most part: a gigabyte of zeros is not looked for.
        if to - from > 1 << 30 || file.seek(SeekFrom::Start(from)).is_err() {
            continue;
        }
        let mut piece = vec![0; usize::try_from(to - from).unwrap()];
        if file.read_exact(&mut piece).is_ok() {
            all.extend_from_slice(&piece);
        }
    }
    all
}

#[test]
fn no_secret_leaves_the_daemon() {
    let postgres = Postgres::start();
    postgres.psql(&format!("create role svc login password '{POSTGRES}'"));
    fs::write(
        postgres.directory.path().join("data/pg_hba.conf"),
        "host all svc all scram-sha-256\nhost all postgres all trust\nhost all all all reject\n",
    )
    .unwrap();
    postgres.psql("select pg_reload_conf()");
    let mysql = MariaDb::start();
    mysql.sql(&format!(
        "create user svc@'127.0.0.1' identified by '{MYSQL}'; grant all on clinic.* to svc@'127.0.0.1'"
    ));

    let directory = scratch();
    let file = |name: &str| directory.path().join(name);
    for (name, secret) in ["postgres", "mysql", "http"].into_iter().zip(SECRETS) {
        put(&file(name), secret);
    }
    fs::write(file("policy.yaml"), POLICY).unwrap();
    let origin = free_port();
    let _origin = Running::start(
        Command::new("python3")
            .args(["-c", SERVICE, &origin.to_string()])
            .arg(file("http")),
        origin,
    );
    let ports = [(); 3].map(|()| free_port());
    let service = |name: &str, port: u16, upstream: u16, inject: &str| {
        format!(
            "  - name: {name}\n    protocol: {name}\n    listen: \"127.0.0.1:{port}\"\n    upstream: {{ address: \"127.0.0.1:{upstream}\", tls: disable }}\n    \
             credentials: {{ inject: {inject} }}\n"
        )
    };
    let login = |name: &str| format!("{{ user: svc, password: {{ file: {name} }} }}");
    let settings = format!(
        "services:\n{}{}{}policies: [policy.yaml]\naudit: {{ directory: audit }}\nkernel: {{ mode: off }}\nadmin: {{ socket: admin.sock }}\n",
        service("postgres", ports[0], postgres.port, &login("postgres")),
        service("mysql", ports[1], mysql.port, &login("mysql")),
        service("http", ports[2], origin, "{ bearer: { file: http } }"),
    );
    fs::write(file("interdict.yaml"), settings).unwrap();
    let mut daemon = Daemon::start(&file("interdict.yaml"), &file("audit"));

    let mut agents = [
        Agent::start(
            Command::new("psql")
                .args(["-XAtqw", "-h", "127.0.0.1", "-p", &ports[0].to_string()])
                .args(["-U", "nobody", "postgres"])
                .env("PGPASSWORD", "of the agent"),
        ),
        Agent::start(
            Command::new("mariadb")
                .args(["--no-defaults", "-N", "-B", "-n", "--skip-ssl", "-h", "127.0.0.1"])
                .args(["-P", &ports[1].to_string(), "-u", "nobody", "clinic"])
                .env("MYSQL_PWD", "of the agent"),
        ),
        Agent::start(Command::new("python3").args(["-c", HTTP_AGENT, &ports[2].to_string()])),
    ];
    assert_eq!(agents[0].ask("select current_user;"), "svc");
    assert_eq!(agents[1].ask("select current_user();"), "svc@127.0.0.1");
    // As many asterisks as the token has letters.
    assert_eq!(
        agents[2].ask("x"),
        format!("let in, shown Bearer {}", "*".repeat(HTTP.len()))
    );
    // What the daemon says of credentials that fail is looked through as well.
    put(&file("postgres"), "Wist3ria-that-is-wrong");
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let failed = crate::support::psql(ports[0], "select 1");
    assert!(!failed.status.success());

    for agent in &agents {
        let pid = agent.child.id();
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap();
        let memory = memory(pid);
        assert!(
            memory.len() > 1 << 20 && count(&memory, "of the agent") + count(&memory, "of-the-agent") > 0,
            "it is looked through"
        );
        for secret in SECRETS {
            assert_absent("an agent's memory", &memory, secret);
            assert_absent("an agent's environment", &read("environ"), secret);
            assert_absent("what an agent printed", &agent.output, secret);
        }
    }
    assert_absent("an error", &failed.stderr, "Wist3ria-that-is-wrong");
    in_the_daemon(&daemon);
    daemon.stop();
    assert!(
        audit_rows(&daemon.audit, "sessions").len() >= 4,
        "the record is looked through"
    );
    let written = bytes_below(&file("audit"));
    for secret in SECRETS.into_iter().chain(["Wist3ria-that-is-wrong"]) {
        assert_absent("the record", &written, secret);
        assert_absent("the log", daemon.errors().as_bytes(), secret);
    }
}

/// The daemon keeps a database's secret once, to log in with, and one that was replaced not at all; and nobody reads its memory but
/// root. What is sent to services of HTTP stays in buffers for a while.
fn in_the_daemon(daemon: &Daemon) {
    let pid = daemon.child.id();
    assert!(
        fs::read_to_string(format!("/proc/{pid}/limits"))
            .unwrap()
            .lines()
            .any(|line| {
                line.starts_with("Max core file size") && line.split_whitespace().nth(4) == Some("0")
            })
    );
    if !is_root() {
        return skipped("the daemon's memory is root's to read");
    }
    let memory = memory(pid);
    for (secret, expected) in [(POSTGRES, 0), (MYSQL, 1)] {
        assert_eq!(count(&memory, secret), expected, "{secret}");
        assert_eq!(
            count(&memory, base64(secret.as_bytes()).trim_end_matches('=')),
            0,
            "{secret}"
        );
    }
}
