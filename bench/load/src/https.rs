//! Clients that fetch one thing again and again, over one connection each or over a new one every time.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::outcome::Outcome;
use crate::tls;

/// What is fetched, from where, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Must show a certificate for localhost
    #[arg(long)]
    server: SocketAddr,
    /// Whom that certificate has to be from
    #[arg(long)]
    authority: PathBuf,
    #[arg(long)]
    path: String,
    #[arg(long, default_value_t = 1)]
    clients: u32,
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// A connection for each request
    #[arg(long)]
    connect: bool,
}

/// What one client did.
#[derive(Default)]
struct Done {
    bytes: u64,
    times: Vec<Duration>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let connector = TlsConnector::from(Arc::new(tls::client(&options.authority)?));
    // As other generators have it: two threads at most, for proxies and servers want the cores too.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.clients.clamp(1, 2) as usize)
        .enable_all()
        .build()?
        .block_on(all(options, connector))?
        .print()
}

async fn all(options: &Options, connector: TlsConnector) -> Result<Outcome> {
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(options.seconds);
    let clients: Vec<_> = (0..options.clients)
        .map(|_| tokio::spawn(client(options.clone(), connector.clone(), until)))
        .collect();
    let mut done = Done::default();
    for client in clients {
        let one = client.await??;
        done.bytes += one.bytes;
        done.times.extend(one.times);
    }
    let took = started.elapsed();
    Ok(Outcome::new(
        done.times.len() as u64,
        took,
        done.bytes,
        done.times,
    ))
}

async fn client(options: Options, connector: TlsConnector, until: Instant) -> Result<Done> {
    let mut done = Done::default();
    let mut sender = connect(&options, &connector).await?;
    while Instant::now() < until {
        let started = Instant::now();
        if options.connect {
            sender = connect(&options, &connector).await?;
        }
        sender.ready().await?;
        let request = Request::get(&options.path).header("Host", "localhost");
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        ensure!(answer.status().is_success(), "answered with {}", answer.status());
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            done.bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
        }
        done.times.push(started.elapsed());
    }
    Ok(done)
}

async fn connect(options: &Options, connector: &TlsConnector) -> Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(options.server).await?;
    stream.set_nodelay(true)?;
    let stream = connector
        .connect(ServerName::try_from("localhost")?, stream)
        .await?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Whoever waits for an answer is told.
        let _ = connection.await;
    });
    Ok(sender)
}
