//! SHA-256 of executables, remembered while the file stays the same.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

/// What tells one state of a file from another. The change time is among them because the modification time can be set
/// back by the file's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Version {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    size: u64,
}

impl Version {
    fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self {
            device: meta.dev(),
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            size: meta.size(),
        })
    }
}

/// The outcome for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hashed {
    /// `sha256:` and 64 hexadecimal digits.
    Digest(Arc<str>),
    /// Above the limit: not read.
    TooLarge,
}

/// Digests by file.
#[derive(Debug)]
pub(crate) struct Digests {
    known: Cache<Version, Arc<str>>,
    largest: u64,
}

impl Digests {
    /// `files` is the number of digests to remember, `largest` the size in bytes above which a file is not read.
    pub(crate) fn new(files: usize, largest: u64) -> Self {
        Self {
            known: Cache::new(files),
            largest,
        }
    }

    /// Reads the file unless its digest is known. Callers of the same file wait for one reading.
    pub(crate) fn of(&self, file: &mut File) -> io::Result<Hashed> {
        let version = Version::of(file)?;
        if version.size > self.largest {
            return Ok(Hashed::TooLarge);
        }
        self.known
            .get_or_insert_with(&version, || hash(file, self.largest))
            .map(Hashed::Digest)
    }
}

/// The limit holds for what is read as well: a file can grow meanwhile.
fn hash(file: &mut File, largest: u64) -> io::Result<Arc<str>> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 64 * 1024];
    let mut source = file.take(largest);
    loop {
        let read = source.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hasher.update(bytes);
    }
    let digest = hasher.finalize();
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in digest {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
        }
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_changed_file_is_read_again_even_with_its_old_times() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        let digests = Digests::new(8, 1024);
        let rewind = |file: &mut File| io::Seek::rewind(file).unwrap();
        rewind(&mut file);
        assert_eq!(digests.of(&mut file).unwrap(), Hashed::Digest(ABC.into()));
        // At the end of the file a reading would give another digest: this one comes from memory.
        assert_eq!(digests.of(&mut file).unwrap(), Hashed::Digest(ABC.into()));

        let times = std::fs::FileTimes::new().set_modified(file.metadata().unwrap().modified().unwrap());
        std::thread::sleep(std::time::Duration::from_millis(20));
        rewind(&mut file);
        file.write_all(b"abd").unwrap();
        file.set_times(times).unwrap();
        rewind(&mut file);
        assert_ne!(digests.of(&mut file).unwrap(), Hashed::Digest(ABC.into()));
    }

    #[test]
    fn a_large_file_is_left_alone() {
        let mut file = tempfile::tempfile().unwrap();
        file.set_len(1025).unwrap();
        assert_eq!(Digests::new(8, 1024).of(&mut file).unwrap(), Hashed::TooLarge);
    }
}
