//! What can't be redirected is refused, and told.

use anyhow::{Result, ensure};
use interdict_kernel::{Hook, Verdict};

use crate::bench::{Bench, NOWHERE_V4, NOWHERE_V6};
use crate::child::Got;
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("udp_refused", udp),
    ("namespace_without_listener_refused", namespace),
    ("listener_withdrawn_refused", withdrawn),
    ("listener_port_not_bindable", bind),
    ("direct_to_listener_has_no_origin", direct_to_listener),
    ("reconnect_to_listener_has_no_origin", reconnect_to_listener),
];

const EPERM: Got = Got::Errno(libc::EPERM);

fn udp() -> Result<Outcome> {
    let bench = Bench::new()?;
    for (address, hook) in [(NOWHERE_V4, Hook::Connect4), (NOWHERE_V6, Hook::Connect6)] {
        let (got, event) = bench.event_after(
            || bench.connect("udp", address),
            |event| event.verdict == Verdict::NotTcp,
        )?;
        ensure!(got == EPERM, "UDP connect to {address}: {got:?}");
        ensure!(event.hook == hook && event.protocol == 17, "{event:?}");
        ensure!(event.flow.destination == address.parse()?, "{event:?}");
        ensure!(
            bench.kernel.counters()?.get(hook, Verdict::NotTcp) == 1,
            "the refusal was not counted once"
        );
    }
    // A port that nobody protects is nobody's business.
    let got = bench.connect("udp", "127.0.0.1:53")?;
    ensure!(got == Got::Errno(0), "UDP to another port: {got:?}");
    Ok(Outcome::Pass)
}

fn namespace() -> Result<Outcome> {
    let bench = Bench::new()?;
    for address in [NOWHERE_V4, NOWHERE_V6] {
        let (got, event) = bench.event_after(
            || bench.connect("netns", address),
            |event| event.verdict == Verdict::NoListener,
        )?;
        ensure!(got == EPERM, "{address} from a new namespace: {got:?}");
        ensure!(
            event.flow.netns_cookie != bench.proxy.cookie,
            "the namespace was not new"
        );
    }
    Ok(Outcome::Pass)
}

fn withdrawn() -> Result<Outcome> {
    let bench = Bench::new()?;
    bench
        .kernel
        .publish_listener(bench.proxy.cookie, Some(bench.proxy.v4.address.port()), None)?;
    let got = bench.connect("plain", bench.v6.address)?;
    ensure!(got == EPERM, "without an IPv6 listener: {got:?}");
    bench.expect_redirected("plain", bench.v4.address, bench.v4.address)?;
    bench.kernel.withdraw_listener(bench.proxy.cookie)?;
    bench.kernel.withdraw_listener(bench.proxy.cookie)?;
    let got = bench.connect("plain", bench.v4.address)?;
    ensure!(got == EPERM, "without a listener: {got:?}");
    bench.expect_none_direct()?;
    Ok(Outcome::Pass)
}

/// Whoever could take the port while the daemon is dead would be handed other tasks' connections.
fn bind() -> Result<Outcome> {
    let bench = Bench::new()?;
    let (v4, v6) = (bench.proxy.v4.address, bench.proxy.v6.address);
    for address in [v4, v6] {
        let (got, _) = bench.event_after(
            || bench.connect("bind", address),
            |event| event.verdict == Verdict::ListenerPort,
        )?;
        ensure!(got == EPERM, "binding {address}: {got:?}");
    }
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let got = bench.connect("bind", address)?;
        ensure!(got == Got::Errno(0), "binding {address}: {got:?}");
    }
    Ok(Outcome::Pass)
}

fn direct_to_listener() -> Result<Outcome> {
    let bench = Bench::new()?;
    for address in [bench.proxy.v4.address, bench.proxy.v6.address] {
        let got = bench.connect("plain", address)?;
        ensure!(got == Got::proxy(address), "{got:?}");
        let flow = bench.proxy.next()?;
        ensure!(flow.is_none(), "a direct connection has a flow: {flow:?}");
    }
    Ok(Outcome::Pass)
}

/// An earlier, redirected connect of the same socket lends nothing to a later one.
fn reconnect_to_listener() -> Result<Outcome> {
    let bench = Bench::new()?;
    for (server, listener) in [
        (bench.v4.address, bench.proxy.v4.address),
        (bench.v6.address, bench.proxy.v6.address),
    ] {
        let got = bench
            .client(&["reconnect", &server.to_string(), &listener.to_string()])?
            .got()?;
        ensure!(got == Got::proxy(listener), "{got:?}");
        bench.proxy.next_flow()?;
        let second = bench.proxy.next()?;
        ensure!(second.is_none(), "a direct connection has a flow: {second:?}");
    }
    Ok(Outcome::Pass)
}
