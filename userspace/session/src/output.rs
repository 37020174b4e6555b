//! What an engine asks of its driver.

use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use interdict_policy::{Opinion, Petition};
use interdict_record::Record;
use uuid::Uuid;

use crate::catalogue::Key;

/// Effects of one step. The driver appends `records` to the journal, waits until they are durable if any of them must
/// precede forwarding, then sends both byte runs, then acts.
#[derive(Debug, Default)]
pub struct Output {
    /// Bytes for the client.
    pub to_client: BytesMut,
    /// The same as it was before it was compressed, where it was.
    pub shown: BytesMut,
    /// Where in those bytes the answers of statements end.
    pub ends: Vec<(usize, Uuid)>,
    /// Bytes for the service.
    pub to_server: BytesMut,
    /// Facts for the journal, in order.
    pub records: Vec<Record>,
    /// What services outside are to be asked, after the bytes are sent. Each is answered by
    /// [`Engine::on_opinion`](crate::Engine::on_opinion).
    pub questions: Vec<Question>,
    /// A catalogue that the daemon's own login is to look at, and read if it changed. Answered by
    /// [`Engine::on_catalogue`](crate::Engine::on_catalogue).
    pub catalogue: Option<Key>,
    /// What a person is to be asked, after the records are durable. Answered by [`Engine::on_ruling`](crate::Engine::on_ruling).
    pub petition: Option<Box<Petition>>,
    /// What else is to be done, after the bytes are sent.
    pub action: Option<Action>,
    /// Records whose ends are in `ends`.
    noted: usize,
}

impl Output {
    /// A message is dealt with: answers that it ended go up to here.
    pub(crate) fn note_ends(&mut self) {
        for record in self.records.get(self.noted..).unwrap_or_default() {
            if let Record::StatementEnded(ended) = record {
                self.ends.push((self.to_client.len(), ended.statement_id));
            }
        }
        self.noted = self.records.len();
    }
}

/// Texts that a service is asked about.
#[derive(Clone)]
pub struct Question {
    pub(crate) number: u64,
    pub(crate) source: usize,
    pub(crate) opinions: Arc<[Opinion]>,
    /// The texts, none of them empty.
    pub texts: Arc<[String]>,
}

impl Question {
    /// Who is asked, and for how long.
    pub fn opinion(&self) -> Option<&Opinion> {
        self.opinions.get(self.source)
    }
}

/// Without the texts.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("number", &self.number)
            .field("source", &self.source)
            .field("texts", &self.texts.len())
            .finish_non_exhaustive()
    }
}

/// What a driver does besides sending bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send what is pending, then close both sides.
    Close(EndReason),
}

/// Why a driver ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWords {
    /// The daemon stops.
    Shutdown,
    /// The workload is in quarantine.
    Quarantine,
    /// A grant that the session made use of is over.
    Grant,
    /// The audit takes no records.
    Audit,
    /// Who is calling was not proven as the settings require.
    Identity,
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
    /// A grant that the session made use of is over.
    Grant,
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
            Self::Grant => "grant_ended",
            Self::Error => "error",
        }
    }
}
