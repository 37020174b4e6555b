use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as Client;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use interdict_record::LedgerEntry;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::server::{Limits, serve_within};
use super::*;

/// A daemon's half that remembers what it was told to do.
#[derive(Default)]
struct Daemon {
    told: Mutex<Vec<String>>,
}

impl Daemon {
    fn tell(&self, what: String) {
        self.told.lock().unwrap().push(what);
    }
}

impl Handler for Daemon {
    async fn status(&self) -> Result<Status, Refusal> {
        Ok(Status {
            release: "1.2.3".to_owned(),
            ready: true,
            ..Status::default()
        })
    }

    async fn ledger(&self) -> Result<Vec<LedgerEntry>, Refusal> {
        Ok(vec![LedgerEntry {
            seen: u64::MAX,
            difference: -1,
            ..LedgerEntry::default()
        }])
    }

    async fn quarantine_list(&self) -> Result<Vec<Quarantined>, Refusal> {
        Ok(Vec::new())
    }

    async fn quarantine(&self, peer: &Peer, workload: &str) -> Result<Cut, Refusal> {
        if workload == "slow" {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        if workload == "nobody" {
            return Err(Refusal::new(RefusalKind::UnknownWorkload, "no such workload"));
        }
        self.tell(format!("{} quarantines {workload}", peer.actor()));
        Ok(Cut {
            workload: workload.to_owned(),
            connections: 3,
            already: false,
        })
    }

    async fn quarantine_lift(&self, peer: &Peer, workload: &str) -> Result<(), Refusal> {
        self.tell(format!("{} lifts {workload}", peer.actor()));
        Ok(())
    }

    async fn detach(&self, peer: &Peer) -> Result<(), Refusal> {
        self.tell(format!("{} detaches", peer.actor()));
        Ok(())
    }

    async fn keeping(&self, peer: &Peer, request: Request) -> Result<Response, Refusal> {
        self.tell(format!("{} asks for {}", peer.actor(), request.name()));
        Ok(Response::Hold { id: "h".to_owned() })
    }

    async fn people(&self, peer: &Peer, request: Request) -> Result<Response, Refusal> {
        if matches!(&request, Request::GrantRevoke { .. }) {
            return Err(Refusal::new(RefusalKind::NotPermitted, "not yours"));
        }
        self.tell(format!("{} says {}", peer.actor(), request.name()));
        Ok(Response::Grants { grants: Vec::new() })
    }

    async fn not_permitted(&self, peer: &Peer, request: &Request) {
        self.tell(format!("{} may not {}", peer.actor(), request.name()));
    }
}

/// A daemon on a thread of its own.
struct Running {
    directory: tempfile::TempDir,
    daemon: Arc<Daemon>,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn start(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let daemon = Arc::new(Daemon::default());
        let (stop, shutdown) = watch::channel(false);
        let (bound, ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let (path, daemon) = (directory.path().join("admin.sock"), Arc::clone(&daemon));
            move || {
                runtime().block_on(async {
                    let socket = Socket::bind(&path, None).unwrap();
                    bound.send(()).unwrap();
                    serve_within(limits, socket, daemon, shutdown).await;
                });
            }
        });
        ready.recv().unwrap();
        Self {
            directory,
            daemon,
            stop,
            thread: Some(thread),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("admin.sock")
    }

