//! The floor of a hop through userspace: bytes copied both ways, and nothing looked at; with `--sync`, what clients say is on
//! disk before it is passed on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use rustls_pki_types::ServerName;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional_with_sizes,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::durable::Durable;
use crate::tls;

/// Buffer of each direction: tokio's own default, written out because figures depend on it.
const BUFFER: usize = 8 * 1024;

/// With TLS, of a record's size: less would be filled by a part of what was just decrypted.
const TLS_BUFFER: usize = 16 * 1024;

/// Where it stands.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    upstream: SocketAddr,
    /// Write what clients say to this new file, and pass it on when that is durable
    #[arg(long)]
    sync: Option<PathBuf>,
}

impl Options {
    fn record(&self) -> Result<Option<Durable>> {
        self.sync.as_deref().map(Durable::start).transpose()
    }
}

/// Where it stands, and what it shows and trusts.
#[derive(Debug, clap::Args)]
pub(crate) struct TlsOptions {
    #[command(flatten)]
    place: Options,
    /// Shown to clients, with its key, as PEM
    #[arg(long)]
    certificate: PathBuf,
    #[arg(long)]
    key: PathBuf,
    /// Whom the upstream's certificate, which must be for localhost, has to be from
    #[arg(long)]
    authority: PathBuf,
}

/// Serves until it is ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    let record = options.record()?;
    workers()?.block_on(async {
        let upstream = options.upstream;
        serve(options.listen, move |client| {
            pass(client, upstream, record.clone())
        })
        .await
    })
}

/// The same with TLS on both sides.
pub(crate) fn run_tls(options: &TlsOptions) -> Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(tls::server(&options.certificate, &options.key)?));
    let connector = TlsConnector::from(Arc::new(tls::client(&options.authority)?));
    let record = options.place.record()?;
    let Options { listen, upstream, .. } = options.place;
    workers()?.block_on(async {
        serve(listen, move |client| {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            pass_tls(client, acceptor, connector, upstream, record.clone())
        })
        .await
    })
}

fn workers() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

async fn serve<P>(listen: SocketAddr, passing: impl Fn(TcpStream) -> P) -> Result<()>
where
    P: Future<Output = Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind(listen).await?;
    eprintln!("ready");
    loop {
        let (client, _) = listener.accept().await?;
        let passing = passing(client);
        tokio::spawn(async move {
            // A connection that ends badly concerns its two ends only.
            let _ = passing.await;
        });
    }
}

async fn pass(client: TcpStream, upstream: SocketAddr, record: Option<Durable>) -> Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    both_ways(client, server, BUFFER, record).await
}

async fn both_ways<S>(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut server: S,
    buffer: usize,
    record: Option<Durable>,
) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(record) = record else {
        copy_bidirectional_with_sizes(&mut client, &mut server, buffer, buffer).await?;
        return Ok(());
    };
    let (mut said, mut to_client) = tokio::io::split(client);
    let (mut answered, mut to_server) = tokio::io::split(server);
    let there = one_way(&mut said, &mut to_server, buffer, Some(&record));
    let back = one_way(&mut answered, &mut to_client, buffer, None);
    tokio::try_join!(there, back).map(|((), ())| ())
}

/// Copies until there is no more; with a record, each piece is kept before it goes on.
async fn one_way(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    buffer: usize,
    record: Option<&Durable>,
) -> Result<()> {
    let mut bytes = vec![0; buffer];
    loop {
        let read = from.read(&mut bytes).await?;
        let Some(chunk) = bytes.get(..read).filter(|chunk| !chunk.is_empty()) else {
            to.shutdown().await?;
            return Ok(());
        };
        if let Some(record) = record {
            record.keep(chunk).await?;
        }
        to.write_all(chunk).await?;
        to.flush().await?;
    }
}

async fn pass_tls(
    client: TcpStream,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    upstream: SocketAddr,
    record: Option<Durable>,
) -> Result<()> {
    client.set_nodelay(true)?;
    let client = acceptor.accept(client).await?;
    let server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let server = connector
        .connect(ServerName::try_from("localhost")?, server)
        .await?;
    both_ways(client, server, TLS_BUFFER, record).await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Something said and answered through a proxy that is set up so.
    async fn there_and_back(record: Option<Durable>) -> Result<()> {
        let server = TcpListener::bind("127.0.0.1:0").await?;
        let upstream = server.local_addr()?;
        let front = TcpListener::bind("127.0.0.1:0").await?;
        let mut client = TcpStream::connect(front.local_addr()?).await?;
        let (accepted, _) = front.accept().await?;
        let passing = tokio::spawn(pass(accepted, upstream, record));
        client.write_all(b"there").await?;
        let (mut at_server, _) = server.accept().await?;
        let mut seen = [0; 5];
        at_server.read_exact(&mut seen).await?;
        assert_eq!(&seen, b"there");
        at_server.write_all(b"back").await?;
        drop(at_server);
        let mut all = Vec::new();
        client.read_to_end(&mut all).await?;
        assert_eq!(all, b"back");
        drop(client);
        passing.await?
    }

    #[tokio::test]
    async fn bytes_pass_unchanged_both_ways() -> Result<()> {
        there_and_back(None).await
    }

    #[tokio::test]
    async fn what_passes_is_kept_before() -> Result<()> {
        let path = std::env::temp_dir().join(format!("interdict-load-copy-{}", std::process::id()));
        there_and_back(Some(Durable::start(&path)?)).await?;
        let file = std::fs::read(&path)?;
        std::fs::remove_file(&path)?;
        assert!(file.starts_with(b"there\0"), "what the server says is not kept");
        Ok(())
    }
}
