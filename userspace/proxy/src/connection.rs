//! One connection, from accept to its protocol.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use interdict_approvals::About;
use interdict_identity::{Facts, Identity};
use interdict_record::{Event, Record, SessionEnded, SessionStarted};
use interdict_session::Context;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::address::Address;
use crate::catalogue::Keeping;
use crate::elsewhere::{Elsewhere, ElsewhereError};
use crate::live::Entered;
use crate::stream::Stream;
use crate::tape::Tape;
use crate::upstream::UpstreamError;
use crate::{Accepted, Dialer, Origin, Protocol, Proxy, Service, Taken, now};

/// What is known of a connection before a byte of it was read.
pub(crate) struct Connection {
    pub(crate) session_id: Uuid,
    pub(crate) service: Arc<Service>,
    /// The address that the client connected to.
    pub(crate) destination: SocketAddr,
    pub(crate) upstream: Address,
    /// How long the service may take to accept a connection.
    pub(crate) patience: Duration,
    pub(crate) dialer: Option<Arc<dyn Dialer>>,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) identity: Identity,
    /// The `workloads` entry that enrolled the caller.
    pub(crate) workload: Option<String>,
    /// What the client is sent.
    tape: Mutex<Tape>,
    _entered: Entered,
}

impl Connection {
    /// Sends bytes of the opening to the client, for the record too.
    pub(crate) async fn tell(&self, client: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
        self.said(bytes);
        client.write_all(bytes).await?;
        client.flush().await
    }

    /// Takes bytes of the opening that the client is about to be sent, for the record.
    pub(crate) fn said(&self, bytes: &[u8]) {
        self.tape
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .said(bytes);
    }

    /// What the client was told in the opening, for the session to go on with.
    pub(crate) fn tape(&self) -> Tape {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The caller, as policies know it.
    pub(crate) fn policy_identity(&self) -> interdict_policy::Identity {
        interdict_policy::Identity {
            name: self.identity.name.clone(),
            facts: self.identity.facts.clone(),
        }
    }

    /// What a person is told of the session who decides about one of its statements.
    pub(crate) fn about(&self) -> About {
        let process = self.identity.process.clone().unwrap_or_default();
        let known = self.identity.process.is_some();
        About {
            pid: known.then_some(process.pid),
            uid: known.then_some(process.uid),
            login_uid: process.login_uid,
            executable: process.executable,
            executable_digest: process.executable_digest,
            command: process.command,
            ancestry: process.ancestry,
            workload: self.workload.clone(),
            attestation: self.identity.attestation.as_str().to_owned(),
            claims: self.identity.claims.clone(),
        }
    }

    /// What has its catalogue looked at, where the service has a login for that.
    pub(crate) fn keeping(&self, proxy: &Proxy) -> Option<Keeping> {
        Keeping::new(
            &proxy.catalogues,
            &self.service,
            &self.upstream,
            self.dialer.as_ref(),
            &self.elsewhere,
        )
    }

    /// What the engine is told of it, once both sides are open, or the client's, where the service is reached when it is asked.
    pub(crate) fn context(&self, client: &Stream, server: Option<&Stream>) -> Context {
        let shows = |server| {
            self.service
                .client_tls
                .as_ref()
                .is_some_and(|tls| tls.is_shown_by(server))
        };
        Context {
            session_id: self.session_id,
            service: self.service.name.clone(),
            identity: self.policy_identity(),
            upstream: self.upstream.to_string(),
            channel_binding: client.is_tls() && server.is_some_and(shows),
            tls_differs: server.is_some_and(|server| client.is_tls() != server.is_tls()),
            catalogue_user: self
                .service
                .catalogue
                .as_ref()
                .map(|login| Arc::clone(login.user())),
            limits: self.service.limits,
        }
    }
}

/// Who an accepted connection is from.
enum Arrived {
    Caller {
        /// Index of the service.
        service: usize,
        origin: Option<Box<Origin>>,
        identity: Box<Identity>,
    },
    /// The daemon tries itself.
    Own,
    Unknown,
}

impl Proxy {
    /// Serves an accepted connection to its end. Failures are recorded and logged, not returned: there is nobody left to
    /// tell.
    pub async fn serve(self: Arc<Self>, accepted: Accepted) {
        if let Err(error) = self.try_serve(accepted).await {
            tracing::warn!(%error, "a connection failed");
        }
    }

