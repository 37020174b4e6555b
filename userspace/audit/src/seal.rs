//! Seals: signed statements of what was on disk, and of where the chains stood. `docs/integrity.md` specifies them to the byte.
//!
//! A seal's file is two lines of JSON. The first is the seal; what is signed and hashed are the bytes of that line as they stand,
//! so that no two programs can differ over how JSON is written. The second has the signatures.

pub(crate) mod merkle;
pub(crate) mod sealer;
pub(crate) mod store;

use std::collections::BTreeMap;

use hex::FromHex as _;
use interdict_record::Micros;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::AuditError;
use crate::keys::{PublicKey, SealKey};
use crate::retain::Hold;
use crate::value::Hash;

/// What is signed begins with this; the digit is the version.
const PREFIX: &[u8] = b"interdict-audit-seal-1\0";
/// The form's name, in every seal.
const FORMAT: &str = "interdict-audit-seal-1";

/// What a seal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealKind {
    /// Segments were published.
    Publish,
    /// The next key is named, by the one before it.
    Rotation,
    /// The key before is lost: this seal is the first of a chain that nothing but this host's word ties to it.
    NewChain,
    /// Segments were deleted because their time was over.
    Deletion,
    /// Small segments were merged.
    Compaction,
}

/// A seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// `interdict-audit-seal-1`.
    pub format: String,
    /// 1, 2, 3, … without a gap: the file's name.
    pub number: u64,
    /// What it is for.
    pub kind: SealKind,
    /// Who makes it.
    pub host: String,
    /// The kernel's boot identifier then.
    pub boot_id: String,
    /// The host's clock then. The order is that of the numbers, whatever the clock said.
    pub made_at: Timestamp,
    /// SHA-256 of the first line of the seal before; zeros in the first seal.
    #[serde(with = "hex::serde")]
    pub previous: Hash,
    /// The key that signs: SHA-256 of its 32 bytes.
    pub key: String,
    /// The key itself.
    pub public_key: String,
    /// What was published since the seal before; of a compaction, what takes the place of [`Self::replaced`].
    pub segments: Vec<Leaf>,
    /// Their Merkle root (RFC 9162, section 2.1.1).
    #[serde(with = "hex::serde")]
    pub root: Hash,
    /// Where every table's chain stands, by its name. Tables without a row are left out.
    pub heads: BTreeMap<String, HeadAt>,
    /// The policies in force.
    pub policies: InForce,
    /// The legal holds in force.
    pub holds: Vec<Hold>,
    /// Of a rotation: the key that signs from the next seal on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextKey>,
    /// Of a new chain and a deletion: why and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
    /// Of a deletion: what was deleted, as it had been sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<Leaf>,
    /// Of a compaction: the segments whose rows are now in [`Self::segments`], as they had been sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Leaf>,
}

/// A published segment as its seal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// The table.
    pub table: String,
    /// The file, from the audit's directory on.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// The first row's `seq`.
    pub first_seq: u64,
    /// The last row's.
    pub last_seq: u64,
    /// Its length.
    pub bytes: u64,
    /// Of its bytes.
    #[serde(with = "hex::serde")]
    pub sha256: Hash,
    /// The first row's `previous_hash`.
    #[serde(with = "hex::serde")]
    pub first_previous_hash: Hash,
    /// The last row's `hash`.
    #[serde(with = "hex::serde")]
    pub last_hash: Hash,
}

/// Where a chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadAt {
    /// The last row's `seq`.
    pub seq: u64,
    /// Its hash.
    #[serde(with = "hex::serde")]
    pub hash: Hash,
}

/// The policies in force: those that were loaded together last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// When they came into force, in microseconds since 1970.
    pub at: Micros,
    /// Their digests by their names.
    pub digests: BTreeMap<String, String>,
}

/// A key that a rotation names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextKey {
    /// SHA-256 of its 32 bytes.
    pub key: String,
    /// The key itself.
    pub public_key: String,
}

