//! From an accepted connection to a session: what every protocol's opening has in common.

use std::collections::BTreeMap;
use std::future::Future;

use interdict_record::{Event, Record, SessionDescribed};
use interdict_session::EndReason;
use tokio::net::TcpStream;

use crate::connection::{Connection, ServeError};
use crate::opaque::Relay;
use crate::stream::Stream;
use crate::tls::{Client, ClientTls, HandshakeError, Hello};
use crate::upstream::{UpstreamError, connect, secure};
use crate::{Proxy, now, orders};

/// Why an opening led to no session.
pub(crate) enum Ended {
    /// Nothing more is to be done; the reason for the record.
    Over(&'static str),
    /// Bytes are passed on as they are.
    Opaque(Box<Relay>),
    Failed(ServeError),
}

impl<E: Into<ServeError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Proxy {
    /// Lets a connection open, within its time and unless it is told to end. `None`: it led to no session, and that is
    /// recorded.
    pub(crate) async fn opened<T>(
        &self,
        connection: &Connection,
        opening: impl Future<Output = Result<T, Ended>>,
    ) -> Result<Option<T>, ServeError> {
        let mut orders = self.orders.clone();
        // The client has its time, and so has the service.
        let patience = self.opening_timeout.saturating_mul(2);
        let opened = tokio::select! {
            opened = tokio::time::timeout(patience, opening) => opened,
            ending = orders::ending(&mut orders, connection.workload.as_deref()) => {
                Ok(Err(Ended::Over(EndReason::from(ending).as_str())))
            }
        };
        match opened {
            Ok(Ok(session)) => return Ok(Some(session)),
            Ok(Err(Ended::Opaque(relay))) => Box::pin(relay.run(self, connection)).await?,
            Ok(Err(Ended::Over(reason))) => self.end_early(connection, reason).await?,
            Ok(Err(Ended::Failed(error))) => {
                self.end_early(connection, "error").await?;
                return Err(error);
            }
            Err(_) => self.end_early(connection, "opening_timeout").await?,
        }
        Ok(None)
    }

    /// Starts TLS with a client. Where that fails it is told, and the opening is over.
    pub(crate) async fn accept_tls(
        &self,
        connection: &Connection,
        hello: Hello,
        tls: &ClientTls,
        alpn: Option<&[u8]>,
    ) -> Result<Stream, Ended> {
        let client = connection.client(hello.sni());
        if let Some(name) = hello.sni().filter(|name| !tls.has_name(name)) {
            self.unknown_name(connection, &client, name).await?;
        }
        match hello.accept(tls, alpn, connection.destination.ip()).await {
            Ok(stream) => Ok(stream),
            Err(error) => Err(self.handshake_failed(connection, client, tls, &error).await?),
        }
    }

    /// Whether this client's bytes are to be passed on as they are: it has refused a certificate lately, and the settings
    /// have it so.
    pub(crate) fn passes_opaque(&self, connection: &Connection, hello: &Hello) -> bool {
        connection.service.opaque_if_untrusting
            && self.untrusting.knows(&connection.client(hello.sni()), now())
    }

    /// Tells that TLS with a client failed.
    pub(crate) async fn handshake_failed(
        &self,
        connection: &Connection,
        client: Client,
        tls: &ClientTls,
        error: &HandshakeError,
    ) -> Result<Ended, ServeError> {
        let (service, at) = (&connection.service.name, now());
        tracing::info!(service, %error, "TLS with a client failed");
        match error {
            HandshakeError::Untrusted(_) => {
                let kind = "tls_untrusted";
                if self.untrusting.is_to_be_told(kind, &client.workload, service, at) {
                    let what = if connection.service.opaque_if_untrusting {
                        "for an hour, its connections are passed on unread"
                    } else {
                        "its connections are refused"
                    };
                    let remedy = if tls.is_own() {
                        "the certificate is the service's own, from the settings: the client must trust its issuer"
                    } else {
                        "`interdict trust install` is missing where it runs (`interdict trust status` looks), or the client \
                         accepts one certificate only, which the service's own (`tls` in the settings) may be"
                    };
                    let message = format!(
                        "{} does not accept the certificate shown for {service}, so {what}: {remedy}",
                        client.name()
                    );
                    self.tell(kind, message, &client, error).await?;
                }
                self.untrusting.refused(client, at);
            }
            HandshakeError::UnknownName(_) | HandshakeError::Failed(_) => {}
        }
        Ok(Ended::Over(error.end_reason()))
    }

