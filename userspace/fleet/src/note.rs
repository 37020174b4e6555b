//! What the daemon writes into the record about streams and shipping.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

/// An event for the record's `admin` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Such as `stream_behind`.
    pub kind: &'static str,
    /// For people.
    pub message: String,
    /// For queries.
    pub detail: BTreeMap<String, String>,
}

/// Where notes go.
#[derive(Clone, Debug)]
pub struct Notes(pub(crate) mpsc::Sender<Note>);

impl Notes {
    /// Where they go, and where they are taken from.
    pub fn channel() -> (Self, mpsc::Receiver<Note>) {
        let (send, receive) = mpsc::channel(1000);
        (Self(send), receive)
    }

    pub(crate) fn tell<const N: usize>(
        &self,
        kind: &'static str,
        message: String,
        detail: [(&str, String); N],
    ) {
        tracing::warn!(kind, "{message}");
        let detail = detail.map(|(key, value)| (key.to_owned(), value)).into();
        if self
            .0
            .try_send(Note {
                kind,
                message,
                detail,
            })
            .is_err()
        {
            tracing::error!(
                kind,
                "this is not on the record: too much is waiting to be recorded"
            );
        }
    }
}
