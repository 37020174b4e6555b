//! Sessions with PostgreSQL that the proxy has logged in to, kept for a while after their clients have gone: whoever comes next
//! needs no process of the server's, no TLS and no login.
//!
//! A session is only handed to the same caller: the same identity and workload, asking with the same start-up message for the same
//! service, from the same network namespace, while the login's password is the same. Between two clients the server is asked to
//! `DISCARD ALL` (PostgreSQL documentation, "DISCARD"), which takes back settings, roles, prepared statements, cursors, temporary tables,
//! advisory locks, LISTEN and what sequences remember. Global variables of procedural languages stay, which is why nobody else is given it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use interdict_session::Secret;
use interdict_session::postgres::login::{Greeting, Reset};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::time::Instant;

use crate::address::Address;
use crate::connection::Connection;
use crate::stream::Stream;
use crate::{Dialer, Service};

/// How long a session is kept for the next client.
const KEPT: Duration = Duration::from_secs(10);
/// How long the server may take to put it in order.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sessions that are kept at once, of all services.
const MOST: usize = 64;

thread_local! {
    /// What this session thread keeps, the oldest first: a socket belongs to the runtime that it was made on.
    static SESSIONS: RefCell<Vec<Idle>> = const { RefCell::new(Vec::new()) };
    /// Whether a task of this thread looks after them.
    static SWEEPS: Cell<bool> = const { Cell::new(false) };
}

/// How many sessions are kept, by all threads together.
#[derive(Clone, Debug, Default)]
pub struct Warm(Arc<AtomicUsize>);

/// Whose session it is.
#[derive(Clone, Debug)]
struct Owner {
    service: Weak<Service>,
    upstream: Address,
    dialer: Option<Weak<dyn Dialer>>,
    identity: String,
    workload: Option<String>,
    /// As the service got it: user, database and every parameter.
    startup: Bytes,
}

impl Owner {
    fn new(connection: &Connection, startup: &Bytes) -> Self {
        Self {
            service: Arc::downgrade(&connection.service),
            upstream: connection.upstream.clone(),
            dialer: connection.dialer.as_ref().map(Arc::downgrade),
            identity: connection.identity.name.clone(),
            workload: connection.workload.clone(),
            startup: startup.clone(),
        }
    }

    fn is(&self, other: &Self) -> bool {
        let same_dialer = match (&self.dialer, &other.dialer) {
            (None, None) => true,
            (Some(one), Some(other)) => one.ptr_eq(other),
            _ => false,
        };
        same_dialer
            && self.service.ptr_eq(&other.service)
            && self.upstream == other.upstream
            && self.identity == other.identity
            && self.workload == other.workload
            && self.startup == other.startup
    }
}

/// What must be known of a session to give it to somebody else later.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    owner: Owner,
    secret: Option<Secret>,
    /// What the server said of itself before it was ready, beginning behind its AuthenticationOk.
    pub(crate) greeting: Bytes,
    /// What the client is told before that.
    pub(crate) prelude: Bytes,
    most: usize,
    warm: Warm,
}

/// A session without a client.
struct Idle {
    since: Instant,
    server: Stream,
    keep: Keep,
    _place: Place,
}

/// One of the places that there are for sessions; free again when it is let go of.
struct Place(Warm);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Keep {
    /// Of a session that was just logged in to. `None`: none is to be kept of it.
    pub(crate) fn new(
        warm: &Warm,
        connection: &Connection,
        startup: &Bytes,
        secret: Option<Secret>,
        (prelude, greeting): (Bytes, Bytes),
    ) -> Option<Self> {
        let most = connection.service.warm;
        (most > 0).then(|| Self {
            owner: Owner::new(connection, startup),
            secret,
            greeting,
            prelude,
            most,
            warm: warm.clone(),
        })
    }

    /// Puts the session in order and keeps it for a while. Nothing waits for it.
    pub(crate) fn give(self, mut server: Stream) {
        let Some(place) = self.warm.place() else { return };
        tokio::spawn(async move {
            let reset = tokio::time::timeout(PATIENCE, reset(&mut server)).await;
            if matches!(reset, Ok(Ok(()))) {
                put(Idle {
                    since: Instant::now(),
                    server,
                    keep: self,
                    _place: place,
                });
            }
        });
    }
}

impl Warm {
    fn place(&self) -> Option<Place> {
        let one_more = |kept| (kept < MOST).then_some(kept + 1);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .ok()
            .map(|_| Place(self.clone()))
    }
}

/// A session for this caller, if one is kept; `secret` is the login's password as it is now.
pub(crate) async fn take(
    connection: &Connection,
    startup: &Bytes,
    secret: Option<&Secret>,
) -> Option<(Stream, Keep)> {
    let owner = Owner::new(connection, startup);
    loop {
        let idle = remove(|idle| idle.keep.owner.is(&owner))?;
        if idle.keep.secret.as_ref() == secret
            && let Some(server) = alive(idle.server).await
        {
            return Some((server, idle.keep));
        }
    }
}

/// Keeps a session, unless there are enough for its owner.
fn put(idle: Idle) {
    SESSIONS.with_borrow_mut(|sessions| {
        let alike = sessions
            .iter()
            .filter(|other| other.keep.owner.is(&idle.keep.owner));
        if alike.count() < idle.keep.most {
            sessions.push(idle);
        }
    });
    if !SWEEPS.replace(true) {
        tokio::spawn(sweep());
    }
}

/// Lets go of sessions whose time is over, until there are none.
async fn sweep() {
    while let Some(oldest) = SESSIONS.with_borrow(|sessions| sessions.first().map(|idle| idle.since)) {
        tokio::time::sleep_until(oldest + KEPT).await;
        SESSIONS.with_borrow_mut(|sessions| sessions.retain(|idle| idle.since.elapsed() < KEPT));
    }
    SWEEPS.set(false);
}

/// The newest first: what the server still has at hand.
fn remove(which: impl Fn(&Idle) -> bool) -> Option<Idle> {
    SESSIONS.with_borrow_mut(|sessions| {
        let place = sessions.iter().rposition(which)?;
        Some(sessions.remove(place))
    })
}

/// The session, unless the server has said something meanwhile: it would be that it ends it.
async fn alive(mut server: Stream) -> Option<Stream> {
    let mut byte = [0; 1];
    let quiet = poll_fn(|cx| {
        let mut byte = ReadBuf::new(&mut byte);
        Poll::Ready(Pin::new(&mut server).poll_read(cx, &mut byte).is_pending())
    });
    quiet.await.then_some(server)
}

/// Has the server forget what the session's client did.
async fn reset(server: &mut Stream) -> std::io::Result<()> {
    let mut reset = Reset::default();
    server.write_all(Reset::STATEMENT).await?;
    server.flush().await?;
    let mut input = BytesMut::with_capacity(1024);
    loop {
        if server.read_buf(&mut input).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match reset.take(&mut input) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(std::io::Error::other(error)),
        }
    }
}

/// Reads what the server says before it is ready. `None`: something that another session could not be told, such as an error.
/// All that was read is in `input` in any case.
pub(crate) async fn greeting(server: &mut Stream, input: &mut BytesMut) -> std::io::Result<Option<Bytes>> {
    loop {
        match Greeting::of(input) {
            Greeting::Whole(greeting) => return Ok(Some(greeting)),
            Greeting::Other => return Ok(None),
            Greeting::Incomplete => {
                if server.read_buf(input).await? == 0 {
                    return Ok(None);
                }
            }
        }
    }
}
