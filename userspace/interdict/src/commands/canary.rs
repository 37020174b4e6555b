//! `canary CGROUP ADDRESS`: what the daemon starts to try its own redirect, as an IPv4 and as an IPv6 socket.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use socket2::{Domain, Socket, Type};

const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(cgroup: &Path, address: SocketAddr) -> anyhow::Result<()> {
    std::fs::write(cgroup.join("cgroup.procs"), "0")
        .with_context(|| format!("joining {}", cgroup.display()))?;
    let mut ways = vec![(Domain::IPV4, address)];
    if let IpAddr::V4(v4) = address.ip() {
        ways.push((
            Domain::IPV6,
            SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        ));
    }
    let mut tried = 0;
    for (domain, address) in ways {
        // A host without IPv6 has no such hook to try.
        let Ok(socket) = Socket::new(domain, Type::STREAM, None) else {
            continue;
        };
        socket
            .connect_timeout(&address.into(), PATIENCE)
            .with_context(|| format!("connecting to {address}"))?;
        tried += 1;
    }
    ensure!(tried > 0, "no socket could be made");
    Ok(())
}
