//! Connections whose bytes are passed on as they are: services that are recorded and not parsed, and clients that refuse to
//! have their TLS read where the settings allow that.

use std::time::Duration;

use bytes::BytesMut;
use interdict_policy::{Request, Verdict};
use interdict_record::{Record, SessionEnded, StatementEnded, StatementStarted};
use interdict_session::EndReason;
use interdict_sql::Effects;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::connection::{Connection, ServeError};
use crate::opening::Ended;
use crate::orders::{self, Ending};
use crate::rewound::{Passed, Rewound};
use crate::stream::Stream;
use crate::{Proxy, now};

/// Bytes on their way in each direction: a side that does not read stops the other.
const BUFFER: usize = 64 << 10;
/// A connection on which nothing moved for so long is at nothing that it must finish.
const QUIET: Duration = Duration::from_secs(1);

/// The flag of sessions with a service that is not parsed.
const SERVICE: &str = "opaque";
/// The flag of sessions whose client refuses every certificate but the service's own.
pub(crate) const CLIENT: &str = "opaque_tls";

/// Serves a connection to a service that is recorded and not parsed.
pub(crate) async fn serve(
    proxy: &Proxy,
    stream: TcpStream,
    connection: Box<Connection>,
) -> Result<(), ServeError> {
    let opening = Box::pin(async {
        let admitted = Admitted::ask(proxy, &connection, SERVICE).await?;
        match connection.dial().await {
            Ok(server) => Err(admitted.relay(stream, server, BytesMut::new())),
            Err(error) => {
                connection.warn(&error);
                admitted.end(proxy, &connection, "error").await?;
                Err(Ended::Over("error"))
            }
        }
    });
    let never: Option<std::convert::Infallible> = proxy.opened(&connection, opening).await?;
    debug_assert!(never.is_none(), "an opaque connection has no engine");
    Ok(())
}

/// A connection that the policies let pass unread.
pub(crate) struct Admitted {
    statement_id: Uuid,
    flag: &'static str,
}

impl Admitted {
    /// Decides upon a connection as a request of the kind `connect`, and writes that down. Nothing in it is uncertain: what
    /// it does is to connect. `flag`: why it is not read.
    pub(crate) async fn ask(
        proxy: &Proxy,
        connection: &Connection,
        flag: &'static str,
    ) -> Result<Self, Ended> {
        let policies = proxy.shared.policies.load_full();
        let identity = connection.policy_identity();
        let text = format!("connect to {}", connection.upstream);
        let request = Request {
            identity: &identity,
            service: &connection.service.name,
            protocol: "opaque",
            database: "",
            db_user: "",
            application: "",
            kind: "connect",
            effects: Effects::default(),
            relations: &[],
            masked_columns: &[],
            http: None,
            parameters: &[],
            text: &text,
            complete: true,
            gaps: &[],
            grants: &[],
        };
        let decision = policies
            .effective(&connection.service.name, &identity)
            .decide(&request);
        let at = now();
        let word = match &decision.verdict {
            Verdict::Allow | Verdict::MaskAll => "allow",
            Verdict::Deny => "deny",
            Verdict::Hold(_) => "hold",
        };
        let admitted = Self {
            statement_id: Uuid::now_v7(),
            flag,
        };
        let started = StatementStarted {
            session_id: connection.session_id,
            statement_id: admitted.statement_id,
            requested_at: at,
            decided_at: at,
            service: connection.service.name.clone(),
            identity: identity.name.clone(),
            kind: "connect".to_owned(),
            statement: text.clone(),
            complete: true,
            decision: word.to_owned(),
            rule: decision.rule.as_deref().map(str::to_owned),
            message: decision.message.clone(),
            policy: decision.policy.as_deref().map(str::to_owned),
            policy_digest: Some(policies.digest().to_owned()),
            flags: vec![flag.to_owned()],
            ..StatementStarted::default()
        };
        let record = Record::StatementStarted(Box::new(started));
        proxy.audit.append(vec![record]).await?.durable().await?;
        if word == "allow" {
            return Ok(admitted);
        }
        // There is no way to tell a client whose protocol is not known.
        admitted.end(proxy, connection, "refused").await?;
        Err(Ended::Over("refused"))
    }

    /// Passes on what comes; `head` was read of the client already.
    pub(crate) fn relay(self, client: TcpStream, server: TcpStream, head: BytesMut) -> Ended {
        Ended::Opaque(Box::new(Relay {
            admitted: self,
            client,
            server,
            head,
        }))
    }

    /// Writes down that the connection came to nothing.
    pub(crate) async fn end(
        &self,
        proxy: &Proxy,
        connection: &Connection,
        status: &str,
    ) -> Result<(), ServeError> {
        let ended = self.ended(connection, status, 0);
        proxy.audit.note(vec![ended]).await?;
        Ok(())
    }

    fn ended(&self, connection: &Connection, status: &str, bytes: u64) -> Record {
        Record::StatementEnded(Box::new(StatementEnded {
            session_id: connection.session_id,
            statement_id: self.statement_id,
            ended_at: now(),
            status: status.to_owned(),
            bytes,
            ..StatementEnded::default()
        }))
    }
}

/// Both sides of such a connection.
pub(crate) struct Relay {
    admitted: Admitted,
    client: TcpStream,
    server: TcpStream,
    head: BytesMut,
}

impl Relay {
    /// Passes bytes on until both sides have ended, or the daemon ends it.
    pub(crate) async fn run(self, proxy: &Proxy, connection: &Connection) -> Result<(), ServeError> {
        let Self {
            admitted,
            client,
            server,
            head,
        } = self;
        let passed = Passed::default();
        let mut client = Rewound::new(Stream::Plain(client), head, passed.clone());
        let mut server = server;
        let mut orders = proxy.orders.clone();
        let mut copy = std::pin::pin!(tokio::io::copy_bidirectional_with_sizes(
            &mut client,
            &mut server,
            BUFFER,
            BUFFER
        ));
        let outcome = tokio::select! {
            outcome = &mut copy => Ok(outcome),
            order = orders::ending(&mut orders, connection.workload.as_deref()) => Err(order),
        };
        let total = || (passed.read(), passed.written());
        let reason = match outcome {
            Ok(Ok(_)) => EndReason::Client,
            // A peer that resets its connection is an end like any other.
            Ok(Err(_)) => EndReason::Error,
            Err(Ending::Quarantine) => EndReason::Quarantine,
            Err(Ending::Stop) => {
                let quiet = async {
                    let mut seen = total();
                    loop {
                        tokio::time::sleep(QUIET).await;
                        if std::mem::replace(&mut seen, total()) == seen {
                            return;
                        }
                    }
                };
                tokio::select! {
                    _ = &mut copy => EndReason::Client,
                    _ = tokio::time::timeout(proxy.drain, quiet) => EndReason::Shutdown,
                }
            }
        };
        let (bytes_in, bytes_out) = total();
        let status = if reason == EndReason::Client { "ok" } else { "cut" };
        let ended = SessionEnded {
            session_id: connection.session_id,
            ended_at: now(),
            end_reason: reason.as_str().to_owned(),
            statements: 1,
            bytes_in,
            bytes_out,
            flags: vec![admitted.flag.to_owned()],
            ..SessionEnded::default()
        };
        let records = vec![
            admitted.ended(connection, status, bytes_out),
            Record::SessionEnded(Box::new(ended)),
        ];
        // Nothing waits for it: what it tells of is over.
        proxy.audit.note(records).await?;
        Ok(())
    }
}
