//! Listening.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::guard::Peer;
use crate::login::certificate::Certificate;
use crate::{Console, pages};

/// Connections at once.
const MOST: usize = 512;
/// For the TLS handshake, and for a request's head.
const OPENING: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD: usize = 64 << 10;

/// Serves until dropped.
pub async fn serve(listener: TcpListener, console: Arc<Console>) {
    let router = pages::router(Arc::clone(&console));
    let tls = console.config.tls.clone().map(TlsAcceptor::from);
    let room = Arc::new(Semaphore::new(MOST));
    let mut connections = JoinSet::new();
    loop {
        let (stream, address) = tokio::select! {
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a request of the console ended in a defect of this program");
                }
                continue;
            }
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::error!(%error, "accepting for the console failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            tracing::warn!(%address, "too many connections to the console: closed");
            continue;
        };
        let (router, tls) = (router.clone(), tls.clone());
        connections.spawn(async move {
            let _permit = permit;
            let Some(tls) = tls else {
                let peer = Peer {
                    address: address.ip(),
                    certificate: None,
                };
                return talk(stream, router, peer).await;
            };
            match tokio::time::timeout(OPENING, tls.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let peer = Peer {
                        address: address.ip(),
                        certificate: shown_by(&stream),
                    };
                    talk(stream, router, peer).await;
                }
                Ok(Err(error)) => {
                    tracing::debug!(%address, %error, "a TLS handshake with the console failed");
                }
                Err(_) => tracing::debug!(%address, "a TLS handshake with the console took too long"),
            }
        });
    }
}

fn shown_by(stream: &tokio_rustls::server::TlsStream<TcpStream>) -> Option<Certificate> {
    Certificate::read(stream.get_ref().1.peer_certificates()?.first()?)
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, peer: Peer) {
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(OPENING)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the console broke");
    }
}
