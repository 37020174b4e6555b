//! From bytes to tokens, as the server's own lexer cuts them.
//!
//! What the servers do was taken from running them: [`super::tests`] has the cases that MySQL and MariaDB are asked about again.
//! Where the two differ, or one of them does what nobody could mean, the text is not read.

mod comment;

use super::settings::{Charset, Flavour, MysqlSettings};
use super::token::{Kind, Token};
use crate::statement::Gap;

/// Tokens of one text at most: a text of the greatest length that is analysed could have more than are useful.
const MOST: usize = 1 << 19;

/// A text in tokens. The last is always [`Kind::End`]; if the text can't be read to its end, the one before it is [`Kind::Bad`].
#[derive(Debug)]
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    pub(super) gap: Option<Gap>,
    /// A hint changes a setting for its statement (`SET_VAR`).
    pub(super) hints_set: bool,
}

pub(super) fn lex(text: &[u8], settings: MysqlSettings) -> Lexed {
    let mut lexer = Lexer {
        text,
        settings,
        at: 0,
        inside: false,
        name_next: false,
        hints_set: false,
        tokens: Vec::new(),
    };
    let gap = lexer.run().err();
    let at = lexer.at.min(text.len());
    lexer.at = at;
    if gap.is_some() {
        lexer.push(Kind::Bad, at);
    }
    lexer.at = text.len();
    lexer.push(Kind::End, text.len());
    Lexed {
        tokens: lexer.tokens,
        gap,
        hints_set: lexer.hints_set,
    }
}

struct Lexer<'a> {
    text: &'a [u8],
    settings: MysqlSettings,
    at: usize,
    /// Within an executable comment.
    inside: bool,
    /// Behind a dot that a name touches.
    name_next: bool,
    hints_set: bool,
    tokens: Vec<Token>,
}

