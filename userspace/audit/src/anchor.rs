//! Anchors: places off the host that are given every seal, so that a record which was cut off or written anew is found out even
//! where whoever did it has the key.

mod file;
mod run;
pub(crate) mod stamp;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::seal::Signed;

pub use file::FileAnchor;
pub use run::Anchors;
pub use stamp::StampAnchor;

/// A place that keeps seals.
pub trait Anchor: Send + Sync + fmt::Debug {
    /// Its name, as the settings have it: what receipts, health and events call it.
    fn name(&self) -> &str;

    /// Whether its word about a seal is one about all before it: then the newest that it lacks is enough.
    fn speaks_for_earlier(&self) -> bool {
        false
    }

    /// Puts a seal there, or finds that it is there already. Blocks. Gives what tells a person where it is.
    ///
    /// # Errors
    /// It can't be put there now, or another seal of that number is there.
    fn put(&self, seal: &Signed) -> Result<String, AnchorError>;
}

/// Why a seal could not be anchored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// It may work later.
    #[error("{0}")]
    Passing(String),
    /// There is another seal of this number: one of the two records was written anew. Tried again all the same, for somebody to put
    /// it right.
    #[error("another seal of this number is there already: {0}")]
    Taken(String),
}

/// How one anchor does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnchorHealth {
    /// The last seal that it has.
    pub acknowledged: u64,
    /// Seals that it lacks.
    pub behind: u64,
    /// Seals put there since the daemon started.
    pub put: u64,
    /// Tries that did not succeed since then.
    pub failures: u64,
    /// Why the last try did not succeed; `None`: it did.
    pub failing: Option<String>,
}

/// That an anchor has a seal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// When it said so, by the host's clock, RFC 3339.
    pub(crate) at: String,
    /// Where it is.
    pub(crate) place: String,
}

/// `seals/000000000001.receipts.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Receipts {
    anchors: BTreeMap<String, Receipt>,
}

/// A host's name as a folder's: where an anchor keeps that host's seals.
pub fn folder(host: &str) -> String {
    let safe = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '-' || letter == '_' || letter == '.' {
            letter
        } else {
            '_'
        }
    };
    let name: String = host.chars().take(64).map(safe).collect();
    // `.` and `..` are no names.
    if name.trim_matches('.').is_empty() {
        format!("_{name}")
    } else {
        name
    }
}
