//! The key that seals are signed with (Ed25519, RFC 8032), in the forms that OpenSSL reads and writes: PKCS #8 and
//! SubjectPublicKeyInfo in PEM (RFC 8410).

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hex::FromHex as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::AuditError;
use crate::journal::file::sync_directory;
use crate::seal::store;

/// What stands before the seed in PKCS #8 of an Ed25519 key without its public half.
const PRIVATE: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// What stands before the key in SubjectPublicKeyInfo.
const PUBLIC: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// A key that signs. Its memory is overwritten when it is dropped; it has no `Display`, and its `Debug` shows the public half's
/// name alone.
#[derive(Clone)]
pub struct SealKey {
    key: SigningKey,
}

/// The public half of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; 32],
}

impl SealKey {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self, AuditError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)
            .map_err(|_| AuditError::Key("the system gives no random bytes".to_owned()))?;
        Ok(Self {
            key: SigningKey::from_bytes(&seed),
        })
    }

    /// Reads PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// It is something else. The error shows nothing of it.
    pub fn from_pem(text: &[u8]) -> Result<Self, AuditError> {
        let der = Zeroizing::new(unpem(text, "PRIVATE KEY").unwrap_or_default());
        let seed = der
            .strip_prefix(&PRIVATE[..])
            .and_then(|seed| Zeroizing::new(<[u8; 32]>::try_from(seed).ok()?).into());
        let seed: Zeroizing<[u8; 32]> = seed.ok_or_else(|| {
            AuditError::Key(
                "it is no Ed25519 key in PEM: `openssl genpkey -algorithm ed25519` writes one".to_owned(),
            )
        })?;
        Ok(Self {
            key: SigningKey::from_bytes(&seed),
        })
    }

    /// The key that the record of `audit` is sealed with, kept in the file at `path`. Made (mode 0600) where there is neither a
    /// key nor a seal yet. A change of keys that was cut short is finished.
    ///
    /// # Errors
    /// The file can't be read or made, others may read it, or it is gone while there are seals of it.
    pub fn keep(path: &Path, audit: &Path) -> Result<Self, AuditError> {
        let last = store::last(audit)?;
        let next = next_path(path);
        if let Some(last) = &last
            && let Some(key) = Self::read(&next)?
            && last.seal.signer_after() == key.public().id()
        {
            std::fs::rename(&next, path).map_err(AuditError::io("rename", &next))?;
            sync_directory(path.parent().unwrap_or(Path::new("")))?;
            return Ok(key);
        }
        if let Some(key) = Self::read(path)? {
            return Ok(key);
        }
        if let Some(last) = last {
            return Err(AuditError::Key(format!(
                "{}: it is gone, and the last seal was made with it (key {}): put it back from its copy, or, if it is lost, begin a \
                 new chain of keys with `interdict audit keys new-chain`",
                path.display(),
                last.seal.signer_after()
            )));
        }
        Self::create(path)
    }

    /// A new one in a new file (mode 0600).
    ///
    /// # Errors
    /// It can't be made.
    pub fn create(path: &Path) -> Result<Self, AuditError> {
        let key = Self::generate()?;
        key.write(path)?;
        Ok(key)
    }

    /// Reads a file that only its owner may read; `None` if there is none.
    ///
    /// # Errors
    /// It can't be read, others may read it, or it is no key.
    pub fn read(path: &Path) -> Result<Option<Self>, AuditError> {
        use std::os::unix::fs::PermissionsExt as _;
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(AuditError::io("open", path)(error)),
        };
        let mode = file
            .metadata()
            .map_err(AuditError::io("inspect", path))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(AuditError::Key(format!(
                "{}: others than its owner may use it (mode {:04o}): chmod 600",
                path.display(),
                mode & 0o7777
            )));
        }
        let text = Zeroizing::new(std::fs::read(path).map_err(AuditError::io("read", path))?);
        match Self::from_pem(&text) {
            Ok(key) => Ok(Some(key)),
            Err(AuditError::Key(what)) => Err(AuditError::Key(format!("{}: {what}", path.display()))),
            Err(error) => Err(error),
        }
    }

    /// Writes it where there is no file yet, for its owner alone, and makes it durable.
    pub(crate) fn write(&self, path: &Path) -> Result<(), AuditError> {
        let seed = Zeroizing::new(self.key.to_bytes());
        let mut der = Zeroizing::new(PRIVATE.to_vec());
        der.extend_from_slice(&*seed);
        let text = Zeroizing::new(pem(&der, "PRIVATE KEY"));
        let new = path.with_extension("new");
        let _ = std::fs::remove_file(&new);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .map_err(AuditError::io("create", &new))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(AuditError::io("write", &new))?;
        std::fs::rename(&new, path).map_err(AuditError::io("rename", &new))?;
        sync_directory(path.parent().unwrap_or(Path::new("")))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey {
            bytes: self.key.verifying_key().to_bytes(),
        }
    }

    /// Signs something that is no seal. `purpose` comes before the bytes, and keeps one kind of signature from being shown
    /// as another: seals begin otherwise.
    pub fn sign_for(&self, purpose: &str, bytes: &[u8]) -> [u8; 64] {
        self.sign(&[purpose.as_bytes(), bytes].concat())
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("SealKey").field(&self.public()).finish()
    }
}

