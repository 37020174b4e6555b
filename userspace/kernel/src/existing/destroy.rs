//! Ending a socket that another process has: SOCK_DESTROY.

use std::io;
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, recv, send};

use super::diag::{Connection, Message, messages, open, request};
use crate::{KernelError, Namespace};

const SOCK_DESTROY: u16 = 21;
const NLM_F_ACK: u16 = 4;

/// What came of [`Namespace::destroy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It is ended.
    Done,
    /// It was gone already.
    Gone,
    /// The kernel was built without CONFIG_INET_DIAG_DESTROY: the socket stays.
    Unsupported,
}

impl Namespace {
    /// Ends exactly this connection: a socket that has its addresses by now but not its cookie is left alone.
    ///
    /// # Errors
    /// The kernel refused, most likely for want of CAP_NET_ADMIN.
    pub async fn destroy(&self, connection: &Connection) -> Result<Cut, KernelError> {
        let request = request(
            SOCK_DESTROY,
            NLM_F_ACK,
            connection.family,
            connection.transport,
            0,
            &connection.id,
        );
        self.run("ending a connection in", move || destroy(&request))
            .await
    }
}

fn destroy(request: &[u8]) -> io::Result<Cut> {
    let socket = open()?;
    send(socket.as_raw_fd(), request, MsgFlags::empty())?;
    let mut buffer = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
    let answer = messages(buffer.get(..length).unwrap_or_default()).next();
    match answer {
        Some(Message::Error(0)) => Ok(Cut::Done),
        Some(Message::Error(libc::ENOENT | libc::ESTALE)) => Ok(Cut::Gone),
        Some(Message::Error(libc::EOPNOTSUPP)) => Ok(Cut::Unsupported),
        Some(Message::Error(number)) => Err(io::Error::from_raw_os_error(number)),
        Some(Message::Done | Message::Other(_)) | None => {
            Err(io::Error::other("the kernel's answer was not understood"))
        }
    }
}
