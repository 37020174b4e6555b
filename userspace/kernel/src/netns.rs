//! Network namespaces: one thread in each that is followed, and what is done there.

mod listen;
mod process;

use std::fs::File;
use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::sync::mpsc;

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Socket, Type};
use tokio::sync::oneshot;

pub use listen::{LISTENER_PORTS, Listeners};
pub use process::Process;

use crate::{KernelError, sys};

/// Stack of a namespace's thread, which does nothing deep.
const STACK: usize = 256 << 10;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace, and a thread that lives in it.
///
/// The thread enters the namespace once and never leaves it, so that no other thread can be left behind in a namespace
/// that is not its own. While the value lives, so does the namespace, also when its last process is gone; dropping it
/// ends the thread, and with that lets go. Sockets made in the namespace hold it by themselves.
#[derive(Debug)]
pub struct Namespace {
    jobs: mpsc::Sender<Job>,
    cookie: u64,
    inode: u64,
}

impl Namespace {
    /// The namespace of this process (of its calling thread).
    ///
    /// # Errors
    /// The thread could not be started, or the kernel is older than 5.14 ([`KernelError::NoNetnsCookie`]).
    pub fn own() -> Result<Self, KernelError> {
        let path = "/proc/thread-self/ns/net";
        let file = File::open(path).map_err(KernelError::io("opening", path))?;
        Self::start(file, "this process", false)
    }

    /// The namespace of a process or thread, by its id in the initial pid namespace. Blocks for well below a millisecond.
    ///
    /// # Errors
    /// It is gone, it can't be entered (CAP_SYS_ADMIN and CAP_SYS_PTRACE are needed), or as for [`Namespace::own`].
    pub fn of_process(pid: u32) -> Result<Self, KernelError> {
        Self::of(&Process::open(pid)?)
    }

    /// As [`Namespace::of_process`], for a process that is held already.
    ///
    /// # Errors
    /// The same.
    pub fn of(process: &Process) -> Result<Self, KernelError> {
        Self::start(process.open_netns()?, &format!("process {}", process.pid()), true)
    }

    fn start(file: File, whose: &str, enter: bool) -> Result<Self, KernelError> {
        let failed = |what, source| KernelError::Namespace {
            what,
            whose: whose.to_owned(),
            source,
        };
        let inode = file
            .metadata()
            .map_err(|source| failed("looking at", source))?
            .ino();
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, entered) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("netns".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let cookie = if enter {
                    setns(&file, CloneFlags::CLONE_NEWNET).map_err(io::Error::from)
                } else {
                    Ok(())
                }
                .map_err(|source| ("entering", source))
                .and_then(|()| own_cookie().map_err(|source| ("asking for the cookie of", source)));
                // The thread itself holds the namespace from here on.
                drop(file);
                let works = cookie.is_ok();
                if ready.send(cookie).is_ok() && works {
                    for job in queue {
                        job();
                    }
                }
            })
            .map_err(|source| failed("starting a thread for", source))?;
        let cookie = match entered.recv() {
            Ok(Ok(cookie)) => cookie,
            Ok(Err((_, source))) if source.raw_os_error() == Some(libc::ENOPROTOOPT) => {
                return Err(KernelError::NoNetnsCookie);
            }
            Ok(Err((what, source))) => return Err(failed(what, source)),
            Err(_) => return Err(failed("entering", io::ErrorKind::BrokenPipe.into())),
        };
        Ok(Self { jobs, cookie, inode })
    }

    /// What the kernel's programs know the namespace by; never given twice.
    #[must_use]
    pub fn cookie(&self) -> u64 {
        self.cookie
    }

    /// What /proc shows of it; given again once the namespace is gone.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Opens the listeners for redirected connections, on 127.0.0.1 and ::1. They may be opened before the namespace's
    /// loopback device is up: connections come in as soon as it is. IPv6 is left out where the kernel has none.
    ///
    /// # Errors
    /// No port of [`LISTENER_PORTS`] is free, or the kernel refused.
    pub async fn listen(&self) -> Result<Listeners, KernelError> {
        self.run("listening in", listen::listen).await
    }

    /// A TCP socket that is made in the namespace: routes, firewall and source address are those of the namespace. It is
    /// non-blocking and not connected yet.
    ///
    /// # Errors
    /// The kernel refused.
    pub async fn stream_socket(&self, ipv6: bool) -> Result<TcpStream, KernelError> {
        let domain = if ipv6 { Domain::IPV6 } else { Domain::IPV4 };
        self.run("making a socket in", move || {
            let socket = Socket::new(domain, Type::STREAM.nonblocking().cloexec(), None)?;
            Ok(socket.into())
        })
        .await
    }

    /// Does something on the namespace's thread, after what was asked for before. It should be short.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        job: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, KernelError> {
        let failed = |source| KernelError::Namespace {
            what,
            whose: format!("cookie {}", self.cookie),
            source,
        };
        let gone = || failed(io::Error::other("its thread has ended"));
        let (answer, answered) = oneshot::channel();
        let job = move || {
            // Whoever asked may have lost interest.
            let _ = answer.send(job());
        };
        self.jobs.send(Box::new(job)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(failed)
    }
}

/// The cookie of the calling thread's namespace.
fn own_cookie() -> io::Result<u64> {
    // Any socket will do; IPv4 is in every kernel that has these programs.
    sys::netns_cookie(UdpSocket::bind("0.0.0.0:0")?)
}

#[cfg(test)]
mod tests;
