//! Secrets, and why a login that the proxy makes itself fails.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use interdict_wire::WireError;
use zeroize::Zeroizing;

/// A secret's bytes: shared, never shown, overwritten when the last holder lets go.
#[derive(Clone, Default)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    /// Takes the bytes over without a copy.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(Arc::new(bytes))
    }

    /// The bytes. What is made of them is to be overwritten too.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a service said, without the secret should it have repeated it.
    pub(crate) fn kept_out_of(&self, text: &str) -> String {
        let secret = String::from_utf8_lossy(self.reveal());
        if secret.is_empty() {
            text.to_owned()
        } else {
            text.replace(&*secret, "…")
        }
    }
}

/// By content.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.reveal() == other.reveal()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a login by the proxy failed. The text is for operators and has no secret in it.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The service says no.
    #[error("the service refused: {text} ({code})")]
    Refused {
        /// SQLSTATE, or MySQL's error number.
        code: String,
        /// What it said.
        text: String,
        /// Whether user and password are why: another secret might do.
        credentials: bool,
        /// The message as it came, for a client that may see it: one that says nothing of who logs in.
        message: Option<Bytes>,
    },
    /// It wants what the proxy does not do, or not as things are.
    #[error("{0}")]
    Unsupported(String),
    /// It sent something else than its protocol.
    #[error("the service answered with something else than its protocol: {0}")]
    Wire(#[from] WireError),
    /// The exchange did not add up.
    #[error("the service's part of the login does not add up: {0}")]
    Exchange(#[from] std::io::Error),
}

impl LoginError {
    pub(crate) fn unsupported(why: impl Into<String>) -> Self {
        Self::Unsupported(why.into())
    }

    /// Whether another secret might do.
    pub fn is_about_credentials(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                credentials: true,
                ..
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new(Zeroizing::new(b"s3cret".to_vec()));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(
            secret.kept_out_of("no password s3cret for u"),
            "no password … for u"
        );
        assert_eq!(Secret::default().kept_out_of("as it is"), "as it is");
    }
}
