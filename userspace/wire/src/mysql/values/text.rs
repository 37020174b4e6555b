use std::fmt::{self, Write};

use bytes::BytesMut;

use super::{ColumnType, DateTime, Encoding, Kind, Time, Value};

impl<'a> Value<'a> {
    /// Appends the text that a text row has for the value; `false` for NULL. Numbers of FLOAT and DOUBLE may be written
    /// in another way than the server's, with the same value.
    pub fn write_text(&self, kind: Kind, out: &mut BytesMut) -> bool {
        let written = match *self {
            Self::Null => return false,
            Self::Bytes(bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Self::Signed(value) => write!(out, "{value}"),
            Self::Unsigned(value) if kind.column_type == ColumnType::YEAR => write!(out, "{value:04}"),
            Self::Unsigned(value) => write!(out, "{value}"),
            Self::Float(value) if kind.decimals < Kind::NOT_FIXED => {
                write!(out, "{value:.0$}", usize::from(kind.decimals))
            }
            Self::Float(value) => write!(out, "{value}"),
            Self::Double(value) if kind.decimals < Kind::NOT_FIXED => {
                write!(out, "{value:.0$}", usize::from(kind.decimals))
            }
            Self::Double(value) => write!(out, "{value}"),
            Self::DateTime(value) => write_date_time(value, kind, out),
            Self::Time(value) => write_time(value, kind, out),
        };
        // A buffer that grows takes whatever is written.
        written.is_ok()
    }

    /// The value of a type that a text stands for. `None`: none, or one that the type cannot hold.
    pub fn from_text(kind: Kind, text: &'a [u8]) -> Option<Self> {
        let encoding = Encoding::of(kind.column_type)?;
        if encoding == Encoding::Bytes {
            return Some(Self::Bytes(text));
        }
        let text = str::from_utf8(text).ok()?;
        match encoding {
            Encoding::Integer(width) if kind.is_unsigned() => {
                let value = text.parse().ok()?;
                width.holds(value).then_some(Self::Unsigned(value))
            }
            Encoding::Integer(width) => {
                let value: i64 = text.parse().ok()?;
                (kind.integer(value.cast_unsigned(), width) == Self::Signed(value))
                    .then_some(Self::Signed(value))
            }
            Encoding::Float => text
                .parse()
                .ok()
                .filter(|value: &f32| value.is_finite())
                .map(Self::Float),
            Encoding::Double => text
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
                .map(Self::Double),
            Encoding::DateTime => {
                let value = parse_date_time(text)?;
                (kind.column_type != ColumnType::DATE || !value.has_time()).then_some(Self::DateTime(value))
            }
            Encoding::Time => parse_time(text).map(Self::Time),
            Encoding::Null | Encoding::Bytes => None,
        }
    }
}

fn write_date_time(value: DateTime, kind: Kind, out: &mut BytesMut) -> fmt::Result {
    write!(out, "{:04}-{:02}-{:02}", value.year, value.month, value.day)?;
    if kind.column_type == ColumnType::DATE && !value.has_time() {
        return Ok(());
    }
    write!(out, " {:02}:{:02}:{:02}", value.hour, value.minute, value.second)?;
    write_fraction(value.microsecond, kind, out)
}

fn write_time(value: Time, kind: Kind, out: &mut BytesMut) -> fmt::Result {
    let sign = if value.negative { "-" } else { "" };
    write!(
        out,
        "{sign}{:02}:{:02}:{:02}",
        value.hours(),
        value.minute,
        value.second
    )?;
    write_fraction(value.microsecond, kind, out)
}

/// As many digits as the column has; where that is not told, six if there is anything to show.
fn write_fraction(microsecond: u32, kind: Kind, out: &mut BytesMut) -> fmt::Result {
    let digits = match kind.decimals {
        digits @ 1..=6 => usize::from(digits),
        _ if microsecond > 0 => 6,
        _ => return Ok(()),
    };
    let text = format!("{microsecond:06}");
    write!(out, ".{}", text.get(..digits).unwrap_or(&text))
}

fn parse_date_time(text: &str) -> Option<DateTime> {
    let (date, clock) = match text.split_once([' ', 'T']) {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let [year, month, day] = parts(date, '-')?;
    let mut value = DateTime {
        year: number(year, 4)?,
        month: number(month, 2)?,
        day: number(day, 2)?,
        ..DateTime::default()
    };
    if let Some(clock) = clock {
        let (hours, minute, second, microsecond) = parse_clock(clock)?;
        value.hour = u8::try_from(hours).ok()?;
        (value.minute, value.second, value.microsecond) = (minute, second, microsecond);
    }
    value.is_sound().then_some(value)
}

fn parse_time(text: &str) -> Option<Time> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (hours, minute, second, microsecond) = parse_clock(text)?;
    let value = Time {
        negative,
        days: hours / 24,
        hour: u8::try_from(hours % 24).ok()?,
        minute,
        second,
        microsecond,
    };
    value.is_sound().then_some(value)
}

/// `h:mm:ss[.ffffff]`
fn parse_clock(text: &str) -> Option<(u32, u8, u8, u32)> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (text, "0"),
    };
    let [hours, minute, second] = parts(clock, ':')?;
    let digits = u32::try_from(fraction.len()).ok()?;
    let microsecond =
        number::<u32>(fraction, 6)?.checked_mul(10_u32.checked_pow(6_u32.checked_sub(digits)?)?)?;
    Some((
        number(hours, 3)?,
        number(minute, 2)?,
        number(second, 2)?,
        microsecond,
    ))
}

/// Exactly three parts.
fn parts(text: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = text.split(separator);
    let found = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(found)
}

/// 1 to `digits` digits and nothing else.
fn number<N: std::str::FromStr>(text: &str, digits: usize) -> Option<N> {
    (text.len() <= digits && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}
