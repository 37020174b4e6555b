//! Connecting over and over.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

/// Connects until its input is closed, then prints how often what happened.
pub(super) fn run(address: SocketAddr) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    std::thread::spawn(move || {
        // Closed or failed: either way it is time.
        let _ = std::io::stdin().read(&mut [0]);
        stopped.store(true, Ordering::Relaxed);
    });
    let (mut proxy, mut direct, mut refused, mut denied, mut other) = (0, 0, 0, 0, 0);
    println!("started");
    while !stop.load(Ordering::Relaxed) {
        match TcpStream::connect(address).and_then(super::read_word) {
            Ok((_, word)) if word == "proxy" => proxy += 1,
            Ok((_, word)) if word == "direct" => direct += 1,
            Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => refused += 1,
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => denied += 1,
            // Cut while the daemon died.
            Ok(_) | Err(_) => other += 1,
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    println!("proxy={proxy} direct={direct} refused={refused} denied={denied} other={other}");
}

/// Connects and closes at once, so many times.
pub(super) fn connect_and_close(address: SocketAddr, times: usize) -> Result<()> {
    for _ in 0..times {
        drop(TcpStream::connect(address)?);
    }
    println!("done");
    Ok(())
}
