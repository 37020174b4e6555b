//! The floor of a hop through userspace: bytes copied both ways, and nothing looked at.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use rustls_pki_types::ServerName;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

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
    workers()?.block_on(async {
        let upstream = options.upstream;
        serve(options.listen, move |client| pass(client, upstream)).await
    })
}

/// The same with TLS on both sides.
pub(crate) fn run_tls(options: &TlsOptions) -> Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(tls::server(&options.certificate, &options.key)?));
    let connector = TlsConnector::from(Arc::new(tls::client(&options.authority)?));
    let Options { listen, upstream } = options.place;
    workers()?.block_on(async {
        serve(listen, move |client| {
            pass_tls(client, acceptor.clone(), connector.clone(), upstream)
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

async fn pass(mut client: TcpStream, upstream: SocketAddr) -> Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await?;
    Ok(())
}

async fn pass_tls(
    client: TcpStream,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    upstream: SocketAddr,
) -> Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let mut server = connector
        .connect(ServerName::try_from("localhost")?, server)
        .await?;
    copy_bidirectional_with_sizes(&mut client, &mut server, TLS_BUFFER, TLS_BUFFER).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn bytes_pass_unchanged_both_ways() -> Result<()> {
        let server = TcpListener::bind("127.0.0.1:0").await?;
        let upstream = server.local_addr()?;
        let front = TcpListener::bind("127.0.0.1:0").await?;
        let mut client = TcpStream::connect(front.local_addr()?).await?;
        let (accepted, _) = front.accept().await?;
        let passing = tokio::spawn(pass(accepted, upstream));
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
}
