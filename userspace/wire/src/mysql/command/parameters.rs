use std::fmt;

use nom::Parser;

use crate::hidden::Hidden;
use crate::mysql::read::{Read, byte, bytes, int16, invalid, lenenc};
use crate::mysql::values::{ColumnType, Kind, Value, value};

/// The most parameters that a statement or its attributes can have.
pub(super) const MOST: u64 = 65_535;
/// Says in a type's second byte that the integer is unsigned.
const UNSIGNED: u16 = 0x8000;

/// A value that comes with a statement.
#[derive(Clone, Copy, PartialEq)]
pub struct Parameter<'a> {
    /// Its name; empty for placeholders that have none, and where types were sent earlier.
    pub name: &'a [u8],
    /// Its type. Needed again if the next execution does not send it.
    pub kind: Kind,
    /// The value.
    pub value: ParameterValue<'a>,
}

/// What stands in a parameter's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParameterValue<'a> {
    /// A value or NULL.
    Value(Value<'a>),
    /// What COM_STMT_SEND_LONG_DATA sent.
    LongData,
    /// The column's default (MariaDB, bulk).
    Default,
    /// The column is left out or left as it is (MariaDB, bulk).
    Ignore,
    /// The row is left out (MariaDB, bulk).
    IgnoreRow,
}

impl fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameter")
            .field("name", &Hidden(self.name))
            .field("kind", &self.kind)
            .field("value", &self.value)
            .finish()
    }
}

/// A type of two bytes.
pub(super) fn kind(input: &[u8]) -> Read<'_, Kind> {
    let (input, word) = int16("parameter type").parse(input)?;
    let [number, _] = word.to_le_bytes();
    Ok((input, Kind::new(ColumnType(number), word & UNSIGNED != 0)))
}

/// NULL bitmap, types unless they are as `known`, values. `named`: names come with the types. `long`: the parameters
/// whose values were sent before, and are not among these.
pub(super) fn parameters<'a>(
    input: &'a [u8],
    count: u64,
    named: bool,
    known: &[Kind],
    long: impl Fn(usize) -> bool,
) -> Read<'a, Vec<Parameter<'a>>> {
    if count > MOST {
        return invalid("parameter count");
    }
    let count = count as usize;
    let (input, nulls) = bytes("NULL bitmap", count.div_ceil(8)).parse(input)?;
    let (mut input, sent) = byte("whether types are sent").parse(input)?;
    let mut found = Vec::new();
    if sent == 0 {
        let Some(known) = known.get(..count) else {
            return invalid("whether types are sent");
        };
        found.extend(known.iter().map(|kind| parameter(&[], *kind)));
    } else {
        for _ in 0..count {
            let (kind, name);
            (input, kind) = self::kind(input)?;
            (input, name) = if named {
                lenenc("parameter name").parse(input)?
            } else {
                (input, &[][..])
            };
            found.push(parameter(name, kind));
        }
    }
    for (index, parameter) in found.iter_mut().enumerate() {
        let null = nulls
            .get(index / 8)
            .is_some_and(|byte| byte & (1 << (index % 8)) != 0);
        if long(index) {
            parameter.value = ParameterValue::LongData;
        } else if !null && parameter.kind.column_type != ColumnType::NULL {
            (input, parameter.value) = sent_value(input, parameter.kind)?;
        }
    }
    Ok((input, found))
}

/// A value that is not NULL.
pub(super) fn sent_value(input: &[u8], kind: Kind) -> Read<'_, ParameterValue<'_>> {
    if !kind.is_parameter() {
        return invalid("parameter type");
    }
    value("parameter value", kind)
        .map(ParameterValue::Value)
        .parse(input)
}

const fn parameter(name: &[u8], kind: Kind) -> Parameter<'_> {
    Parameter {
        name,
        kind,
        value: ParameterValue::Value(Value::Null),
    }
}