/// Why something was done that a reader of the record must know of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: String,
}

/// The second line: by each key that signed, its signature in hexadecimal.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signatures {
    signatures: BTreeMap<String, String>,
}

/// A seal with the bytes that it was read from or is written to.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What it says.
    pub seal: Seal,
    /// The first line, without its end.
    line: Vec<u8>,
    signatures: BTreeMap<String, String>,
}

impl Seal {
    /// The key that the next seal has to be signed with.
    pub(crate) fn signer_after(&self) -> String {
        self.next.as_ref().map_or(&self.key, |next| &next.key).clone()
    }
}

impl Signed {
    /// Signs; a rotation by both keys.
    pub(crate) fn sign(seal: Seal, keys: &[&SealKey]) -> Result<Self, AuditError> {
        let line = serde_json::to_vec(&seal).map_err(|error| AuditError::Serialise(error.to_string()))?;
        let message = message(&line);
        let signatures = keys
            .iter()
            .map(|key| (key.public().id(), hex::encode(key.sign(&message))))
            .collect();
        Ok(Self {
            seal,
            line,
            signatures,
        })
    }

    /// Reads a file's bytes. What it says is not believed yet: see [`Self::signed_by`].
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let line = lines.next().unwrap_or_default();
        let second = lines.next().ok_or("it has no second line with signatures")?;
        if lines.any(|rest| !rest.is_empty()) {
            return Err("something stands behind its signatures".to_owned());
        }
        let seal: Seal =
            serde_json::from_slice(line).map_err(|error| format!("it does not read as a seal: {error}"))?;
        if seal.format != FORMAT {
            return Err(format!("its format is not {FORMAT}"));
        }
        let signatures: Signatures =
            serde_json::from_slice(second).map_err(|error| format!("its signatures do not read: {error}"))?;
        Ok(Self {
            seal,
            line: line.to_vec(),
            signatures: signatures.signatures,
        })
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let signatures = Signatures {
            signatures: self.signatures.clone(),
        };
        let mut bytes = self.line.clone();
        bytes.push(b'\n');
        // A map of texts always has a JSON form.
        bytes.extend(serde_json::to_vec(&signatures).unwrap_or_default());
        bytes.push(b'\n');
        bytes
    }

    /// SHA-256 of the first line: what the next seal names, and what an anchor holds.
    pub fn digest(&self) -> Hash {
        Sha256::digest(&self.line).into()
    }

    /// Whether this key signed it.
    pub(crate) fn signed_by(&self, key: &PublicKey) -> bool {
        self.signatures
            .get(&key.id())
            .and_then(|text| <[u8; 64]>::from_hex(text).ok())
            .is_some_and(|signature| key.holds(&message(&self.line), &signature))
    }

    /// The key that it names as its own, if that signed it.
    pub(crate) fn signer(&self) -> Result<PublicKey, &'static str> {
        let key = PublicKey::parse(&self.seal.public_key).map_err(|_| "its public key is none")?;
        if key.id() != self.seal.key {
            return Err("its key's name is not its key's");
        }
        if self.signed_by(&key) {
            Ok(key)
        } else {
            Err("its signature is not its key's")
        }
    }

    /// The key that it hands over to, if that signed as well. `None`: it hands over to nobody.
    pub(crate) fn successor(&self) -> Option<Result<PublicKey, &'static str>> {
        let next = self.seal.next.as_ref()?;
        let Ok(key) = PublicKey::parse(&next.public_key) else {
            return Some(Err("the next key that it names is none"));
        };
        let sound = key.id() == next.key && self.signed_by(&key);
        Some(if sound {
            Ok(key)
        } else {
            Err("the next key that it names has not signed it")
        })
    }
}

/// What is signed of a line.
fn message(line: &[u8]) -> Vec<u8> {
    let mut message = PREFIX.to_vec();
    message.extend_from_slice(line);
    message
}

/// The form's name, for who writes seals.
pub(crate) fn format() -> String {
    FORMAT.to_owned()
}
