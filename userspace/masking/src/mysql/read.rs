//! What masks read in a value.

use super::types::Kind;
use crate::{Mask, calendar::Date, shown::Readable, uuid};

/// A value as text rows have it.
pub(super) struct Text<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a [u8],
}

impl Readable for Text<'_> {
    fn integer(&self) -> Option<i128> {
        number(self.text)
    }

    /// `None` for dates that are none: `0000-00-00`, `2024-02-00`, year 0.
    fn date(&self) -> Option<Date> {
        let (date, rest) = Date::parse_iso(self.text)?;
        let fits = match (self.kind, rest) {
            (Kind::Date, []) => true,
            (Kind::DateTime | Kind::Timestamp, [b' ', time @ ..]) => {
                time.iter().all(|c| matches!(c, b'0'..=b'9' | b':' | b'.'))
            }
            _ => false,
        };
        fits.then_some(date)
    }

    fn uuid(&self) -> Option<[u8; 16]> {
        uuid::parse(self.text)
    }

    fn document(&self) -> Option<&[u8]> {
        Some(self.text)
    }
}

/// What a mask shows of a YEAR, which is a number and a part of a date; `None`: its constant.
pub(super) fn year(mask: &Mask, text: &[u8]) -> Option<i32> {
    let year: i32 = match mask {
        Mask::Fixed(fixed) => fixed.parse().ok()?,
        Mask::Generalise(to) => to.date(Date::new(number(text)?, 1, 1)?)?.year,
        _ => return None,
    };
    (1901..=2155).contains(&year).then_some(year)
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
