//! Enrolment by user, by executable, and by what is known elsewhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context as _, Result, ensure};
use interdict_kernel::{Judge, Judged, KernelError, Workload};
use nix::sys::statfs::{BTRFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, statfs};

use crate::bench::{Bench, Place, eventually};
use crate::child::{Child, Got};
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("user_in_scope", user),
    ("executable_in_scope", executable),
    ("executable_replaced", replaced),
    ("unknown_owner_refused_until_known", pending),
    ("cgroups_keep_their_names", renamed),
    ("enrolment_told", told),
];

const USER: u32 = 23_451;

fn users(name: &str, users: &[u32]) -> Workload {
    Workload {
        name: name.to_owned(),
        users: users.to_vec(),
        ..Workload::default()
    }
}

fn executables(name: &str, globs: &[String]) -> Workload {
    Workload {
        name: name.to_owned(),
        executables: globs.to_vec(),
        ..Workload::default()
    }
}

/// The workload of the connection that just came to the listener.
fn workload(bench: &Bench) -> Result<Option<String>> {
    let flow = bench.proxy.next_flow()?;
    Ok(bench.kernel.workload(flow.workload).map(|name| name.to_string()))
}

fn user() -> Result<Outcome> {
    let bench = Bench::new()?;
    let elsewhere = Place::new_beside("elsewhere")?;
    let to = bench.v4.address;
    let connect = |user: u32| {
        let words = ["user", &user.to_string(), &to.to_string()];
        Child::start(&elsewhere.directory(""), &words)?.got()
    };
    bench.kernel.scope(&[
        users("people", &[USER, USER + 1]),
        users("others", &[USER + 1, USER + 2]),
    ])?;
    for (user, owner) in [(USER, "people"), (USER + 1, "people"), (USER + 2, "others")] {
        let got = connect(user)?;
        ensure!(got == Got::proxy(to), "user {user}: {got:?}");
        let found = workload(&bench)?;
        ensure!(found.as_deref() == Some(owner), "user {user} is of {found:?}");
    }
    let got = connect(USER + 3)?;
    ensure!(got == Got::direct(to), "another user: {got:?}");

    // A cgroup counts before a user.
    bench
        .kernel
        .scope(&[users("people", &[USER]), bench.place.workload()])?;
    let words = ["user", &USER.to_string(), &to.to_string()];
    let got = bench.client(&words)?.got()?;
    ensure!(got == Got::proxy(to), "a user in a scoped cgroup: {got:?}");
    ensure!(workload(&bench)?.as_deref() == Some(crate::bench::WORKLOAD));

    let own = bench.kernel.scope(&[users("root", &[0])]);
    ensure!(
        matches!(own, Err(KernelError::OwnProcessInScope { .. })),
        "{own:?}"
    );
    let got = connect(USER)?;
    ensure!(got == Got::proxy(to), "after a refused change: {got:?}");
    workload(&bench)?;
    bench.kernel.scope(&[users("others", &[USER + 2])])?;
    let got = connect(USER)?;
    ensure!(got == Got::direct(to), "taken out of scope: {got:?}");
    Ok(Outcome::Pass)
}

/// A directory for copies of this program, where files are what they seem.
struct Copies(PathBuf);

