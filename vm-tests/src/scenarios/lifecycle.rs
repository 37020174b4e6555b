//! Daemons come and go; the programs stay, until an operator says otherwise.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use interdict_kernel::{Hook, KernelError, Mode, REQUIRED_HOOKS, Verdict, detach, doctor};

use crate::bench::{Bench, Place, eventually};
use crate::child::{Child, Got};
use crate::server::Server;
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("dead_daemon_refuses_and_is_replaced", dead_daemon),
    ("daemon_killed_a_hundred_times_under_load", killed),
    ("programs_swapped_under_load", swapped),
    ("links_made_again", links_made_again),
    ("one_daemon_at_a_time", one_at_a_time),
    ("other_layout_refused", other_layout),
    ("doctor_sees_what_is_attached", doctor_sees),
    ("detach_leaves_nothing", detached),
];

fn daemon(place: &Place, server: SocketAddr) -> Result<(Child, String)> {
    let pins = place.pin_root.display().to_string();
    let cgroup = place.cgroup.display().to_string();
    let mut daemon = Child::spawn(&["--daemon", &pins, &cgroup, &server.to_string()])?;
    let said = daemon.line()?;
    Ok((daemon, said))
}

fn plain(place: &Place, server: SocketAddr) -> Result<Got> {
    Child::start(&place.directory(""), &["plain", &server.to_string()])?.got()
}

fn dead_daemon() -> Result<Outcome> {
    let place = Place::new()?;
    let server = Server::protected(Ipv4Addr::LOCALHOST)?;
    let (first, said) = daemon(&place, server.address)?;
    ensure!(said.starts_with("ready adopted=false"), "{said}");
    let mut client = Child::start(&place.directory(""), &["loop", &server.address.to_string()])?;
    ensure!(client.line()? == "started");
    std::thread::sleep(Duration::from_millis(100));

    let port = said.rsplit_once("port=").context("no port")?.1.to_owned();
    first.kill()?;
    let got = plain(&place, server.address)?;
    ensure!(
        got == Got::Errno(libc::ECONNREFUSED),
        "with the daemon dead: {got:?}"
    );
    let bind = Child::start(&place.directory(""), &["bind", &format!("127.0.0.1:{port}")])?.got()?;
    ensure!(
        bind == Got::Errno(libc::EPERM),
        "taking the dead daemon's port: {bind:?}"
    );
    std::thread::sleep(Duration::from_millis(100));

    let (second, said) = daemon(&place, server.address)?;
    ensure!(said.starts_with("ready adopted=true"), "{said}");
    let got = plain(&place, server.address)?;
    ensure!(got == Got::proxy(server.address), "with a new daemon: {got:?}");
    std::thread::sleep(Duration::from_millis(100));
    let counted = client.finish()?;
    ensure!(
        counted.contains("direct=0 ") && !counted.contains("proxy=0 "),
        "{counted}"
    );
    ensure!(
        !counted.contains("refused=0 "),
        "the daemon's death went unnoticed: {counted}"
    );
    ensure!(server.accepted() == 0, "{} direct connections", server.accepted());
    second.kill()?;
    Ok(Outcome::Pass)
}

/// A hundred kills, or as many as a slow machine manages in two minutes, and not one connection that went past the proxy: by
/// the server's own count, and by that of the packets that the egress guard met.
fn killed() -> Result<Outcome> {
    const KILLS: usize = 100;
    const PATIENCE: Duration = Duration::from_mins(2);
    let place = Place::new()?;
    let server = Server::protected(Ipv4Addr::LOCALHOST)?;
    // Until the first daemon is there, nothing protects anything.
    let (first, _) = daemon(&place, server.address)?;
    first.kill()?;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = Child::start(&place.directory(""), &["loop", &server.address.to_string()])?;
        ensure!(client.line()? == "started");
        clients.push(client);
    }
    let started = Instant::now();
    let mut kills = 0;
    while kills < KILLS && (started.elapsed() < PATIENCE || kills < 5) {
        let (daemon, said) = daemon(&place, server.address)?;
        ensure!(said.starts_with("ready adopted=true"), "{said}");
        // Not always at the same moment of its life.
        std::thread::sleep(Duration::from_millis(kills as u64 % 7 * 5));
        daemon.kill()?;
        kills += 1;
    }
    for client in clients {
        let counted = client.finish()?;
        ensure!(counted.contains("direct=0 "), "after {kills} kills: {counted}");
        ensure!(
            !counted.contains("proxy=0 ") && !counted.contains("refused=0 "),
            "{counted}"
        );
    }
    ensure!(server.accepted() == 0, "{} direct connections", server.accepted());
    let kernel = place.attach(Mode::Enforce)?;
    let dropped = kernel.counters()?.get(Hook::Egress, Verdict::Dropped);
    ensure!(dropped == 0, "{dropped} packets came as far as the egress guard");
    Ok(Outcome::Pass)
}

