//! The form of refusals in the PostgreSQL protocol.

use bytes::BytesMut;
use interdict_wire::postgres::backend::{Response, Severity};

use crate::refusal::{Kind, Refusal};

/// SQLSTATE for such a refusal (PostgreSQL documentation, appendix "Error Codes").
pub(crate) const fn sqlstate(kind: Kind) -> &'static str {
    match kind {
        // insufficient_privilege
        Kind::Refused => "42501",
        // program_limit_exceeded
        Kind::Limit => "54000",
        // protocol_violation
        Kind::Protocol => "08P01",
        // in_failed_sql_transaction
        Kind::FailedTransaction => "25P02",
        // syntax_error
        Kind::Syntax => "42601",
        // invalid_sql_statement_name
        Kind::UnknownStatement => "26000",
        // connection_failure
        Kind::Unreachable => "08006",
        // invalid_authorization_specification
        Kind::Login => "28000",
        // admin_shutdown
        Kind::Shutdown => "57P01",
        // io_error
        Kind::Audit => "58030",
        // query_canceled
        Kind::Cancelled => "57014",
    }
}

/// An ErrorResponse that leaves the session alive.
pub(super) fn error(refusal: &Refusal) -> BytesMut {
    encode(refusal, Severity::Error)
}

/// An ErrorResponse after which the session ends.
pub(super) fn fatal(refusal: &Refusal) -> BytesMut {
    encode(refusal, Severity::Fatal)
}

/// A NoticeResponse: something that the client may tell who waits.
pub(super) fn notice(text: &str) -> BytesMut {
    let mut out = BytesMut::new();
    // successful_completion; bounded like our errors.
    let _ = Response::new(Severity::Notice, "00000", text).write(&mut out);
    out
}

fn encode(refusal: &Refusal, severity: Severity) -> BytesMut {
    let mut out = BytesMut::new();
    let mut response = Response::new(severity, sqlstate(refusal.kind), &refusal.message);
    if let Some(hint) = refusal.hint.as_deref().filter(|hint| !hint.is_empty()) {
        response = response.hint(hint);
    }
    // Our own messages are far below the protocol's bound; if one were not, silence with a closed connection would be the
    // answer, never a pass.
    let _ = response.write(&mut out);
    out
}
