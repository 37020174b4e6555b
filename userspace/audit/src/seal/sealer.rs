//! Makes seals. It knows nothing that the last seal, the segments and the journal don't say, so that a crash anywhere leaves the
//! next start with the same work: what was published and is in no seal goes into the next one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hex::FromHex as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Because, HeadAt, InForce, Leaf, NextKey, Seal, SealKind, Signed, merkle, store};
use crate::canonical::GENESIS;
use crate::config::{NewChain, Seals};
use crate::fold::Fold;
use crate::keys::SealKey;
use crate::retain::{Hold, hold};
use crate::row::Row;
use crate::segment::{self, key, read};
use crate::table::Table;
use crate::value::Hash;
use crate::{AuditError, Config};

/// The last seal, as the checkpoint has it: that a later one is gone is then noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SealAt {
    pub(crate) number: u64,
    pub(crate) digest: Hash,
}

#[derive(Debug)]
pub(crate) struct Sealer {
    directory: PathBuf,
    host: String,
    boot_id: String,
    key: Arc<SealKey>,
    last: Option<SealAt>,
    /// Where the chains stood at the last publishing that was sealed. Segments beyond are in no seal.
    heads: BTreeMap<String, HeadAt>,
    /// Published, and in no seal.
    pending: Vec<(Table, PathBuf)>,
    policies: InForce,
    pub(crate) holds: Vec<Hold>,
}

impl Sealer {
    /// Takes up where the last seal left. `known` is the last seal that the checkpoint knows of.
    pub(crate) fn open(config: &Config, seals: &Seals, known: Option<SealAt>) -> Result<Self, AuditError> {
        let directory = &config.directory;
        let broken = seals.new_chain.is_some();
        let last = match store::last(directory) {
            // What can't be read is passed over by who begins anew; its number is not used again.
            Err(AuditError::Damaged { .. }) if broken => None,
            other => other?,
        };
        if !broken {
            check(directory, last.as_ref(), known)?;
        }
        let mut sealer = Self {
            directory: directory.clone(),
            host: config.host.clone(),
            boot_id: config.boot_id.clone(),
            key: Arc::clone(&seals.key),
            last: last.as_ref().map(|signed| SealAt {
                number: signed.seal.number,
                digest: signed.digest(),
            }),
            heads: BTreeMap::new(),
            pending: Vec::new(),
            policies: InForce::default(),
            holds: Vec::new(),
        };
        let signer = last.as_ref().map(|signed| signed.seal.signer_after());
        if let Some(signed) = last {
            let Seal {
                heads,
                policies,
                holds,
                ..
            } = signed.seal;
            (sealer.heads, sealer.policies, sealer.holds) = (heads, policies, holds);
        }
        sealer.last = newest(
            sealer.last,
            known,
            store::list(&store::directory(directory))?.last(),
        );
        for table in Table::ALL {
            let covered = sealer.covered(table);
            let segments = segment::list(directory, table)?.0.into_iter();
            let beyond = segments.filter(|segment| segment.first > covered);
            sealer.pending.extend(beyond.map(|segment| (table, segment.path)));
        }
        let key = seals.key.public().id();
        match (&seals.new_chain, signer) {
            (Some(NewChain { reason, by }), _) => {
                let because = Because {
                    reason: reason.clone(),
                    by: by.clone(),
                };
                sealer.make(SealKind::NewChain, |seal| seal.because = Some(because))?;
            }
            (None, Some(signer)) if signer != key => match &seals.previous {
                Some(previous) if previous.public().id() == signer => {
                    sealer.key = Arc::clone(previous);
                    sealer.rotate(Arc::clone(&seals.key))?;
                }
                _ => {
                    return Err(AuditError::Key(format!(
                        "the last seal hands over to key {signer}, and the key given is {key}: give that one; to change keys give the old \
                         one as `previous`; if it is lost, begin a new chain of keys with `interdict audit keys new-chain`"
                    )));
                }
            },
            _ => {}
        }
        Ok(sealer)
    }

    /// The last seal.
    pub(crate) fn last(&self) -> Option<SealAt> {
        self.last
    }

