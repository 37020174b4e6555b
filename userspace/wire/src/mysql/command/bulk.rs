use std::fmt;

use nom::Parser;

use super::parameters::{Parameter, ParameterValue, kind, sent_value};
use crate::WireError;
use crate::hidden::Hidden;
use crate::mysql::read::{Read, byte, int16, int32, invalid, rest, whole};
use crate::mysql::values::{Kind, Value};

const MESSAGE: &str = "COM_STMT_BULK_EXECUTE";
const SEND_UNIT_RESULTS: u16 = 64;
const SEND_TYPES: u16 = 128;

/// COM_STMT_BULK_EXECUTE (MariaDB). Its parameters can be read by who knows the statement only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BulkExecute<'a> {
    /// The statement; `u32::MAX` is the one that was prepared last.
    pub statement: u32,
    flags: u16,
    encoded: &'a [u8],
}

impl<'a> BulkExecute<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let fields = (int32("statement id"), int16("flags"), rest);
        let (statement, flags, encoded) = whole(MESSAGE, body, fields)?;
        Ok(Self {
            statement,
            flags,
            encoded,
        })
    }

    /// Whether the server will answer with a row for each row of parameters.
    pub const fn wants_unit_results(&self) -> bool {
        self.flags & SEND_UNIT_RESULTS != 0
    }

    /// Reads the rows of parameters: `prepared` is how many the statement has, `known` the types that its last
    /// execution sent.
    ///
    /// # Errors
    /// [`WireError::Short`] in the types, [`WireError::Invalid`] if they are neither sent nor known, or if a statement
    /// without parameters is executed with some.
    pub fn rows(&self, prepared: u16, known: &[Kind]) -> Result<BulkRows<'a>, WireError> {
        let bulk = whole(
            MESSAGE,
            self.encoded,
            |input: &'a [u8]| -> Read<'a, BulkRows<'a>> {
                let mut input = input;
                let mut kinds = Vec::new();
                if self.flags & SEND_TYPES != 0 {
                    for _ in 0..prepared {
                        let sent;
                        (input, sent) = kind(input)?;
                        kinds.push(sent);
                    }
                } else if let Some(known) = known.get(..usize::from(prepared)) {
                    kinds.extend_from_slice(known);
                } else {
                    return invalid("parameter types");
                }
                let (input, rest) = rest(input)?;
                Ok((input, BulkRows { kinds, rest }))
            },
        )?;
        if prepared == 0 && !bulk.rest.is_empty() {
            return Err(WireError::Trailing {
                message: MESSAGE,
                bytes: bulk.rest.len(),
            });
        }
        Ok(bulk)
    }
}

/// The rows of a [`BulkExecute`]; ends after the first error.
#[derive(Clone)]
pub struct BulkRows<'a> {
    kinds: Vec<Kind>,
    rest: &'a [u8],
}

impl BulkRows<'_> {
    /// The parameters' types. Needed again if the next execution does not send them.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }
}

impl<'a> Iterator for BulkRows<'a> {
    type Item = Result<Vec<Parameter<'a>>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let kinds = &self.kinds;
        let row = whole(MESSAGE, self.rest, |input: &'a [u8]| {
            let mut input = input;
            let mut row = Vec::new();
            for kind in kinds {
                let found;
                (input, found) = cell(input, *kind)?;
                row.push(Parameter {
                    name: &[],
                    kind: *kind,
                    value: found,
                });
            }
            // What is left are further rows.
            let (input, rest) = rest(input)?;
            Ok((input, (row, rest)))
        });
        Some(match row {
            Ok((row, rest)) => {
                self.rest = rest;
                Ok(row)
            }
            Err(error) => {
                self.rest = &[];
                Err(error)
            }
        })
    }
}

/// An indicator, and a value if it says so.
fn cell(input: &[u8], kind: Kind) -> Read<'_, ParameterValue<'_>> {
    let (input, indicator) = byte("parameter indicator").parse(input)?;
    match indicator {
        0 => sent_value(input, kind),
        1 => Ok((input, ParameterValue::Value(Value::Null))),
        2 => Ok((input, ParameterValue::Default)),
        3 => Ok((input, ParameterValue::Ignore)),
        4 => Ok((input, ParameterValue::IgnoreRow)),
        _ => invalid("parameter indicator"),
    }
}

impl fmt::Debug for BulkExecute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkExecute")
            .field("statement", &self.statement)
            .field("flags", &self.flags)
            .field("encoded", &Hidden(self.encoded))
            .finish()
    }
}

impl fmt::Debug for BulkRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkRows")
            .field("kinds", &self.kinds)
            .field("rest", &Hidden(self.rest))
            .finish()
    }
}
