//! Files gathered in memory, and archives of them that come out the same wherever and whenever they are made.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

/// Folders and files by their path, without a slash in front. They are root's, and as old as the commit.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    entries: BTreeMap<String, Entry>,
    /// Seconds since 1970, for every entry.
    time: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    mode: u32,
    /// None: a folder.
    content: Option<Vec<u8>>,
}

impl Tree {
    pub(crate) fn new(time: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            time,
        }
    }

    /// A file, and the folders above it unless they are there.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: Vec<u8>) {
        self.parents(path);
        self.entries.insert(
            path.to_owned(),
            Entry {
                mode,
                content: Some(content),
            },
        );
    }

    /// A folder of its own mode, and those above it unless they are there.
    pub(crate) fn folder(&mut self, path: &str, mode: u32) {
        self.parents(path);
        self.entries
            .insert(path.to_owned(), Entry { mode, content: None });
    }

    /// A file of the disk, for everyone to read.
    pub(crate) fn copy(&mut self, path: &str, from: &Path) -> Result<()> {
        let content = std::fs::read(from).with_context(|| format!("{} can't be read", from.display()))?;
        self.file(path, 0o644, content);
        Ok(())
    }

    /// All regular files of a folder of the disk and those below it.
    pub(crate) fn copy_all(&mut self, path: &str, from: &Path) -> Result<()> {
        let entries = std::fs::read_dir(from).with_context(|| format!("{} can't be read", from.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name
                .to_str()
                .with_context(|| format!("{} has a name that is not text", entry.path().display()))?;
            let below = format!("{path}/{name}");
            if entry.file_type()?.is_dir() {
                self.copy_all(&below, &entry.path())?;
            } else {
                self.copy(&below, &entry.path())?;
            }
        }
        Ok(())
    }

    /// The archive, in the order of the paths.
    pub(crate) fn tar(&self) -> Result<Vec<u8>> {
        let mut archive = Builder::new(Vec::new());
        for (path, Entry { mode, content }) in &self.entries {
            let mut header = Header::new_ustar();
            header.set_mode(*mode);
            header.set_mtime(self.time);
            header.set_uid(0);
            header.set_gid(0);
            let content = content.as_deref();
            header.set_size(content.map_or(0, <[u8]>::len) as u64);
            let path = if content.is_some() {
                header.set_entry_type(EntryType::Regular);
                path.clone()
            } else {
                header.set_entry_type(EntryType::Directory);
                format!("{path}/")
            };
            archive
                .append_data(&mut header, &path, content.unwrap_or_default())
                .with_context(|| format!("{path} does not fit an archive"))?;
        }
        Ok(archive.into_inner()?)
    }

    fn parents(&mut self, path: &str) {
        for (end, _) in path.match_indices('/') {
            if let Some(parent) = path.get(..end) {
                self.entries.entry(parent.to_owned()).or_insert(Entry {
                    mode: 0o755,
                    content: None,
                });
            }
        }
    }
}

/// Packed without a name and a time.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::default());
    packed.write_all(bytes)?;
    Ok(packed.finish()?)
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_gathering_does_not_show() -> Result<()> {
        let mut one = Tree::new(7);
        one.file("usr/bin/a", 0o755, b"a".to_vec());
        one.folder("etc", 0o700);
        let mut other = Tree::new(7);
        other.folder("etc", 0o700);
        other.file("usr/bin/a", 0o755, b"a".to_vec());
        let packed = gzip(&one.tar()?)?;
        assert_eq!(packed, gzip(&other.tar()?)?);
        // Bytes 4 to 7 of gzip are its time.
        assert_eq!(packed.get(4..8), Some(&[0_u8; 4][..]));
        Ok(())
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_keep_their_modes() -> Result<()> {
        let mut tree = Tree::new(1_700_000_000);
        tree.folder("var/lib", 0o700);
        tree.file("var/lib/x", 0o600, b"x".to_vec());
        let bytes = tree.tar()?;
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut seen = Vec::new();
        for entry in archive.entries()? {
            let entry = entry?;
            let header = entry.header();
            assert_eq!(
                (header.mtime()?, header.uid()?, header.gid()?),
                (1_700_000_000, 0, 0)
            );
            seen.push((entry.path()?.display().to_string(), header.mode()?));
        }
        let seen: Vec<_> = seen.iter().map(|(path, mode)| (path.as_str(), *mode)).collect();
        assert_eq!(seen, [("var/", 0o755), ("var/lib/", 0o700), ("var/lib/x", 0o600)]);
        Ok(())
    }

    #[test]
    fn digests_are_as_elsewhere() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