    /// Whether something is published and in no seal.
    pub(crate) fn is_behind(&self) -> bool {
        !self.pending.is_empty()
    }

    fn covered(&self, table: Table) -> u64 {
        self.heads.get(table.name()).map_or(0, |head| head.seq)
    }

    /// Meets every row, published or not: what is in force is in the next seal.
    pub(crate) fn see(&mut self, row: &Row) {
        if row.seq <= self.covered(row.table) {
            return;
        }
        match row.table {
            Table::Policies => {
                let text = |name| row.get(name).as_text().unwrap_or_default().to_owned();
                if row.at != self.policies.at {
                    // What is loaded together has one time.
                    self.policies = InForce {
                        at: row.at,
                        digests: BTreeMap::new(),
                    };
                }
                self.policies.digests.insert(text("name"), text("digest"));
            }
            Table::Admin => hold::apply(&mut self.holds, row),
            _ => {}
        }
    }

    /// Seals what was published: these, and what an earlier run left. Nothing new: no seal.
    pub(crate) fn publish(
        &mut self,
        published: Vec<(Table, PathBuf)>,
        fold: &Fold,
    ) -> Result<(), AuditError> {
        for new in published {
            if !self.pending.contains(&new) {
                self.pending.push(new);
            }
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        let leaves = self
            .pending
            .iter()
            .map(|(table, path)| leaf(&self.directory, *table, path));
        let mut leaves = leaves.collect::<Result<Vec<_>, _>>()?;
        leaves.sort_by(|one, other| (&one.table, one.first_seq).cmp(&(&other.table, other.first_seq)));
        let heads = Table::ALL
            .into_iter()
            .map(|table| (table, fold.head(table)))
            .filter(|(_, head)| head.seq > 0)
            .map(|(table, head)| {
                let (seq, hash) = (head.seq, head.hash);
                (table.name().to_owned(), HeadAt { seq, hash })
            })
            .collect();
        let before = std::mem::replace(&mut self.heads, heads);
        let made = self.make(SealKind::Publish, |seal| seal.segments = leaves);
        match made {
            Ok(()) => self.pending.clear(),
            Err(_) => self.heads = before,
        }
        made
    }

    /// Names the next key, and goes on with it.
    pub(crate) fn rotate(&mut self, next: Arc<SealKey>) -> Result<(), AuditError> {
        let public = next.public();
        let named = NextKey {
            key: public.id(),
            public_key: public.to_hex(),
        };
        let seal = self.seal(SealKind::Rotation, |seal| seal.next = Some(named));
        let signed = Signed::sign(seal, &[&self.key, &next])?;
        self.put(&signed)?;
        self.key = next;
        Ok(())
    }

    /// The receipt of a deletion that is about to be done.
    pub(crate) fn delete(&mut self, deleted: Vec<Leaf>, because: Because) -> Result<(), AuditError> {
        self.make(SealKind::Deletion, |seal| {
            seal.deleted = deleted;
            seal.because = Some(because);
        })
    }

    /// That merged segments are about to take the place of what they were made of.
    pub(crate) fn compact(&mut self, merged: Vec<Leaf>, replaced: Vec<Leaf>) -> Result<(), AuditError> {
        self.make(SealKind::Compaction, |seal| {
            seal.segments = merged;
            seal.replaced = replaced;
        })
    }

    fn make(&mut self, kind: SealKind, change: impl FnOnce(&mut Seal)) -> Result<(), AuditError> {
        let signed = Signed::sign(self.seal(kind, change), &[&self.key])?;
        self.put(&signed)
    }

    fn put(&mut self, signed: &Signed) -> Result<(), AuditError> {
        store::write(&self.directory, signed)?;
        self.last = Some(SealAt {
            number: signed.seal.number,
            digest: signed.digest(),
        });
        Ok(())
    }

    fn seal(&self, kind: SealKind, change: impl FnOnce(&mut Seal)) -> Seal {
        let public = self.key.public();
        let mut seal = Seal {
            format: super::format(),
            number: self.last.map_or(1, |last| last.number.saturating_add(1)),
            kind,
            host: self.host.clone(),
            boot_id: self.boot_id.clone(),
            made_at: Timestamp::now(),
            previous: self.last.map_or(GENESIS, |last| last.digest),
            key: public.id(),
            public_key: public.to_hex(),
            segments: Vec::new(),
            root: GENESIS,
            heads: self.heads.clone(),
            policies: self.policies.clone(),
            holds: self.holds.clone(),
            next: None,
            because: None,
            deleted: Vec::new(),
            replaced: Vec::new(),
        };
        change(&mut seal);
        let leaves: Vec<Hash> = seal.segments.iter().map(merkle::leaf).collect();
        seal.root = merkle::root(&leaves);
        seal
    }
}

/// That the seals which the checkpoint knows of are there.
fn check(directory: &Path, last: Option<&Signed>, known: Option<SealAt>) -> Result<(), AuditError> {
    let Some(known) = known else { return Ok(()) };
    let path = store::directory(directory).join(store::name(known.number));
    let remedy = "put it back from an anchor, or, if there is none, begin a new chain of keys with `interdict audit keys new-chain`";
    let digest = match last {
        Some(last) if last.seal.number == known.number => last.digest(),
        Some(last) if last.seal.number > known.number => store::read(&path)?.digest(),
        _ => {
            return Err(AuditError::damaged(
                &path,
                format!("the checkpoint knows of this seal, and it is gone: {remedy}"),
            ));
        }
    };
    if digest == known.digest {
        Ok(())
    } else {
        Err(AuditError::damaged(
            &path,
            format!("it is another seal than the checkpoint knows: {remedy}"),
        ))
    }
}

/// Of the last seal read, the one that the checkpoint knows of and the last file: the highest number.
fn newest(last: Option<SealAt>, known: Option<SealAt>, file: Option<&(u64, PathBuf)>) -> Option<SealAt> {
    let best = match (last, known) {
        (Some(last), Some(known)) if known.number > last.number => Some(known),
        (None, known) => known,
        (last, _) => last,
    };
    match (best, file) {
        // Only where a file can't be read and a new chain begins: its digest is not known.
        (None, Some((number, _))) => Some(SealAt {
            number: *number,
            digest: GENESIS,
        }),
        (Some(best), Some((number, _))) if *number > best.number => Some(SealAt {
            number: *number,
            ..best
        }),
        (best, _) => best,
    }
}

/// A segment as its seal has it: from its footer, and all its bytes.
pub(crate) fn leaf(directory: &Path, table: Table, path: &Path) -> Result<Leaf, AuditError> {
    let (facts, rows) = read::metadata(path)?;
    let fact = |name: &str| {
        let found = facts.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let number = |name: &str| fact(name).and_then(|text| text.parse::<u64>().ok());
    let hash = |name: &str| fact(name).and_then(|text| Hash::from_hex(text).ok());
    let missing = || AuditError::damaged(path, "its metadata is not that of a segment");
    let (bytes, sha256) = digest(path)?;
    Ok(Leaf {
        table: table.name().to_owned(),
        path: segment::relative(directory, path),
        rows: u64::try_from(rows).map_err(|_| missing())?,
        first_seq: number(key::FIRST_SEQ).ok_or_else(missing)?,
        last_seq: number(key::LAST_SEQ).ok_or_else(missing)?,
        bytes,
        sha256,
        first_previous_hash: hash(key::FIRST_PREVIOUS_HASH).ok_or_else(missing)?,
        last_hash: hash(key::LAST_HASH).ok_or_else(missing)?,
    })
}

/// A file's length and SHA-256.
pub(crate) fn digest(path: &Path) -> Result<(u64, Hash), AuditError> {
    let mut file = File::open(path).map_err(AuditError::io("open", path))?;
    let (mut sum, mut length) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = file.read(&mut buffer).map_err(AuditError::io("read", path))?;
        if count == 0 {
            return Ok((length, sum.finalize().into()));
        }
        length = length.saturating_add(count as u64);
        sum.update(buffer.get(..count).unwrap_or_default());
    }
}
