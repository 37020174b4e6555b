use std::fmt;

use nom::Parser;

use crate::mysql::read::{Fault, Read, byte, int16, int32, invalid};

/// A date with or without a time of day. Parts may be zero (`0000-00-00`), as the servers allow.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct DateTime {
    /// 0 to 9999.
    pub year: u16,
    /// 0 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub microsecond: u32,
}

/// A span of time, also a time of day.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Time {
    /// Whether it is below zero.
    pub negative: bool,
    /// Days of 24 hours.
    pub days: u32,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub microsecond: u32,
}

impl DateTime {
    /// Whether the parts are within their bounds.
    pub(super) const fn is_sound(&self) -> bool {
        self.year <= 9999
            && self.month <= 12
            && self.day <= 31
            && is_clock(self.hour, self.minute, self.second, self.microsecond)
    }

    /// Whether there is a time of day other than midnight.
    pub(super) const fn has_time(&self) -> bool {
        self.hour != 0 || self.minute != 0 || self.second != 0 || self.microsecond != 0
    }
}

impl Time {
    /// The greatest number of hours: the servers' bound is 838:59:59.
    pub(super) const MAX_HOURS: u32 = 838;

    /// Whether the parts are within their bounds.
    pub(super) const fn is_sound(&self) -> bool {
        self.hours() <= Self::MAX_HOURS && is_clock(self.hour, self.minute, self.second, self.microsecond)
    }

    /// Days and hours together.
    pub(super) const fn hours(&self) -> u32 {
        self.days.saturating_mul(24).saturating_add(self.hour as u32)
    }
}

const fn is_clock(hour: u8, minute: u8, second: u8, microsecond: u32) -> bool {
    hour <= 23 && minute <= 59 && second <= 59 && microsecond <= 999_999
}

/// A length of 0, 4, 7 or 11, and that much of a date.
pub(super) fn date_time<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = DateTime, Error = Fault> {
    move |input: &'a [u8]| -> Read<'a, DateTime> {
        let (mut input, length) = byte(field).parse(input)?;
        let mut value = DateTime::default();
        if !matches!(length, 0 | 4 | 7 | 11) {
            return invalid(field);
        }
        if length >= 4 {
            (input, (value.year, value.month, value.day)) =
                (int16(field), byte(field), byte(field)).parse(input)?;
        }
        if length >= 7 {
            (input, (value.hour, value.minute, value.second)) =
                (byte(field), byte(field), byte(field)).parse(input)?;
        }
        if length == 11 {
            (input, value.microsecond) = int32(field).parse(input)?;
        }
        Ok((input, value))
    }
}

/// A length of 0, 8 or 12, and that much of a time.
pub(super) fn time<'a>(field: &'static str) -> impl Parser<&'a [u8], Output = Time, Error = Fault> {
    move |input: &'a [u8]| -> Read<'a, Time> {
        let (mut input, length) = byte(field).parse(input)?;
        let mut value = Time::default();
        if !matches!(length, 0 | 8 | 12) {
            return invalid(field);
        }
        if length >= 8 {
            let sign;
            (input, (sign, value.days)) = (byte(field), int32(field)).parse(input)?;
            value.negative = sign != 0;
            (input, (value.hour, value.minute, value.second)) =
                (byte(field), byte(field), byte(field)).parse(input)?;
        }
        if length == 12 {
            (input, value.microsecond) = int32(field).parse(input)?;
        }
        Ok((input, value))
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DateTime")
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}
