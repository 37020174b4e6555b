//! Who is in scope.

use anyhow::{Result, ensure};
use interdict_kernel::{Destination, Hook, KernelError, Mode, Verdict, Workload};

use crate::bench::{Bench, NOWHERE_V4, SERVICE, eventually};
use crate::child::{Child, Got};
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("out_of_scope_untouched", out_of_scope),
    ("nested_cgroup_in_scope", nested),
    ("cgroup_made_later_in_scope", made_later),
    ("unit_glob_in_scope", unit),
    ("nearest_workload_counts", nearest),
    ("scope_replaced", replaced),
    ("daemon_in_scope_refused", own_cgroup),
    ("destinations_replaced", destinations_replaced),
    ("observe_leaves_untouched", observe),
];

/// This process and the daemon are the same here: the daemon's own connects go through untouched as well.
fn out_of_scope() -> Result<Outcome> {
    let bench = Bench::new()?;
    let elsewhere = crate::bench::Place::new_beside("elsewhere")?;
    for address in [bench.v4.address, bench.v6.address] {
        let got = Child::start(&elsewhere.directory(""), &["plain", &address.to_string()])?.got()?;
        ensure!(got == Got::direct(address), "a cgroup beside: {got:?}");
        let peer = std::net::TcpStream::connect(address)?.peer_addr()?;
        ensure!(peer == address, "the daemon's own connect: {peer}");
    }
    eventually("four direct connections", || {
        Ok(bench.v4.accepted() + bench.v6.accepted() == 4)
    })?;
    let counted = bench.kernel.counters()?.total(Verdict::OutOfScope);
    ensure!(counted >= 4, "{counted} were counted as out of scope");
    Ok(Outcome::Pass)
}

/// A task may make cgroups below its own; nobody need notice for them to be in scope.
fn nested() -> Result<Outcome> {
    let bench = Bench::new()?;
    for below in ["a", "a/b/c/d/e/f/g/h"] {
        let directory = bench.place.make(below)?;
        let got = Child::start(&directory, &["plain", &bench.v4.address.to_string()])?.got()?;
        ensure!(got == Got::proxy(bench.v4.address), "in {below}: {got:?}");
        let flow = bench.proxy.next_flow()?;
        ensure!(
            flow.cgroup_id == bench.place.id(below)?,
            "the flow's cgroup is {}",
            flow.cgroup_id
        );
    }
    bench.expect_none_direct()?;
    Ok(Outcome::Pass)
}

fn workload(name: &str, paths: &[String], units: &[&str]) -> Workload {
    Workload {
        name: name.to_owned(),
        paths: paths.to_vec(),
        units: units.iter().map(|&unit| unit.to_owned()).collect(),
        ..Workload::default()
    }
}

/// Waits until what is in a cgroup is redirected, and says as which workload.
fn workload_in(bench: &Bench, below: &str) -> Result<Option<String>> {
    let directory = bench.place.directory(below);
    let mut found = None;
    eventually("in scope", || {
        let got = Child::start(&directory, &["plain", NOWHERE_V4])?.got();
        let in_scope = matches!(got?, Got::Word { word, .. } if word == "proxy");
        if in_scope {
            let flow = bench.proxy.next_flow()?;
            found = bench.kernel.workload(flow.workload).map(|name| name.to_string());
        }
        Ok(in_scope)
    })?;
    Ok(found)
}

/// A `*` in the path: found by following the hierarchy.
fn made_later() -> Result<Outcome> {
    let bench = Bench::new()?;
    let pattern = format!("{}/jobs/*/task-?", bench.place.cgroup.display());
    bench.kernel.scope(&[workload("tasks", &[pattern], &[])])?;
    ensure!(
        bench.place.directory("jobs").exists(),
        "the literal beginning of the path was not made"
    );
    bench.place.make("jobs/7/task-1/inner")?;
    ensure!(workload_in(&bench, "jobs/7/task-1/inner")?.as_deref() == Some("tasks"));
    // Its name again, but another cgroup.
    std::fs::remove_dir(bench.place.directory("jobs/7/task-1/inner"))?;
    std::fs::remove_dir(bench.place.directory("jobs/7/task-1"))?;
    bench.place.make("jobs/7/task-1")?;
    ensure!(workload_in(&bench, "jobs/7/task-1")?.as_deref() == Some("tasks"));
    Ok(Outcome::Pass)
}

fn unit() -> Result<Outcome> {
    let bench = Bench::new()?;
    let name = format!("agent-{}-*.service", std::process::id());
    bench.kernel.scope(&[workload("units", &[], &[&name])])?;
    let unit = format!("some.slice/agent-{}-7.service", std::process::id());
    bench.place.make(&unit)?;
    ensure!(workload_in(&bench, &unit)?.as_deref() == Some("units"));
    Ok(Outcome::Pass)
}

fn nearest() -> Result<Outcome> {
    let bench = Bench::new()?;
    let base = bench.place.cgroup.display();
    bench.kernel.scope(&[
        workload("outer", &[format!("{base}/**")], &[]),
        workload("inner", &[format!("{base}/inner/**")], &[]),
    ])?;
    bench.place.make("inner/deeper")?;
    bench.place.make("beside")?;
    ensure!(workload_in(&bench, "inner/deeper")?.as_deref() == Some("inner"));
    ensure!(workload_in(&bench, "beside")?.as_deref() == Some("outer"));
    Ok(Outcome::Pass)
}

