//! A session that is used again by another client of the same caller: what the server greeted with, and what makes it forget.

use bytes::{Buf as _, Bytes, BytesMut};
use interdict_wire::WireError;
use interdict_wire::postgres::Header;
use interdict_wire::postgres::backend::{self, Message, TransactionStatus};

use super::{LONGEST, unasked};
use crate::credentials::LoginError;

/// What a server says between its AuthenticationOk and the first ReadyForQuery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// All of it, ReadyForQuery included, and nothing behind it.
    Whole(Bytes),
    /// More is to come.
    Incomplete,
    /// An error, or what no server says there: for the session's own client only.
    Other,
}

impl Greeting {
    /// Looks at what the server sent; nothing is taken.
    pub fn of(input: &[u8]) -> Self {
        let mut rest = input;
        loop {
            let message = match next(&mut rest) {
                Ok(Some(message)) => message,
                Ok(None) if input.len() > LONGEST => return Self::Other,
                Ok(None) => return Self::Incomplete,
                Err(_) => return Self::Other,
            };
            match message {
                Message::ParameterStatus { .. } | Message::BackendKeyData { .. } => {}
                Message::ReadyForQuery(TransactionStatus::Idle) if rest.is_empty() => {
                    return Self::Whole(Bytes::copy_from_slice(input));
                }
                _ => return Self::Other,
            }
        }
    }
}

/// `DISCARD ALL` under way.
#[derive(Debug, Default)]
pub struct Reset {
    done: bool,
}

impl Reset {
    /// The statement, as a simple query: that takes the unnamed statement and portal back as well.
    pub const STATEMENT: &[u8] = b"Q\0\0\0\x10DISCARD ALL\0";

    /// Takes what the server answers; true once it is ready for somebody else.
    ///
    /// # Errors
    /// It refused, or said something else: the session must not be used again.
    pub fn take(&mut self, input: &mut BytesMut) -> Result<bool, LoginError> {
        let mut rest = &input[..];
        let mut ready = false;
        while let Some(message) = next(&mut rest)? {
            match message {
                Message::CommandComplete(_) if !self.done => self.done = true,
                // Settings that become what they were at first, and what was on its way.
                Message::ParameterStatus { .. }
                | Message::NotificationResponse { .. }
                | Message::NoticeResponse(_) => {}
                Message::ReadyForQuery(TransactionStatus::Idle) if self.done && rest.is_empty() => {
                    ready = true;
                }
                _ => return Err(unasked()),
            }
        }
        let taken = input.len().saturating_sub(rest.len());
        input.advance(taken);
        Ok(ready)
    }
}

/// The next whole message.
fn next<'a>(rest: &mut &'a [u8]) -> Result<Option<Message<'a>>, WireError> {
    let Some(header) = Header::peek(rest)? else {
        return Ok(None);
    };
    let Some((message, behind)) = rest.split_at_checked(header.total()) else {
        return Ok(None);
    };
    *rest = behind;
    backend::parse(header.tag, message.get(Header::SIZE..).unwrap_or_default()).map(Some)
}

#[cfg(test)]
mod tests {
    use interdict_wire::postgres::frontend;

    use super::*;

    const KEY: &[u8] = b"K\0\0\0\x0c\0\0\0\x07\0\0\0\x09";
    const STATUS: &[u8] = b"S\0\0\0\x0ba\0bcde\0";
    const READY: &[u8] = b"Z\0\0\0\x05I";
    const ERROR: &[u8] = b"E\0\0\0\x0aSabc\0\0";
    const DONE: &[u8] = b"C\0\0\0\x10DISCARD ALL\0";

    #[test]
    fn a_greeting_is_whole_with_its_last_byte_only() {
        let whole = [STATUS, KEY, READY].concat();
        for length in 0..whole.len() {
            assert_eq!(Greeting::of(&whole[..length]), Greeting::Incomplete, "{length}");
        }
        assert_eq!(Greeting::of(&whole), Greeting::Whole(Bytes::from(whole)));
    }

    #[test]
    fn what_is_for_one_client_only_is_no_greeting() {
        let in_transaction = b"Z\0\0\0\x05T";
        for other in [
            &[STATUS, ERROR][..],
            &[READY, STATUS],
            &[KEY, in_transaction],
            &[DONE],
        ] {
            assert_eq!(Greeting::of(&other.concat()), Greeting::Other, "{other:?}");
        }
        let endless = [b"S\0\x01\0\0a".to_vec(), vec![b'x'; LONGEST]].concat();
        assert_eq!(Greeting::of(&endless), Greeting::Other);
    }

    #[test]
    fn a_session_is_as_new_when_the_server_says_so() {
        let whole = [STATUS, DONE, STATUS, READY].concat();
        for cut in 0..whole.len() {
            let mut reset = Reset::default();
            let mut input = BytesMut::from(&whole[..cut]);
            assert!(!reset.take(&mut input).unwrap(), "{cut}");
            input.extend_from_slice(&whole[cut..]);
            assert!(reset.take(&mut input).unwrap(), "{cut}");
            assert!(input.is_empty());
        }
    }

    #[test]
    fn a_session_that_did_not_forget_is_not_used_again() {
        let in_transaction = b"Z\0\0\0\x05T";
        for other in [
            &[ERROR, READY][..],
            &[READY],
            &[DONE, in_transaction],
            &[DONE, DONE],
            &[DONE, READY, STATUS],
        ] {
            let taken = Reset::default().take(&mut BytesMut::from(&other.concat()[..]));
            assert!(taken.is_err(), "{other:?}");
        }
    }

    #[test]
    fn the_statement_is_a_query() {
        let header = Header::peek(Reset::STATEMENT).unwrap().unwrap();
        assert_eq!(header.total(), Reset::STATEMENT.len());
        let parsed = frontend::parse(header.tag, &Reset::STATEMENT[Header::SIZE..]).unwrap();
        assert!(matches!(parsed, frontend::Message::Query(b"DISCARD ALL")));
    }
}