    async fn try_serve(&self, accepted: Accepted) -> Result<(), ServeError> {
        accepted.stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(accepted.stream)?;
        stream.set_nodelay(true)?;
        let (peer, local) = (canonical(stream.peer_addr()?), canonical(stream.local_addr()?));
        // What is over before the session begins is in memory of its own, as an idle session is not to hold on to it.
        let arrived = Box::pin(self.look_up(accepted.service, peer, local, accepted.netns_cookie));
        let (index, origin, identity) = match arrived.await? {
            Arrived::Caller {
                service,
                origin,
                identity,
            } => (service, origin, identity),
            Arrived::Own => return Ok(()),
            Arrived::Unknown => return Box::pin(self.refuse_unknown(peer, local)).await,
        };
        let service = self
            .services
            .get(index)
            .cloned()
            .ok_or(ServeError::Service(index))?;
        let mut connection = Box::pin(self.begin(service, origin, identity, local)).await?;
        connection.dialer = accepted.dialer;
        if connection.identity.refusal.is_some() {
            return Box::pin(self.turn_away(stream, &connection)).await;
        }
        // Nor is one of one protocol to take the room of another's.
        match connection.service.protocol {
            Protocol::Postgres => Box::pin(crate::postgres::serve(self, stream, connection)).await,
            Protocol::Mysql => Box::pin(crate::mysql::serve(self, stream, connection)).await,
            Protocol::Opaque => Box::pin(crate::opaque::serve(self, stream, connection)).await,
            Protocol::Http => Box::pin(crate::http::serve(self, stream, connection)).await,
        }
    }

    /// Finds out who is calling. Of whoever dials a service's own port only the address is known, and nothing of the host is asked.
    /// Of others it takes the kernel's maps, /proc, and the digest of an executable: none of it is for a session thread.
    async fn look_up(
        &self,
        service: Option<usize>,
        peer: SocketAddr,
        local: SocketAddr,
        netns_cookie: u64,
    ) -> Result<Arrived, ElsewhereError> {
        if let Some(service) = service {
            let facts = Facts::Address(peer.ip());
            return Ok(Arrived::Caller {
                service,
                origin: None,
                identity: Box::new(self.resolver.resolve(&facts, name_of(&self.services, service))),
            });
        }
        let Some(origins) = self.origins.clone() else {
            return Ok(Arrived::Unknown);
        };
        let (resolver, services) = (Arc::clone(&self.resolver), self.services.clone());
        let look = move || match origins.take(peer, local, netns_cookie) {
            Taken::Origin(origin) => Arrived::Caller {
                service: origin.service,
                identity: Box::new(resolver.resolve(&origin.facts, name_of(&services, origin.service))),
                origin: Some(origin),
            },
            Taken::Own => Arrived::Own,
            Taken::Unknown => Arrived::Unknown,
        };
        self.elsewhere.run(look).await
    }

    /// A connection that no connect hook announced: somebody dialled the proxy's port itself.
    async fn refuse_unknown(&self, peer: SocketAddr, local: SocketAddr) -> Result<(), ServeError> {
        let detail = BTreeMap::from([
            ("peer".to_owned(), peer.to_string()),
            ("listener".to_owned(), local.to_string()),
            ("reason".to_owned(), "direct_to_listener".to_owned()),
        ]);
        let event = Event {
            at: now(),
            kind: "connect_refused".to_owned(),
            actor: "daemon".to_owned(),
            message: format!(
                "{peer} connected to the proxy's own port; only redirected connections are served there"
            ),
            detail,
        };
        let ticket = self.audit.append(vec![Record::Event(Box::new(event))]).await?;
        ticket.durable().await?;
        Ok(())
    }

