//! Time stamps (RFC 3161): a third party's signed word that a seal was there at a time, whatever this host's clock said. The
//! tokens stay beside the seals: they prove when, not that nothing was cut off after them.

pub(crate) mod token;

use std::path::{Path, PathBuf};

use super::{Anchor, AnchorError};
use crate::AuditError;
use crate::seal::{Signed, store};

/// What tokens' files end in: `000000000001.NAME.tst`.
const ENDING: &str = ".tst";

/// Brings a request to the authority, and its answer back; blocks.
type Ask = dyn Fn(Vec<u8>) -> Result<Vec<u8>, String> + Send + Sync;

/// Has seals stamped by one authority.
pub struct StampAnchor {
    name: String,
    authority: String,
    seals: PathBuf,
    ask: Box<Ask>,
}

impl std::fmt::Debug for StampAnchor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("StampAnchor")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl StampAnchor {
    /// `audit`: the record's directory. `authority`: what files are called by: letters, digits, `-`, `_` and `.`. `ask` gets a
    /// `TimeStampReq` and gives the body of the answer.
    pub fn new(
        audit: &Path,
        authority: &str,
        ask: impl Fn(Vec<u8>) -> Result<Vec<u8>, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: format!("rfc3161:{authority}"),
            authority: authority.to_owned(),
            seals: store::directory(audit),
            ask: Box::new(ask),
        }
    }

    fn stamp(&self, signed: &Signed, path: &Path) -> Result<token::Token, AnchorError> {
        let passing = |what: String| AnchorError::Passing(format!("{}: {what}", self.name));
        let digest = signed.digest();
        // It may be there from before a crash.
        if let Some(found) = std::fs::read(path)
            .ok()
            .and_then(|bytes| token::read(&bytes).ok())
            .filter(|found| found.digest == digest)
        {
            return Ok(found);
        }
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|error| passing(error.to_string()))?;
        let answer = (self.ask)(token::request(&digest, nonce)).map_err(passing)?;
        let (bytes, found) = token::granted(&answer, &digest, nonce).map_err(passing)?;
        store::put(path, &bytes).map_err(|error| passing(error.to_string()))?;
        Ok(found)
    }
}

impl Anchor for StampAnchor {
    fn name(&self) -> &str {
        &self.name
    }

    fn speaks_for_earlier(&self) -> bool {
        true
    }

    fn put(&self, signed: &Signed) -> Result<String, AnchorError> {
        let name = format!("{:012}.{}{ENDING}", signed.seal.number, self.authority);
        let path = self.seals.join(&name);
        let found = self.stamp(signed, &path)?;
        Ok(format!("{name}, made {} by the authority's clock", found.at))
    }
}

/// The tokens in a directory of seals: number, authority and file, in order.
pub(crate) fn list(seals: &Path) -> Result<Vec<(u64, String, PathBuf)>, AuditError> {
    let entries = match std::fs::read_dir(seals) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(AuditError::io("list", seals)(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(AuditError::io("list", seals))?.path();
        let named = path.file_name().and_then(|name| name.to_str());
        let parts = named.and_then(|name| name.strip_suffix(ENDING)?.split_once('.'));
        let Some((number, authority)) = parts else {
            continue;
        };
        if let Ok(number) = number.parse() {
            files.push((number, authority.to_owned(), path));
        }
    }
    files.sort_unstable();
    Ok(files)
}
