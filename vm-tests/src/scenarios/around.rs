//! The second line: ways around the connect hooks, each refused, and each shown to be open when its guards are gone.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use interdict_kernel::{Hook, Verdict};
use libbpf_rs::ObjectBuilder;

use crate::bench::{Bench, eventually};
use crate::child::Got;
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("around_datagrams", datagrams),
    ("around_raw_sockets", raw_sockets),
    ("around_udp_lite", udp_lite),
    ("around_multipath_tcp", multipath),
    ("around_sctp", sctp),
    ("around_dccp", dccp),
    ("around_io_uring", io_uring),
    ("around_address_translation", translation),
    ("libbpf_loads_the_programs", libbpf),
];

const EPERM: Got = Got::Errno(libc::EPERM);
const DONE: Got = Got::Errno(0);

/// Takes guards away, as nobody in scope may.
fn remove(bench: &Bench, hooks: &[Hook]) -> Result<()> {
    for hook in hooks {
        bench.place.remove_guard(*hook)?;
    }
    Ok(())
}

/// A datagram socket at a protected server's own address: the way to a service that also speaks QUIC.
fn beside(server: SocketAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind(server).context("a datagram socket beside the server")?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket)
}

fn nothing_came(socket: &UdpSocket) -> Result<()> {
    let read = socket.recv(&mut [0; 16]);
    ensure!(
        matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock),
        "a datagram came: {read:?}"
    );
    Ok(())
}

fn datagrams() -> Result<Outcome> {
    let bench = Bench::new()?;
    for (server, hook) in [
        (bench.v4.address, Hook::Sendmsg4),
        (bench.v6.address, Hook::Sendmsg6),
    ] {
        let receiver = beside(server)?;
        let (got, event) = bench.event_after(
            || bench.connect("sendto", server),
            |event| event.verdict == Verdict::NotTcp,
        )?;
        ensure!(got == EPERM, "sendto {server}: {got:?}");
        ensure!(
            event.hook == hook && event.flow.destination == server,
            "{event:?}"
        );
        // The egress guard is behind it.
        let dropped = || anyhow::Ok(bench.kernel.counters()?.get(Hook::Egress, Verdict::Dropped));
        let before = dropped()?;
        remove(&bench, &[hook])?;
        let ((), event) = bench.event_after(
            || {
                eventually("the first guard is gone", || {
                    let got = bench.connect("sendto", server)?;
                    Ok(got == EPERM && dropped()? > before)
                })
            },
            |event| event.verdict == Verdict::Dropped,
        )?;
        ensure!(event.hook == Hook::Egress, "{event:?}");
        ensure!(event.flow.destination == server, "{event:?}");
        nothing_came(&receiver)?;
    }
    remove(&bench, &[Hook::Egress])?;
    let receiver = beside(bench.v4.address)?;
    eventually("datagrams get through without guards", || {
        let sent = bench.connect("sendto", bench.v4.address)?;
        Ok(sent == DONE && receiver.recv(&mut [0; 16]).is_ok())
    })?;
    Ok(Outcome::Pass)
}

fn raw_sockets() -> Result<Outcome> {
    let bench = Bench::new()?;
    let to = bench.v4.address;
    refused_kind(&bench, "raw", to)?;
    remove(&bench, &[Hook::SockCreate])?;
    eventually("the egress guard is what refuses", || {
        let got = bench.connect("raw", to)?;
        Ok(got == EPERM && bench.kernel.counters()?.get(Hook::Egress, Verdict::Dropped) > 0)
    })?;
    remove(&bench, &[Hook::Egress])?;
    eventually("raw packets get through without guards", || {
        Ok(bench.connect("raw", to)? == DONE)
    })?;
    Ok(Outcome::Pass)
}

/// Expects that no socket of this kind can be made, and that it is told.
fn refused_kind(bench: &Bench, how: &str, to: SocketAddr) -> Result<()> {
    let (got, event) = bench.event_after(
        || bench.connect(how, to),
        |event| event.verdict == Verdict::SocketKind,
    )?;
    ensure!(got == EPERM, "{how}: {got:?}");
    ensure!(event.hook == Hook::SockCreate, "{event:?}");
    let workload = bench.kernel.workload(event.flow.workload);
    ensure!(workload.as_deref() == Some(crate::bench::WORKLOAD), "{event:?}");
    Ok(())
}

