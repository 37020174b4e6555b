//! Points in time on the command line.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A moment, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When(pub(crate) i64);

impl FromStr for When {
    type Err = String;

    /// An RFC 3339 time, a date (its beginning, UTC), or an age such as `90m` or `7d`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Self(moment.as_microsecond()));
        }
        if let Ok(date) = text.parse::<Date>()
            && let Ok(start) = date.to_zoned(TimeZone::UTC)
        {
            return Ok(Self(start.timestamp().as_microsecond()));
        }
        let expected = || {
            "expected a time (2026-05-01T12:00:00Z), a date (2026-05-01) or an age (90m, 12h, 7d)".to_owned()
        };
        let at = text.len().checked_sub(1).ok_or_else(expected)?;
        let (number, unit) = text.split_at_checked(at).ok_or_else(expected)?;
        let seconds: i64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(expected()),
        };
        let age: u32 = number.parse().map_err(|_| expected())?;
        let age = seconds.checked_mul(age.into()).ok_or_else(expected)?;
        let moment = Timestamp::now()
            .checked_sub(SignedDuration::from_secs(age))
            .map_err(|_| expected())?;
        Ok(Self(moment.as_microsecond()))
    }
}

/// A length of time, in whole seconds, more than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) u64);

impl FromStr for Span {
    type Err = String;

    /// Such as `90s`, `30m`, `8h`, `2d` or `1h 30m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let days = jiff::SpanRelativeTo::days_are_24_hours();
        let read = text.parse::<jiff::Span>().and_then(|span| span.to_duration(days));
        let seconds = read.ok().and_then(|read| u64::try_from(read.as_secs()).ok());
        seconds
            .filter(|seconds| *seconds > 0)
            .map(Self)
            .ok_or_else(|| "expected a length of time, such as 90s, 30m, 8h or 2d".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_dates_and_ages() {
        assert_eq!("2026-05-01T12:00:00.5Z".parse(), Ok(When(1_777_636_800_500_000)));
        assert_eq!(
            "2026-05-01T14:00:00+02:00".parse(),
            Ok(When(1_777_636_800_000_000))
        );
        assert_eq!("2026-05-01".parse(), Ok(When(1_777_593_600_000_000)));
        let now = Timestamp::now().as_microsecond();
        let When(hour_ago) = "60m".parse().unwrap();
        assert!(
            (3_599_000_000..3_610_000_000).contains(&(now - hour_ago)),
            "{hour_ago}"
        );
        for text in ["", "yesterday", "5", "m", "-5m", "5w", "99999999999d", "é"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }

    #[test]
    fn lengths() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h 30m", 5400), ("2d", 172_800)] {
            assert_eq!(text.parse(), Ok(Span(seconds)), "{text}");
        }
        for text in ["", "0s", "-5m", "5", "10ms", "soon", "1mo"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_survived(text in ".*") {
            let _ = text.parse::<When>();
        }
    }
}