    /// Tells that a client asks for a name that the service does not have.
    async fn unknown_name(
        &self,
        connection: &Connection,
        client: &Client,
        name: &str,
    ) -> Result<(), ServeError> {
        let (kind, service) = ("tls_unknown_name", &connection.service.name);
        if !self
            .untrusting
            .is_to_be_told(kind, &client.workload, service, now())
        {
            return Ok(());
        }
        let name = name.escape_debug();
        let message = format!(
            "{} asks for {name}, which is not among the names of {service}, so no certificate for it can be shown: if it is \
             one, add `{name}:PORT` to the service's destinations",
            client.name(),
        );
        self.tell(kind, message, client, "the name is not known").await
    }

    /// Puts on the record what an operator has to know of a client's TLS.
    pub(crate) async fn tell(
        &self,
        kind: &str,
        message: String,
        client: &Client,
        why: impl std::fmt::Display,
    ) -> Result<(), ServeError> {
        tracing::warn!(service = client.service, "{message}");
        let detail = [
            ("service", Some(client.service.clone())),
            ("workload", Some(client.workload.clone())),
            ("executable", client.executable.clone()),
            ("server_name", client.sni.clone()),
            ("reason", Some(why.to_string())),
        ];
        let event = Event {
            at: now(),
            kind: kind.to_owned(),
            actor: "daemon".to_owned(),
            message,
            detail: detail
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect::<BTreeMap<_, _>>(),
        };
        self.audit.note(vec![Record::Event(Box::new(event))]).await?;
        Ok(())
    }
}

impl Connection {
    /// Whom the client's refusals are remembered of.
    pub(crate) fn client(&self, sni: Option<&str>) -> Client {
        let process = self.identity.process.as_ref();
        Client {
            workload: self
                .workload
                .clone()
                .unwrap_or_else(|| self.identity.name.clone()),
            executable: process.and_then(|process| process.executable.clone()),
            service: self.service.name.clone(),
            sni: sni.map(str::to_owned),
        }
    }

    /// What TLS there is, for the record, on the sides that are known.
    pub(crate) fn described(&self, client: Option<&Stream>, server: Option<&Stream>) -> Record {
        Record::SessionDescribed(Box::new(SessionDescribed {
            session_id: self.session_id,
            client_tls: client.map(Stream::description),
            upstream_tls: server.map(Stream::description),
            ..SessionDescribed::default()
        }))
    }

    /// Connects to the service.
    pub(crate) async fn dial(&self) -> Result<TcpStream, UpstreamError> {
        let dial = connect(&self.upstream, self.dialer.as_deref(), &self.elsewhere);
        self.within(dial).await
    }

    /// Starts TLS with the service, offering these protocols.
    pub(crate) async fn secure(&self, stream: TcpStream, alpn: &[&[u8]]) -> Result<Stream, UpstreamError> {
        let tls = &self.service.upstream_tls;
        self.within(secure(stream, &self.upstream, tls, None, alpn)).await
    }

    /// Gives the service its time.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, UpstreamError>>,
    ) -> Result<T, UpstreamError> {
        match tokio::time::timeout(self.patience, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(UpstreamError::Connect {
                address: self.upstream.to_string(),
                source: std::io::ErrorKind::TimedOut.into(),
            }),
        }
    }

    /// Says that the service could not be reached.
    pub(crate) fn warn(&self, error: &UpstreamError) {
        tracing::warn!(service = self.service.name, %error, "the service could not be reached");
    }
}
