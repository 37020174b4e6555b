//! The daemon's end: lines in, lines out.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use interdict_record::LedgerEntry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::protocol::{self, Cut, Quarantined, Refusal, RefusalKind, Request, Response, Status};
use super::{Peer, Socket};

/// What the daemon does when it is asked. A peer is told for whatever acts, and has been found permitted: the handler
/// puts an event on the record ([`Peer::actor`], [`Peer::detail`]) before it acts, and doesn't act when it can't.
pub(crate) trait Handler: Send + Sync + 'static {
    /// How the daemon does.
    fn status(&self) -> impl Future<Output = Result<Status, Refusal>> + Send;

    /// The counters as they are now, one entry a workload and service.
    fn ledger(&self) -> impl Future<Output = Result<Vec<LedgerEntry>, Refusal>> + Send;

    /// Who is quarantined.
    fn quarantine_list(&self) -> impl Future<Output = Result<Vec<Quarantined>, Refusal>> + Send;

    /// Refuses a workload's connections from now on, then cuts those it has. Again is no error.
    fn quarantine(&self, peer: &Peer, workload: &str) -> impl Future<Output = Result<Cut, Refusal>> + Send;

    /// Ends a quarantine.
    fn quarantine_lift(
        &self,
        peer: &Peer,
        workload: &str,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Takes everything out of the kernel, and goes on without.
    fn detach(&self, peer: &Peer) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// What concerns the record itself: legal holds and the key of the seals.
    fn keeping(
        &self,
        peer: &Peer,
        request: Request,
    ) -> impl Future<Output = Result<Response, Refusal>> + Send;

    /// Approvals and grants: [`Request::is_for_people`]. Who the caller is decides, and the handler finds that out.
    fn people(&self, peer: &Peer, request: Request)
    -> impl Future<Output = Result<Response, Refusal>> + Send;

    /// A caller who may only read wanted to act. It is refused; this puts the attempt on the record.
    fn not_permitted(&self, peer: &Peer, request: &Request) -> impl Future<Output = ()> + Send;
}

/// Bounds of what a caller can take up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of a request, its line's end not counted.
    pub(super) line: usize,
    /// From a request's first byte to its last.
    pub(super) incomplete: Duration,
    /// Between requests.
    pub(super) idle: Duration,
    /// For the caller to take a response.
    pub(super) write: Duration,
    /// Connections at once of callers who may only read: they can't keep an operator out.
    pub(super) readers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 1 << 20,
            incomplete: Duration::from_secs(10),
            idle: Duration::from_mins(1),
            write: Duration::from_secs(10),
            readers: 16,
        }
    }
}

/// How long requests that are being handled may go on when the daemon stops.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Serves until `shutdown` says true. Requests that are being handled are finished; the socket's file is gone afterwards,
/// also when this future is dropped.
pub(crate) async fn serve<H: Handler>(socket: Socket, handler: Arc<H>, shutdown: watch::Receiver<bool>) {
    serve_within(Limits::default(), socket, handler, shutdown).await;
}

/// What a wait gives borrows the channel, which must not be held across another wait.
async fn told_to_stop(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

pub(super) async fn serve_within<H: Handler>(
    limits: Limits,
    socket: Socket,
    handler: Arc<H>,
    mut shutdown: watch::Receiver<bool>,
) {
    let readers = Arc::new(Semaphore::new(limits.readers));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = told_to_stop(&mut shutdown) => break,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "an admin request ended in a defect of this program");
                }
                continue;
            }
            accepted = socket.accept() => match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::error!(%error, "accepting on the admin socket failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let peer = match Peer::of(&stream) {
            Ok(peer) => peer,
            Err(error) => {
                tracing::error!(%error, "the kernel doesn't tell who called on the admin socket: closed");
                continue;
            }
        };
        let permit = if peer.may_act() {
            None
        } else if let Ok(permit) = Arc::clone(&readers).try_acquire_owned() {
            Some(permit)
        } else {
            tracing::warn!(%peer, "too many callers on the admin socket: closed");
            continue;
        };
        let connection = Connection {
            stream,
            received: Vec::new(),
            searched: 0,
            begun: None,
            limits,
            peer,
            _permit: permit,
        };
        connections.spawn(connection.run(Arc::clone(&handler), shutdown.clone()));
    }
    drop(socket);
    let finish = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(LAST_WORDS, finish).await;
}

