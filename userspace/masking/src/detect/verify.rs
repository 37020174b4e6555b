//! Whether what has the form is the thing.

use std::{net::Ipv6Addr, ops::Range};

use smallvec::SmallVec;

use super::{
    Detector, checks,
    context::{after, before, has_word_near, is_a_word, is_in_a_row_of_numbers, stands_apart_from_digits},
    forms::{FAX_WORDS, NPI_WORDS, PHONE_WORDS, SSN_WORDS, ZIP_WORDS},
    worded,
};

/// The part of a find that is the thing; `None` if it is something else.
pub(super) fn verify(detector: Detector, text: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    let found = text.get(range.clone())?;
    let sure = match detector {
        Detector::AccountNumber | Detector::HealthPlan | Detector::LicenseNumber => {
            return worded::number(text, &range, 5);
        }
        Detector::CreditCard => return credit_card(text, range),
        Detector::Date => date(text, &range, found),
        Detector::Dea => is_a_word(text, &range) && checks::dea(found),
        Detector::DeviceId => return worded::device(text, found, &range),
        Detector::Email => return email(found, range),
        Detector::Fax => phone(text, &range, found) && has_word_near(text, &range, FAX_WORDS),
        Detector::Iban => return iban(text, found, range),
        Detector::IpAddress => ip_address(text, &range, found),
        Detector::LicensePlate => return worded::plate(text, found, &range),
        Detector::MacAddress => mac_address(text, &range, found),
        Detector::Mbi => is_a_word(text, &range),
        Detector::Mrn => return worded::number(text, &range, 4),
        Detector::Npi => return npi(text, found, range),
        Detector::Phone => phone(text, &range, found),
        Detector::Url => return url(text, found, range),
        Detector::UsSsn => us_ssn(text, &range, found),
        Detector::Vin => vin(text, &range, found),
        Detector::Zip => return zip(text, found, range),
    };
    sure.then_some(range)
}

/// Where to look on after a find that was not the thing. Past the run of digits or letters that it began in, where the
/// detector would accept no start within one: so that a long run costs one look and not one a byte.
pub(super) fn next_start(detector: Option<Detector>, text: &[u8], start: usize) -> usize {
    let run: fn(&u8) -> bool = match detector {
        Some(
            Detector::CreditCard
            | Detector::Date
            | Detector::Fax
            | Detector::Npi
            | Detector::Phone
            | Detector::UsSsn
            | Detector::Zip,
        ) => u8::is_ascii_digit,
        Some(Detector::Dea | Detector::Iban | Detector::Mbi | Detector::Vin) => u8::is_ascii_alphanumeric,
        _ => return start + 1,
    };
    let rest = text.get(start..).unwrap_or_default();
    start + rest.iter().position(|c| !run(c)).unwrap_or(rest.len()).max(1)
}

/// The digits of a find, on the stack: no form has more than 30 characters.
fn digits(found: &[u8]) -> SmallVec<[u8; 32]> {
    found.iter().copied().filter(u8::is_ascii_digit).collect()
}

fn us_ssn(text: &[u8], range: &Range<usize>, found: &[u8]) -> bool {
    if !stands_apart_from_digits(text, range)
        || !checks::ssn(found.iter().copied().filter(u8::is_ascii_digit))
    {
        return false;
    }
    match found.get(3) {
        // Nothing between the digits, or dots: as good as any number or version, but for the word.
        Some(b'.' | b'0'..=b'9') => has_word_near(text, range, SSN_WORDS),
        // Blanks: not out of a row of numbers.
        Some(b' ') if !found.contains(&b'-') && !found.contains(&0xe2) => {
            !is_in_a_row_of_numbers(text, range, b' ') || has_word_near(text, range, SSN_WORDS)
        }
        _ => true,
    }
}

