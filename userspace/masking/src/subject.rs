//! Whose data a value is about: tokens of identifiers for the record.

use std::fmt;
use std::sync::Arc;

use crate::{TokenKey, token};

/// A kind of identifier that the record knows people by.
#[derive(Clone)]
pub struct Subject {
    name: Arc<str>,
    key: Option<TokenKey>,
}

impl Subject {
    /// Of the name that tokens stand under. Without a key no token can be made: for checks and explanations.
    pub fn new(name: impl Into<Arc<str>>, key: Option<TokenKey>) -> Self {
        Self {
            name: name.into(),
            key,
        }
    }

    /// The name that its tokens stand under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `name:sub_` and 100 bits of HMAC-SHA256 of the value's text, in base32. Equal texts have equal tokens under one key, whatever
    /// the name, and whatever blanks are around them. `None` without a key, and for what is nothing but blanks.
    pub fn token(&self, text: &[u8]) -> Option<String> {
        let key = self.key.as_ref()?;
        let text = text.trim_ascii();
        if text.is_empty() {
            return None;
        }
        let bits = key.draw(b"interdict subject 1", &[text]) >> 28;
        let mut digits = *b"sub_....................";
        token::write_digits(bits, 20, &mut digits);
        Some(format!("{}:{}", self.name, String::from_utf8_lossy(&digits)))
    }
}

/// Without the key.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subject").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &str) -> Subject {
        Subject::new(name, TokenKey::new(b"a key of the test, 32 bytes long").ok())
    }

    #[test]
    fn a_token_is_stable_and_of_the_value_alone() {
        // Computed apart, with Python's hmac: a new release must know a person by the same token as the last.
        assert_eq!(
            subject("mrn").token(b"852-41-7396").unwrap(),
            "mrn:sub_cefcg2rqflalnyeg3hys"
        );
        assert_eq!(subject("mrn").token(b"4711"), subject("mrn").token(b" 4711  "));
        let (one, other) = (subject("mrn").token(b"4711"), subject("patient").token(b"4711"));
        assert_eq!(
            one.unwrap().strip_prefix("mrn:"),
            other.unwrap().strip_prefix("patient:")
        );
        assert_ne!(subject("mrn").token(b"4711"), subject("mrn").token(b"4712"));
        let other = Subject::new("mrn", TokenKey::new(b"another key of the test, as long").ok());
        assert_ne!(subject("mrn").token(b"4711"), other.token(b"4711"));
    }

    #[test]
    fn without_a_key_or_a_value_there_is_no_token() {
        assert_eq!(Subject::new("mrn", None).token(b"4711"), None);
        assert_eq!(subject("mrn").token(b"  "), None);
    }
}
