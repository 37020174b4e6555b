//! What an engine asks of its driver.

use bytes::BytesMut;
use interdict_record::Record;

/// Effects of one step. The driver appends `records` to the journal, waits until they are durable if any of them must
/// precede forwarding, then sends both byte runs, then acts.
#[derive(Debug, Default)]
pub struct Output {
    /// Bytes for the client.
    pub to_client: BytesMut,
    /// Bytes for the service.
    pub to_server: BytesMut,
    /// Facts for the journal, in order.
    pub records: Vec<Record>,
    /// What else is to be done, after the bytes are sent.
    pub action: Option<Action>,
}

/// What a driver does besides sending bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send what is pending, then close both sides.
    Close(EndReason),
}

/// Why a session ended, as the audit's `end_reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The client closed or said goodbye.
    Client,
    /// The service closed.
    Server,
    /// A decision ended it.
    Refused,
    /// A side sent bytes that are not the protocol.
    Desynchronised,
    /// A size limit was met where the protocol leaves no smaller answer.
    Limit,
    /// The daemon is stopping.
    Shutdown,
    /// The workload was put in quarantine.
    Quarantine,
    /// The network, the audit or the service failed.
    Error,
}

impl EndReason {
    /// The word in the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Refused => "refused",
            Self::Desynchronised => "desynchronised",
            Self::Limit => "limit",
            Self::Shutdown => "shutdown",
            Self::Quarantine => "quarantine",
            Self::Error => "error",
        }
    }
}