    /// Writes down who is calling before anything else happens.
    async fn begin(
        &self,
        service: Arc<Service>,
        origin: Option<Box<Origin>>,
        identity: Box<Identity>,
        local: SocketAddr,
    ) -> Result<Box<Connection>, ServeError> {
        let started_at = now();
        let (workload, destination) = match origin {
            Some(origin) => (origin.workload, origin.destination),
            None => (None, local),
        };
        let upstream = service.upstream.clone().unwrap_or(Address::Ip(destination));
        let session_id = Uuid::now_v7();
        let workload = workload.or_else(|| identity.facts.get("workload").cloned());
        let entered = self.live.enter(workload.clone(), service.name.clone());
        let process = identity.process.clone().unwrap_or_default();
        let known = identity.process.is_some();
        let started = SessionStarted {
            session_id,
            started_at,
            service: service.name.clone(),
            protocol: service.protocol.as_str().to_owned(),
            workload: workload.clone(),
            identity: identity.name.clone(),
            attestation: identity.attestation.as_str().to_owned(),
            claims: identity.claims.clone(),
            pid: known.then_some(process.pid),
            process_started_at: process.started_at,
            uid: known.then_some(process.uid),
            executable: process.executable,
            executable_digest: process.executable_digest,
            command: process.command,
            ancestry: process.ancestry,
            cgroup: process.cgroup,
            unit: process.unit,
            container_id: process.container_id,
            pod: process.pod.or(process.pod_uid),
            namespace: process.namespace,
            service_account: process.service_account,
            origin_address: Some(destination.ip().to_string()),
            origin_port: Some(destination.port()),
            upstream_address: Some(upstream.to_string()),
            flags: identity.flags.clone(),
        };
        let ticket = self
            .audit
            .append(vec![Record::SessionStarted(Box::new(started))])
            .await?;
        ticket.durable().await?;
        Ok(Box::new(Connection {
            session_id,
            service,
            destination,
            upstream,
            patience: self.opening_timeout,
            dialer: None,
            elsewhere: self.elsewhere.clone(),
            identity: *identity,
            tape: Mutex::new(Tape::new(session_id, self.frames)),
            _entered: entered,
            workload,
        }))
    }

    /// Writes down that a session ended before it had an engine.
    pub(crate) async fn end_early(&self, connection: &Connection, reason: &str) -> Result<(), ServeError> {
        let mut records = connection.tape().finish(now());
        let ended = SessionEnded {
            session_id: connection.session_id,
            ended_at: now(),
            end_reason: reason.to_owned(),
            ..SessionEnded::default()
        };
        records.push(Record::SessionEnded(Box::new(ended)));
        // Nothing waits for it: what it tells of is over.
        self.audit.note(records).await?;
        Ok(())
    }
}

fn name_of(services: &[Arc<Service>], index: usize) -> &str {
    services.get(index).map_or("", |service| &service.name)
}

/// IPv4 addresses as such, also where a socket of the other family carries them.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Why a connection could not be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the audit does not take records, so nothing is forwarded: {0}")]
    Audit(#[from] interdict_audit::AuditError),
    #[error("who is calling could not be looked up, so the connection is closed: {0}")]
    Identity(#[from] ElsewhereError),
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("no service has the index {0}")]
    Service(usize),
}

impl ServeError {
    /// What came of a session that was open: a peer that resets its connection is an end like any other.
    pub(crate) fn of_session(result: Result<(), Self>) -> Result<(), Self> {
        match result {
            Err(Self::Io(_)) => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session<F>(_: impl FnOnce(&'static Proxy, TcpStream, Box<Connection>) -> F) -> usize {
        size_of::<F>()
    }

    fn task<F>(_: impl FnOnce(Arc<Proxy>, Accepted) -> F) -> usize {
        size_of::<F>()
    }

    /// Every idle connection holds on to these. A value that an `async` function borrowed once, or an argument that it takes by value,
    /// has room in them to the end.
    #[test]
    fn futures_of_a_session_are_small() {
        let sizes = [
            ("task", task(Proxy::serve), 512),
            ("postgres", session(crate::postgres::serve), 1280),
            ("mysql", session(crate::mysql::serve), 1280),
            ("opaque", session(crate::opaque::serve), 1280),
            ("http", session(crate::http::serve), 3072),
            ("pump", size_of::<crate::pump::Pump>(), 2048),
            ("connection", size_of::<Connection>(), 2048),
        ];
        for (what, size, most) in sizes {
            assert!(size <= most, "{what} has {size} bytes: {sizes:?}");
        }
    }
}