struct Connection {
    stream: UnixStream,
    /// What has arrived beyond the last line.
    received: Vec<u8>,
    /// How much of it has no line's end.
    searched: usize,
    /// When the first byte of an incomplete line was met.
    begun: Option<Instant>,
    limits: Limits,
    peer: Peer,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What comes next from a caller.
enum Next {
    Line(Vec<u8>),
    /// The caller, or this end, is done.
    End,
    TooLong,
    TooSlow,
}

impl Connection {
    async fn run<H: Handler>(mut self, handler: Arc<H>, mut shutdown: watch::Receiver<bool>) {
        loop {
            let next = tokio::select! {
                biased;
                () = told_to_stop(&mut shutdown) => return,
                next = self.next() => next,
            };
            let (response, last) = match next {
                Next::End => return,
                Next::Line(line) => (answer(&line, &self.peer, &*handler).await, false),
                Next::TooLong => {
                    let what = format!("a request has at most {} bytes", self.limits.line);
                    (refused(RefusalKind::Malformed, what), true)
                }
                Next::TooSlow => {
                    let what = format!("the line was not complete after {:?}", self.limits.incomplete);
                    (refused(RefusalKind::Malformed, what), true)
                }
            };
            let Ok(line) = protocol::line(&response) else {
                tracing::error!("an admin response can't be written as JSON");
                return;
            };
            let written = timeout(self.limits.write, self.stream.write_all(&line)).await;
            if last || !matches!(written, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// Safe to be cancelled: what has arrived stays.
    async fn next(&mut self) -> Next {
        loop {
            let new = self.received.get(self.searched..).unwrap_or_default();
            if let Some(end) = new.iter().position(|byte| *byte == b'\n') {
                let end = self.searched.saturating_add(end);
                self.searched = 0;
                if end > self.limits.line {
                    return Next::TooLong;
                }
                let rest = self.received.split_off(end.saturating_add(1));
                let mut line = std::mem::replace(&mut self.received, rest);
                line.truncate(end);
                self.begun = None;
                return Next::Line(line);
            }
            self.searched = self.received.len();
            if self.received.len() > self.limits.line {
                return Next::TooLong;
            }
            let deadline = if self.received.is_empty() {
                Instant::now() + self.limits.idle
            } else {
                // From its first byte: one byte now and then gains nothing.
                *self.begun.get_or_insert_with(Instant::now) + self.limits.incomplete
            };
            match timeout_at(deadline, self.stream.read_buf(&mut self.received)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Next::End,
                Err(_) if self.received.is_empty() => return Next::End,
                Err(_) => return Next::TooSlow,
            }
        }
    }
}

fn refused(kind: RefusalKind, what: impl Into<String>) -> Response {
    Response::Refused(Refusal::new(kind, what))
}

async fn answer(line: &[u8], peer: &Peer, handler: &impl Handler) -> Response {
    let request = match Request::read(line) {
        Ok(request) => request,
        Err(refusal) => return Response::Refused(refusal),
    };
    if request.is_for_people() {
        let asked = request.clone();
        let outcome = handler.people(peer, request).await;
        if let Err(refusal) = &outcome
            && refusal.kind == RefusalKind::NotPermitted
        {
            tracing::warn!(%peer, request = asked.name(), reason = refusal.message, "not permitted");
            handler.not_permitted(peer, &asked).await;
        }
        return outcome.unwrap_or_else(Response::Refused);
    }
    if request.acts() {
        if !peer.may_act() {
            tracing::warn!(%peer, request = request.name(), "a caller who may only read wanted to act: refused");
            handler.not_permitted(peer, &request).await;
            let what = format!(
                "only root and the daemon's own user may {}; you are {peer}",
                request.name()
            );
            return refused(RefusalKind::NotPermitted, what);
        }
        tracing::info!(%peer, request = request.name(), "an operator asked");
    }
    let outcome = match request {
        Request::Status => handler.status().await.map(Response::Status),
        Request::Ledger => handler.ledger().await.map(|rows| Response::Ledger { rows }),
        Request::QuarantineList => handler
            .quarantine_list()
            .await
            .map(|quarantined| Response::QuarantineList { quarantined }),
        Request::Quarantine { workload } => handler
            .quarantine(peer, &workload)
            .await
            .map(Response::Quarantine),
        Request::QuarantineLift { workload } => handler
            .quarantine_lift(peer, &workload)
            .await
            .map(|()| Response::QuarantineLift { workload }),
        Request::Detach => handler.detach(peer).await.map(|()| Response::Detach),
        request @ (Request::HoldPlace { .. }
        | Request::HoldLift { .. }
        | Request::Seal
        | Request::SealRotate { .. }) => handler.keeping(peer, request).await,
        Request::Approvals { .. }
        | Request::Approval { .. }
        | Request::Decide { .. }
        | Request::Grants { .. }
        | Request::GrantCreate { .. }
        | Request::GrantRevoke { .. }
        | Request::GrantReview { .. }
        | Request::ConsoleLogin => handler.people(peer, request).await,
    };
    outcome.unwrap_or_else(Response::Refused)
}
