//! A client that does what it is told, a line at a time, and answers each with one line.

use std::io::{self, BufRead as _, ErrorKind, IoSliceMut, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as SocketAddrUnix, UnixStream};
use std::time::Duration;

use anyhow::{Result, bail};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use socket2::{Domain, Socket, Type};

use crate::scenarios::link;

/// How long it waits for the other side.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Puppet {
    stream: Option<TcpStream>,
    datagrams: Option<UdpSocket>,
    listener: Option<TcpListener>,
}

/// Until its input is closed.
pub(super) fn run() -> Result<()> {
    let mut puppet = Puppet::default();
    println!("here");
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match puppet.obey(&words)? {
            Ok(answer) => println!("{answer}"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => println!("nothing"),
            Err(error) => println!("errno {}", error.raw_os_error().unwrap_or(-1)),
        }
    }
    Ok(())
}

impl Puppet {
    /// The outer error: it does not know how.
    fn obey(&mut self, words: &[&str]) -> Result<io::Result<String>> {
        Ok(match words {
            ["unshare"] => done(unshare(CloneFlags::CLONE_NEWNET).map_err(Into::into)),
            ["unshare-user"] => {
                let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET;
                done(unshare(flags).map_err(Into::into))
            }
            ["loopback"] => done(link::up(link::LOOPBACK)),
            ["veth", peer] => done(link::veth("near", "far", peer.parse()?)),
            ["address", name, address] => done(link::address(name, address.parse()?)),
            ["links"] => link::names().map(|names| names.join(" ")),
            ["join", cgroup] => done(std::fs::write(format!("{cgroup}/cgroup.procs"), "0")),
            ["connect", to] => self.connect(to.parse()?, None),
            ["connect", to, from] => self.connect(to.parse()?, Some(from.parse()?)),
            ["datagrams", to] => self.datagrams(to.parse()?),
            ["take", name] => self.take(name),
            ["write", word] => done(self.write(word)),
            ["read"] => self.read(),
            ["hear"] => self.hear(),
            ["listen", at] => self.listen(at.parse()?),
            ["accept"] => self.accept(),
            _ => bail!("a puppet can't `{}`", words.join(" ")),
        })
    }

    fn connect(&mut self, to: SocketAddr, from: Option<SocketAddr>) -> io::Result<String> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        if let Some(from) = from {
            socket.bind(&from.into())?;
        }
        socket.connect(&to.into())?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        let answer = format!("connected {} {}", stream.local_addr()?, stream.peer_addr()?);
        self.stream = Some(stream);
        Ok(answer)
    }

    fn datagrams(&mut self, to: SocketAddr) -> io::Result<String> {
        let socket = UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        self.datagrams = Some(socket);
        Ok("ok".to_owned())
    }

    /// Takes a connection that somebody hands over at an abstract Unix socket.
    fn take(&mut self, name: &str) -> io::Result<String> {
        let from = UnixStream::connect_addr(&SocketAddrUnix::from_abstract_name(name)?)?;
        let mut byte = [0];
        let mut space = nix::cmsg_space!(RawFd);
        let mut parts = [IoSliceMut::new(&mut byte)];
        let message = recvmsg::<()>(from.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty())?;
        for part in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(fds) = part
                && let Some(fd) = fds.first()
            {
                let stream = TcpStream::from(crate::raw::own(*fd));
                stream.set_read_timeout(Some(PATIENCE))?;
                self.stream = Some(stream);
                return Ok("ok".to_owned());
            }
        }
        Err(ErrorKind::UnexpectedEof.into())
    }

    fn write(&mut self, word: &str) -> io::Result<()> {
        self.stream()?.write_all(word.as_bytes())
    }

    fn read(&mut self) -> io::Result<String> {
        let mut bytes = [0; 64];
        let length = self.stream()?.read(&mut bytes)?;
        let word = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
        Ok(format!("read {word}"))
    }

    fn hear(&mut self) -> io::Result<String> {
        let socket = self.datagrams.as_ref().ok_or(ErrorKind::NotConnected)?;
        socket.recv(&mut [0; 64]).map(|length| format!("heard {length}"))
    }

    fn listen(&mut self, at: SocketAddr) -> io::Result<String> {
        self.listener = Some(TcpListener::bind(at)?);
        Ok("ok".to_owned())
    }

    fn accept(&mut self) -> io::Result<String> {
        let listener = self.listener.as_ref().ok_or(ErrorKind::NotConnected)?;
        let (stream, peer) = listener.accept()?;
        self.stream = Some(stream);
        Ok(format!("from {peer}"))
    }

    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        self.stream.as_mut().ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

fn done(result: io::Result<()>) -> io::Result<String> {
    result.map(|()| "ok".to_owned())
}
