//! The floor of a hop through userspace: bytes copied both ways, and nothing looked at.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};

/// Buffer of each direction: tokio's own default, written out because figures depend on it.
const BUFFER: usize = 8 * 1024;

/// Where it stands.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    upstream: SocketAddr,
}

/// Serves until it is ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(serve(options))
}

async fn serve(options: &Options) -> Result<()> {
    let listener = TcpListener::bind(options.listen).await?;
    eprintln!("ready");
    loop {
        let (client, _) = listener.accept().await?;
        let upstream = options.upstream;
        tokio::spawn(async move {
            // A connection that ends badly concerns its two ends only.
            let _ = pass(client, upstream).await;
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
