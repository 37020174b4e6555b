//! Ways to connect.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use interdict_kernel::{Kernel, Mode, Settings};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, setgid, setuid};
use socket2::{Domain, Socket, Type};

/// Connects in the way of that name. The outer error: there is no such way.
pub(super) fn connect(how: &str, address: SocketAddr) -> Result<io::Result<TcpStream>> {
    Ok(match how {
        "plain" => TcpStream::connect(address),
        "nonblocking" => nonblocking(address),
        "fastopen" => fast_open(address),
        "bound" => bound(address),
        "udp" => udp(address),
        "bind" => TcpListener::bind(address)
            .map(|_| ())
            .and(Err(io::Error::from_raw_os_error(0))),
        "netns" => unshare(CloneFlags::CLONE_NEWNET)
            .map_err(Into::into)
            .and_then(|()| TcpStream::connect(address)),
        _ => match super::around::connect(how, address) {
            Some(connected) => connected,
            None => bail!("no way to connect is called `{how}`"),
        },
    })
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM, None)
}

fn nonblocking(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(address)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::from(5_000_u16))?;
    match socket.take_error()? {
        Some(error) => Err(error),
        None => Ok(socket.into()),
    }
}

/// Data with the SYN: connects without a call to connect().
fn fast_open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(address)?;
    socket.send_to_with_flags(b"hello", &address.into(), libc::MSG_FASTOPEN)?;
    Ok(socket.into())
}

/// From a source address of its own choice.
fn bound(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(address)?;
    let source: SocketAddr = if address.is_ipv4() {
        (Ipv4Addr::LOCALHOST, 0).into()
    } else {
        (Ipv6Addr::LOCALHOST, 0).into()
    };
    socket.bind(&source.into())?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}

/// A datagram socket never has a word to read: success is error 0.
fn udp(address: SocketAddr) -> io::Result<TcpStream> {
    let any: SocketAddr = if address.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    UdpSocket::bind(any)?.connect(address)?;
    Err(io::Error::from_raw_os_error(0))
}

/// Connects, dissolves that, and connects the same socket to somewhere else.
pub(super) fn reconnect(first: SocketAddr, second: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(first)?;
    socket.connect(&first.into())?;
    crate::raw::disconnect(&socket)?;
    socket.connect(&second.into())?;
    Ok(socket.into())
}

/// Connects as somebody else and from a thread that is younger than the process. Prints who it is, and stays until it
/// is told to go, so that /proc can be compared.
pub(super) fn facts(address: SocketAddr) -> Result<()> {
    setgid(Gid::from_raw(2345))?;
    setuid(Uid::from_raw(1234))?;
    // Two clock ticks: the thread's own start time must not pass for the process's.
    std::thread::sleep(Duration::from_millis(25));
    let thread = std::thread::Builder::new()
        .name("worker\u{e4}".to_owned())
        .spawn(move || {
            let stream = TcpStream::connect(address);
            (nix::unistd::gettid(), stream)
        })?;
    let Ok((tid, stream)) = thread.join() else {
        bail!("the thread panicked")
    };
    let _stream = stream.context("connecting")?;
    println!("{tid}");
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// Connects as another user.
pub(super) fn as_user(user: u32, address: SocketAddr) -> Result<io::Result<TcpStream>> {
    setgid(Gid::from_raw(user))?;
    setuid(Uid::from_raw(user))?;
    Ok(TcpStream::connect(address))
}

/// Lets another program connect, as a child.
pub(super) fn through(program: &str, cgroup: &str, address: &str) -> Result<()> {
    let status = std::process::Command::new(program)
        .args(["--child", cgroup, "plain", address])
        .status()?;
    anyhow::ensure!(status.success(), "the child ended with {status}");
    Ok(())
}

/// Tries to be the daemon.
pub(super) fn attach(pins: &Path) {
    match Kernel::attach(&Settings {
        pin_root: pins.to_owned(),
        mode: Mode::Enforce,
        ..Settings::default()
    }) {
        Ok(_) => println!("attached"),
        Err(error) => println!("{error}"),
    }
}
