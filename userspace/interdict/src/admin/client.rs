//! The commands' end.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::protocol::{self, Refusal, Request, Response};

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// An answer larger than this is none.
const LARGEST: u64 = 64 << 20;

/// Why there is no answer. `socket` is where it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nobody is there.
    #[error(
        "no daemon answers at {} ({source}): `systemctl status interdict` tells whether it runs, `admin.socket` in its \
         settings where it listens",
        socket.display()
    )]
    NoDaemon { socket: PathBuf, source: io::Error },
    /// File permissions don't let this user in.
    #[error(
        "no permission to use {}: be root or a member of the socket's group (`ls -l {}` shows it)",
        socket.display(), socket.display()
    )]
    NotAdmitted { socket: PathBuf },
    /// It is there, and says nothing.
    #[error(
        "the daemon at {} did not answer within {} s: it hangs or is stopped; `systemctl status interdict` and its log tell more",
        socket.display(), PATIENCE.as_secs()
    )]
    Silent { socket: PathBuf },
    /// The connection broke before the answer.
    #[error("the daemon at {} closed the connection without an answer ({source}); its log tells more", socket.display())]
    Broken { socket: PathBuf, source: io::Error },
    /// Not an answer.
    #[error("the daemon at {} is not understood: {what}", socket.display())]
    Strange { socket: PathBuf, what: String },
    /// It was asked and would not.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Asks the daemon and waits for its answer.
///
/// # Errors
/// There is none, or it is a refusal.
pub(crate) fn call(socket: &Path, request: &Request) -> Result<Response, CallError> {
    let place = || socket.to_owned();
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => CallError::NoDaemon {
            socket: place(),
            source,
        },
        io::ErrorKind::PermissionDenied => CallError::NotAdmitted { socket: place() },
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => CallError::Silent { socket: place() },
        _ => CallError::Broken {
            socket: place(),
            source,
        },
    };
    let line = exchange(socket, request).map_err(failed)?;
    match protocol::read_response(&line) {
        Ok(Response::Refused(refusal)) => Err(CallError::Refused(refusal)),
        Ok(response) => Ok(response),
        Err(what) => Err(CallError::Strange {
            socket: place(),
            what,
        }),
    }
}

fn exchange(path: &Path, request: &Request) -> io::Result<Vec<u8>> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Before connecting: it bounds that as well.
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(&SockAddr::unix(path)?)?;
    (&socket).write_all(&protocol::line(request)?)?;
    let mut line = Vec::new();
    BufReader::new(&socket)
        .take(LARGEST)
        .read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line)
}