/// Where a key waits that a rotation has named and that is not in its place yet.
pub(crate) fn next_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}

impl PublicKey {
    /// Reads SubjectPublicKeyInfo in PEM, or the key's 64 hexadecimal digits.
    ///
    /// # Errors
    /// It is something else, a private key for example.
    pub fn parse(text: &str) -> Result<Self, AuditError> {
        let text = text.trim();
        let bytes = if text.starts_with("-----") {
            unpem(text.as_bytes(), "PUBLIC KEY")
                .and_then(|der| <[u8; 32]>::try_from(der.strip_prefix(&PUBLIC[..])?).ok())
        } else {
            <[u8; 32]>::from_hex(text).ok()
        };
        bytes
            .filter(|bytes| VerifyingKey::from_bytes(bytes).is_ok())
            .map(|bytes| Self { bytes })
            .ok_or_else(|| {
                AuditError::Key(
                    "expected a public Ed25519 key: PEM as `interdict audit keys export` writes it, or 64 hexadecimal digits"
                        .to_owned(),
                )
            })
    }

    /// Its name in seals: the SHA-256 of its 32 bytes in hexadecimal.
    pub fn id(&self) -> String {
        hex::encode(Sha256::digest(self.bytes))
    }

    /// As OpenSSL reads it.
    pub fn to_pem(&self) -> String {
        let mut der = PUBLIC.to_vec();
        der.extend_from_slice(&self.bytes);
        pem(&der, "PUBLIC KEY")
    }

    /// Its 32 bytes in hexadecimal.
    pub fn to_hex(&self) -> String {
        hex::encode(self.bytes)
    }

    /// Whether a signature of these bytes is this key's. Strict: what RFC 8032 leaves to implementations is refused.
    pub(crate) fn holds(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.bytes).is_ok_and(|key| {
            key.verify_strict(bytes, &Signature::from_bytes(signature))
                .is_ok()
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.id())
    }
}

fn pem(der: &[u8], label: &str) -> String {
    let text = Zeroizing::new(STANDARD.encode(der));
    // An Ed25519 key is one line of base64.
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", &*text)
}

fn unpem(text: &[u8], label: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let inner = text
        .strip_prefix(&*format!("-----BEGIN {label}-----"))?
        .strip_suffix(&*format!("-----END {label}-----"))?;
    let inner: Zeroizing<String> = Zeroizing::new(
        inner
            .chars()
            .filter(|letter| !letter.is_ascii_whitespace())
            .collect(),
    );
    STANDARD.decode(inner.as_bytes()).ok()
}

#[cfg(test)]
mod tests;
