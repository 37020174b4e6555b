//! Each attempt runs in a process of its own, which may be killed for it: once freely, to show that it can be done here at
//! all, and once on a confined thread.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Output};
use std::thread;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use socket2::{Domain, Protocol, Socket, Type};

use super::*;

/// What a child is to try, and whether confined: `confined:NAME` or `free:NAME`.
const ORDER: &str = "INTERDICT_TEST_ORDER";
const SIGSYS: i32 = 31;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    Refused,
    Killed,
}

type Attempt = fn() -> io::Result<()>;

/// What is tried, what becomes of it on a session thread, and whether it takes root.
const ATTEMPTS: &[(&str, Attempt, Fate, bool)] = &[
    (
        "read",
        || File::open("/etc/passwd").map(drop),
        Fate::Refused,
        false,
    ),
    (
        "write",
        || {
            OpenOptions::new().append(true).create(true).open(scratch())?;
            fs::remove_file(scratch())
        },
        Fate::Refused,
        false,
    ),
    (
        "remove",
        || fs::write(scratch(), "").and_then(|()| fs::remove_file(scratch())),
        Fate::Refused,
        false,
    ),
    (
        "fork",
        || Command::new("/bin/true").status().map(drop),
        Fate::Refused,
        false,
    ),
    (
        "thread",
        || thread::Builder::new().spawn(|| ()).map(drop),
        Fate::Refused,
        false,
    ),
    // It comes back only if it fails.
    (
        "execve",
        || Err(Command::new("/bin/true").exec()),
        Fate::Killed,
        false,
    ),
    (
        "unix",
        || Socket::new(Domain::UNIX, Type::STREAM, None).map(drop),
        Fate::Refused,
        false,
    ),
    (
        "udp",
        || Socket::new(Domain::IPV4, Type::DGRAM, None).map(drop),
        Fate::Refused,
        false,
    ),
    (
        "raw",
        || Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).map(drop),
        Fate::Refused,
        true,
    ),
    (
        "netlink",
        || made(AddressFamily::Netlink, SockType::Raw),
        Fate::Refused,
        false,
    ),
    (
        "packet",
        || made(AddressFamily::Packet, SockType::Raw),
        Fate::Refused,
        true,
    ),
    (
        "listen",
        || TcpListener::bind("127.0.0.1:0").map(drop),
        Fate::Refused,
        false,
    ),
    (
        "signal",
        || Ok(nix::sys::signal::kill(nix::unistd::getppid(), None)?),
        Fate::Refused,
        false,
    ),
    (
        "capability",
        || {
            caps::raise(None, caps::CapSet::Inheritable, caps::Capability::CAP_SYS_ADMIN)
                .map_err(io::Error::other)
        },
        Fate::Refused,
        true,
    ),
    ("bpf", bpf, Fate::Killed, true),
    ("ptrace", ptrace, Fate::Killed, false),
    ("setns", setns, Fate::Killed, true),
    (
        "unshare",
        || Ok(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)?),
        Fate::Killed,
        true,
    ),
    (
        "mount",
        || {
            Ok(nix::mount::mount(
                None::<&str>,
                "/proc",
                None::<&str>,
                nix::mount::MsFlags::MS_PRIVATE,
                None::<&str>,
            )?)
        },
        Fate::Killed,
        true,
    ),
    ("chroot", || Ok(nix::unistd::chroot("/")?), Fate::Killed, true),
    ("tcp", tcp, Fate::Done, false),
    (
        "memory",
        || {
            drop(std::hint::black_box(vec![1_u8; 64 << 20]));
            Ok(())
        },
        Fate::Done,
        false,
    ),
];

fn scratch() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("interdict-sandbox-{}", std::process::id()))
}

fn made(family: AddressFamily, kind: SockType) -> io::Result<()> {
    Ok(socket(family, kind, SockFlag::empty(), None).map(drop)?)
}

/// Looks for a map that is not there.
fn bpf() -> io::Result<()> {
    let path = std::path::Path::new("/sys/fs/bpf/interdict-test-no-such-map");
    match interdict_kernel::Tables::open(path).map_err(anyhow::Error::new) {
        Ok(_) => Ok(()),
        // The call went through; there is nothing there.
        Err(error) if format!("{error:#}").contains("No such file") => Ok(()),
        Err(error) => Err(io::Error::other(format!("{error:#}"))),
    }
}

