//! An issuer's public keys (RFC 7517).

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;

/// Signatures that only the holder of a private key can make.
pub(super) const ACCEPTED: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// More keys than this are no issuer's: each may have to be tried.
const MOST: usize = 64;

/// Keys that verify signatures.
#[derive(Debug, Default)]
pub(crate) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, where the issuer says.
    algorithm: Option<KeyAlgorithm>,
    verifier: DecodingKey,
}

impl KeySet {
    /// Reads a JWKS. Keys of kinds that are of no use here are left out; the error says what is wrong with the whole.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Value =
            serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let listed = document.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or("it has no list `keys`")?;
        if listed.len() > MOST {
            return Err(format!("it has more than {MOST} keys"));
        }
        let keys: Vec<Key> = listed.iter().filter_map(Key::of).collect();
        if keys.is_empty() {
            return Err("it has no public key for signatures (RSA, EC or Ed25519)".to_owned());
        }
        Ok(Self(keys))
    }

    /// The keys that may have signed a token with this header.
    pub(super) fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &DecodingKey> {
        let named = format!("{algorithm:?}");
        self.0
            .iter()
            .filter(move |key| id.is_none_or(|id| key.id.as_deref() == Some(id)))
            .filter(move |key| key.verifier.family() == algorithm.family())
            .filter(move |key| key.algorithm.is_none_or(|only| format!("{only:?}") == named))
            .map(|key| &key.verifier)
    }
}

impl Key {
    fn of(value: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        // A secret that both sides know proves nothing about who signed.
        if matches!(
            jwk.algorithm,
            AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_)
        ) {
            return None;
        }
        let common = &jwk.common;
        if common
            .public_key_use
            .as_ref()
            .is_some_and(|used| *used != PublicKeyUse::Signature)
        {
            return None;
        }
        if common
            .key_operations
            .as_ref()
            .is_some_and(|operations| !operations.contains(&KeyOperations::Verify))
        {
            return None;
        }
        let verifier = DecodingKey::from_jwk(&jwk).ok()?;
        (verifier.family() != AlgorithmFamily::Hmac).then_some(())?;
        Some(Self {
            id: common.key_id.clone(),
            algorithm: common.key_algorithm,
            verifier,
        })
    }
}
