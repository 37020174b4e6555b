//! The answers that the engine gives in the server's stead, in the protocol's own form.

use bytes::BytesMut;
use interdict_wire::postgres::backend::{Response, Severity};

/// Why the engine refuses, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// SQLSTATE, five characters.
    pub(super) code: &'static str,
    pub(super) message: String,
    /// What the client may do instead.
    pub(super) hint: Option<String>,
}

/// insufficient_privilege: what a policy refuses.
pub(super) const REFUSED: &str = "42501";
/// program_limit_exceeded.
pub(super) const LIMIT: &str = "54000";
/// protocol_violation.
pub(super) const PROTOCOL: &str = "08P01";
/// in_failed_sql_transaction.
pub(super) const FAILED_TRANSACTION: &str = "25P02";
/// syntax_error.
pub(super) const SYNTAX: &str = "42601";

impl Refusal {
    pub(super) fn new(
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// An ErrorResponse that leaves the session alive.
    pub(super) fn error(&self) -> BytesMut {
        self.encode(Severity::Error)
    }

    /// An ErrorResponse after which the session ends.
    pub(super) fn fatal(&self) -> BytesMut {
        self.encode(Severity::Fatal)
    }

    fn encode(&self, severity: Severity) -> BytesMut {
        let mut out = BytesMut::new();
        let mut response = Response::new(severity, self.code, &self.message);
        if let Some(hint) = self.hint.as_deref().filter(|hint| !hint.is_empty()) {
            response = response.hint(hint);
        }
        // Our own messages are far below the protocol's bound; if one were not, silence with a closed connection
        // would be the answer, never a pass.
        let _ = response.write(&mut out);
        out
    }
}