fn credit_card(text: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    let is_card = |range: &Range<usize>| {
        let Some(found) = text.get(range.clone()) else {
            return false;
        };
        let digits = digits(found);
        // A dot and a digit beside it: the places of a fraction.
        is_a_word(text, range)
            && !is_in_a_row_of_numbers(text, range, b'.')
            && checks::card_issuer(&digits)
            && checks::luhn(digits.iter().copied())
    };
    if is_card(&range) {
        return Some(range);
    }
    // A number that happens to follow, such as a security code, may have been taken for the end of one.
    let found = text.get(range.clone())?;
    let last_group = found.iter().rev().take_while(|c| c.is_ascii_digit()).count();
    if digits(found).len() != 19 || last_group != 3 {
        return None;
    }
    let rest = found.get(..found.len().checked_sub(last_group)?)?;
    let end = rest.iter().rposition(u8::is_ascii_digit)? + 1;
    let shorter = range.start..range.start + end;
    is_card(&shorter).then_some(shorter)
}

fn phone(text: &[u8], range: &Range<usize>, found: &[u8]) -> bool {
    if !stands_apart_from_digits(text, range) || before(text, range) == Some(b'+') {
        return false;
    }
    let digits = digits(found);
    let national = match digits.as_slice() {
        [b'1', national @ ..] if national.len() == 10 => national,
        all => all,
    };
    if found.first() == Some(&b'+') && digits.len() != national.len() + 1 {
        return (8..=15).contains(&digits.len());
    }
    match national {
        // Area code and exchange of the North American plan begin with 2 to 9.
        [b'2'..=b'9', _, _, b'2'..=b'9', ..] if national.len() == 10 => {
            let separators = found.iter().filter(|c| !c.is_ascii_digit() && **c < 0x80).count()
                + found.iter().filter(|c| **c >= 0xc0).count();
            let clear = found
                .iter()
                .any(|c| matches!(c, b'(' | b'-' | b'.' | b'+') || *c >= 0xe2);
            (clear && separators >= 2) || has_word_near(text, range, PHONE_WORDS)
        }
        [b'2'..=b'9', ..] if national.len() == 7 => has_word_near(text, range, PHONE_WORDS),
        _ => false,
    }
}

fn email(found: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    // Quotes and dots around an address are no part of it.
    let lead = found
        .iter()
        .take_while(|c| matches!(c, b'\'' | b'.' | b'-'))
        .count();
    let local = found.iter().position(|c| *c == b'@')?;
    (lead < local).then_some(range.start + lead..range.end)
}

fn url(text: &[u8], found: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    if before(text, &range).is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let trailing = found
        .iter()
        .rev()
        .take_while(|c| matches!(c, b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b']'))
        .count();
    Some(range.start..range.end.checked_sub(trailing)?)
}

fn ip_address(text: &[u8], range: &Range<usize>, found: &[u8]) -> bool {
    let touches = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == b':');
    if touches(before(text, range)) || is_in_a_row_of_numbers(text, range, b'.') {
        return false;
    }
    if !found.contains(&b':') {
        let octet = |part: &[u8]| {
            part.iter()
                .try_fold(0_u16, |n, c| Some(n * 10 + u16::from(c.checked_sub(b'0')?)))
                .is_some_and(|n| n < 256)
        };
        // A colon after it comes before a port.
        return !after(text, range).is_some_and(|c| c.is_ascii_alphanumeric())
            && found.split(|c| *c == b'.').all(octet);
    }
    // `a::b` is also a path in some languages, and `::` a cast.
    !touches(after(text, range))
        && found.iter().any(u8::is_ascii_digit)
        && found
            .split(|c| *c == b':')
            .filter(|part| !part.is_empty())
            .count()
            >= 3
        && std::str::from_utf8(found).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn mac_address(text: &[u8], range: &Range<usize>, found: &[u8]) -> bool {
    let goes_on = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, b':' | b'-'));
    !goes_on(before(text, range))
        && !goes_on(after(text, range))
        // Without a letter, dashes and dots rather part a date and time.
        && (found.contains(&b':') || found.iter().any(u8::is_ascii_alphabetic))
}

fn vin(text: &[u8], range: &Range<usize>, found: &[u8]) -> bool {
    is_a_word(text, range)
        && found.iter().any(u8::is_ascii_alphabetic)
        && found.iter().filter(|c| c.is_ascii_digit()).count() >= 3
        && checks::vin(found)
        && (!found.iter().any(u8::is_ascii_lowercase) || has_word_near(text, range, &["vin", "vehicle"]))
}

