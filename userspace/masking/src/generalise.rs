//! [`Mask::Generalise`](crate::Mask::Generalise): a coarser value of the same type.

use std::fmt;

use bytes::{BufMut as _, BytesMut};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{calendar::Date, plain::put};

/// What a value is made coarser to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Generalise {
    /// A whole number of years of age becomes the lower bound of its ten-year band; from 90 on, 90 (HIPAA's safe
    /// harbour wants all ages over 89 in one category).
    AgeBand,
    /// A date or time becomes 1 January of the first year of its decade.
    Decade,
    /// A date or time becomes the first of its month.
    Month,
    /// A date or time becomes 1 January of its year.
    Year,
    /// A five- or nine-digit ZIP code keeps its first three digits, followed by `00`; `00000` where the three digits
    /// stand for 20,000 people or fewer.
    Zip3,
}

impl fmt::Display for Generalise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AgeBand => "age_band",
            Self::Decade => "decade",
            Self::Month => "month",
            Self::Year => "year",
            Self::Zip3 => "zip3",
        })
    }
}

/// The three-digit ZIP areas of 20,000 people or fewer, which safe harbour changes to 000 (45 CFR 164.514(b)(2)(i)(B);
/// HHS guidance on de-identification, from the census of 2000).
const SMALL_AREAS: [u16; 17] = [
    36, 59, 63, 102, 203, 556, 692, 790, 821, 823, 830, 831, 878, 879, 884, 890, 893,
];

impl Generalise {
    /// The coarser date; `None` if this is not about dates.
    pub(crate) fn date(self, date: Date) -> Option<Date> {
        let Date { year, month, .. } = date;
        match self {
            Self::Year => Some(Date {
                year,
                month: 1,
                day: 1,
            }),
            Self::Month => Some(Date { year, month, day: 1 }),
            Self::Decade => Some(Date {
                year: (year / 10 * 10).max(1),
                month: 1,
                day: 1,
            }),
            Self::AgeBand | Self::Zip3 => None,
        }
    }

    /// The coarser whole number; `None` if it is no age, or no ZIP code, or this is not about numbers.
    pub(crate) fn integer(self, value: i64) -> Option<i64> {
        match self {
            Self::AgeBand if (0..=150).contains(&value) => Some((value / 10 * 10).min(90)),
            Self::Zip3 if (0..=99_999).contains(&value) => Some(i64::from(area(value / 100)) * 100),
            _ => None,
        }
    }

    /// Appends the coarser text; `None`, with nothing appended, if it has none of the forms. Only whole values: no search
    /// within a text.
    pub(crate) fn text(self, text: &[u8], out: &mut BytesMut) -> Option<()> {
        match self {
            Self::Year | Self::Month | Self::Decade => match Date::parse_iso(text)? {
                (date, []) => out.put_slice(&self.date(date)?.iso()),
                _ => return None,
            },
            Self::Zip3 => {
                let zip = match text {
                    [zip @ .., b'-', a, b, c, d] if [a, b, c, d].iter().all(|d| d.is_ascii_digit()) => zip,
                    zip => zip,
                };
                if zip.len() != 5 || !zip.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                let three = zip.iter().take(3).fold(0, |n, d| n * 10 + i64::from(d - b'0'));
                let area = area(three);
                put(out, format_args!("{area:03}00"));
            }
            Self::AgeBand => {
                let value = std::str::from_utf8(text).ok()?.parse().ok()?;
                let band = self.integer(value)?;
                put(out, format_args!("{band}"));
            }
        }
        Some(())
    }
}

fn area(three_digits: i64) -> u16 {
    u16::try_from(three_digits)
        .ok()
        .filter(|area| !SMALL_AREAS.contains(area))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(to: Generalise, text: &str) -> Option<String> {
        let mut out = BytesMut::new();
        to.text(text.as_bytes(), &mut out)?;
        Some(String::from_utf8(out.to_vec()).unwrap())
    }

    #[test]
    fn texts() {
        use Generalise::{AgeBand, Decade, Month, Year, Zip3};
        for (to, from, want) in [
            (Year, "1951-03-29", Some("1951-01-01")),
            (Month, "1951-03-29", Some("1951-03-01")),
            (Decade, "1951-03-29", Some("1950-01-01")),
            (Decade, "0007-03-29", Some("0001-01-01")),
            (Year, "born 1951-03-29", None),
            (Year, "1951-03-29 10:00", None),
            (Zip3, "94107", Some("94100")),
            (Zip3, "94107-1234", Some("94100")),
            (Zip3, "03601", Some("00000")),
            (Zip3, "89312-0001", Some("00000")),
            (Zip3, "9410", None),
            (Zip3, "94107-123", None),
            (Zip3, "9410x", None),
            (AgeBand, "47", Some("40")),
            (AgeBand, "89", Some("80")),
            (AgeBand, "103", Some("90")),
            (AgeBand, "-1", None),
            (AgeBand, "4711", None),
        ] {
            assert_eq!(text(to, from).as_deref(), want, "{to} of {from}");
        }
    }

    #[test]
    fn integers() {
        assert_eq!(Generalise::Zip3.integer(94_107), Some(94_100));
        assert_eq!(Generalise::Zip3.integer(3_601), Some(0));
        assert_eq!(Generalise::Zip3.integer(100_000), None);
        assert_eq!(Generalise::Year.integer(1951), None);
        assert_eq!(Generalise::AgeBand.integer(0), Some(0));
    }
}
