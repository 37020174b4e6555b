//! Where connections are accepted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use interdict_proxy::{Accepted, Dialer, Workers};
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
        tasks.spawn(accept(listener, Some(index), 0, None, Arc::clone(workers)));
    }
    Ok(())
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

/// Hands on what comes to a listener until the session threads end. `dialer` makes the sockets towards services, if that is
/// not to be done in the daemon's own namespace.
pub(super) async fn accept(
    listener: TcpListener,
    service: Option<usize>,
    netns_cookie: u64,
    dialer: Option<Arc<dyn Dialer>>,
    workers: Arc<Workers>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match stream.into_std() {
                Ok(stream) => {
                    if !workers.hand(Accepted {
                        stream,
                        service,
                        netns_cookie,
                        dialer: dialer.clone(),
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
