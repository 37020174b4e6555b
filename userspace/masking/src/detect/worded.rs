//! Numbers that only the words before them tell from any other: of health plans, accounts, licences, plates and devices.
//!
//! `Member ID: XEH12345678`, `"accountNumber": "0047-11832"`, `Driver's license no. D1234567`. A word and a number beside each
//! other are not enough (`account 12345 of 2024`): there is a word for number between them, or a sign.

use std::{ops::Range, sync::LazyLock};

use super::{
    checks,
    context::{after, before, has_word_near, is_a_word, is_in_a_row_of_numbers, stands_apart_from_digits},
};

/// The words of a detector: those that take `number`, `no.`, `id` or a `#` after them, and those that need but a `:` or `=`. As
/// in a regular expression, without regard to case.
struct Words {
    numbered: &'static str,
    bare: &'static str,
}

const HEALTH_PLAN: Words = Words {
    numbered: "member|subscriber|beneficiary|insured|enrollee|policy(?:[ _\\-]?holder)?|medicaid|medicare|health[ _\\-]?plan\
               |insurance(?:[ _\\-](?:policy|card))?|hicn",
    bare: "hicn|medicaid|medicare",
};
const ACCOUNT: Words = Words {
    numbered: "account|acct\\.?|a/c",
    bare: "account|acct\\.?|a/c",
};
const LICENSE: Words = Words {
    numbered: "licen[cs]e|certificate|dln?",
    bare: "licen[cs]e|dln",
};
const DEVICE: Words = Words {
    numbered: "serial|device|s/?n",
    bare: "serial|s/?n",
};

/// What a text must hold, in lower case, for its number to be looked for.
pub(super) const HEALTH_PLAN_WORDS: &[&str] = &[
    "member",
    "subscriber",
    "beneficiary",
    "insured",
    "enrollee",
    "policy",
    "medicaid",
    "medicare",
    "health plan",
    "health_plan",
    "health-plan",
    "healthplan",
    "insurance",
    "hicn",
];
pub(super) const ACCOUNT_WORDS: &[&str] = &["account", "acct", "a/c"];
pub(super) const LICENSE_WORDS: &[&str] = &[
    "licen",
    "certificate",
    "dl#",
    "dl #",
    "dl no",
    "dl_no",
    "dl-no",
    "dlno",
    "dl num",
    "dl_num",
    "dlnum",
    "dl id",
    "dln",
];
pub(super) const PLATE_WORDS: &[&str] = &["plate"];
pub(super) const DEVICE_WORDS: &[&str] = &[
    "serial", "device", "s/n", "sn:", "sn#", "sn =", "sn=", "sn\"", "sn :", "sn #", "sn no", "sn_no", "imei",
];
pub(super) const IMEI_WORDS: &[&str] = &["imei"];

/// The regular expressions.
pub(super) struct Patterns {
    pub(super) health_plan: String,
    pub(super) account: String,
    pub(super) license: String,
    pub(super) plate: String,
    pub(super) device: String,
}

pub(super) static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let number = "[A-Za-z]{0,4}-?[0-9][0-9A-Za-z\\-]{4,19}";
    let for_number = "[ _\\-]{0,2}(?:number|num|no|nr|identifier|id)\\.?";
    let between = "[\"']?[ \\t\\r\\n:#=_\\-]{1,4}(?:is )?[\"']?";
    let after = |Words { numbered, bare }: &Words| {
        format!(
            "(?i:(?:{numbered})(?:{for_number}{between}|[ _\\-]?#[ \\t:]{{0,2}})|(?:{bare})[\"']?[ \\t]?[:=][ \\t]{{0,2}}[\"']?){number}"
        )
    };
    Patterns {
        health_plan: after(&HEALTH_PLAN),
        account: after(&ACCOUNT),
        license: after(&LICENSE),
        plate: format!(
            "(?i:(?:licen[cs]e|number|registration|vehicle)[ _\\-]?plate(?:{for_number})?{between}|plate{for_number}{between})\
             [A-Z0-9]{{1,4}}[ \\-]?[A-Z0-9]{{1,5}}"
        ),
        // An IMEI (3GPP TS 23.003, 6.2.1): type allocation code, serial number, check digit.
        device: format!("{}|[0-9]{{2}}-?[0-9]{{6}}-?[0-9]{{6}}-?[0-9]", after(&DEVICE)),
    }
});

/// GS1's form of a unique device identifier (21 CFR 830): the device's GTIN, then whatever else is encoded: dates of manufacture
/// and expiry, lot, serial number.
pub(super) const UDI: &str = r"\(01\) ?[0-9]{14}(?: ?(?:\((?:11|13|15|16|17)\) ?[0-9]{6}|\((?:10|21|240)\) ?[0-9A-Za-z\-./_+]{1,20}))*";

