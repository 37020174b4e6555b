//! A server, and a rule that translates another address to its own, in a network namespace of this process's own.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sched::{CloneFlags, unshare};
use socket2::{Domain, Socket, Type};

use crate::scenarios::link;

/// Where nobody protects anything.
const ELSEWHERE: &str = "127.0.0.2:7777";

/// Prints `reached`, `stalled`, or `skip` and why.
pub(super) fn run(to: SocketAddr) -> Result<()> {
    let answer = match prepare(to) {
        Ok(()) => attempt(to)?,
        Err(error) => format!("skip {error:#}"),
    };
    println!("{answer}");
    Ok(())
}

fn prepare(to: SocketAddr) -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("a network namespace")?;
    link::up(link::LOOPBACK).context("lo")?;
    let rules = format!(
        "table ip t {{\nchain out {{\ntype nat hook output priority -100\n\
         ip daddr 127.0.0.2 tcp dport 7777 dnat to {to}\n}}\n}}\n"
    );
    crate::nft::apply(&rules)
}

fn attempt(to: SocketAddr) -> Result<String> {
    let server = TcpListener::bind(to).context("the server")?;
    std::thread::spawn(move || {
        for stream in server.incoming().flatten() {
            let _ = (&stream).write_all(b"direct");
        }
    });
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let elsewhere: SocketAddr = ELSEWHERE.parse()?;
    match socket.connect_timeout(&elsewhere.into(), Duration::from_millis(500)) {
        Ok(()) => {
            let mut word = String::new();
            std::net::TcpStream::from(socket).read_to_string(&mut word)?;
            Ok("reached".to_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok("stalled".to_owned()),
        Err(error) => Ok(format!("failed: {error}")),
    }
}
