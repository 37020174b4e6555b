//! The time stamps beside the seals: what they are of, and what time they tell. Who signed them is not looked at here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::report::{Finding, Problem, Report};
use crate::AuditError;
use crate::anchor::stamp::{self, token};
use crate::seal::{Signed, store};
use crate::value::Hash;

/// The time stamps of one authority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stamps {
    /// How many there are.
    pub stamps: u64,
    /// The last seal that has one. It stands for those before it, which are in its chain of digests.
    pub last: u64,
    /// When that was stamped, by the authority's clock.
    pub at: String,
}

/// Reads them.
pub(super) fn read(directory: &Path, seals: &[Signed], report: &mut Report) -> Result<(), AuditError> {
    let mut found: BTreeMap<String, Stamps> = BTreeMap::new();
    let digests: BTreeMap<u64, Hash> = seals
        .iter()
        .map(|signed| (signed.seal.number, signed.digest()))
        .collect();
    let last = digests.last_key_value().map_or(0, |(number, _)| *number);
    for (number, authority, path) in stamp::list(&store::directory(directory))? {
        let token = std::fs::read(&path).map_err(AuditError::io("read", &path))?;
        let token = match token::read(&token) {
            Ok(token) => token,
            Err(what) => {
                let what = format!("the time stamp of seal {number} can't be read: {what}");
                report.add(finding(Problem::StampDiffers, path, what));
                continue;
            }
        };
        match digests.get(&number) {
            Some(digest) if *digest == token.digest => {
                let stamps = found.entry(authority).or_default();
                stamps.stamps = stamps.stamps.saturating_add(1);
                (stamps.last, stamps.at) = (number, token.at.to_string());
            }
            Some(_) => {
                let what = format!(
                    "what was stamped at {} as seal {number} is another than the seal here: one of them was replaced",
                    token.at
                );
                report.add(finding(Problem::StampDiffers, path, what));
            }
            None if number > last => {
                let what = format!("seal {number} was stamped at {} and is not here", token.at);
                report.add(finding(Problem::MissingSeal, path, what));
            }
            // That one is missing, or can't be read, is a finding already.
            None => {}
        }
    }
    if let Some(state) = &mut report.seals {
        state.stamps = found;
    }
    Ok(())
}

fn finding(problem: Problem, file: PathBuf, what: String) -> Finding {
    Finding {
        problem,
        table: None,
        file: Some(file),
        seq: None,
        what,
    }
}