/// The number at the end of a find that begins with the words for it, if so many of its characters are digits. All of it, also
/// where it is longer than the form.
pub(super) fn number(text: &[u8], range: &Range<usize>, digits: usize) -> Option<Range<usize>> {
    if !begins_a_word(text, range) {
        return None;
    }
    let is_part = |c: &u8| c.is_ascii_alphanumeric() || *c == b'-';
    let rest = text.get(range.end..)?;
    let end = range.end + rest.iter().position(|c| !is_part(c)).unwrap_or(rest.len());
    let found = text.get(range.start..end)?;
    let mut token = found.get(found.iter().rposition(|c| !is_part(c)).map_or(0, |at| at + 1)..)?;
    // `MRN12345`
    if let Some((word, rest)) = token.split_at_checked(3)
        && word.eq_ignore_ascii_case(b"mrn")
    {
        token = rest;
    }
    // `id-12345`: what was before it stands in the same run.
    while let Some(dash) = token.iter().position(|c| *c == b'-')
        && let Some((word, after)) = token.split_at_checked(dash)
        && [
            "",
            "number",
            "num",
            "no",
            "nr",
            "identifier",
            "id",
            "sn",
            "dl",
            "dln",
        ]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
    {
        token = after.get(1..)?;
    }
    let count = token.iter().filter(|c| c.is_ascii_digit()).count();
    (count >= digits && !is_date(token)).then(|| end - token.len()..end)
}

/// After what is no letter, or as a camel's hump. Not after a slash: `mg/dl`.
fn begins_a_word(text: &[u8], range: &Range<usize>) -> bool {
    before(text, range).is_none_or(|c| {
        !(c.is_ascii_alphabetic() || c == b'/')
            || (c.is_ascii_lowercase() && text.get(range.start).is_some_and(u8::is_ascii_uppercase))
    })
}

/// Whether it reads as a date: three groups of at most four digits, one of them the year.
fn is_date(token: &[u8]) -> bool {
    let mut groups = token.split(|c| *c == b'-');
    let [first, second, third] = [groups.next(), groups.next(), groups.next()];
    let digits = |group: Option<&[u8]>| {
        group
            .filter(|group| group.iter().all(u8::is_ascii_digit))
            .map_or(0, <[u8]>::len)
    };
    // A time may follow: `2024-01-02T03`.
    let third = third.map(|group| group.split(|c| *c == b'T').next().unwrap_or_default());
    groups.next().is_none()
        && matches!(
            (digits(first), digits(second), digits(third)),
            (4, 1..=2, 1..=2) | (1..=2, 1..=2, 2 | 4)
        )
}

/// The plate at the end of a find.
pub(super) fn plate(text: &[u8], found: &[u8], range: &Range<usize>) -> Option<Range<usize>> {
    // Capitals and digits, in two groups at most.
    let is_part = |c: &u8| c.is_ascii_uppercase() || c.is_ascii_digit();
    let group = |found: &[u8]| found.len() - found.iter().rev().take_while(|c| is_part(c)).count();
    let last = group(found);
    let mut start = last;
    if let Some((b' ' | b'-', rest)) = found.get(..last)?.split_last() {
        let first = group(rest);
        // The word before, or its last letter, is none.
        if (1..=4).contains(&(rest.len() - first))
            && !rest.get(first.checked_sub(1)?)?.is_ascii_alphanumeric()
        {
            start = first;
        }
    }
    let token = found.get(start..)?;
    let letters = token.iter().filter(|c| c.is_ascii_uppercase()).count();
    let digits = token.iter().filter(|c| c.is_ascii_digit()).count();
    let range = range.start..range.end;
    let plate = range.start + start..range.end;
    let goes_on =
        after(text, &plate) == Some(b'-') && text.get(plate.end + 1).is_some_and(u8::is_ascii_alphanumeric);
    (begins_a_word(text, &range)
        && is_a_word(text, &plate)
        && !goes_on
        && (4..=8).contains(&(letters + digits))
        && ((letters > 0 && digits > 0) || digits >= 5))
        .then_some(plate)
}

/// A unique device identifier, an IMEI, or a serial number.
pub(super) fn device(text: &[u8], found: &[u8], range: &Range<usize>) -> Option<Range<usize>> {
    match found {
        [b'(', ..] => {
            let gtin = found.iter().skip(4).copied().filter(u8::is_ascii_digit).take(14);
            (checks::gtin(gtin) && !after(text, range).is_some_and(|c| c.is_ascii_digit()))
                .then(|| range.clone())
        }
        [b'0'..=b'9', ..] => {
            let digits = found
                .iter()
                .copied()
                .filter(u8::is_ascii_digit)
                .collect::<smallvec::SmallVec<[u8; 15]>>();
            (stands_apart_from_digits(text, range)
                && !is_in_a_row_of_numbers(text, range, b'.')
                && checks::luhn(digits.into_iter())
                && has_word_near(text, range, IMEI_WORDS))
            .then(|| range.clone())
        }
        _ => number(text, range, 5),
    }
}
