use std::fmt;

use bytes::Bytes;

use super::HttpError;
use super::grammar::{is_target, is_token};
use crate::hidden::Hidden;

/// Text of a start line: visible ASCII, not empty. Its `Debug` tells the size only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(Bytes);

impl Text {
    /// A method.
    ///
    /// # Errors
    /// [`HttpError::Method`] if it is not a token.
    pub fn method(text: impl Into<Bytes>) -> Result<Self, HttpError> {
        let text = text.into();
        if text.is_empty() || !text.iter().copied().all(is_token) {
            return Err(HttpError::Method);
        }
        Ok(Self(text))
    }

    /// A request target. Its form is looked at by [`super::target::Target::parse`].
    ///
    /// # Errors
    /// [`HttpError::TargetByte`], [`HttpError::TargetFragment`], [`HttpError::TargetForm`] if it is empty.
    pub fn target(text: impl Into<Bytes>) -> Result<Self, HttpError> {
        let text = text.into();
        check_target(&text)?;
        Ok(Self(text))
    }

    /// The text. Takes time proportional to its length.
    pub fn as_str(&self) -> &str {
        // Never fails: ASCII was checked.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The bytes, which are ASCII.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// What the parser has checked already.
    pub(super) const fn checked(text: Bytes) -> Self {
        Self(text)
    }
}

/// The bytes that a target may have. Wider than RFC 3986: clients send brackets, braces and bars unescaped, and nobody
/// reads those in two ways.
pub(super) fn check_target(target: &[u8]) -> Result<(), HttpError> {
    if target.is_empty() {
        return Err(HttpError::TargetForm);
    }
    if !target.iter().copied().all(is_target) {
        return Err(HttpError::TargetByte);
    }
    if target.contains(&b'#') {
        return Err(HttpError::TargetFragment);
    }
    Ok(())
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hidden(&self.0).fmt(f)
    }
}
