//! Names of users, from the host's `/etc/passwd` (passwd(5)).
//!
//! The name service switch is not asked: it may go to the network, and a login must not wait for a directory server.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What tells one version of the file from another.
type Version = (SystemTime, u64);

/// The file as last read.
#[derive(Debug, Default)]
struct Known {
    version: Option<Version>,
    names: HashMap<u32, String>,
}

/// Reads the file again when it changed.
#[derive(Debug)]
pub(crate) struct Users {
    path: PathBuf,
    known: Mutex<Known>,
}

impl Users {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            known: Mutex::default(),
        }
    }

    /// The name of a uid; `None` when the file does not say or cannot be read.
    pub(crate) fn name(&self, uid: u32) -> Option<String> {
        let version = std::fs::metadata(&self.path)
            .and_then(|m| Ok((m.modified()?, m.len())))
            .ok();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.version != version {
            let text = std::fs::read(&self.path).unwrap_or_default();
            *known = Known {
                version,
                names: parse(&String::from_utf8_lossy(&text)),
            };
        }
        known.names.get(&uid).cloned()
    }
}

/// The first line that has a uid wins, as in the C library.
fn parse(text: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(Ok(uid))) =
            (fields.next(), fields.next(), fields.next().map(str::parse))
            && !name.is_empty()
        {
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_again_when_it_changes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbroken\n:x:5:5\n",
        )
        .unwrap();
        let users = Users::new(file.path().to_owned());
        assert_eq!(users.name(0).as_deref(), Some("root"));
        assert_eq!(users.name(5), None);
        std::fs::write(
            file.path(),
            "root:x:0:0::/root:/bin/sh\nagent:x:5:5::/:/bin/false\n",
        )
        .unwrap();
        assert_eq!(users.name(5).as_deref(), Some("agent"));
        std::fs::remove_file(file.path()).unwrap();
        assert_eq!(users.name(0), None);
    }
}