impl Copies {
    fn new() -> Option<Self> {
        for parent in ["/run", "/dev/shm", "/tmp", "/"] {
            let sound = statfs(parent).is_ok_and(|found| {
                !matches!(found.filesystem_type(), OVERLAYFS_SUPER_MAGIC | BTRFS_SUPER_MAGIC)
            });
            let directory = Path::new(parent).join(format!("interdict-test-{}", std::process::id()));
            if sound && fs::create_dir_all(&directory).is_ok() {
                return Some(Self(directory));
            }
        }
        None
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn copy(&self, name: &str) -> Result<String> {
        let path = self.path(name);
        fs::copy("/proc/self/exe", &path).context("copying this program")?;
        Ok(path)
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn no_place() -> Outcome {
    Outcome::Skip(
        "no file system here but overlayfs or btrfs, where files are not known by their numbers".to_owned(),
    )
}

fn executable() -> Result<Outcome> {
    let bench = Bench::new()?;
    let elsewhere = Place::new_beside("elsewhere")?;
    let Some(copies) = Copies::new() else {
        return Ok(no_place());
    };
    let to = bench.v4.address;
    let agent = copies.copy("agent-1")?;
    let cgroup = elsewhere.directory("").display().to_string();
    let run = |program: &str, words: &[&str]| {
        let words = [&["--child", cgroup.as_str()], words].concat();
        Child::run(program, &words)?.got()
    };
    let own = fs::read_link("/proc/self/exe")?.display().to_string();
    let plain = ["plain", &to.to_string()];
    bench
        .kernel
        .scope(&[executables("agents", &[copies.path("agent-*")])])?;
    let got = run(&agent, &plain)?;
    ensure!(got == Got::proxy(to), "an enrolled file: {got:?}");
    ensure!(workload(&bench)?.as_deref() == Some("agents"));
    let got = run(&own, &plain)?;
    ensure!(
        got == Got::direct(to),
        "another file with the same content: {got:?}"
    );
    let got = run(&agent, &["through", &own, &to.to_string()])?;
    ensure!(got == Got::proxy(to), "what an enrolled file starts: {got:?}");
    workload(&bench)?;

    // Files that come later, whichever way.
    let later = copies.copy("agent-2")?;
    eventually("a new file in scope", || {
        Ok(run(&later, &plain)? == Got::proxy(to))
    })?;
    workload(&bench)?;
    let hidden = copies.copy("hidden")?;
    let moved = copies.path("agent-3");
    fs::rename(&hidden, &moved)?;
    eventually("a renamed file in scope", || {
        Ok(run(&moved, &plain)? == Got::proxy(to))
    })?;
    workload(&bench)?;

    let missing = copies.path("missing");
    let refused = bench
        .kernel
        .scope(&[executables("agents", std::slice::from_ref(&missing))]);
    ensure!(
        matches!(refused, Err(KernelError::Executable { .. })),
        "{refused:?}"
    );
    let got = run(&agent, &plain)?;
    ensure!(got == Got::proxy(to), "after a refused change: {got:?}");
    workload(&bench)?;
    bench
        .kernel
        .scope(&[executables("agents", &[format!("-{missing}")])])?;
    let got = run(&agent, &plain)?;
    ensure!(got == Got::direct(to), "taken out of scope: {got:?}");
    fs::copy(&agent, &missing)?;
    eventually("a file that was missing in scope", || {
        Ok(run(&missing, &plain)? == Got::proxy(to))
    })?;
    let daemon = bench.kernel.scope(&[executables("own", &[own])]);
    ensure!(
        matches!(daemon, Err(KernelError::OwnProcessInScope { .. })),
        "{daemon:?}"
    );
    Ok(Outcome::Pass)
}

/// A file is replaced: what runs of the old one stays in scope, and so is the new one.
fn replaced() -> Result<Outcome> {
    let bench = Bench::new()?;
    let elsewhere = Place::new_beside("elsewhere")?;
    let Some(copies) = Copies::new() else {
        return Ok(no_place());
    };
    let to = bench.v4.address.to_string();
    let cgroup = elsewhere.directory("").display().to_string();
    let agent = copies.copy("agent")?;
    bench
        .kernel
        .scope(&[executables("agents", std::slice::from_ref(&agent))])?;
    let mut old = Child::run(&agent, &["--child", &cgroup, "loop", &to])?;
    ensure!(old.line()? == "started");
    let pid = old.id();
    let member = || {
        bench
            .kernel
            .membership()
            .iter()
            .any(|member| member.pid == pid && &*member.workload == "agents")
    };
    ensure!(member(), "the process is no member");
    for _ in 0..5 {
        let new = copies.copy("new")?;
        fs::rename(&new, &agent)?;
        std::thread::sleep(std::time::Duration::from_millis(50));
        eventually("the new file in scope", || {
            let got = Child::run(&agent, &["--child", &cgroup, "plain", &to])?.got()?;
            Ok(got == Got::proxy(bench.v4.address))
        })?;
        ensure!(member(), "the process of the replaced file is a member no more");
    }
    let counted = old.finish()?;
    ensure!(
        counted.contains("direct=0 refused=0 denied=0 other=0"),
        "{counted}"
    );
    Ok(Outcome::Pass)
}

/// Answers what it is told to.
struct Puppet {
    cgroup: PathBuf,
    /// 0: not mine. 1: not known. 2: mine.
    answer: AtomicU8,
}

impl Judge for Puppet {
    fn judge(&self, cgroup: &Path) -> Option<Judged> {
        let answer = self.answer.load(Ordering::SeqCst);
        (cgroup == self.cgroup && answer != 0).then_some(Judged {
            workload: 0,
            certain: answer == 2,
        })
    }
}

fn pending() -> Result<Outcome> {
    let bench = Bench::new()?;
    let elsewhere = Place::new_beside("elsewhere")?;
    let pod = "kubepods.slice/kubepods-pod11111111_1111_1111_1111_111111111111.slice";
    let judge = Arc::new(Puppet {
        cgroup: elsewhere.cgroup.join(pod),
        answer: AtomicU8::new(1),
    });
    bench.kernel.judge_by(Arc::<Puppet>::clone(&judge));
    let pods = Workload {
        name: "pods".to_owned(),
        ..Workload::default()
    };
    bench.kernel.scope(&[pods, bench.place.workload()])?;
    let to = bench.v4.address;
    let inner = elsewhere.make(&format!("{pod}/container/inner"))?;
    let connect = |to: &str| Child::start(&inner, &["plain", to])?.got();
    let denied = Got::Errno(libc::EPERM);
    eventually("refused while it is not known whose it is", || {
        Ok(connect(&to.to_string())? == denied)
    })?;
    let enrolled = bench.kernel.enrolled();
    let entry = enrolled.iter().find(|one| one.cgroup == judge.cgroup);
    ensure!(
        entry.is_some_and(|one| one.pending && &*one.workload == "pods"),
        "{enrolled:?}"
    );
    // Nothing but protected destinations.
    let open = std::net::TcpListener::bind("127.0.0.1:0")?;
    let beside = open.local_addr()?.to_string();
    std::thread::spawn(move || open.accept());
    let mut child = Child::start(&inner, &["plain", &beside])?;
    let said = child.line()?;
    ensure!(said.starts_with("got"), "an unprotected destination: {said}");

    judge.answer.store(2, Ordering::SeqCst);
    bench.kernel.reconsider();
    eventually("enrolled once it is known", || {
        Ok(connect(&to.to_string())? == Got::proxy(to))
    })?;
    ensure!(workload(&bench)?.as_deref() == Some("pods"));
    judge.answer.store(0, Ordering::SeqCst);
    bench.kernel.reconsider();
    eventually("released once it is another's", || {
        Ok(connect(&to.to_string())? == Got::direct(to))
    })?;
    Ok(Outcome::Pass)
}

/// A cgroup can't get another name, by which it would leave its pattern; one that is made anew is enrolled anew.
fn renamed() -> Result<Outcome> {
    let bench = Bench::new()?;
    let base = bench.place.cgroup.display();
    bench.kernel.scope(&[Workload {
        name: "tasks".to_owned(),
        paths: vec![format!("{base}/task-*")],
        ..Workload::default()
    }])?;
    let task = bench.place.make("task-1")?;
    let other = bench.place.directory("other");
    let kind = fs::rename(&task, &other).map_err(|error| error.kind());
    ensure!(kind == Err(io::ErrorKind::PermissionDenied), "rename: {kind:?}");
    let to = bench.v4.address;
    let connect = || Child::start(&task, &["plain", &to.to_string()])?.got();
    for _ in 0..20 {
        eventually("in scope", || Ok(connect()? == Got::proxy(to)))?;
        let id = bench.place.id("task-1")?;
        ensure!(bench.kernel.enrolled().iter().any(|one| one.id == id));
        eventually("removed", || Ok(fs::remove_dir(&task).is_ok()))?;
        bench.place.make("task-1")?;
    }
    Ok(Outcome::Pass)
}

fn told() -> Result<Outcome> {
    let bench = Bench::new()?;
    let base = bench.place.cgroup.display();
    let mut changes = bench.kernel.enrolment_changes();
    bench.kernel.scope(&[Workload {
        name: "tasks".to_owned(),
        paths: vec![format!("{base}/*")],
        ..Workload::default()
    }])?;
    ensure!(changes.has_changed()?, "a new scope is no change");
    changes.mark_unchanged();
    let directory = bench.place.make("a")?;
    eventually("told of a new cgroup", || Ok(changes.has_changed()?))?;
    changes.mark_unchanged();
    let enrolled = bench.kernel.enrolled();
    let wanted = bench.place.cgroup.join("a");
    ensure!(
        enrolled.iter().any(|one| one.cgroup == wanted && !one.pending),
        "{enrolled:?}"
    );
    let child = Child::start(
        &bench.place.make("a/b")?,
        &["loop", &bench.v4.address.to_string()],
    )?;
    let pid = child.id();
    eventually("a member", || Ok(bench.kernel.members().contains(&pid)))?;
    ensure!(
        !bench.kernel.members().contains(&std::process::id()),
        "the daemon is a member"
    );
    child.kill()?;
    eventually("removed", || {
        let _ = fs::remove_dir(directory.join("b"));
        Ok(fs::remove_dir(&directory).is_ok())
    })?;
    eventually("told of a cgroup that is gone", || Ok(changes.has_changed()?))?;
    ensure!(!bench.kernel.enrolled().iter().any(|one| one.cgroup == wanted));
    Ok(Outcome::Pass)
}
