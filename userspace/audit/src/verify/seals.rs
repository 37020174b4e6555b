//! The seals: that none is missing or forged, whose they are, and what they say of the segments.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::expected::Sealed;
use super::report::{Finding, Problem, Report};
use super::stamps::Stamps;
use crate::AuditError;
use crate::canonical::GENESIS;
use crate::keys::PublicKey;
use crate::seal::sealer::SealAt;
use crate::seal::{SealKind, Signed, merkle, store};
use crate::table::Table;
use crate::value::Hash;

/// The seals as found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SealState {
    /// How many there are.
    pub seals: u64,
    /// The last one's number.
    pub last: u64,
    /// When the last was made, by the host's clock.
    pub made_at: Option<String>,
    /// SHA-256 of the last seal: what to compare with a copy elsewhere.
    pub digest: String,
    /// The keys that signed, each by its name, in order.
    pub keys: Vec<String>,
    /// Whether every seal is vouched for by a key that was given.
    pub proven: bool,
    /// Published segments that wait for their seal: a daemon is at work, or was.
    pub waiting: u64,
    /// Segments that were deleted with a receipt, and their rows.
    pub deleted_segments: u64,
    /// Rows of those.
    pub deleted_rows: u64,
    /// Segments whose rows are in larger ones now.
    pub merged_segments: u64,
    /// Seals at the anchor that are the same as here.
    pub anchored: Option<u64>,
    /// Time stamps beside the seals, by authority.
    pub stamps: BTreeMap<String, Stamps>,
}

fn finding(problem: Problem, file: Option<PathBuf>, what: impl Into<String>) -> Finding {
    Finding {
        problem,
        table: None,
        file,
        seq: None,
        what: what.into(),
    }
}

/// Reads the seals and judges them by themselves.
pub(super) fn read(
    directory: &Path,
    keys: &[PublicKey],
    known: Option<SealAt>,
    report: &mut Report,
) -> Result<(Sealed, Vec<Signed>), AuditError> {
    let files = store::list(&store::directory(directory))?;
    let mut chain = Chain {
        report,
        sealed: Sealed::default(),
        keys,
        signer: None,
        previous: Some(GENESIS),
        trusted: Vec::new(),
        signers: Vec::new(),
    };
    let mut all = Vec::new();
    let mut expected = 1_u64;
    for (number, path) in files {
        if number != expected {
            let what = if expected.saturating_add(1) == number {
                format!("seal {expected} is gone")
            } else {
                format!("seals {expected} to {} are gone", number.saturating_sub(1))
            };
            chain.report.add(finding(Problem::MissingSeal, None, what));
            (chain.previous, chain.signer) = (None, None);
        }
        expected = number.saturating_add(1);
        match store::read(&path) {
            Ok(signed) if signed.seal.number == number => {
                chain.take(&signed, &path);
                all.push(signed);
            }
            Ok(signed) => {
                let what = format!("it says that it is seal {}", signed.seal.number);
                chain.report.add(finding(Problem::ForgedSeal, Some(path), what));
                (chain.previous, chain.signer) = (None, None);
            }
            Err(error) => {
                chain
                    .report
                    .add(finding(Problem::ForgedSeal, Some(path), error.to_string()));
                (chain.previous, chain.signer) = (None, None);
            }
        }
    }
    chain.end(&all, known);
    let sealed = chain.sealed;
    Ok((sealed, all))
}

struct Chain<'a> {
    report: &'a mut Report,
    sealed: Sealed,
    keys: &'a [PublicKey],
    /// Who has to sign the next one; `None`: not known.
    signer: Option<String>,
    previous: Option<Hash>,
    /// For every seal read whether its key was given, or was handed over to by one that was.
    trusted: Vec<bool>,
    signers: Vec<String>,
}