fn swapped() -> Result<Outcome> {
    let Bench {
        v4,
        v6: _v6,
        proxy,
        mut kernel,
        place,
    } = Bench::new()?;
    let mut client = Child::start(&place.directory(""), &["loop", &v4.address.to_string()])?;
    ensure!(client.line()? == "started");
    for _ in 0..10 {
        drop(kernel);
        kernel = place.attach(Mode::Enforce)?;
        ensure!(kernel.adopted(), "the programs were attached anew");
    }
    let counted = client.finish()?;
    ensure!(
        counted.contains("direct=0 refused=0 denied=0 other=0"),
        "{counted}"
    );
    ensure!(!counted.contains("proxy=0 "), "{counted}");
    ensure!(v4.accepted() == 0, "{} direct connections", v4.accepted());
    proxy.next_flow()?;
    Ok(Outcome::Pass)
}

/// A pin that somebody removed is noticed at the next start.
fn links_made_again() -> Result<Outcome> {
    let Bench {
        v4,
        v6: _v6,
        proxy: _proxy,
        kernel,
        place,
    } = Bench::new()?;
    drop(kernel);
    // The egress guard would stall what the other no longer redirects.
    for hook in [Hook::Connect4, Hook::Egress] {
        place.remove_guard(hook)?;
    }
    eventually("the hook is gone", || {
        Ok(plain(&place, v4.address)? == Got::direct(v4.address))
    })?;
    let report = doctor(&place.pin_root);
    let told = report
        .shortfalls
        .iter()
        .any(|shortfall| shortfall.what == "connect4 is not attached");
    ensure!(told, "doctor does not tell: {:?}", report.shortfalls);
    let kernel = place.attach(Mode::Enforce)?;
    ensure!(!kernel.adopted(), "a missing link was not made again");
    let got = plain(&place, v4.address)?;
    ensure!(got == Got::proxy(v4.address), "{got:?}");
    Ok(Outcome::Pass)
}

fn one_at_a_time() -> Result<Outcome> {
    let bench = Bench::new()?;
    let second = bench.place.attach(Mode::Enforce);
    let error = second.err().context("a second daemon attached")?;
    ensure!(
        matches!(error.downcast_ref(), Some(KernelError::InUse { .. })),
        "{error:#}"
    );
    bench.expect_redirected("plain", bench.v4.address, bench.v4.address)?;
    Ok(Outcome::Pass)
}

/// A pinned map that is not what the programs were built for is never used.
fn other_layout() -> Result<Outcome> {
    let Bench {
        v4: _v4,
        v6: _v6,
        proxy: _proxy,
        kernel,
        place,
    } = Bench::new()?;
    drop(kernel);
    let maps = place.pin_root.join(format!("v{}/maps", interdict_kernel::SCHEMA));
    // A map of ours, but another one.
    std::fs::remove_file(maps.join("PROXY"))?;
    std::fs::rename(maps.join("FLOW"), maps.join("PROXY"))?;
    let error = place
        .attach(Mode::Enforce)
        .err()
        .context("attached with a foreign map")?;
    ensure!(
        matches!(error.downcast_ref(), Some(KernelError::MapLayout { .. })),
        "{error:#}"
    );
    Ok(Outcome::Pass)
}

fn doctor_sees() -> Result<Outcome> {
    let bench = Bench::new()?;
    let report = doctor(&bench.place.pin_root);
    for hook in REQUIRED_HOOKS {
        let found = report
            .attached
            .iter()
            .find(|attached| attached.hook == Some(hook.name()));
        let found = found.with_context(|| format!("{} is not reported", hook.name()))?;
        ensure!(
            found.cgroup_id == 1 && found.name == hook.name() && found.tag.len() == 16,
            "{found:?}"
        );
    }
    ensure!(
        report.bpf_allowed && report.bpffs && report.cgroup2_root.is_some(),
        "{report}"
    );
    let text = report.to_string();
    ensure!(text.contains("CGROUP_INET4_CONNECT"), "{text}");
    Ok(Outcome::Pass)
}

fn detached() -> Result<Outcome> {
    let bench = Bench::new()?;
    let ours = |report: &interdict_kernel::Report| -> Vec<u32> {
        report
            .attached
            .iter()
            .filter(|attached| attached.hook.is_some())
            .map(|attached| attached.link_id)
            .collect()
    };
    let links = ours(&doctor(&bench.place.pin_root));
    ensure!(
        links.len() >= REQUIRED_HOOKS.len(),
        "{} links before",
        links.len()
    );
    ensure!(bench.kernel.counters()?.total(Verdict::Redirected) == 0);
    // With the daemon alive, as an operator may.
    detach(&bench.place.pin_root)?;
    ensure!(!bench.place.pin_root.exists(), "the pin directory stays");
    eventually("the links are gone", || {
        let report = doctor(&bench.place.pin_root);
        Ok(!report
            .attached
            .iter()
            .any(|attached| links.contains(&attached.link_id)))
    })?;
    // The kernel gives up a link's id a moment before its hook.
    let direct = Got::direct(bench.v4.address);
    eventually("the hooks are gone", || {
        Ok(bench.connect("plain", bench.v4.address)? == direct)
    })?;
    detach(&bench.place.pin_root)?;
    Ok(Outcome::Pass)
}
