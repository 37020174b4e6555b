//! What proves a password to MySQL and MariaDB without sending it.
//!
//! Sources: MySQL's "Native Authentication" and "Caching_sha2_password" pages of the internals manual; MariaDB's "Authentication
//! Plugin - ed25519"; RFC 8032.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha512};
use zeroize::{Zeroize as _, Zeroizing};

/// `mysql_native_password`: `SHA1(password) XOR SHA1(nonce ‖ SHA1(SHA1(password)))`.
pub(super) fn native(password: &[u8], nonce: &[u8]) -> Zeroizing<Vec<u8>> {
    let of = &SHA1_FOR_LEGACY_USE_ONLY;
    let once = Zeroizing::new(digest(of, password).as_ref().to_vec());
    let twice = digest(of, &once);
    mixed(of, &once, &[nonce, twice.as_ref()].concat())
}

/// `caching_sha2_password`: `SHA256(password) XOR SHA256(SHA256(SHA256(password)) ‖ nonce)`.
pub(super) fn caching_sha2(password: &[u8], nonce: &[u8]) -> Zeroizing<Vec<u8>> {
    let once = Zeroizing::new(digest(&SHA256, password).as_ref().to_vec());
    let twice = digest(&SHA256, &once);
    mixed(&SHA256, &once, &[twice.as_ref(), nonce].concat())
}

/// `client_ed25519`: the nonce signed with the key that a password of any length expands to, as a seed of 32 bytes does in
/// RFC 8032.
pub(super) fn ed25519(password: &[u8], nonce: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut expanded: [u8; 64] = Sha512::digest(password).into();
    let key = ExpandedSecretKey::from_bytes(&expanded);
    expanded.zeroize();
    let signature = raw_sign::<Sha512>(&key, nonce, &VerifyingKey::from(&key));
    Zeroizing::new(signature.to_bytes().to_vec())
}

/// The password under the server's key: RSA with OAEP over `(password ‖ 0) XOR nonce`. `None`: the key is none in PEM, or too
/// short for the password.
pub(super) fn encrypted(password: &[u8], nonce: &[u8], key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(key).ok()?;
    let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&key).ok()?).ok()?;
    let mut plain = Zeroizing::new([password, b"\0"].concat());
    for (byte, mask) in plain.iter_mut().zip(nonce.iter().cycle()) {
        *byte ^= mask;
    }
    let mut cipher = Zeroizing::new(vec![0; key.ciphertext_size()]);
    key.encrypt(&OAEP_SHA1_MGF1SHA1, &plain, &mut cipher, None).ok()?;
    Some(cipher)
}

fn mixed(of: &'static Algorithm, secret: &[u8], challenge: &[u8]) -> Zeroizing<Vec<u8>> {
    let hash = digest(of, challenge);
    Zeroizing::new(secret.iter().zip(hash.as_ref()).map(|(a, b)| a ^ b).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server keeps of a password is enough to check the answer: SHA1(answer XOR SHA1(nonce ‖ kept)) is kept again.
    #[test]
    fn a_server_can_check_them() {
        let nonce = b"01234567890123456789";
        let of = &SHA1_FOR_LEGACY_USE_ONLY;
        let kept = digest(of, digest(of, b"secret").as_ref());
        let answer = native(b"secret", nonce);
        let mask = digest(of, &[nonce, kept.as_ref()].concat());
        let once: Vec<u8> = answer.iter().zip(mask.as_ref()).map(|(a, b)| a ^ b).collect();
        assert_eq!(digest(of, &once).as_ref(), kept.as_ref());

        let kept = digest(&SHA256, digest(&SHA256, b"secret").as_ref());
        let answer = caching_sha2(b"secret", nonce);
        let mask = digest(&SHA256, &[kept.as_ref(), nonce].concat());
        let once: Vec<u8> = answer.iter().zip(mask.as_ref()).map(|(a, b)| a ^ b).collect();
        assert_eq!(digest(&SHA256, &once).as_ref(), kept.as_ref());
    }

    #[test]
    fn a_seed_of_32_bytes_signs_as_in_rfc_8032() {
        use ed25519_dalek::{Signer as _, SigningKey};
        let seed = [7; 32];
        let expected = SigningKey::from_bytes(&seed).sign(b"challenge");
        assert_eq!(ed25519(&seed, b"challenge")[..], expected.to_bytes());
        assert_eq!(ed25519(b"any length", b"challenge").len(), 64);
    }

    #[test]
    fn the_holder_of_the_key_reads_the_password() {
        use aws_lc_rs::encoding::AsDer as _;
        use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let public = private.public_key().as_der().unwrap();
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for chunk in public.as_ref().chunks(3) {
            let bits = chunk
                .iter()
                .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let letter = alphabet[(bits >> (18 - 6 * place)) as usize & 63];
                pem.push(if place > chunk.len() { '=' } else { letter.into() });
            }
        }
        pem.push_str("\n-----END PUBLIC KEY-----\n");
        let nonce = b"01234567890123456789";
        let cipher = encrypted(b"secret", nonce, pem.as_bytes()).unwrap();
        let private = OaepPrivateDecryptingKey::new(private).unwrap();
        let mut plain = vec![0; private.min_output_size()];
        let plain = private
            .decrypt(&OAEP_SHA1_MGF1SHA1, &cipher, &mut plain, None)
            .unwrap();
        let plain: Vec<u8> = plain.iter().zip(nonce).map(|(a, b)| a ^ b).collect();
        assert_eq!(plain, b"secret\0");
        assert!(encrypted(b"secret", nonce, b"no key").is_none());
        assert!(encrypted(&[1; 300], nonce, pem.as_bytes()).is_none());
    }
}