    fn connect(&self) -> Client {
        let client = Client::connect(self.path()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client
    }

    fn told(&self) -> Vec<String> {
        self.daemon.told.lock().unwrap().clone()
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// One line from the daemon; `None` at the end of the connection.
fn read(client: &mut Client) -> Option<Value> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while client.read(&mut byte).unwrap() == 1 {
        if byte[0] == b'\n' {
            return Some(serde_json::from_slice(&line).unwrap());
        }
        line.push(byte[0]);
    }
    assert!(line.is_empty(), "half a line");
    None
}

fn say(client: &mut Client, line: impl AsRef<[u8]>) -> Value {
    client.write_all(line.as_ref()).unwrap();
    client.write_all(b"\n").unwrap();
    read(client).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_commands_end_and_the_daemons_end_understand_each_other() {
    let mut running = Running::start(Limits::default());
    let call = |request: &Request| call(&running.path(), request);
    let Response::Status(status) = call(&Request::Status).unwrap() else {
        panic!()
    };
    assert_eq!((status.release.as_str(), status.ready), ("1.2.3", true));
    let Response::Ledger { rows } = call(&Request::Ledger).unwrap() else {
        panic!()
    };
    assert_eq!((rows[0].seen, rows[0].difference), (u64::MAX, -1));
    let agents = || "agents".to_owned();
    let cut = call(&Request::Quarantine { workload: agents() }).unwrap();
    assert!(
        matches!(cut, Response::Quarantine(Cut { connections: 3, .. })),
        "{cut:?}"
    );
    let refused = call(&Request::Quarantine {
        workload: "nobody".to_owned(),
    })
    .unwrap_err();
    assert!(
        matches!(&refused, CallError::Refused(refusal) if refusal.kind == RefusalKind::UnknownWorkload),
        "{refused:?}"
    );
    call(&Request::QuarantineLift { workload: agents() }).unwrap();
    call(&Request::Detach).unwrap();
    let me = Peer::this().actor();
    assert_eq!(
        running.told(),
        [
            format!("{me} quarantines agents"),
            format!("{me} lifts agents"),
            format!("{me} detaches")
        ]
    );
    if nix::unistd::geteuid().is_root() {
        assert_eq!(me, "operator:root(0)");
    }
    running.end();
    assert!(matches!(
        super::call(&running.path(), &Request::Status),
        Err(CallError::NoDaemon { .. })
    ));
}

#[test]
fn garbage_is_answered_and_the_connection_goes_on() {
    let running = Running::start(Limits::default());
    let mut client = running.connect();
    for (line, kind, part) in [
        ("", "malformed", "not a line of JSON"),
        ("hello", "malformed", "not a line of JSON"),
        ("[1]", "malformed", "not a JSON object"),
        ("{\"request\":\"status\"}", "malformed", "no `version`"),
        ("{\"version\":1}", "malformed", "no name in `request`"),
        (
            "{\"version\":1,\"request\":\"quarantine\"}",
            "malformed",
            "missing field `workload`",
        ),
        (
            "{\"version\":1,\"request\":\"quarantine\",\"workload\":7}",
            "malformed",
            "quarantine",
        ),
        (
            "{\"version\":2,\"request\":\"status\"}",
            "unsupported",
            "the client version 2",
        ),
        (
            "{\"version\":1,\"request\":\"approve\\u001b\"}",
            "unsupported",
            "does not know the request `approve\\u{1b}`",
        ),
        // What a newer client means by it is not known: it must not be half done.
        (
            "{\"version\":1,\"request\":\"quarantine\",\"workload\":\"agents\",\"service\":\"clinic\"}",
            "malformed",
            "unknown field `service`",
        ),
        (
            "{\"version\":1,\"request\":\"detach\",\"dry_run\":true}",
            "malformed",
            "dry_run",
        ),
    ] {
        let answer = say(&mut client, line);
        assert_eq!(
            (&answer["response"], &answer["kind"]),
            (&json!("refused"), &json!(kind)),
            "{line}: {answer}"
        );
        assert!(
            answer["message"].as_str().unwrap().contains(part),
            "{line}: {answer}"
        );
        assert_eq!(answer["version"], 1);
    }
    let answer = say(&mut client, b"\xff\xfe\x00");
    assert_eq!(answer["kind"], "malformed");
    assert_eq!(
        say(&mut client, "{\"version\":1,\"request\":\"status\"}")["response"],
        "status"
    );
    assert!(running.told().is_empty(), "{:?}", running.told());
}

#[test]
fn two_requests_in_one_write_have_two_answers_in_order() {
    let running = Running::start(Limits::default());
    let mut client = running.connect();
    let both = "{\"version\":1,\"request\":\"ledger\"}\n{\"version\":1,\"request\":\"status\"}\n";
    // In three pieces, the cuts anywhere.
    for cut in [1, 20, both.len() - 1] {
        let (one, other) = both.split_at(cut);
        client.write_all(one.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        client.write_all(other.as_bytes()).unwrap();
        assert_eq!(read(&mut client).unwrap()["response"], "ledger");
        assert_eq!(read(&mut client).unwrap()["response"], "status");
    }
}

#[test]
fn one_caller_does_not_wait_for_another() {
    let running = Running::start(Limits::default());
    let mut half = running.connect();
    half.write_all(b"{\"version\":1,").unwrap();
    let slow = std::thread::spawn({
        let path = running.path();
        move || {
            call(
                &path,
                &Request::Quarantine {
                    workload: "slow".to_owned(),
                },
            )
            .map(drop)
        }
    });
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(
        say(&mut running.connect(), "{\"version\":1,\"request\":\"status\"}")["response"],
        "status"
    );
    assert!(running.told().is_empty(), "the slow one is still at it");
    slow.join().unwrap().unwrap();
    assert_eq!(say(&mut half, "\"request\":\"status\"}")["response"], "status");
}

#[test]
fn half_a_line_does_not_wait_for_ever_however_it_drips() {
    let limits = Limits {
        incomplete: Duration::from_millis(200),
        idle: Duration::from_secs(20),
        ..Limits::default()
    };
    let running = Running::start(limits);
    let mut client = running.connect();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) && client.write_all(b" ").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "it was let drip");
    let answer = read(&mut client).unwrap();
    assert!(
        answer["message"].as_str().unwrap().contains("not complete"),
        "{answer}"
    );

    let mut client = running.connect();
    client
        .write_all(b"{\"version\":1,\"request\":\"detach\"}")
        .unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read(&mut client), None);
    assert!(running.told().is_empty(), "a line without its end was acted upon");
}

#[test]
fn a_caller_who_says_nothing_is_let_go() {
    let limits = Limits {
        idle: Duration::from_millis(100),
        ..Limits::default()
    };
    let running = Running::start(limits);
    assert_eq!(read(&mut running.connect()), None);
}

#[test]
fn a_line_has_a_largest_size() {
    let running = Running::start(Limits::default());
    let most = Limits::default().line;
    let pad = |size: usize| {
        format!(
            "{{\"version\":1,\"request\":\"status\"{}}}",
            " ".repeat(size - "{\"version\":1,\"request\":\"status\"}".len())
        )
    };
    assert_eq!(pad(most).len(), most);
    assert_eq!(say(&mut running.connect(), pad(most))["response"], "status");
    let mut client = running.connect();
    // The daemon may hang up while this is being written.
    let _ = client.write_all(pad(most + 1).as_bytes());
    let answer = read(&mut client).unwrap();
    assert!(
        answer["message"].as_str().unwrap().contains("at most"),
        "{answer}"
    );
    assert_eq!(most, 1 << 20);
}

#[test]
fn what_is_being_done_is_finished_before_the_daemon_stops() {
    let mut running = Running::start(Limits::default());
    let slow = std::thread::spawn({
        let path = running.path();
        move || {
            call(
                &path,
                &Request::Quarantine {
                    workload: "slow".to_owned(),
                },
            )
            .map(drop)
        }
    });
    let idle = running.connect();
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    running.end();
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "an idle caller held it up"
    );
    slow.join().unwrap().unwrap();
    assert_eq!(running.told().len(), 1);
    assert!(!running.path().exists());
    drop(idle);
}

#[test]
fn the_socket_is_for_its_owner_and_group() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run/interdict/admin.sock");
    let socket = Socket::bind(&path, None).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o660, 0o750));
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "nothing else is left there"
    );

    let second = format!("{:#}", Socket::bind(&path, None).unwrap_err());
    assert!(second.contains("another daemon answers there"), "{second}");
    assert!(Client::connect(&path).is_ok(), "the first one's socket stays");
    drop(socket);
    assert!(!path.exists());
}