impl Chain<'_> {
    fn take(&mut self, signed: &Signed, path: &Path) {
        let seal = &signed.seal;
        let mut forged = |what: String| {
            self.report
                .add(finding(Problem::ForgedSeal, Some(path.to_owned()), what));
        };
        let by_signer = signed.signer();
        if let Err(what) = &by_signer {
            forged((*what).to_owned());
        }
        let handed = signed.successor();
        if let Some(Err(what)) = &handed {
            forged((*what).to_owned());
        }
        let leaves: Vec<Hash> = seal.segments.iter().map(merkle::leaf).collect();
        if merkle::root(&leaves) != seal.root {
            forged("its Merkle root is not that of its segments".to_owned());
        }
        if self.previous.is_some_and(|previous| previous != seal.previous) && seal.kind != SealKind::NewChain
        {
            forged(format!(
                "it does not follow seal {}: that one was replaced",
                seal.number.saturating_sub(1)
            ));
        }
        let known = |key: &PublicKey| self.keys.contains(key);
        let given = by_signer.as_ref().is_ok_and(known)
            || matches!(&handed, Some(Ok(next)) if by_signer.is_ok() && known(next));
        let before = self.trusted.last().copied().unwrap_or(false);
        let same = self.signer.as_ref() == Some(&seal.key);
        if self.signer.is_some() && !same && seal.kind != SealKind::NewChain {
            self.report.add(finding(
                Problem::UnknownKey,
                Some(path.to_owned()),
                format!(
                    "it is signed by key {}, to which no seal before it hands over",
                    seal.key
                ),
            ));
        }
        if seal.kind == SealKind::NewChain && !given && !self.keys.is_empty() {
            let because = seal.because.clone().unwrap_or_default();
            self.report.add(finding(
                Problem::UnknownKey,
                Some(path.to_owned()),
                format!(
                    "a new chain of keys begins here with key {} ({} by {}): nothing but the host's word ties it to what is before; give that \
                     key too, if you know it to be right",
                    seal.key, because.reason, because.by
                ),
            ));
        }
        let trusted = by_signer.is_ok() && (given || (same && before && seal.kind != SealKind::NewChain));
        self.trusted.push(trusted);
        if self.signers.last() != Some(&seal.key) {
            self.signers.push(seal.key.clone());
        }
        self.signer = Some(match &handed {
            Some(Ok(next)) => next.id(),
            _ => seal.key.clone(),
        });
        self.previous = Some(signed.digest());
        self.sealed.any = true;
        if let Err(what) = self.sealed.merge(seal) {
            self.report
                .add(finding(Problem::ForgedSeal, Some(path.to_owned()), what));
        }
        for leaf in &seal.segments {
            let place = (leaf.clone(), seal.number);
            self.sealed.present.insert(leaf.path.clone(), place);
        }
        for leaf in &seal.deleted {
            match self.sealed.present.remove(&leaf.path) {
                Some((known, _)) if known == *leaf => self.sealed.deleted.push(leaf.clone()),
                // Deleted again: a crash came between receipt and deletion.
                None if self.sealed.deleted.contains(leaf) => {}
                _ => {
                    let what = format!(
                        "it is a receipt for {}, which was not sealed like that",
                        leaf.path
                    );
                    self.report
                        .add(finding(Problem::ForgedSeal, Some(path.to_owned()), what));
                }
            }
        }
        for (table, head) in &seal.heads {
            let highest = self.sealed.heads.entry(table.clone()).or_default();
            *highest = (*highest).max(head.seq);
        }
    }

    fn end(&mut self, all: &[Signed], known: Option<SealAt>) {
        let last = all.last();
        if let Some(known) = known {
            let found = all.iter().find(|signed| signed.seal.number == known.number);
            let problem = match found {
                None if last.is_none_or(|last| last.seal.number < known.number) => Some((
                    Problem::MissingSeal,
                    format!("seal {} is gone: the checkpoint knows of it", known.number),
                )),
                Some(signed) if signed.digest() != known.digest => Some((
                    Problem::ForgedSeal,
                    format!("seal {} is another than the checkpoint knows", known.number),
                )),
                _ => None,
            };
            if let Some((problem, what)) = problem {
                self.report.add(finding(problem, None, what));
            }
        }
        // What is before a trusted seal is in its chain of digests.
        let proven = self.trusted.last() == Some(&true);
        if let Some(last) = last {
            if !proven && !self.keys.is_empty() {
                let what = match self.trusted.iter().rposition(|trusted| *trusted) {
                    None => {
                        "no seal is signed by a key that was given, or by one that such a key handed over to"
                            .to_owned()
                    }
                    Some(place) => format!(
                        "the seals after {} are not signed by a key that was given, or by one that such a key handed over to",
                        all.get(place).map_or(0, |signed| signed.seal.number)
                    ),
                };
                self.report.add(finding(Problem::UnknownKey, None, what));
            }
            self.report.seals = Some(SealState {
                seals: all.len() as u64,
                last: last.seal.number,
                made_at: Some(last.seal.made_at.to_string()),
                digest: hex::encode(last.digest()),
                keys: self.signers.clone(),
                proven,
                waiting: 0,
                deleted_segments: self.sealed.deleted.len() as u64,
                deleted_rows: self.sealed.deleted.iter().map(|leaf| leaf.rows).sum(),
                merged_segments: self.sealed.merged.iter().map(|(_, old)| old.len() as u64).sum(),
                anchored: None,
                stamps: BTreeMap::new(),
            });
        } else if !self.keys.is_empty() {
            self.report.add(finding(
                Problem::MissingSeal,
                None,
                "a key was given, and there is no seal",
            ));
        }
    }
}

/// Compares with a copy of the seals that was kept elsewhere: what is there and not here, or differs, was changed here, even by
/// somebody who has the key.
pub(super) fn compare(
    place: &Path,
    host: &str,
    here: &[Signed],
    report: &mut Report,
) -> Result<(), AuditError> {
    std::fs::read_dir(place).map_err(AuditError::io("read", place))?;
    let mut files = store::list(place)?;
    if files.is_empty() {
        files = store::list(&place.join(crate::anchor::folder(host)))?;
    }
    if files.is_empty() {
        let what = "it has no seal of this host: nothing could be compared";
        report.add(finding(Problem::AnchorDiffers, Some(place.to_owned()), what));
        return Ok(());
    }
    let digests: HashMap<u64, Hash> = here
        .iter()
        .map(|signed| (signed.seal.number, signed.digest()))
        .collect();
    let mut same = 0_u64;
    for (number, path) in files {
        let problem = match (store::read(&path), digests.get(&number)) {
            (Err(error), _) => Some((
                Problem::AnchorDiffers,
                format!("the copy can't be compared: {error}"),
            )),
            (Ok(_), None) => Some((
                Problem::MissingSeal,
                format!(
                    "seal {number} is at the anchor and not here: the record was cut off or written anew"
                ),
            )),
            (Ok(copy), Some(digest)) if copy.digest() != *digest => Some((
                Problem::AnchorDiffers,
                format!(
                    "seal {number} here is another than the one that was anchored: the record was written anew"
                ),
            )),
            (Ok(_), Some(_)) => None,
        };
        match problem {
            None => same = same.saturating_add(1),
            Some((problem, what)) => report.add(finding(problem, Some(path), what)),
        }
    }
    if let Some(seals) = &mut report.seals {
        seals.anchored = Some(same);
    }
    Ok(())
}

/// A finding about a segment.
pub(super) fn about(problem: Problem, table: Table, file: PathBuf, seq: u64, what: String) -> Finding {
    Finding {
        problem,
        table: Some(table),
        file: Some(file),
        seq: Some(seq),
        what,
    }
}
