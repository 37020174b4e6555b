//! The form of refusals in the MySQL protocol.

use bytes::BytesMut;
use interdict_wire::mysql::Sequence;
use interdict_wire::mysql::response::ErrPacket;

use crate::refusal::{Kind, Refusal};

/// The server's own number and SQLSTATE for such a refusal (MySQL's "Server Error Message Reference").
const fn codes(kind: Kind) -> (u16, [u8; 5]) {
    match kind {
        // ER_SPECIFIC_ACCESS_DENIED_ERROR
        Kind::Refused => (1227, *b"42000"),
        // ER_NET_PACKET_TOO_LARGE
        Kind::Limit => (1153, *b"08S01"),
        // ER_HANDSHAKE_ERROR
        Kind::Protocol => (1043, *b"08S01"),
        // ER_UNKNOWN_ERROR: there is no such state
        Kind::FailedTransaction => (1105, *b"HY000"),
        // ER_PARSE_ERROR
        Kind::Syntax => (1064, *b"42000"),
        // ER_NET_READ_ERROR: clients take none of their own numbers from a server
        Kind::Unreachable => (1158, *b"08S01"),
        // ER_ACCESS_DENIED_ERROR
        Kind::Login => (1045, *b"28000"),
        // ER_UNKNOWN_STMT_HANDLER: drivers prepare again
        Kind::UnknownStatement => (1243, *b"HY000"),
        // ER_SERVER_SHUTDOWN
        Kind::Shutdown => (1053, *b"08S01"),
        // ER_ERROR_ON_WRITE
        Kind::Audit => (1026, *b"HY000"),
        // ER_QUERY_INTERRUPTED
        Kind::Cancelled => (1317, *b"70100"),
    }
}

/// Appends an ERR packet. The hint goes behind the message: the protocol has no place of its own for it.
pub(super) fn error(refusal: &Refusal, sequence: &mut Sequence, out: &mut BytesMut) {
    let (code, state) = codes(refusal.kind);
    let message = match refusal.hint.as_deref().filter(|hint| !hint.is_empty()) {
        Some(hint) => format!("{} (hint: {hint})", refusal.message),
        None => refusal.message.clone(),
    };
    let packet = ErrPacket {
        code,
        state: Some(state),
        message: message.as_bytes(),
    };
    // Our own messages are far below the protocol's bound; if one were not, silence with a closed connection would be the
    // answer, never a pass.
    let _ = packet.write(sequence, out);
}

/// The same as bytes of their own.
pub(super) fn alone(refusal: &Refusal, mut sequence: Sequence) -> BytesMut {
    let mut out = BytesMut::new();
    error(refusal, &mut sequence, &mut out);
    out
}

/// SQLSTATE as it is recorded.
pub(crate) fn sqlstate(kind: Kind) -> String {
    String::from_utf8_lossy(&codes(kind).1).into_owned()
}
