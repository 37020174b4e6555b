use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// A child that is ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        // A file just written cannot be executed while another test's child, on its way to exec, still has it open.
        Self(wait_for(|| match command.stdin(Stdio::null()).spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => None,
            started => Some(started.unwrap()),
        }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The facts about a process as the connect hook would have them: its start to the tick, plus some nanoseconds.
pub(crate) fn facts(pid: u32) -> Caller {
    let stat = ProcessDirectory::open(pid).unwrap().stat().unwrap();
    Caller {
        tgid: pid,
        pid,
        start_boot_ns: stat.start_ticks * 10_000_000 + 1_234_567,
        uid: 0,
        gid: 0,
        comm: "sleep".to_owned(),
        cgroup_id: 7,
        cgroup_path: Some("/system.slice/billing.service".to_owned()),
        workload: Some("agents".to_owned()),
    }
}

pub(crate) fn wait_for<T>(mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen within ten seconds");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the child runs what it was asked to run: between fork and exec it still is this test.
pub(crate) fn settled(pid: u32, executable_ends_with: &str) {
    wait_for(|| {
        let directory = ProcessDirectory::open(pid).ok()?;
        let (path, _) = directory.executable_path().ok()?;
        let (arguments, _) = directory.command_line(1).ok()?;
        (path.ends_with(executable_ends_with) && !arguments.is_empty()).then_some(())
    });
}

#[test]
fn a_real_process_is_described() {
    let child = Running::start(Command::new("sleep").arg("60").arg0("PGPASSWORD=hidden"));
    let pid = child.0.id();
    settled(pid, "sleep");
    let identity = Resolver::default().resolve(&Facts::Kernel(facts(pid)), "clinic");

    let process = identity.process.as_ref().unwrap();
    let binary = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert_eq!(process.executable.as_deref(), binary.to_str());
    let sum = Command::new("sha256sum").arg(&binary).output().unwrap().stdout;
    let sum = format!(
        "sha256:{}",
        String::from_utf8(sum).unwrap().split(' ').next().unwrap()
    );
    assert_eq!(process.executable_digest.as_deref(), Some(&*sum));
    assert_eq!(process.command.as_deref(), Some("PGPASSWORD=[redacted] 60"));
    assert_eq!(process.user.as_deref(), Some("root"));
    assert!(process.enriched);
    let own = std::env::current_exe().unwrap();
    assert_eq!(process.ancestry.first().map(String::as_str), own.to_str());

    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_micros();
    let age = i64::try_from(now).unwrap() - process.started_at.unwrap();
    assert!((-1_100_000..60_000_000).contains(&age), "{age}");

    assert_eq!(identity.name, "unit:billing.service");
    assert_eq!(identity.attestation, Attestation::Kernel);
    assert_eq!(identity.flags, Vec::<String>::new());
    for (key, value) in [
        ("workload", "agents"),
        ("uid", "0"),
        ("user", "root"),
        ("unit", "billing.service"),
        ("slice", "system.slice"),
        ("cgroup", "/system.slice/billing.service"),
        ("attestation", "kernel"),
        ("mounts", "host"),
        ("executable_digest", &sum),
    ] {
        assert_eq!(identity.facts.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[test]
fn a_reused_process_id_is_not_believed() {
    let child = Running::start(Command::new("sleep").arg("60"));
    settled(child.0.id(), "sleep");
    let mut caller = facts(child.0.id());
    let resolver = Resolver::default();
    for other in [
        caller.start_boot_ns + 10_000_000,
        caller.start_boot_ns - 10_000_000,
    ] {
        let facts = Facts::Kernel(Caller {
            start_boot_ns: other,
            ..caller.clone()
        });
        let identity = resolver.resolve(&facts, "clinic");
        let process = identity.process.unwrap();
        assert!(!process.enriched);
        assert_eq!(
            (process.executable, process.command, process.ancestry.len()),
            (None, None, 0)
        );
        assert_eq!(identity.flags, ["process_gone"]);
        // What the kernel said stands.
        assert_eq!(identity.name, "unit:billing.service");
        assert_eq!(process.user.as_deref(), Some("root"));
    }
    caller.start_boot_ns = 0;
    assert!(
        resolver
            .resolve(&Facts::Kernel(caller), "clinic")
            .process
            .unwrap()
            .enriched
    );
}

#[test]
fn a_process_that_ended_is_not_guessed_at() {
    let mut child = Running::start(Command::new("sleep").arg("60"));
    settled(child.0.id(), "sleep");
    let caller = facts(child.0.id());
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    let identity = Resolver::default().resolve(&Facts::Kernel(caller), "clinic");
    assert_eq!(identity.flags, ["process_gone"]);
    assert!(!identity.process.unwrap().enriched);
}

#[test]
fn an_open_directory_does_not_follow_the_number() {
    let mut child = Running::start(Command::new("sleep").arg("60"));
    let directory = ProcessDirectory::open(child.0.id()).unwrap();
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert!(matches!(directory.stat(), Err(ProcessError::Gone(_))));
}

#[test]
fn a_thread_vouches_for_its_process() {
    let (tell, told) = std::sync::mpsc::channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    // Later than this process by at least one tick.
    std::thread::sleep(Duration::from_millis(30));
    let thread = std::thread::spawn(move || {
        tell.send(nix::unistd::gettid().as_raw().cast_unsigned()).unwrap();
        let _ = wait.recv();
    });
    let tid = told.recv().unwrap();
    let pid = std::process::id();
    let start = ProcessDirectory::open(pid)
        .unwrap()
        .thread_stat(tid)
        .unwrap()
        .start_ticks;
    let resolver = Resolver::default();
    let caller = Caller {
        tgid: pid,
        pid: tid,
        start_boot_ns: start * 10_000_000,
        ..Caller::default()
    };
    assert!(
        resolver
            .resolve(&Facts::Kernel(caller), "clinic")
            .process
            .unwrap()
            .enriched
    );
    drop(release);
    thread.join().unwrap();
}

#[test]
fn ancestors_are_listed_nearest_first() {
    // The trailing `:` keeps the shells from replacing themselves by their last command.
    let child = Running::start(Command::new("sh").args(["-c", "sh -c 'sleep 61; :'; :"]));
    let find_child = |of: u32| {
        wait_for(|| {
            let text = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
            text.split_whitespace()
                .next()
                .and_then(|pid| pid.parse::<u32>().ok())
        })
    };
    let inner = find_child(child.0.id());
    let sleep = find_child(inner);
    settled(sleep, "sleep");
    let shell = fs::read_link(format!("/proc/{inner}/exe")).unwrap();
    let identity = Resolver::default().resolve(&Facts::Kernel(facts(sleep)), "clinic");
    let ancestry = identity.process.unwrap().ancestry;
    let own = std::env::current_exe().unwrap();
    assert_eq!(
        ancestry.iter().take(3).map(String::as_str).collect::<Vec<_>>(),
        [
            shell.to_str().unwrap(),
            shell.to_str().unwrap(),
            own.to_str().unwrap()
        ]
    );
    let limits = Limits {
        ancestors: 1,
        ..Limits::default()
    };
    let short = Resolver::new(limits, Sources::default()).resolve(&Facts::Kernel(facts(sleep)), "clinic");
    assert_eq!(short.process.unwrap().ancestry.len(), 1);
    // Killing the outer shell leaves the others.
    let _ = Command::new("kill")
        .arg("-9")
        .arg(inner.to_string())
        .arg(sleep.to_string())
        .status();
}

#[test]
fn a_removed_executable_is_flagged_and_still_hashed() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("agent");
    fs::copy("/bin/sleep", &copy).unwrap();
    let child = Running::start(Command::new(&copy).arg("60"));
    settled(child.0.id(), "agent");
    fs::remove_file(&copy).unwrap();
    let identity = Resolver::default().resolve(&Facts::Kernel(facts(child.0.id())), "clinic");
    let process = identity.process.unwrap();
    assert_eq!(process.executable.as_deref(), copy.to_str());
    assert!(process.executable_digest.is_some());
    assert_eq!(identity.flags, ["executable_deleted"]);
}

#[test]
fn limits_hold() {
    let child = Running::start(Command::new("sleep").arg("60").arg0("s".repeat(500)));
    settled(child.0.id(), "sleep");
    let limits = Limits {
        executable: 10,
        command: 100,
        ..Limits::default()
    };
    let resolver = Resolver::new(limits, Sources::default());
    let identity = resolver.resolve(&Facts::Kernel(facts(child.0.id())), "clinic");
    assert_eq!(identity.flags, ["executable_too_large", "command_truncated"]);
    let process = identity.process.unwrap();
    assert_eq!(process.executable_digest, None);
    assert_eq!(process.command.map(|command| command.len()), Some(100));
}

#[test]
fn names_follow_the_rule() {
    const ID: &str = "3f4e8a9b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f";
    let resolver = Resolver::default();
    for (cgroup, uid, expected) in [
        ("/system.slice/billing.service", 0, "unit:billing.service"),
        ("/user.slice/user-0.slice/session-1.scope", 0, "user:root"),
        (
            "/user.slice/user-0.slice/user@0.service/app.slice/billing.service",
            0,
            "user:root",
        ),
        ("/user.slice/user-0.slice/user@0.service", 0, "user:root"),
        ("/agents/one", 4_000_000_000, "uid:4000000000"),
        (
            &format!("/system.slice/docker-{ID}.scope"),
            0,
            "container:3f4e8a9b0c1d",
        ),
        (
            &format!("/kubepods/pod0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9/{ID}"),
            0,
            "pod:0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
        ),
    ] {
        let caller = Caller {
            tgid: u32::MAX,
            uid,
            cgroup_path: Some(cgroup.to_owned()),
            ..Caller::default()
        };
        assert_eq!(
            resolver.resolve(&Facts::Kernel(caller), "clinic").name,
            expected,
            "{cgroup}"
        );
    }
    let mapped = resolver.resolve(&Facts::Address("::ffff:10.0.0.1".parse().unwrap()), "clinic");
    assert_eq!(
        (mapped.name.as_str(), mapped.attestation),
        ("address:10.0.0.1", Attestation::Address)
    );
    assert_eq!(mapped.process, None);
}

#[derive(Debug)]
struct OnePod;

impl Pods for OnePod {
    fn pod(&self, uid: &str) -> Option<crate::Pod> {
        (uid == POD).then(|| crate::Pod {
            name: "triage-0".to_owned(),
            namespace: "er".to_owned(),
            service_account: Some("triage".to_owned()),
            labels: BTreeMap::from([("app".to_owned(), "triage".to_owned())]),
        })
    }
}

const POD: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

#[test]
fn what_the_cluster_and_the_environment_say_are_facts_of_their_own() {
    let child = Running::start(
        Command::new("sleep")
            .arg("60")
            .env("RUN_ID", "r-1")
            .env("SECRET", "x"),
    );
    settled(child.0.id(), "sleep");
    let sources = Sources {
        environment: vec!["RUN_ID".to_owned(), "MISSING".to_owned()],
        pods: Some(Arc::new(OnePod)),
        ..Sources::default()
    };
    let resolver = Resolver::new(Limits::default(), sources);
    let mut caller = facts(child.0.id());
    caller.cgroup_path = Some(format!("/kubepods/pod{POD}/x"));
    let identity = resolver.resolve(&Facts::Kernel(caller.clone()), "clinic");
    for (fact, expected) in [
        ("pod", Some("triage-0")),
        ("namespace", Some("er")),
        ("service_account", Some("triage")),
        ("label.app", Some("triage")),
        ("env.RUN_ID", Some("r-1")),
        ("env.MISSING", None),
        ("env.SECRET", None),
    ] {
        assert_eq!(identity.facts.get(fact).map(String::as_str), expected, "{fact}");
    }
    let process = identity.process.unwrap();
    assert_eq!(process.pod.as_deref(), Some("triage-0"));
    assert_eq!(process.service_account.as_deref(), Some("triage"));
    assert_eq!(
        identity.claims,
        BTreeMap::from([("env.RUN_ID".to_owned(), "r-1".to_owned())])
    );
    assert_eq!(identity.name, format!("pod:{POD}"), "neither is a proof");

    caller.cgroup_path = Some("/kubepods/pod11111111-4e5f-6071-8293-a4b5c6d7e8f9/x".to_owned());
    let identity = resolver.resolve(&Facts::Kernel(caller), "clinic");
    assert!(!identity.facts.contains_key("pod"), "{:?}", identity.facts);
}