fn unreadable(why: &'static str) -> Gap {
    Gap::Unreadable(why)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// What a name without quotes consists of.
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at.saturating_add(ahead)).copied().unwrap_or(0)
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let called = kind == Kind::Word && self.is_called();
        self.tokens.push(Token {
            kind,
            start,
            end: self.at,
            called,
        });
    }

    fn is_called(&self) -> bool {
        let rest = self.rest();
        let space = if self.settings.mode.ignore_space {
            rest.iter().take_while(|byte| is_space(**byte)).count()
        } else {
            0
        };
        rest.get(space) == Some(&b'(')
    }

    fn run(&mut self) -> Result<(), Gap> {
        if self.settings.mode.oracle {
            return Err(unreadable("sql_mode is ORACLE"));
        }
        if self.settings.charset == Charset::Unsafe
            && self
                .text
                .iter()
                .any(|byte| !byte.is_ascii() || matches!(byte, b'\\' | b'~'))
        {
            return Err(unreadable(
                "the client's character set may hide quotes; use utf8mb4 instead",
            ));
        }
        while self.at < self.text.len() {
            if self.tokens.len() >= MOST {
                return Err(Gap::TooLarge);
            }
            self.token()?;
        }
        if self.inside {
            return Err(unreadable("an executable comment does not end"));
        }
        Ok(())
    }

    fn token(&mut self) -> Result<(), Gap> {
        let start = self.at;
        let byte = self.peek(0);
        if std::mem::take(&mut self.name_next) {
            return self.name(start);
        }
        match byte {
            0 => Err(unreadable("a zero byte")),
            byte if is_space(byte) => {
                self.at += 1;
                Ok(())
            }
            b'#' => {
                self.line();
                Ok(())
            }
            b'-' if self.peek(1) == b'-'
                && (self.at + 2 >= self.text.len()
                    || self.peek(2).is_ascii_control()
                    || is_space(self.peek(2))) =>
            {
                self.line();
                Ok(())
            }
            b'/' if self.peek(1) == b'*' => self.comment(),
            b'*' if self.peek(1) == b'/' && self.inside => {
                self.inside = false;
                self.at += 2;
                Ok(())
            }
            b'\'' => self.string(start, b'\'', Kind::Text),
            b'"' if !self.settings.mode.ansi_quotes => self.string(start, b'"', Kind::Text),
            b'"' | b'`' => self.quoted(start, byte),
            b'x' | b'X' | b'b' | b'B' if self.peek(1) == b'\'' => self.bits(start),
            b'n' | b'N' if self.peek(1) == b'\'' => {
                self.at += 1;
                self.string(start, b'\'', Kind::Text)
            }
            b'0'..=b'9' => self.number(start),
            b'.' if self.peek(1).is_ascii_digit() && !self.touches_name() => {
                self.at += 1;
                self.fraction(start)
            }
            b'.' => {
                self.at += 1;
                self.name_next = in_name(self.peek(0));
                self.push(Kind::Symbol("."), start);
                Ok(())
            }
            b'@' => self.variable(start),
            b'$' if self.settings.flavour == Flavour::Mysql => self.dollar(start),
            byte if in_name(byte) => self.word(start),
            _ => self.symbol(start),
        }
    }

    /// Whether a name ends right here, so that a dot belongs to it.
    fn touches_name(&self) -> bool {
        self.tokens
            .last()
            .is_some_and(|last| last.end == self.at && matches!(last.kind, Kind::Word | Kind::Name))
    }

    /// A comment to the end of its line.
    fn line(&mut self) {
        let end = self.rest().iter().position(|byte| matches!(byte, b'\n' | 0));
        self.at = end.map_or(self.text.len(), |end| self.at + end);
    }

    fn string(&mut self, start: usize, quote: u8, kind: Kind) -> Result<(), Gap> {
        self.at += 1;
        let escapes = !self.settings.mode.no_backslash_escapes;
        loop {
            let Some(byte) = self.text.get(self.at).copied() else {
                return Err(Gap::Unparsable("a string does not end".to_owned()));
            };
            self.at += 1;
            if byte == b'\\' && escapes {
                self.at += 1;
            } else if byte == quote {
                if self.peek(0) != quote || self.at >= self.text.len() {
                    break;
                }
                self.at += 1;
            }
        }
        self.push(kind, start);
        Ok(())
    }

    /// A name in quotes, where a backslash is an ordinary character.
    fn quoted(&mut self, start: usize, quote: u8) -> Result<(), Gap> {
        self.skip_quoted(quote)?;
        self.check_name(start)?;
        self.push(Kind::Name, start);
        Ok(())
    }

    fn skip_quoted(&mut self, quote: u8) -> Result<(), Gap> {
        self.at += 1;
        loop {
            match self.text.get(self.at).copied() {
                None => return Err(Gap::Unparsable("a quoted name does not end".to_owned())),
                Some(0) => return Err(unreadable("a zero byte")),
                Some(byte) if byte == quote => {
                    self.at += 1;
                    if self.peek(0) != quote {
                        return Ok(());
                    }
                    self.at += 1;
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// MySQL believes the first byte of a character about its length, whatever follows.
    fn check_name(&self, start: usize) -> Result<(), Gap> {
        let bytes = self.text.get(start..self.at).unwrap_or_default();
        let fine = match self.settings.charset {
            Charset::Utf8 => str::from_utf8(bytes).is_ok(),
            Charset::Superset | Charset::Unsafe => bytes.is_ascii(),
        };
        if fine {
            Ok(())
        } else {
            Err(unreadable("a name is not in UTF-8"))
        }
    }

    fn bits(&mut self, start: usize) -> Result<(), Gap> {
        let hex = matches!(self.peek(0), b'x' | b'X');
        self.at += 2;
        let fits = |byte: u8| {
            if hex {
                byte.is_ascii_hexdigit()
            } else {
                matches!(byte, b'0' | b'1')
            }
        };
        while fits(self.peek(0)) {
            self.at += 1;
        }
        if self.peek(0) != b'\'' {
            return Err(Gap::Unparsable("a bit or hexadecimal string".to_owned()));
        }
        self.at += 1;
        self.push(Kind::Bits, start);
        Ok(())
    }

    /// A number, or a name that begins with digits.
    fn number(&mut self, start: usize) -> Result<(), Gap> {
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'b') {
            let hex = self.peek(1) == b'x';
            self.at += 2;
            let digits = self.at;
            let fits = |byte: u8| {
                if hex {
                    byte.is_ascii_hexdigit()
                } else {
                    matches!(byte, b'0' | b'1')
                }
            };
            while fits(self.peek(0)) {
                self.at += 1;
            }
            if self.at > digits && !in_name(self.peek(0)) {
                self.push(Kind::Bits, start);
                return Ok(());
            }
            return self.word(start);
        }
        self.digits();
        match self.peek(0) {
            b'.' => {
                self.at += 1;
                self.fraction(start)
            }
            b'e' | b'E' if self.exponent() => {
                self.push(Kind::Number { whole: false }, start);
                Ok(())
            }
            byte if in_name(byte) => self.word(start),
            _ => {
                self.push(Kind::Number { whole: true }, start);
                Ok(())
            }
        }
    }

    fn digits(&mut self) {
        while self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
    }

    /// Takes an exponent, if there is one.
    fn exponent(&mut self) -> bool {
        let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
        let is = self.peek(1 + sign).is_ascii_digit();
        if is {
            self.at += 1 + sign;
            self.digits();
        }
        is
    }

    /// What stands behind the dot of a number.
    fn fraction(&mut self, start: usize) -> Result<(), Gap> {
        self.digits();
        if matches!(self.peek(0), b'e' | b'E') && !self.exponent() {
            return Err(Gap::Unparsable("a number without its exponent".to_owned()));
        }
        self.push(Kind::Number { whole: false }, start);
        Ok(())
    }

    fn name(&mut self, start: usize) -> Result<(), Gap> {
        while in_name(self.peek(0)) {
            self.at += 1;
        }
        self.check_name(start)?;
        self.push(Kind::Name, start);
        Ok(())
    }

    fn word(&mut self, start: usize) -> Result<(), Gap> {
        while in_name(self.peek(0)) {
            self.at += 1;
        }
        self.check_name(start)?;
        // Before a dot that a name follows at once, no keyword is looked for.
        let kind = if self.peek(0) == b'.' && in_name(self.peek(1)) {
            Kind::Name
        } else {
            Kind::Word
        };
        self.push(kind, start);
        Ok(())
    }

    /// MySQL quotes texts by `$$` and `$tag$`.
    fn dollar(&mut self, start: usize) -> Result<(), Gap> {
        let rest = self.rest();
        let name = rest
            .iter()
            .skip(1)
            .take_while(|byte| in_name(**byte) && **byte != b'$')
            .count();
        if rest.get(1 + name) == Some(&b'$') {
            return Err(unreadable("a text between dollar signs"));
        }
        self.word(start)
    }

    fn variable(&mut self, start: usize) -> Result<(), Gap> {
        if self.peek(1) == b'@' {
            self.at += 2;
            self.push(Kind::Symbol("@@"), start);
            return Ok(());
        }
        self.at += 1;
        match self.peek(0) {
            b'`' => self.skip_quoted(b'`')?,
            b'"' if self.settings.mode.ansi_quotes => self.skip_quoted(b'"')?,
            quote @ (b'\'' | b'"') => return self.string(start, quote, Kind::Variable),
            _ => {
                while matches!(self.peek(0), b'.' | b'_' | b'$') || self.peek(0).is_ascii_alphanumeric() {
                    self.at += 1;
                }
                if self.at == start + 1 {
                    return Err(unreadable("an @ without a name"));
                }
            }
        }
        self.check_name(start)?;
        self.push(Kind::Variable, start);
        Ok(())
    }

    fn symbol(&mut self, start: usize) -> Result<(), Gap> {
        /// The longer before the shorter.
        const SYMBOLS: [&str; 35] = [
            "<=>", "->>", ":=", "||", "&&", "<=", "<>", "<<", ">=", ">>", "!=", "->", "(", ")", ",", ";",
            "=", "<", ">", "!", "+", "-", "*", "/", "%", "&", "|", "^", "~", ":", "{", "}", "?", "[", "]",
        ];
        let rest = self.rest();
        if rest.starts_with(b"\\N") && self.settings.maria() {
            self.at += 2;
            self.push(Kind::Symbol("\\N"), start);
            return Ok(());
        }
        let found = SYMBOLS.iter().find(|symbol| rest.starts_with(symbol.as_bytes()));
        let Some(symbol) = found else {
            return Err(Gap::Unparsable("a character that no statement has".to_owned()));
        };
        self.at += symbol.len();
        // MySQL's lexer swallows the second of two such signs that are no operator together.
        if matches!(*symbol, "=" | "<" | ">" | "!")
            && matches!(self.peek(0), b'=' | b'<' | b'>' | b'!')
            && !self.settings.maria()
        {
            return Err(unreadable("operators without space between them"));
        }
        if *symbol == "?" {
            if !self.settings.parameters || (in_name(self.peek(0)) && !self.settings.maria()) {
                return Err(Gap::Unparsable("a ? that is no parameter".to_owned()));
            }
            self.push(Kind::Parameter, start);
        } else {
            self.push(Kind::Symbol(symbol), start);
        }
        Ok(())
    }
}
