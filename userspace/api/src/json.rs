//! JSON read whole and strictly (RFC 8259), so that no other reader can understand it differently: a key that comes twice, half
//! a surrogate pair and nesting beyond [`DEPTH`] are faults. Numbers keep their text, values know where they stand.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use interdict_sql::Gap;

/// How deep lists and objects may be nested.
pub(crate) const DEPTH: usize = 128;

/// A value and where it stands in the text, in bytes.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value<'a>,
}

#[derive(Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a text is not JSON, or not certain to mean one thing.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) gap: Gap,
}

/// Reads a body.
pub(crate) fn parse(body: &[u8]) -> Result<Json<'_>, Gap> {
    let text = std::str::from_utf8(body).map_err(|_| Gap::NotText)?;
    parse_text(text).map_err(|fault| fault.gap)
}

/// Reads a text.
pub(crate) fn parse_text(text: &str) -> Result<Json<'_>, Fault> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    reader.space();
    let value = reader.value()?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.syntax("the JSON is followed by something else")),
    }
}

impl<'a> Json<'a> {
    /// The member of this name, if this is an object that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let mut found = self.members().iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value)
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of the member of this name.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::text)
    }

    /// The members; none if it is no object.
    pub(crate) fn members(&self) -> &[(Cow<'a, str>, Self)] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The elements; none if it is no list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    /// The text of a value that is neither list, object nor null.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(text) => Some((*text).to_owned()),
            Value::Text(text) => Some(text.clone().into_owned()),
            Value::Null | Value::List(_) | Value::Object(_) => None,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn syntax(&self, what: &str) -> Fault {
        Fault {
            at: self.at,
            gap: Gap::Unparsable(format!("{what}, at byte {}", self.at)),
        }
    }

    fn unclear(&self, what: &'static str) -> Fault {
        Fault {
            at: self.at,
            gap: Gap::Unreadable(what),
        }
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    fn value(&mut self) -> Result<Json<'a>, Fault> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            _ => return Err(self.syntax("no JSON value")),
        };
        Ok(Json {
            span: start..self.at,
            value,
        })
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Fault> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.syntax("no JSON value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value<'a>, Fault>,
    ) -> Result<Value<'a>, Fault> {
        if self.depth == DEPTH {
            return Err(Fault {
                at: self.at,
                gap: Gap::TooDeep,
            });
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Value<'a>, Fault> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            self.space();
            if self.take(b']') {
                return Ok(Value::List(items));
            }
            if !self.take(b',') {
                return Err(self.syntax("a list is not closed"));
            }
            self.space();
        }
    }

    fn object(&mut self) -> Result<Value<'a>, Fault> {
        let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::new();
        let mut seen = HashSet::new();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.syntax("an object has something else than a key"));
            }
            let key = self.string()?;
            if !seen.insert(key.clone()) {
                return Err(self.unclear("an object of the JSON has a key twice"));
            }
            self.space();
            if !self.take(b':') {
                return Err(self.syntax("a key without a value"));
            }
            self.space();
            members.push((key, self.value()?));
            self.space();
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.take(b',') {
                return Err(self.syntax("an object is not closed"));
            }
            self.space();
        }
    }

    fn number(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(self.slice(start..self.at))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.syntax("no JSON number"));
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let mut from = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let tail = self.slice(from..self.at);
                    self.at += 1;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(tail),
                        Some(text) => Cow::Owned(text + tail),
                    });
                }
                Some(b'\\') => {
                    let text = unescaped.get_or_insert_default();
                    text.push_str(self.text.get(from..self.at).unwrap_or_default());
                    self.at += 1;
                    let c = self.escape()?;
                    unescaped.get_or_insert_default().push(c);
                    from = self.at;
                }
                Some(0..=0x1f) => return Err(self.syntax("a control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.syntax("a string is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let kind = self.peek();
        self.at += 1;
        Ok(match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.syntax("an unknown escape in a string")),
        })
    }

    fn unicode(&mut self) -> Result<char, Fault> {
        let high = self.hex()?;
        let code = if (0xd800..0xdc00).contains(&high) && self.take(b'\\') && self.take(b'u') {
            let low = self.hex()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(self.unclear("a string of the JSON has half a surrogate pair"));
            }
            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        } else {
            high
        };
        char::from_u32(code).ok_or_else(|| self.unclear("a string of the JSON has half a surrogate pair"))
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let digits = self.slice(self.at..self.at + 4);
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.syntax("an unknown escape in a string"));
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.syntax("an unknown escape in a string"))
    }
}

#[cfg(test)]
mod tests;
