use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::HttpError;
use super::grammar::{is_token, is_value, trim};
use crate::hidden::Hidden;

/// Header fields or trailers in the order in which they were sent. Names are kept as sent and compared in any case of
/// ASCII. Names are tokens and values have no control characters, whoever put them in. `Debug` tells names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Bytes, Bytes)>);

impl Headers {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// What the parser has checked already.
    pub(super) const fn checked(fields: Vec<(Bytes, Bytes)>) -> Self {
        Self(fields)
    }

    /// How many fields there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All fields: name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.get_all(name).next()
    }

    /// The values of all fields of that name.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &Bytes> {
        self.0
            .iter()
            .filter(move |(found, _)| same(found, name))
            .map(|(_, value)| value)
    }

    /// How many fields have that name.
    pub fn count(&self, name: &str) -> usize {
        self.get_all(name).count()
    }

    /// Whether a field has that name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a field at the end. White space around the value is taken off.
    ///
    /// # Errors
    /// [`HttpError::EmptyName`], [`HttpError::Name`], [`HttpError::Value`]: nothing is added.
    pub fn push(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<(), HttpError> {
        let field = field(name.into(), &value.into())?;
        self.0.push(field);
        Ok(())
    }

    /// Replaces all fields of that name by one, where the first was, or adds it at the end.
    ///
    /// # Errors
    /// As [`Headers::push`]: nothing is changed.
    pub fn set(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<(), HttpError> {
        let field = field(name.into(), &value.into())?;
        let first = self
            .0
            .iter()
            .position(|(found, _)| found.eq_ignore_ascii_case(&field.0));
        self.0.retain(|(found, _)| !found.eq_ignore_ascii_case(&field.0));
        self.0.insert(first.unwrap_or(self.0.len()), field);
        Ok(())
    }

    /// Takes all fields of that name out. Tells how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        let before = self.0.len();
        self.0.retain(|(found, _)| !same(found, name));
        before - self.0.len()
    }

    /// Keeps the fields for which `keep` is true of name and value.
    pub fn retain(&mut self, mut keep: impl FnMut(&Bytes, &Bytes) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// The members of the comma-separated lists in all fields of that name, empty ones left out. Does not know quoted
    /// strings: for fields of tokens.
    pub fn tokens(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.get_all(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(trim)
            .filter(|token| !token.is_empty())
    }

    /// Whether such a list has `token`, in any case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.tokens(name).any(|found| same(found, token))
    }

    /// Writes the fields, each with its CRLF, without the empty line at the end.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        let size: usize = self
            .0
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum();
        out.reserve(size);
        for (name, value) in &self.0 {
            out.put_slice(name);
            out.put_slice(b": ");
            out.put_slice(value);
            out.put_slice(b"\r\n");
        }
    }
}

fn same(found: &[u8], name: &str) -> bool {
    found.eq_ignore_ascii_case(name.as_bytes())
}

fn field(name: Bytes, value: &Bytes) -> Result<(Bytes, Bytes), HttpError> {
    if name.is_empty() {
        return Err(HttpError::EmptyName);
    }
    if !name.iter().copied().all(is_token) {
        return Err(HttpError::Name);
    }
    if !value.iter().copied().all(is_value) {
        return Err(HttpError::Value);
    }
    Ok((name, value.slice_ref(trim(value))))
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|(name, value)| (String::from_utf8_lossy(name), Hidden(value))),
            )
            .finish()
    }
}