/// Whether a kernel has no such protocol at all.
fn is_absent(got: &Got) -> bool {
    matches!(
        got,
        Got::Errno(libc::EPROTONOSUPPORT | libc::ENOPROTOOPT | libc::ESOCKTNOSUPPORT | libc::EINVAL)
    )
}

fn udp_lite() -> Result<Outcome> {
    let bench = Bench::new()?;
    let to = bench.v4.address;
    let got = bench.connect("udplite", to)?;
    if is_absent(&got) {
        return Ok(Outcome::Skip("the kernel has no UDP-Lite".to_owned()));
    }
    refused_kind(&bench, "udplite", to)?;
    remove(&bench, &[Hook::SockCreate])?;
    eventually("the egress guard is what refuses", || {
        let got = bench.connect("udplite", to)?;
        Ok(got == EPERM && bench.kernel.counters()?.get(Hook::Egress, Verdict::Dropped) > 0)
    })?;
    remove(&bench, &[Hook::Egress])?;
    eventually("UDP-Lite gets through without guards", || {
        Ok(bench.connect("udplite", to)? == DONE)
    })?;
    Ok(Outcome::Pass)
}

fn multipath() -> Result<Outcome> {
    kind_only("mptcp", "multipath TCP")
}

fn sctp() -> Result<Outcome> {
    kind_only("sctp", "SCTP")
}

fn dccp() -> Result<Outcome> {
    kind_only("dccp", "DCCP")
}

/// A protocol of which the making of a socket is all that has to be refused.
fn kind_only(how: &str, name: &str) -> Result<Outcome> {
    let bench = Bench::new()?;
    let to = bench.v4.address;
    let got = bench.connect(how, to)?;
    if is_absent(&got) {
        return Ok(Outcome::Skip(format!("the kernel has no {name}, nor its module")));
    }
    refused_kind(&bench, how, to)?;
    remove(&bench, &[Hook::SockCreate])?;
    eventually("sockets can be made without the guard", || {
        Ok(bench.connect(how, to)? == DONE)
    })?;
    Ok(Outcome::Pass)
}

fn io_uring() -> Result<Outcome> {
    let bench = Bench::new()?;
    for to in [bench.v4.address, bench.v6.address] {
        let got = bench.connect("uring", to)?;
        if let Got::Errno(errno @ (libc::ENOSYS | libc::EPERM | libc::EINVAL)) = got {
            return Ok(Outcome::Skip(format!(
                "io_uring is not allowed here (error {errno})"
            )));
        }
        ensure!(got == Got::proxy(to), "{to}: {got:?}");
        let flow = bench.proxy.next_flow()?;
        ensure!(flow.destination == to, "{flow:?}");
    }
    bench.expect_none_direct()?;
    remove(&bench, &[Hook::Egress, Hook::Connect4])?;
    eventually("it reaches the server without guards", || {
        Ok(bench.connect("uring", bench.v4.address)? == Got::direct(bench.v4.address))
    })?;
    Ok(Outcome::Pass)
}

/// An address that nobody protects becomes a protected one on the way: only who looks at the packet sees it.
fn translation() -> Result<Outcome> {
    let bench = Bench::new()?;
    let to = bench.v4.address;
    let translate = || bench.client(&["translated", &to.to_string()])?.line();
    let first = translate()?;
    if let Some(reason) = first.strip_prefix("skip ") {
        return Ok(Outcome::Skip(reason.to_owned()));
    }
    ensure!(first == "stalled", "with the guard: {first}");
    let dropped = bench.kernel.counters()?.get(Hook::Egress, Verdict::Dropped);
    ensure!(dropped > 0, "no packet was dropped");
    remove(&bench, &[Hook::Egress])?;
    eventually("it reaches the server without the guard", || {
        Ok(translate()? == "reached")
    })?;
    Ok(Outcome::Pass)
}

/// The programs are sound for another loader than the daemon's.
fn libbpf() -> Result<Outcome> {
    libbpf_rs::set_print(None);
    let mut open = ObjectBuilder::default()
        .open_memory(interdict_kernel::OBJECT)
        .context("opening the object")?;
    let mut optional = 0;
    for mut program in open.progs_mut() {
        // Those of the security modules are not for every kernel, and tried on their own.
        if program.section().to_string_lossy().starts_with("lsm") {
            program.set_autoload(false);
            optional += 1;
        }
    }
    let loaded = open.load().context("loading the object")?;
    let programs = loaded.progs().count();
    ensure!(
        programs > optional,
        "{programs} programs, {optional} of them optional"
    );
    Ok(Outcome::Pass)
}