#[test]
fn the_socket_is_for_the_group_that_the_settings_name() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run/admin.sock");
    let none = format!(
        "{:#}",
        Socket::bind(&path, Some("no-such-group-here")).unwrap_err()
    );
    assert!(none.contains("no group `no-such-group-here`"), "{none}");
    assert!(!path.exists());
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: needs root to give a socket to a group; that was NOT tested");
        return;
    }
    let daemon = nix::unistd::Group::from_name("daemon").unwrap().unwrap();
    let socket = Socket::bind(&path, Some("daemon")).unwrap();
    for given in [&*path, path.parent().unwrap()] {
        let found = fs::symlink_metadata(given).unwrap();
        assert_eq!(
            std::os::unix::fs::MetadataExt::gid(&found),
            daemon.gid.as_raw(),
            "{}",
            given.display()
        );
    }
    assert_eq!(mode(&path), 0o660);
    drop(socket);
}

#[test]
fn a_dead_daemons_socket_is_replaced_and_nothing_else_is() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(Client::connect(&path).is_err());
    let socket = Socket::bind(&path, None).unwrap();
    assert!(Client::connect(&path).is_ok());

    // One that took its place meanwhile is not removed with it.
    fs::remove_file(&path).unwrap();
    let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(socket);
    assert!(path.exists());
    drop(other);

    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    assert!(Socket::bind(&path, None).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    fs::remove_file(&path).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let open = format!("{:#}", Socket::bind(&path, None).unwrap_err());
    assert!(open.contains("everyone may write"), "{open}");
    assert!(!path.exists());
}

