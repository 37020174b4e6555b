//! Texts that differ in their constants only. Most of them do the same, so that one analysis does for all, and
//! nobody needs to parse the next.
//!
//! The reader here knows a part of the server's tokens, and gives up on everything else (comments, backslashes, dollar
//! quotes, prefixed strings, numbers in unusual forms): what it gives up on is parsed. Which constants don't matter is the walk's to say, see
//! [`super::walk::Walker::ignores`].

use std::borrow::Cow;
use std::ops::Range;

/// A text with its constants told apart from the rest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The text with a mark for every constant.
    skeleton: Vec<u8>,
    constants: Vec<Range<usize>>,
}

/// Marks for constants of a kind. The kinds are those that the grammar tells apart; no text that has a shape has such bytes itself, but within
/// strings.
const INTEGER: u8 = 1;
const NUMBER: u8 = 2;
const STRING: u8 = 3;

impl Shape {
    /// Reads a text under `standard_conforming_strings` or without, which is the same where there are no backslashes. `None`: it has no
    /// constant, or can't be read here.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut skeleton = Vec::with_capacity(bytes.len());
        let mut constants = Vec::new();
        // What is before `copied` is in the skeleton.
        let (mut at, mut copied) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            let class = Class::of(byte);
            if class == Class::Plain {
                // Nearly all of a text.
                at += 1;
                continue;
            }
            let before = at.checked_sub(1).and_then(|before| bytes.get(before).copied());
            match class {
                Class::Refused => return None,
                Class::Opening(second) if bytes.get(at + 1) == Some(&second) => return None,
                Class::Plain | Class::Opening(_) => at += 1,
                Class::Quote if before == Some(b'&') => return None,
                Class::Quote => at = quoted(bytes, at, b'"')?,
                Class::Dollar | Class::Digit if before.is_some_and(is_word) => at += 1,
                Class::Dollar => {
                    let end = digits(bytes, at + 1);
                    if end == at + 1 || bytes.get(end).copied().is_some_and(is_word) {
                        return None;
                    }
                    at = end;
                }
                class @ (Class::Apostrophe | Class::Digit) => {
                    let (end, mark) = if class == Class::Digit {
                        number(bytes, at)?
                    } else if before.is_some_and(|before| before == b'&' || is_word(before)) {
                        return None;
                    } else {
                        (quoted(bytes, at, b'\'')?, STRING)
                    };
                    skeleton.extend_from_slice(bytes.get(copied..at)?);
                    skeleton.push(mark);
                    constants.push(at..end);
                    (at, copied) = (end, end);
                }
            }
        }
        skeleton.extend_from_slice(bytes.get(copied..)?);
        (!constants.is_empty()).then_some(Self { skeleton, constants })
    }

    /// The text with a mark for every constant. Two texts with the same have the same tokens, but for what their constants are.
    pub(crate) fn skeleton(&self) -> &[u8] {
        &self.skeleton
    }

    /// Where the constants are, in bytes.
    pub(crate) fn constants(&self) -> &[Range<usize>] {
        &self.constants
    }

    /// The text with a mark for every constant that does not matter, by their order.
    pub(crate) fn template(&self, text: &str, matters: &[bool]) -> Option<Cow<'_, [u8]>> {
        if matters.len() != self.constants.len() {
            return None;
        }
        if !matters.contains(&true) {
            return Some(Cow::Borrowed(&self.skeleton));
        }
        let mut template = Vec::with_capacity(text.len());
        let mut constants = self.constants.iter().zip(matters);
        for byte in &self.skeleton {
            if !matches!(*byte, INTEGER | NUMBER | STRING) {
                template.push(*byte);
                continue;
            }
            let (constant, matters) = constants.next()?;
            if *matters {
                template.extend_from_slice(text.get(constant.clone())?.as_bytes());
            } else {
                template.push(*byte);
            }
        }
        Some(Cow::Owned(template))
    }
}

/// What a byte outside of quotes means to the reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing of itself: words, operators, space.
    Plain,
    /// Nothing is read of a text with it.
    Refused,
    /// With this byte behind it, it begins a comment.
    Opening(u8),
    Apostrophe,
    Quote,
    Dollar,
    Digit,
}

/// The class of each byte.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when it is built, where a byte without its place would be an error"
)]
static CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0_u8;
    loop {
        classes[byte as usize] = Class::told(byte);
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

impl Class {
    fn of(byte: u8) -> Self {
        // There is one for every byte.
        CLASSES.get(usize::from(byte)).copied().unwrap_or(Self::Refused)
    }

    const fn told(byte: u8) -> Self {
        match byte {
            b'\t' | b'\n' | 0x0b | 0x0c | b'\r' => Self::Plain,
            0..b' ' | b'\\' => Self::Refused,
            b'-' => Self::Opening(b'-'),
            b'/' => Self::Opening(b'*'),
            b'\'' => Self::Apostrophe,
            b'"' => Self::Quote,
            b'$' => Self::Dollar,
            b'0'..=b'9' => Self::Digit,
            _ => Self::Plain,
        }
    }
}

/// Whether a byte can be part of a word or of a number, so that what follows it begins nothing new.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// Where a quoted part ends; quotes are doubled in it.
fn quoted(bytes: &[u8], start: usize, quote: u8) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            byte if byte == quote => {
                if bytes.get(at + 1) != Some(&quote) {
                    return Some(at + 1);
                }
                at += 2;
            }
            b'\\' | 0 => return None,
            // A mark must not be taken for one of ours.
            byte if byte < b' ' && quote == b'"' => return None,
            _ => at += 1,
        }
    }
}

fn digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// Where a number ends, and of which kind it is.
fn number(bytes: &[u8], start: usize) -> Option<(usize, u8)> {
    if start.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'.') {
        return None;
    }
    let mut end = digits(bytes, start);
    let mut kind = match str::from_utf8(bytes.get(start..end)?).ok()?.parse::<i32>() {
        Ok(_) => INTEGER,
        Err(_) => NUMBER,
    };
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(bytes, end + 1);
        if fraction == end + 1 {
            return None;
        }
        (end, kind) = (fraction, NUMBER);
    }
    match bytes.get(end) {
        Some(after) if *after == b'.' || is_word(*after) => None,
        _ => Some((end, kind)),
    }
}
