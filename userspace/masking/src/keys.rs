//! Named key material for the keyed masks.

use std::{collections::BTreeMap, fmt};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::MaskError;

/// The keys a policy may name, looked up once when a mask is bound.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<String, TokenKey>);

impl Keys {
    /// No keys: every keyed mask fails to bind.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key; a key of the same name is replaced.
    pub fn insert(&mut self, name: impl Into<String>, key: TokenKey) {
        self.0.insert(name.into(), key);
    }

    /// The key of that name.
    pub fn get(&self, name: &str) -> Option<&TokenKey> {
        self.0.get(name)
    }
}

impl FromIterator<(String, TokenKey)> for Keys {
    fn from_iter<T: IntoIterator<Item = (String, TokenKey)>>(keys: T) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// An HMAC-SHA256 key, kept as the prepared state so that a value costs no key schedule.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    /// Fewer bytes than this could be searched.
    pub const MINIMUM: usize = 16;

    /// Key material as the operator provides it; 32 random bytes are best.
    ///
    /// # Errors
    /// [`MaskError::ShortKey`] below [`TokenKey::MINIMUM`] bytes.
    pub fn new(material: &[u8]) -> Result<Self, MaskError> {
        let short = MaskError::ShortKey {
            bytes: material.len(),
        };
        if material.len() < Self::MINIMUM {
            return Err(short);
        }
        Hmac::new_from_slice(material).map(Self).map_err(|_| short)
    }

    /// The first 128 bits of the HMAC over the purpose and the parts. The purpose keeps the uses of one key apart.
    pub(crate) fn draw(&self, purpose: &[u8], parts: &[&[u8]]) -> u128 {
        let mut mac = self.0.clone();
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose);
        for part in parts {
            mac.update(part);
        }
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}