/// Asks as another user; run by that user's Python.
const ASK: &str = "import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except PermissionError:
    sys.exit('not admitted')
f = s.makefile('rw')
for request in sys.argv[2:]:
    print(request, file=f, flush=True)
    print(f.readline(), end='')
";

#[test]
fn a_member_of_the_group_may_read_and_not_act() {
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65534;
    if !nix::unistd::geteuid().is_root() || std::process::Command::new("python3").arg("-V").output().is_err()
    {
        eprintln!("SKIPPED: needs root and python3 to call as another user; peers were NOT tested");
        return;
    }
    let running = Running::start(Limits::default());
    let ask = |gid: u32| {
        let mut python = std::process::Command::new("python3");
        python.uid(NOBODY).gid(gid).current_dir("/");
        python.args(["-c", ASK]).arg(running.path()).args([
            "{\"version\":1,\"request\":\"quarantine_list\"}",
            "{\"version\":1,\"request\":\"quarantine\",\"workload\":\"agents\"}",
            "{\"version\":1,\"request\":\"quarantine_lift\",\"workload\":\"agents\"}",
            "{\"version\":1,\"request\":\"detach\"}",
            "{\"version\":1,\"request\":\"status\"}",
            "{\"version\":1,\"request\":\"decide\",\"id\":\"abcd\",\"approve\":true,\"reason\":\"r\"}",
            "{\"version\":1,\"request\":\"grant_revoke\",\"id\":\"abcd\",\"reason\":\"r\"}",
        ]);
        python.output().unwrap()
    };
    let group = 54321;
    fs::set_permissions(running.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let stranger = ask(NOBODY);
    assert!(
        String::from_utf8_lossy(&stranger.stderr).contains("not admitted"),
        "{stranger:?}"
    );

    std::os::unix::fs::chown(running.path(), None, Some(group)).unwrap();
    let member = ask(group);
    let answers: Vec<Value> = String::from_utf8(member.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = answers
        .iter()
        .map(|answer| answer["response"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "quarantine_list",
            "refused",
            "refused",
            "refused",
            "status",
            "grants",
            "refused"
        ],
        "who decides is for the handler to know"
    );
    for refused in &answers[1..4] {
        assert_eq!(refused["kind"], "not_permitted");
        assert!(
            refused["message"].as_str().unwrap().contains("(65534)"),
            "{refused}"
        );
    }
    let told = running.told();
    assert_eq!(told.len(), 5, "{told:?}");
    let may_not = told.iter().filter(|what| what.contains("(65534) may not"));
    assert_eq!(may_not.count(), 4, "{told:?}");
    assert!(told[4].ends_with("may not grant_revoke"), "{told:?}");
}

#[test]
fn an_answer_of_another_time_is_told_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let answers = [
        "{\"version\":1,\"response\":\"status\",\"ready\":true,\"added_later\":1}\n",
        "{\"version\":1,\"response\":\"refused\",\"kind\":\"added_later\",\"message\":\"no\"}\n",
        "{\"version\":1,\"response\":\"added_later\"}\n",
        "{\"version\":2,\"response\":\"status\"}\n",
        "HTTP/1.1 400 Bad Request\n",
        "{\"version\":1,\"response\":",
        "",
    ];
    let daemon = std::thread::spawn(move || {
        for answer in answers {
            let (mut client, _) = listener.accept().unwrap();
            let _ = client.read(&mut [0; 100]).unwrap();
            client.write_all(answer.as_bytes()).unwrap();
        }
    });
    let mut got = answers.map(|_| call(&path, &Request::Status)).into_iter();
    assert!(matches!(got.next().unwrap(), Ok(Response::Status(status)) if status.ready));
    assert!(
        matches!(got.next().unwrap(), Err(CallError::Refused(refusal)) if refusal.kind == RefusalKind::Other)
    );
    for _ in 0..3 {
        let error = got.next().unwrap().unwrap_err();
        assert!(matches!(error, CallError::Strange { .. }), "{error:?}");
    }
    for _ in 0..2 {
        let error = got.next().unwrap().unwrap_err();
        assert!(matches!(error, CallError::Broken { .. }), "{error:?}");
    }
    daemon.join().unwrap();
}

#[test]
fn what_acts_is_told_apart_from_what_reads() {
    let workload = || "a".to_owned();
    for (request, acts) in [
        (Request::Status, false),
        (Request::Ledger, false),
        (Request::QuarantineList, false),
        (Request::Quarantine { workload: workload() }, true),
        (Request::QuarantineLift { workload: workload() }, true),
        (Request::Detach, true),
        (
            Request::HoldPlace {
                tables: Vec::new(),
                from: None,
                until: Some(1),
                reason: workload(),
            },
            true,
        ),
        (
            Request::HoldLift {
                id: workload(),
                reason: workload(),
            },
            true,
        ),
        (Request::Seal, true),
        (Request::SealRotate { reason: workload() }, true),
        (Request::Approvals { past: true }, false),
        (Request::Approval { id: workload() }, false),
        (
            Request::Decide {
                id: workload(),
                approve: true,
                reason: workload(),
                grant_seconds: None,
            },
            true,
        ),
        (Request::Grants { all: false }, false),
        (
            Request::GrantCreate {
                grant: interdict_approvals::NewGrant::default(),
            },
            true,
        ),
        (
            Request::GrantRevoke {
                id: workload(),
                reason: workload(),
            },
            true,
        ),
        (
            Request::GrantReview {
                id: workload(),
                reason: workload(),
            },
            true,
        ),
        (Request::ConsoleLogin, true),
    ] {
        assert_eq!(request.acts(), acts, "{request:?}");
        // Every request is known to the reader, under its name.
        let line = protocol::line(&request).unwrap();
        assert_eq!(Request::read(&line), Ok(request.clone()));
        let document: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(document["request"], request.name());
    }
}