/// What is no longer named is no longer in scope; what still is never leaves it.
fn replaced() -> Result<Outcome> {
    let bench = Bench::new()?;
    let base = bench.place.cgroup.display();
    bench.place.make("a")?;
    bench.place.make("b")?;
    let one = workload("one", &[format!("{base}/a")], &[]);
    let two = workload("two", &[format!("{base}/b")], &[]);
    bench.kernel.scope(&[one.clone(), two.clone()])?;
    let client = Child::start(
        &bench.place.directory("a"),
        &["loop", &bench.v4.address.to_string()],
    );
    let mut client = client?;
    ensure!(client.line()? == "started");
    for _ in 0..50 {
        bench.kernel.scope(std::slice::from_ref(&one))?;
        bench.kernel.scope(&[two.clone(), one.clone()])?;
    }
    bench.kernel.scope(std::slice::from_ref(&one))?;
    let counted = client.finish()?;
    ensure!(
        counted.contains("direct=0 refused=0 denied=0 other=0"),
        "{counted}"
    );
    let got = Child::start(
        &bench.place.directory("b"),
        &["plain", &bench.v4.address.to_string()],
    )?
    .got()?;
    ensure!(
        got == Got::direct(bench.v4.address),
        "after it was taken out of scope: {got:?}"
    );
    Ok(Outcome::Pass)
}

/// A daemon that would be sent to itself does not start.
fn own_cgroup() -> Result<Outcome> {
    let bench = Bench::new()?;
    let everything = bench.kernel.scope(&[workload("all", &["/**".to_owned()], &[])]);
    ensure!(
        matches!(everything, Err(KernelError::OwnCgroupInScope { .. })),
        "{everything:?}"
    );
    bench.expect_redirected("plain", bench.v4.address, bench.v4.address)?;
    let Bench {
        kernel,
        place,
        v4: _v4,
        v6: _v6,
        proxy: _proxy,
    } = bench;
    drop(kernel);
    let pins = place.pin_root.display().to_string();
    let said = Child::start(&place.directory(""), &["attach", &pins])?.line()?;
    // Where the security module's hook is in force, a task in scope does not get as far as that.
    let barred = said.contains("the kernel refused bpf()");
    ensure!(
        barred || said.contains("own cgroup") && said.contains("is in scope"),
        "{said}"
    );
    Ok(Outcome::Pass)
}

/// A destination that stays protected is so all the while, a range is protected as a whole, and what is dropped is
/// open again.
fn destinations_replaced() -> Result<Outcome> {
    let bench = Bench::new()?;
    let one = |address: std::net::SocketAddr, prefix| Destination {
        address: address.ip(),
        prefix,
        port: address.port(),
        service: SERVICE,
        fail_open: false,
    };
    let kept = one(bench.v4.address, 32);
    let mut client = bench.client(&["loop", &bench.v4.address.to_string()])?;
    ensure!(client.line()? == "started");
    for _ in 0..200 {
        bench.kernel.protect(&[kept, one(NOWHERE_V4.parse()?, 24)])?;
        bench.kernel.protect(&[kept])?;
    }
    let counted = client.finish()?;
    ensure!(
        counted.contains("direct=0 refused=0 denied=0 other=0"),
        "{counted}"
    );
    bench.expect_none_direct()?;
    bench.kernel.protect(&[one("192.0.2.99:5432".parse()?, 24)])?;
    let got = bench.connect("plain", NOWHERE_V4)?;
    ensure!(
        got == Got::proxy(NOWHERE_V4.parse()?),
        "an address of a protected range: {got:?}"
    );
    let got = bench.connect("plain", bench.v4.address)?;
    ensure!(
        got == Got::direct(bench.v4.address),
        "no longer protected: {got:?}"
    );
    Ok(Outcome::Pass)
}

fn observe() -> Result<Outcome> {
    let bench = Bench::in_mode(Mode::Observe)?;
    for address in [bench.v4.address, bench.v6.address] {
        let (got, event) = bench.event_after(
            || bench.connect("plain", address),
            |event| event.verdict == Verdict::Observed,
        )?;
        ensure!(got == Got::direct(address), "observed: {got:?}");
        ensure!(
            event.flow.destination == address && event.flow.service == SERVICE,
            "{event:?}"
        );
    }
    let got = bench.connect("udp", NOWHERE_V4)?;
    ensure!(
        got == Got::Errno(0) || got == Got::Errno(libc::ENETUNREACH),
        "UDP, observed: {got:?}"
    );
    let counters = bench.kernel.counters()?;
    let observed =
        counters.get(Hook::Connect4, Verdict::Observed) + counters.get(Hook::Connect6, Verdict::Observed);
    ensure!(observed == 3, "{observed} were observed");
    ensure!(counters.total(Verdict::Redirected) == 0, "{counters:?}");
    bench.kernel.set_mode(Mode::Enforce)?;
    bench.expect_redirected("plain", bench.v4.address, bench.v4.address)?;
    Ok(Outcome::Pass)
}
