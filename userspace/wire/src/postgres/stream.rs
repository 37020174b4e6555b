use std::fmt;

use super::Header;
use crate::WireError;
use crate::hidden::Hidden;

/// Splits a stream into its complete messages: type and body of each. See [`messages`].
#[derive(Clone)]
pub struct Messages<'a> {
    rest: &'a [u8],
    failed: bool,
}

/// The complete tagged messages at the front of `stream`, in order. Ends before a message that has not arrived
/// entirely, and after the first error.
pub fn messages(stream: &[u8]) -> Messages<'_> {
    Messages {
        rest: stream,
        failed: false,
    }
}

impl<'a> Messages<'a> {
    /// What follows the last message that was returned.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl fmt::Debug for Messages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("rest", &Hidden(self.rest))
            .field("failed", &self.failed)
            .finish()
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<(u8, &'a [u8]), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match Header::peek(self.rest) {
            Ok(header) => {
                let header = header?;
                let (message, rest) = self.rest.split_at_checked(header.total())?;
                self.rest = rest;
                Some(Ok((header.tag, message.get(Header::SIZE..)?)))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}
