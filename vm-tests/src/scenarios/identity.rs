//! What the proxy learns of a caller is so.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use interdict_kernel::{HardeningState, Hook, Verdict};

use crate::bench::{Bench, eventually};
use crate::{Outcome, Scenario};

/// Nanoseconds of a clock tick, as `/proc` counts them.
const TICK_NS: u64 = 10_000_000;

pub(super) const ALL: &[Scenario] = &[
    ("origin_facts", facts),
    ("origin_of_closed_connections", closed),
    ("origin_from_concurrent_clients", concurrent),
    ("origin_lineage", lineage),
];

/// Who forked the caller, and what it executed, after the parent has ended.
fn lineage() -> Result<Outcome> {
    let bench = Bench::new()?;
    let (lineages, written) = bench.kernel.lineages()?;
    if !written {
        let why = bench.kernel.hardening().iter().find_map(|one| match &one.state {
            HardeningState::Unavailable(why) if matches!(one.hook, Hook::ProcessFork | Hook::ProcessExec) => {
                Some(why.clone())
            }
            _ => None,
        });
        return Ok(Outcome::Gap(
            why.context("the hooks are neither there nor missing")?,
        ));
    }
    let own = fs::read_link("/proc/self/exe")?.display().to_string();
    let parent = bench.client(&["through", &own, &bench.v4.address.to_string()])?;
    let pid = parent.id();
    let got = parent.got()?;
    ensure!(got == crate::child::Got::proxy(bench.v4.address), "{got:?}");
    let flow = bench.proxy.next_flow()?;
    ensure!(flow.tgid != pid, "the child did not connect itself");
    let started = flow.process_start_ns.context("when the process started")? / TICK_NS;
    let noted = lineages
        .of(flow.tgid, started)
        .context("nothing was noted of the caller")?;
    ensure!(
        noted.path.as_deref() == Some(&*own),
        "it executed {:?}",
        noted.path
    );
    ensure!(
        noted.parent.is_some_and(|(number, _)| number == pid),
        "process {:?} forked it, and not {pid}",
        noted.parent
    );
    ensure!(
        lineages.of(flow.tgid, started + 1).is_none(),
        "another start is another process"
    );
    Ok(Outcome::Pass)
}

fn facts() -> Result<Outcome> {
    let bench = Bench::new()?;
    bench.place.make("job")?;
    let before = boot_ns()?;
    let arguments = ["facts", &bench.v4.address.to_string()];
    let mut client = crate::child::Child::start(&bench.place.directory("job"), &arguments)?;
    let tid: u32 = client.line()?.parse()?;
    let flow = bench.proxy.next_flow()?;
    let after = boot_ns()?;

    ensure!(
        flow.tgid == client.id(),
        "process {} instead of {}",
        flow.tgid,
        client.id()
    );
    ensure!(
        flow.tid == tid && tid != flow.tgid,
        "thread {} instead of {tid}",
        flow.tid
    );
    ensure!(
        (flow.uid, flow.gid) == (1234, 2345),
        "user {} and group {}",
        flow.uid,
        flow.gid
    );
    ensure!(flow.comm == "worker\u{e4}", "thread name {:?}", flow.comm);
    ensure!(
        flow.cgroup_id == bench.place.id("job")?,
        "cgroup {}",
        flow.cgroup_id
    );
    ensure!(
        flow.netns_cookie == bench.proxy.cookie,
        "namespace {}",
        flow.netns_cookie
    );
    ensure!(flow.socket_cookie != 0, "no socket cookie");
    let connected = flow.connected_boot_ns;
    ensure!(
        before < connected && connected < after,
        "connected at {connected}, not in {before}..{after}"
    );
    let Some(start) = flow.process_start_ns else {
        return Ok(Outcome::Skip(
            "all but the start time: this kernel has no BTF to find it by".to_owned(),
        ));
    };
    let ticks = start / (1_000_000_000 / ticks_per_second()?);
    let expected = start_ticks(client.id())?;
    ensure!(
        ticks == expected,
        "started at tick {ticks}, /proc says {expected}"
    );
    Ok(Outcome::Pass)
}

/// A connection that its client has closed before it was accepted is still known.
fn closed() -> Result<Outcome> {
    const TIMES: usize = 200;
    let bench = Bench::new()?;
    for server in [bench.v4.address, bench.v6.address] {
        let mut client = bench.client(&["close", &server.to_string(), &TIMES.to_string()])?;
        let id = client.id();
        ensure!(client.line()? == "done");
        for _ in 0..TIMES {
            let flow = bench.proxy.next_flow()?;
            ensure!(flow.tgid == id && flow.destination == server, "{flow:?}");
        }
    }
    eventually("the kernel forgets closed sockets", || {
        Ok(bench.kernel.counters()?.get(Hook::SockRelease, Verdict::Released) == 2 * TIMES as u64)
    })?;
    Ok(Outcome::Pass)
}

/// Every connection is its own client's.
fn concurrent() -> Result<Outcome> {
    const TIMES: usize = 100;
    let bench = Bench::new()?;
    let server = bench.v4.address.to_string();
    let clients: Vec<_> = (0..4)
        .map(|_| bench.client(&["close", &server, &TIMES.to_string()]))
        .collect::<Result<_>>()?;
    let mut seen: std::collections::HashMap<u32, usize> = std::collections::HashMap::new();
    for _ in 0..TIMES * clients.len() {
        *seen.entry(bench.proxy.next_flow()?.tgid).or_default() += 1;
    }
    for client in &clients {
        let count = seen.get(&client.id()).copied().unwrap_or(0);
        ensure!(
            count == TIMES,
            "{count} connections of {}, not {TIMES}: {seen:?}",
            client.id()
        );
    }
    Ok(Outcome::Pass)
}

fn boot_ns() -> Result<u64> {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)?;
    Ok(now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}

fn ticks_per_second() -> Result<u64> {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.context("CLK_TCK")?;
    Ok(u64::try_from(ticks)?)
}

/// Field 22 of /proc/PID/stat; the name, field 2, is in brackets and may hold anything.
fn start_ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    Ok(rest
        .split_whitespace()
        .nth(19)
        .context("no field 22 in stat")?
        .parse()?)
}
