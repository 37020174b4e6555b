//! Connects again and again and asks nothing: what a socket, its connection and its end take.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use socket2::{Domain, Socket, Type};

use crate::outcome::Outcome;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// On loopback
    #[arg(long)]
    port: u16,
    /// How often
    #[arg(long, default_value_t = 1000)]
    count: u32,
    /// Microseconds between two, in which whoever accepts does what it does
    #[arg(long, default_value_t = 400)]
    pause: u64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)).into();
    let (began, mut times) = (Instant::now(), Vec::new());
    for _ in 0..options.count {
        let started = Instant::now();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.connect(&address)?;
        // Its port is free again at once.
        socket.set_linger(Some(Duration::ZERO))?;
        drop(socket);
        times.push(started.elapsed());
        thread::sleep(Duration::from_micros(options.pause));
    }
    Outcome::new(u64::from(options.count), began.elapsed(), 0, times).print()
}
