//! Comments, and comments that are executed.

use super::{Lexer, is_space, unreadable};
use crate::statement::Gap;

impl Lexer<'_> {
    /// From `/*` to where the server goes on reading.
    pub(super) fn comment(&mut self) -> Result<(), Gap> {
        let maria = self.settings.maria();
        let own = maria && self.peek(2) == b'M' && self.peek(3) == b'!';
        if self.peek(2) != b'!' && !own {
            return self.plain();
        }
        self.at += if own { 4 } else { 3 };
        let run = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let Some(digits) = self.digits_of_version(run, maria)? else {
            self.inside = true;
            return Ok(());
        };
        let version = self.rest().get(..digits).unwrap_or_default();
        let version = version
            .iter()
            .fold(0, |sum: u32, digit| sum * 10 + u32::from(digit - b'0'));
        // MariaDB does not take what is meant for a MySQL that it never was.
        let foreign = maria && !own && (50_700..=99_999).contains(&version);
        if version <= self.settings.version && !foreign {
            self.at += digits;
            self.inside = true;
            return Ok(());
        }
        self.skip(1)
    }

    /// How many digits the server takes for a version; `None` if it takes none and executes in any case.
    fn digits_of_version(&self, run: usize, maria: bool) -> Result<Option<usize>, Gap> {
        match run {
            0..=4 => Ok(None),
            5 => Ok(Some(5)),
            _ if maria => Ok(Some(6)),
            // Six digits are a version if space follows; versions before differ in it.
            _ if self.settings.version < 90_000 => {
                Err(unreadable("a comment for a version of six digits or more"))
            }
            6 if is_space(self.peek(6)) => Ok(Some(6)),
            _ => Ok(Some(5)),
        }
    }

    fn plain(&mut self) -> Result<(), Gap> {
        let start = self.at;
        let hint = self.peek(2) == b'+';
        self.at += 2;
        self.skip(0)?;
        if hint {
            let body = self.text.get(start..self.at).unwrap_or_default();
            let sets = body.windows(7).any(|part| part.eq_ignore_ascii_case(b"set_var"));
            self.hints_set |= sets;
            // MySQL reads names and strings in hints; one could hold the end of the comment.
            for quote in *b"'\"`" {
                if body.split(|byte| *byte == quote).count() % 2 == 0 {
                    return Err(unreadable("a hint with an open quote"));
                }
            }
        }
        Ok(())
    }

    /// To the end of a comment; `nested` levels of comments inside it count.
    fn skip(&mut self, nested: u32) -> Result<(), Gap> {
        loop {
            match (self.peek(0), self.peek(1)) {
                _ if self.at >= self.text.len() => {
                    return Err(Gap::Unparsable("a comment does not end".to_owned()));
                }
                (b'/', b'*') if nested > 0 => {
                    self.at += 2;
                    self.skip(nested - 1)?;
                }
                (b'*', b'/') => {
                    self.at += 2;
                    return Ok(());
                }
                _ => self.at += 1,
            }
        }
    }
}
