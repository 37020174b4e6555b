//! The inside of a JSON string, checked in any cut (RFC 8259, 7).

use super::plain::plain;

/// Where in a string the next byte stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    escape: Escape,
    utf8: Utf8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    /// After a backslash.
    Backslash,
    /// Within the four digits after `\u`.
    Unit {
        digits: u8,
        unit: u16,
        is_low: bool,
    },
    /// After the first half of a surrogate pair: the other must follow.
    High,
    HighBackslash,
}

impl Scan {
    /// Where the closing quote is; `None` if it is still to come.
    pub(super) fn end(&mut self, input: &[u8]) -> Result<Option<usize>, &'static str> {
        let mut at = 0;
        if self.escape == Escape::None && self.utf8.is_complete() {
            at = plain(input);
            if input.get(at) == Some(&b'"') {
                return Ok(Some(at));
            }
        }
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            if self.escape != Escape::None {
                self.escape(rest.first().copied().unwrap_or_default())?;
                at += 1;
                continue;
            }
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                self.plain(rest)?;
                break;
            };
            self.plain(rest.get(..found).unwrap_or_default())?;
            if !self.utf8.is_complete() {
                return Err(NOT_UTF8);
            }
            if rest.get(found) == Some(&b'"') {
                return Ok(Some(at + found));
            }
            self.escape = Escape::Backslash;
            at += found + 1;
        }
        Ok(None)
    }

    fn plain(&mut self, text: &[u8]) -> Result<(), &'static str> {
        // Without a branch in the loop, so that it becomes vector instructions.
        let least = text.iter().fold(u8::MAX, |least, c| least.min(*c));
        if least < 0x20 {
            return Err("a control character in a string");
        }
        if self.utf8.push(text) {
            Ok(())
        } else {
            Err(NOT_UTF8)
        }
    }

    fn escape(&mut self, byte: u8) -> Result<(), &'static str> {
        const HALF: &str = "half a surrogate pair";
        let unit = |is_low| Escape::Unit {
            digits: 0,
            unit: 0,
            is_low,
        };
        self.escape = match (self.escape, byte) {
            (Escape::Backslash, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Escape::None,
            (Escape::Backslash, b'u') => unit(false),
            (Escape::High, b'\\') => Escape::HighBackslash,
            (Escape::HighBackslash, b'u') => unit(true),
            (Escape::High | Escape::HighBackslash, _) => return Err(HALF),
            (Escape::Unit { digits, unit, is_low }, digit) => {
                let value = char::from(digit).to_digit(16).ok_or("an escape that is none")?;
                let unit = unit << 4 | value as u16;
                match (digits, is_low, unit) {
                    (0..3, ..) => Escape::Unit {
                        digits: digits + 1,
                        unit,
                        is_low,
                    },
                    (_, true, 0xdc00..=0xdfff) => Escape::None,
                    (_, true, _) | (_, _, 0xdc00..=0xdfff) => return Err(HALF),
                    (_, _, 0xd800..=0xdbff) => Escape::High,
                    _ => Escape::None,
                }
            }
            _ => return Err("an escape that is none"),
        };
        Ok(())
    }
}

const NOT_UTF8: &str = "a string that is not UTF-8";

/// Checks UTF-8 in any cut.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character.
    begun: [u8; 4],
    length: usize,
}

impl Utf8 {
    fn is_complete(self) -> bool {
        self.length == 0
    }

    /// Whether it can be UTF-8 up to here.
    fn push(&mut self, mut text: &[u8]) -> bool {
        while self.length > 0
            && let Some((byte, rest)) = text.split_first()
        {
            text = rest;
            if let Some(room) = self.begun.get_mut(self.length) {
                *room = *byte;
            }
            self.length += 1;
            match std::str::from_utf8(self.begun.get(..self.length).unwrap_or_default()) {
                Ok(_) => self.length = 0,
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(text) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                let begun = text.get(error.valid_up_to()..).unwrap_or_default();
                self.length = begun.len();
                for (room, byte) in self.begun.iter_mut().zip(begun) {
                    *room = *byte;
                }
                true
            }
        }
    }
}
