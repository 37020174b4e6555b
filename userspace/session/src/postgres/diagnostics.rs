//! Error and notice texts of statements that touch masked columns.
//!
//! A server quotes values in its messages (`invalid input syntax for type integer: "…"`, `Key (ssn)=(…) already
//! exists`). Where a masked value may be among them, the text is replaced by one that depends on the SQLSTATE alone;
//! SQLSTATE, severity and the names of objects stay, so that drivers behave as before.

use bytes::BytesMut;
use interdict_wire::postgres::backend::{Fields, field, write_fields};

/// Fields that never hold a value: severity, SQLSTATE, schema, table, column, data type and constraint names, and where in
/// the server's source it was raised.
const KEPT: &[u8] = b"SVCstcdnFLR";

/// Classes whose messages quote only the statement's own text or the session's state: connection, feature, cardinality,
/// transaction state, authorisation, syntax or access rule, resources, limits, object state, operator intervention.
const QUOTE_NO_VALUES: &[&str] = &["08", "0A", "25", "28", "3D", "42", "53", "54", "55", "57"];

/// Appends the message as the client may see it; false if it may pass as it is (nothing was appended).
pub(super) fn redact(fields: Fields<'_>, error: bool, out: &mut BytesMut) -> bool {
    let code = fields
        .code()
        .and_then(|code| std::str::from_utf8(code).ok())
        .unwrap_or("XX000");
    if QUOTE_NO_VALUES.iter().any(|class| code.starts_with(class)) {
        return false;
    }
    let message = format!(
        "{} (text withheld: the statement touches masked columns)",
        condition(code)
    );
    let kept = fields.iter().filter(|(code, _)| KEPT.contains(code));
    write_fields(out, error, kept.chain([(field::MESSAGE, message.as_bytes())])).is_ok()
}

/// What went wrong, in general (PostgreSQL documentation, appendix "Error Codes").
fn condition(code: &str) -> &'static str {
    match code {
        "22001" => "value too long for its type",
        "22003" => "number out of range",
        "22007" | "22008" => "invalid date or time",
        "22012" => "division by zero",
        "22P02" => "invalid text representation",
        "23502" => "a column may not be null",
        "23503" => "a foreign key does not hold",
        "23505" => "a value already exists",
        "23514" => "a check constraint does not hold",
        "P0001" => "raised by a function",
        "00000" => "notice",
        _ if code.starts_with("22") => "data exception",
        _ if code.starts_with("23") => "integrity constraint violation",
        _ if code.starts_with("01") => "warning",
        _ => "the statement failed",
    }
}
