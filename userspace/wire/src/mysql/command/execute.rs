use std::fmt;

use nom::Parser;

use super::parameters::{Parameter, parameters};
use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::Capabilities;
use crate::mysql::read::{byte, int32, lenenc_int, nothing, rest, whole};
use crate::mysql::values::Kind;

const MESSAGE: &str = "COM_STMT_EXECUTE";

/// How the rows of an execution are given, and what else its flags say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor(pub u8);

impl Cursor {
    /// Rows are to be fetched.
    pub const READ_ONLY: Self = Self(1);
    /// As well, for a change.
    pub const FOR_UPDATE: Self = Self(2);
    /// As well, in any order.
    pub const SCROLLABLE: Self = Self(4);
    /// The number of parameters is sent (QUERY_ATTRIBUTES).
    pub const PARAMETER_COUNT: Self = Self(8);

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// COM_STMT_EXECUTE. Its parameters can be read by who knows the statement only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The statement; `u32::MAX` is the one that was prepared last (MariaDB).
    pub statement: u32,
    /// How rows are given.
    pub cursor: Cursor,
    /// Always 1.
    pub iterations: u32,
    encoded: &'a [u8],
}

impl<'a> Execute<'a> {
    /// The statement that was prepared last (MariaDB).
    pub const LAST: u32 = u32::MAX;

    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let fields = (int32("statement id"), byte("flags"), int32("iterations"), rest);
        let (statement, flags, iterations, encoded) = whole(MESSAGE, body, fields)?;
        Ok(Self {
            statement,
            cursor: Cursor(flags),
            iterations,
            encoded,
        })
    }

    /// Reads the parameters, and attributes behind them: `prepared` is how many the statement has, `known` the types
    /// that its last execution sent, `long` tells the parameters that COM_STMT_SEND_LONG_DATA gave a value.
    ///
    /// # Errors
    /// What is wrong with the body; [`WireError::Invalid`] if types are neither sent nor known.
    pub fn parameters(
        &self,
        capabilities: Capabilities,
        prepared: u16,
        known: &[Kind],
        long: impl Fn(usize) -> bool,
    ) -> Result<Vec<Parameter<'a>>, WireError> {
        let attributes = capabilities.has(Capabilities::QUERY_ATTRIBUTES);
        if prepared == 0 && !(attributes && self.cursor.has(Cursor::PARAMETER_COUNT)) {
            return nothing(MESSAGE, self.encoded).map(|()| Vec::new());
        }
        whole(MESSAGE, self.encoded, |input: &'a [u8]| {
            let (input, count) = if attributes {
                lenenc_int("parameter count").parse(input)?
            } else {
                (input, u64::from(prepared))
            };
            if count == 0 {
                return Ok((input, Vec::new()));
            }
            parameters(input, count, attributes, known, &long)
        })
    }
}

impl fmt::Debug for Execute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execute")
            .field("statement", &self.statement)
            .field("cursor", &self.cursor)
            .field("iterations", &self.iterations)
            .field("encoded", &Hidden(self.encoded))
            .finish()
    }
}
