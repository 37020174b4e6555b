//! Connects of a scoped task to a protected destination come to the listener, whichever way they are made, and the
//! task can't tell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Result, ensure};

use crate::bench::{Bench, NOWHERE_V4, NOWHERE_V6};
use crate::child::Got;
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("connect4", || way("plain", true)),
    ("connect4_nonblocking", || way("nonblocking", true)),
    ("connect4_bound_source", || way("bound", true)),
    ("connect4_fast_open", || way("fastopen", true)),
    ("connect6", || way("plain", false)),
    ("connect6_nonblocking", || way("nonblocking", false)),
    ("connect6_bound_source", || way("bound", false)),
    ("connect6_fast_open", || way("fastopen", false)),
    ("connect_mapped", mapped),
    ("connect_without_a_route", without_a_route),
    ("connect_unspecified", unspecified),
    ("reconnect_shows_the_new_peer", reconnect),
    ("other_ports_untouched", other_ports),
];

fn way(how: &str, v4: bool) -> Result<Outcome> {
    let bench = Bench::new()?;
    let server = if v4 { bench.v4.address } else { bench.v6.address };
    bench.expect_redirected(how, server, server)?;
    bench.expect_none_direct()?;
    Ok(Outcome::Pass)
}

fn mapped() -> Result<Outcome> {
    let bench = Bench::new()?;
    for how in ["plain", "nonblocking", "fastopen"] {
        let mapped = SocketAddr::new(
            Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(),
            bench.v4.address.port(),
        );
        bench.expect_redirected(how, mapped, bench.v4.address)?;
    }
    bench.expect_none_direct()?;
    Ok(Outcome::Pass)
}

/// The destination need not exist, nor be routed.
fn without_a_route() -> Result<Outcome> {
    let bench = Bench::new()?;
    for address in [NOWHERE_V4.parse()?, NOWHERE_V6.parse()?] {
        bench.expect_redirected("plain", address, address)?;
    }
    Ok(Outcome::Pass)
}

/// 0.0.0.0 and :: are ways to say loopback.
fn unspecified() -> Result<Outcome> {
    let bench = Bench::new()?;
    let v4 = bench.v4.address;
    let v6 = bench.v6.address;
    let ways: [(&str, IpAddr, SocketAddr); 4] = [
        ("plain", Ipv4Addr::UNSPECIFIED.into(), v4),
        ("bound", Ipv4Addr::UNSPECIFIED.into(), v4),
        ("plain", Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().into(), v4),
        ("plain", Ipv6Addr::UNSPECIFIED.into(), v6),
    ];
    for (how, ip, reached) in ways {
        let got = bench.connect(how, SocketAddr::new(ip, reached.port()))?;
        ensure!(
            matches!(&got, Got::Word { word, .. } if word == "proxy"),
            "{how} to {ip}: {got:?}"
        );
        let flow = bench.proxy.next_flow()?;
        ensure!(
            flow.destination == reached,
            "{how} to {ip}: the flow says {}",
            flow.destination
        );
    }
    bench.expect_none_direct()?;
    Ok(Outcome::Pass)
}

/// A socket that was redirected once and then went elsewhere shows where it went.
fn reconnect() -> Result<Outcome> {
    let bench = Bench::new()?;
    let other = crate::server::Server::protected(Ipv4Addr::LOCALHOST)?;
    let protected = bench.v4.address.to_string();
    let got = bench
        .client(&["reconnect", &protected, &other.address.to_string()])?
        .got()?;
    ensure!(got == Got::direct(other.address), "{got:?}");
    Ok(Outcome::Pass)
}

/// Another port of a protected address is somebody else's.
fn other_ports() -> Result<Outcome> {
    let bench = Bench::new()?;
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let other = crate::server::Server::protected(ip)?;
        let got = bench.connect("plain", other.address)?;
        ensure!(got == Got::direct(other.address), "{got:?}");
    }
    Ok(Outcome::Pass)
}
