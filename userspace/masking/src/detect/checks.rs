//! Check digits and sums.

/// The value of a digit or letter: 0 to 35.
fn base36(c: u8) -> Option<u32> {
    char::from(c).to_digit(36)
}

fn digit(c: u8) -> Option<u32> {
    char::from(c).to_digit(10)
}

/// The Luhn sum (ISO/IEC 7812-1, annex B) of decimal digits, check digit last.
pub(crate) fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let sum = digits.rev().enumerate().try_fold(0, |sum, (place, c)| {
        let value = digit(c)? << (place % 2);
        Some(sum + if value > 9 { value - 9 } else { value })
    });
    sum.is_some_and(|sum: u32| sum.is_multiple_of(10))
}

/// The check digit of fourteen (GS1 General Specifications, 7.9): the others weigh 3 and 1 in turn.
pub(super) fn gtin(digits: impl Iterator<Item = u8>) -> bool {
    let sum = digits.enumerate().try_fold((0, 0), |(sum, count), (place, c)| {
        let weight = if place % 2 == 0 { 3 } else { 1 };
        Some((sum + digit(c)? * weight, count + 1))
    });
    sum.is_some_and(|(sum, count): (u32, u32)| count == 14 && sum.is_multiple_of(10))
}

/// A national provider identifier: Luhn with the prefix of the US health industry before it (45 CFR 162.406).
pub(super) fn npi(ten: &[u8]) -> bool {
    ten.len() == 10 && matches!(ten.first(), Some(b'1' | b'2')) && luhn(b"80840".iter().chain(ten).copied())
}

/// A DEA number: two letters, six digits, and the last digit of (1st+3rd+5th) + 2 × (2nd+4th+6th).
pub(super) fn dea(number: &[u8]) -> bool {
    let [registrant, _, digits @ ..] = number else {
        return false;
    };
    let sum = digits.iter().take(6).enumerate().try_fold(0, |sum, (place, c)| {
        let weight = if place % 2 == 0 { 1 } else { 2 };
        Some(sum + digit(*c)? * weight)
    });
    digits.len() == 7
        && b"ABCDEFGHJKLMPRSTUX".contains(registrant)
        && sum.is_some_and(|sum| digits.last().and_then(|check| digit(*check)) == Some(sum % 10))
}

/// A vehicle identification number's ninth place (49 CFR 565.15 (c)).
pub(super) fn vin(number: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if number.len() != WEIGHTS.len() {
        return false;
    }
    let sum = number.iter().zip(WEIGHTS).try_fold(0, |sum, (c, weight)| {
        let value = match c.to_ascii_uppercase() {
            c @ b'0'..=b'9' => c - b'0',
            c @ b'A'..=b'H' => c - b'A' + 1,
            c @ b'J'..=b'N' => c - b'J' + 1,
            b'P' => 7,
            b'R' => 9,
            c @ b'S'..=b'Z' => c - b'S' + 2,
            _ => return None,
        };
        Some(sum + u32::from(value) * weight)
    });
    let check = number.get(8).map(u8::to_ascii_uppercase);
    sum.is_some_and(|sum| {
        check
            == Some(if sum % 11 == 10 {
                b'X'
            } else {
                b'0' + (sum % 11) as u8
            })
    })
}

/// An account number's checksum: with the first four characters moved to the end and letters read as 10 to 35, one
/// more than a multiple of 97.
pub(super) fn iban(account: impl Iterator<Item = u8> + Clone) -> bool {
    account
        .clone()
        .skip(4)
        .chain(account.take(4))
        .try_fold(0, |rest, c| {
            let value = base36(c)?;
            Some((rest * if value > 9 { 100 } else { 10 } + value) % 97)
        })
        .is_some_and(|rest: u32| rest == 1)
}

/// The length of account numbers in a country (the SWIFT registry of IBANs).
pub(super) fn iban_length(country: [u8; 2]) -> Option<usize> {
    const LENGTHS: [(usize, &str); 18] = [
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FK FO GL NL SD"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU MN XK"),
        (21, "CH HR LI LV"),
        (22, "BG BH CR DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    ];
    LENGTHS
        .iter()
        .find(|(_, countries)| {
            countries
                .as_bytes()
                .split(|c| *c == b' ')
                .any(|known| known == country)
        })
        .map(|(length, _)| *length)
}

/// A social security number that can have been issued (area, group and serial number not zero, area neither 666 nor from
/// 900), or an individual taxpayer number, which stands in the same places (area from 900, group in the IRS's ranges).
pub(super) fn ssn(nine: impl Iterator<Item = u8>) -> bool {
    let (number, count) = nine.fold((0_u32, 0), |(number, count), c| {
        (
            number
                .wrapping_mul(10)
                .wrapping_add(u32::from(c.wrapping_sub(b'0'))),
            count + 1,
        )
    });
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    count == 9
        && match area {
            0 | 666 => false,
            900..=999 => matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99),
            _ => group != 0 && serial != 0,
        }
}

/// The lengths of card numbers by how they begin, for the issuers in use.
pub(super) fn card_issuer(digits: &[u8]) -> bool {
    let begin = |n: usize| {
        digits
            .iter()
            .take(n)
            .fold(0, |value, c| value * 10 + u32::from(c.wrapping_sub(b'0')))
    };
    let length = digits.len();
    match begin(2) {
        34 | 37 => length == 15,
        40..=49 => matches!(length, 13 | 16 | 19),
        51..=55 => length == 16,
        22..=27 => length == 16 && (2221..=2720).contains(&begin(4)),
        30 => length == 14 && begin(3) <= 305,
        36 | 38 | 39 => (14..=19).contains(&length),
        35 => (16..=19).contains(&length) && (3528..=3589).contains(&begin(4)),
        60 => (16..=19).contains(&length) && begin(4) == 6011,
        50 | 56..=59 | 61..=69 => (16..=19).contains(&length),
        _ => false,
    }
}
