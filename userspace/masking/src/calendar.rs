//! Days and civil dates of the proleptic Gregorian calendar, years 1 to 9999.

/// Days from 0001-01-01 to 2000-01-01, PostgreSQL's day zero.
pub(crate) const FIRST_DAY: i32 = -730_119;
/// 9999-12-31 in days since 2000-01-01.
pub(crate) const LAST_DAY: i32 = 2_921_939;

/// A civil date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    /// 1 to 9999.
    pub(crate) year: i32,
    /// 1 to 12.
    pub(crate) month: i32,
    /// 1 to the month's length.
    pub(crate) day: i32,
}

impl Date {
    /// A date that exists.
    pub(crate) fn new(year: i32, month: i32, day: i32) -> Option<Self> {
        let length = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=length).contains(&day)).then_some(Self { year, month, day })
    }

    /// From days since 2000-01-01; `None` outside the years 1 to 9999, which excludes both infinities.
    pub(crate) fn from_days(days: i32) -> Option<Self> {
        if !(FIRST_DAY..=LAST_DAY).contains(&days) {
            return None;
        }
        // Counted from 0000-03-01, so that the leap day is the last of its year (Hinnant, "chrono-compatible
        // low-level date algorithms"). The range check keeps everything positive and small.
        let z = days + 730_425;
        let era = z / 146_097;
        let day_of_era = z % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Some(Self {
            year: era * 400 + year_of_era + i32::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
        })
    }

    /// Days since 2000-01-01.
    pub(crate) fn days(self) -> i32 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year / 400;
        let year_of_era = year % 400;
        let shifted_month = if self.month > 2 {
            self.month - 3
        } else {
            self.month + 9
        };
        let day_of_year = (153 * shifted_month + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 730_425
    }

    /// So many days later; `None` outside the years 1 to 9999.
    pub(crate) fn plus(self, days: i32) -> Option<Self> {
        Self::from_days(self.days().checked_add(days)?)
    }

    /// Reads `YYYY-MM-DD` at the front; the rest follows. Nothing of the value that isn't exactly that form.
    pub(crate) fn parse_iso(text: &[u8]) -> Option<(Self, &[u8])> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else {
            return None;
        };
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let number = |digits: &[u8]| {
            digits
                .iter()
                .try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i32::from(d - b'0')))
        };
        Some((
            Self::new(number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?)?,
            rest,
        ))
    }

    /// `YYYY-MM-DD`.
    pub(crate) fn iso(self) -> [u8; 10] {
        let digit = |n: i32, place: i32| b'0' + (n / place % 10) as u8;
        let Self { year, month, day } = self;
        [
            digit(year, 1000),
            digit(year, 100),
            digit(year, 10),
            digit(year, 1),
            b'-',
            digit(month, 10),
            digit(month, 1),
            b'-',
            digit(day, 10),
            digit(day, 1),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_goes_there_and_back_in_order() {
        let mut previous = None;
        for days in FIRST_DAY..=LAST_DAY {
            let date = Date::from_days(days).unwrap();
            assert_eq!(date.days(), days);
            assert_eq!(Date::new(date.year, date.month, date.day), Some(date));
            let key = (date.year, date.month, date.day);
            assert!(previous < Some(key));
            previous = Some(key);
        }
    }

    #[test]
    fn known_days() {
        assert_eq!(
            Date {
                year: 2000,
                month: 1,
                day: 1
            }
            .days(),
            0
        );
        assert_eq!(Date::from_days(FIRST_DAY), Date::new(1, 1, 1));
        assert_eq!(Date::from_days(LAST_DAY), Date::new(9999, 12, 31));
        assert_eq!(Date::from_days(FIRST_DAY - 1), None);
        assert_eq!(Date::from_days(i32::MAX), None);
        assert_eq!(Date::from_days(59), Date::new(2000, 2, 29));
        assert_eq!(Date::new(1900, 2, 29), None);
    }

    #[test]
    fn iso_text() {
        assert_eq!(
            Date::parse_iso(b"1951-03-29 x"),
            Some((
                Date {
                    year: 1951,
                    month: 3,
                    day: 29
                },
                &b" x"[..]
            ))
        );
        for wrong in [
            "1951-13-01",
            "1951-02-30",
            "12951-03-29",
            "1951-03-291",
            "1951/03/29",
            "",
            "0000-01-01",
        ] {
            assert_eq!(Date::parse_iso(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(
            &Date {
                year: 951,
                month: 3,
                day: 9
            }
            .iso(),
            b"0951-03-09"
        );
    }
}
