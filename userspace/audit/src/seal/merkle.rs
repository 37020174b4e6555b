//! The Merkle tree over a seal's segments (RFC 9162, section 2.1): one segment can be proven to be in a seal without the others.

use hex::FromHex as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Leaf;
use crate::value::Hash;

/// What a leaf's bytes begin with; the digit is the version.
const PREFIX: &[u8] = b"interdict-audit-segment-1\0";

/// What proves that a segment is one of a seal's: the hashes of the other branches, from the leaf up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The leaf's place.
    pub index: u64,
    /// How many there are.
    pub count: u64,
    /// The hashes of the other branches, in hexadecimal.
    pub path: Vec<String>,
}

/// The bytes of a leaf: texts with their length (4 bytes), numbers of 8 bytes, big-endian, hashes of 32.
fn bytes(leaf: &Leaf) -> Vec<u8> {
    let mut out = PREFIX.to_vec();
    for text in [&leaf.table, &leaf.path] {
        out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    for number in [leaf.rows, leaf.first_seq, leaf.last_seq, leaf.bytes] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    for hash in [leaf.sha256, leaf.first_previous_hash, leaf.last_hash] {
        out.extend_from_slice(&hash);
    }
    out
}

/// The hash of a leaf.
pub(crate) fn leaf(leaf: &Leaf) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(bytes(leaf))
        .finalize()
        .into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let inner = Sha256::new().chain_update([1]).chain_update(left);
    inner.chain_update(right).finalize().into()
}

/// The root. Of nothing: the hash of no bytes.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// The other branches on the way from the leaf at `index` to the root.
pub(crate) fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut below, other) = if index < left.len() {
        (path(left, index), root(right))
    } else {
        (path(right, index.saturating_sub(left.len())), root(left))
    };
    below.push(other);
    below
}

/// The root that a leaf and a path lead to.
pub(crate) fn climb(leaf: &Hash, index: usize, count: usize, path: &[Hash]) -> Option<Hash> {
    if count < 2 {
        return (index == 0 && count == 1 && path.is_empty()).then_some(*leaf);
    }
    let (other, rest) = path.split_last()?;
    let left = split(count);
    if index < left {
        Some(node(&climb(leaf, index, left, rest)?, other))
    } else {
        let below = climb(leaf, index.checked_sub(left)?, count.checked_sub(left)?, rest)?;
        Some(node(other, &below))
    }
}

/// The proof that the segment at `path` is one of a seal's. `None`: it is not.
pub fn prove(segments: &[Leaf], path_of_segment: &str) -> Option<Proof> {
    let index = segments.iter().position(|leaf| leaf.path == path_of_segment)?;
    let leaves: Vec<Hash> = segments.iter().map(leaf).collect();
    Some(Proof {
        index: index as u64,
        count: leaves.len() as u64,
        path: path(&leaves, index).iter().map(hex::encode).collect(),
    })
}

/// Whether a proof ties a segment to a seal's root.
pub fn proves(proof: &Proof, segment: &Leaf, root: &Hash) -> bool {
    let path: Option<Vec<Hash>> = proof.path.iter().map(|text| Hash::from_hex(text).ok()).collect();
    let (index, count) = (usize::try_from(proof.index), usize::try_from(proof.count));
    match (path, index, count) {
        (Some(path), Ok(index), Ok(count)) => {
            climb(&leaf(segment), index, count, &path).is_some_and(|found| found == *root)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count)
            .map(|index| Sha256::digest([0, index]).into())
            .collect()
    }

    /// The roots of the certificate transparency reference tree (its leaves' bytes: "", 00, 10, 2021, 3031, 40414243, …).
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let data: [&[u8]; 5] = [&[], &[0], &[0x10], &[0x20, 0x21], &[0x30, 0x31]];
        let leaves: Vec<Hash> = data
            .iter()
            .map(|bytes| {
                Sha256::new()
                    .chain_update([0])
                    .chain_update(bytes)
                    .finalize()
                    .into()
            })
            .collect();
        for (count, expected) in [
            (
                0,
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                1,
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            ),
            (
                2,
                "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            ),
            (
                3,
                "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            ),
            (
                4,
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ),
            (
                5,
                "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            ),
        ] {
            assert_eq!(hex::encode(root(&leaves[..count])), expected, "{count}");
        }
    }

    #[test]
    fn every_leaf_is_proven_and_nothing_else() {
        for count in 1..20 {
            let all = leaves(count);
            let root = root(&all);
            for (index, leaf) in all.iter().enumerate() {
                let path = path(&all, index);
                assert_eq!(climb(leaf, index, all.len(), &path), Some(root));
                let other = Sha256::digest(b"other").into();
                assert_ne!(climb(&other, index, all.len(), &path), Some(root));
                if count > 1 {
                    assert_ne!(climb(leaf, (index + 1) % all.len(), all.len(), &path), Some(root));
                    assert_ne!(climb(leaf, index, all.len(), &path[1..]), Some(root));
                }
            }
        }
    }
}