fn iban(text: &[u8], found: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    let [a, b, ..] = *found else { return None };
    let length = checks::iban_length([a, b])?;
    let mut end = 0;
    for (count, (at, _)) in found
        .iter()
        .enumerate()
        .filter(|(_, c)| **c != b' ')
        .take(length)
        .enumerate()
    {
        end = if count + 1 == length { at + 1 } else { 0 };
    }
    let account = found.get(..end)?;
    let range = range.start..range.start + end;
    (end > 0 && is_a_word(text, &range) && checks::iban(account.iter().copied().filter(|c| *c != b' ')))
        .then_some(range)
}

fn npi(text: &[u8], found: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    let number = found.trim_ascii_end();
    let range = range.start..range.start + number.len();
    let alone = text.trim_ascii_end() == number;
    (stands_apart_from_digits(text, &range)
        && checks::npi(number)
        && (alone || has_word_near(text, &range, NPI_WORDS)))
    .then_some(range)
}

fn zip(text: &[u8], found: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    if let Some((state, b' ')) = found
        .split_first_chunk()
        .and_then(|(state, rest)| Some((state, *rest.first()?)))
    {
        let code = range.start + 3..range.end;
        return (is_a_word(text, &code) && is_after_a_city(text, *state, range.start)).then_some(code);
    }
    (is_a_word(text, &range)
        && !is_in_a_row_of_numbers(text, &range, b'-')
        && !is_in_a_row_of_numbers(text, &range, b'.')
        && (found.len() > 5 || has_word_near(text, &range, ZIP_WORDS)))
    .then_some(range)
}

/// `, CA 94107`, or the same at the start of the text.
fn is_after_a_city(text: &[u8], state: [u8; 2], start: usize) -> bool {
    const STATES: &str = "AK AL AR AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE \
                          NH NJ NM NV NY OH OK OR PA PR RI SC SD TN TX UT VA VI VT WA WI WV WY";
    STATES.split(' ').any(|known| known.as_bytes() == state)
        && matches!(text.get(..start), Some([] | [.., b','] | [.., b',', b' ']))
}

fn date(text: &[u8], range: &Range<usize>, found: &[u8]) -> bool {
    let around = [before(text, range), after(text, range)];
    let [left, right] = around;
    // A time may follow: `2024-01-02T03:04:05`.
    if left.is_some_and(|c| c.is_ascii_alphanumeric())
        || right.is_some_and(|c| c.is_ascii_alphanumeric() && c != b'T')
        || [b'-', b'/', b'.']
            .iter()
            .any(|separator| is_in_a_row_of_numbers(text, range, *separator))
    {
        return false;
    }
    let mut parts: SmallVec<[u32; 3]> = SmallVec::new();
    let mut separators: SmallVec<[u8; 2]> = SmallVec::new();
    let mut in_number = false;
    for c in found {
        match (char::from(*c).to_digit(10), parts.last_mut()) {
            (Some(digit), Some(last)) if in_number => *last = last.saturating_mul(10).saturating_add(digit),
            (Some(digit), _) => parts.push(digit),
            (None, _) => {
                if matches!(c, b'-' | b'/' | b'.') {
                    separators.push(*c);
                }
            }
        }
        in_number = c.is_ascii_digit();
    }
    let is_year = |year: u32| (1800..2200).contains(&year);
    let is_day = |day: u32| (1..=31).contains(&day);
    let is_month = |month: u32| (1..=12).contains(&month);
    match (parts.as_slice(), separators.as_slice()) {
        // With the month's name.
        (&[day, year], _) => is_day(day) && is_year(year),
        (&[year, month, day], &[a, b]) if is_year(year) => a == b && is_month(month) && is_day(day),
        (&[a, b, year], &[first, second]) => {
            first == second
                && (is_month(a) && is_day(b) || is_day(a) && is_month(b))
                && (is_year(year) || year < 100 && first == b'/')
        }
        _ => false,
    }
}
