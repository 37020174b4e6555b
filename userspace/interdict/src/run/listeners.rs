//! Where connections are accepted.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use interdict_proxy::{Accepted, Workers};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::settings::Settings;

/// Connections that the kernel may queue before they are accepted.
const BACKLOG: u32 = 4096;

/// Opens the explicit port of each service that has one.
pub(super) fn explicit(
    settings: &Settings,
    workers: &Arc<Workers>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    for (index, service) in settings.services.iter().enumerate() {
        let Some(address) = service.listen else { continue };
        let listener =
            bind(address).with_context(|| format!("service {}: listening on {address}", service.name))?;
        tasks.spawn(accept(listener, Some(index), 0, Arc::clone(workers)));
    }
    Ok(())
}

/// Ports of the listeners for redirected connections.
pub(super) struct Redirected {
    pub(super) v4: u16,
    pub(super) v6: Option<u16>,
    pub(super) netns_cookie: u64,
}

/// Opens the listeners for redirected connections on loopback; IPv6 is left out where the host has none.
pub(super) fn redirected(workers: &Arc<Workers>, tasks: &mut JoinSet<()>) -> anyhow::Result<Redirected> {
    let v4 = bind_one_of(Ipv4Addr::LOCALHOST.into()).context("listening on 127.0.0.1")?;
    let netns_cookie = interdict_kernel::netns_cookie(&v4).context("the cookie of the network namespace")?;
    let mut ports = Redirected {
        v4: v4.local_addr()?.port(),
        v6: None,
        netns_cookie,
    };
    if let Ok(v6) = bind_one_of(Ipv6Addr::LOCALHOST.into()) {
        ports.v6 = Some(v6.local_addr()?.port());
        tasks.spawn(accept(v6, None, netns_cookie, Arc::clone(workers)));
    }
    tasks.spawn(accept(v4, None, netns_cookie, Arc::clone(workers)));
    Ok(ports)
}

/// Ports for redirected connections: below those that the kernel gives out by itself, so that no socket of an agent gets
/// one by chance while no daemon holds it.
const PORTS: RangeInclusive<u16> = 15_900..=15_999;

fn bind_one_of(address: IpAddr) -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in PORTS {
        match bind(SocketAddr::new(address, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A port of a daemon that just ended is free again at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, service: Option<usize>, netns_cookie: u64, workers: Arc<Workers>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match stream.into_std() {
                Ok(stream) => {
                    if !workers.hand(Accepted {
                        stream,
                        service,
                        netns_cookie,
                    }) {
                        return;
                    }
                }
                Err(error) => tracing::error!(%error, "a connection could not be handed on"),
            },
            Err(error) => {
                // Out of descriptors, most likely: sessions that end free some.
                tracing::error!(%error, "accepting failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