fn ptrace() -> io::Result<()> {
    // Nobody is traced, so that is the answer of a call that goes through.
    match nix::sys::ptrace::cont(nix::unistd::getppid(), None) {
        Ok(()) | Err(nix::Error::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn setns() -> io::Result<()> {
    // Any descriptor will do: the call is what counts, and this one answers EINVAL.
    match nix::sched::setns(io::stdin(), nix::sched::CloneFlags::CLONE_NEWNET) {
        Ok(()) | Err(nix::Error::EINVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Through the listener that [`in_child`] leaves in the environment.
fn tcp() -> io::Result<()> {
    let mut stream = TcpStream::connect(std::env::var("INTERDICT_TEST_LISTENER").unwrap())?;
    stream.set_nodelay(true)?;
    stream.write_all(b"x")?;
    let mut answer = [0];
    stream.read_exact(&mut answer)
}

fn in_child(order: &str, listener: &TcpListener) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sandbox::tests::as_a_child",
            "--ignored",
            "--nocapture",
        ])
        .env(ORDER, order)
        .env(
            "INTERDICT_TEST_LISTENER",
            listener.local_addr().unwrap().to_string(),
        )
        .output()
        .unwrap()
}

fn fate(output: &Output) -> Result<Fate, String> {
    let told = String::from_utf8_lossy(&output.stdout);
    if output.status.signal() == Some(SIGSYS) {
        return Ok(Fate::Killed);
    }
    match told.lines().find_map(|line| line.split_once("OUTCOME ")) {
        Some((_, "done")) => Ok(Fate::Done),
        Some((_, "refused")) => Ok(Fate::Refused),
        _ => Err(format!(
            "{:?} {told} {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

#[test]
fn a_session_thread_has_no_power() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let echo = listener.try_clone().unwrap();
    thread::spawn(move || {
        for stream in echo.incoming() {
            let mut stream = stream.unwrap();
            let mut byte = [0];
            let _ = stream
                .read_exact(&mut byte)
                .and_then(|()| stream.write_all(&byte));
        }
    });
    let root = nix::unistd::Uid::effective().is_root();
    for (name, _, expected, needs_root) in ATTEMPTS {
        if root || !needs_root {
            let free = in_child(&format!("free:{name}"), &listener);
            // What becomes another program has no outcome to tell.
            let became = *name == "execve" && free.status.success();
            assert!(
                became || fate(&free) == Ok(Fate::Done),
                "{name}, free: {:?}",
                fate(&free)
            );
        }
        let confined = in_child(&format!("confined:{name}"), &listener);
        assert_eq!(fate(&confined), Ok(*expected), "{name}, confined");
    }
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn as_a_child() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let (how, name) = order.split_once(':').unwrap();
    let (_, attempt, ..) = ATTEMPTS.iter().find(|(known, ..)| *known == name).unwrap();
    let confined = how == "confined";
    let outcome = thread::spawn(move || {
        if confined {
            assert_eq!(confine().unwrap().iter().find(|gap| gap.what == "seccomp"), None);
        }
        attempt()
    })
    .join()
    .unwrap();
    match outcome {
        Ok(()) => println!("OUTCOME done"),
        Err(error) => println!(
            "OUTCOME {}",
            if is_refusal(&error) {
                "refused".to_owned()
            } else {
                error.to_string()
            }
        ),
    }
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied || error.to_string().contains("Operation not permitted")
}

#[test]
fn landlock_alone_refuses_files_and_listening() {
    let path = scratch();
    let tried = thread::spawn(move || {
        let gap = files::forbid();
        let open = File::open("/etc/passwd").map(drop);
        let write = fs::write(path, "");
        (gap, open, write, TcpListener::bind("127.0.0.1:0").map(drop))
    });
    let (gap, open, write, listen) = tried.join().unwrap();
    if let Some(gap) = gap {
        eprintln!("\n*** SKIPPED: {}\n", gap.reason);
        return;
    }
    for (what, outcome) in [("open", open), ("write", write), ("listen", listen)] {
        assert_eq!(
            outcome.map_err(|error| error.kind()),
            Err(io::ErrorKind::PermissionDenied),
            "{what}"
        );
    }
}

#[test]
fn a_session_thread_keeps_no_capability_and_others_keep_theirs() {
    let before = caps::read(None, caps::CapSet::Permitted).unwrap();
    let left = thread::spawn(|| {
        capabilities::drop_all().unwrap();
        [
            caps::CapSet::Permitted,
            caps::CapSet::Effective,
            caps::CapSet::Inheritable,
        ]
        .map(|set| caps::read(None, set).unwrap().len())
    });
    assert_eq!(left.join().unwrap(), [0, 0, 0]);
    assert_eq!(caps::read(None, caps::CapSet::Permitted).unwrap(), before);
}

#[test]
fn what_is_missing_is_told_once() {
    let sandbox = Sandbox {
        gaps: Gaps::default(),
    };
    for _ in 0..2 {
        let gap = Gap {
            what: "landlock",
            reason: "none".to_owned(),
            consequence: "files",
        };
        note(&sandbox.gaps, gap);
    }
    let records = sandbox.gaps();
    let [Record::Event(event)] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(event.kind, "sandbox_partial");
    assert_eq!(event.detail.get("what").map(String::as_str), Some("landlock"));
}
