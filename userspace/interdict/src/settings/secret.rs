//! Where a secret comes from. Settings never hold one.

mod command;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use interdict_session::Secret;
use nix::unistd::{Gid, getgroups};
use zeroize::Zeroizing;

/// More than this is no secret but a mistake, such as the path of a log.
const LARGEST: u64 = 64 << 10;
/// How long a command may take.
const LONGEST: Duration = Duration::from_secs(10);

/// The source of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// The content of a file that is its owner's alone, or may be read by a group of the daemon's.
    File(PathBuf),
    /// An environment variable of the daemon.
    Env(String),
    /// What a command prints within ten seconds: program and arguments, no shell.
    Command(Vec<String>),
    /// A credential that systemd passed to the unit (`LoadCredential=`).
    Credential(String),
}

impl SecretSource {
    /// Fetches the secret; one line end at its end is not part of it. Blocking.
    ///
    /// # Errors
    /// The source can't be had, or gives nothing or more than 64 KiB; or a file that others than its owner may use. The error
    /// names the source and shows nothing of what it gave.
    pub(crate) fn read(&self) -> io::Result<Secret> {
        let mut bytes = self
            .bytes()
            .map_err(|error| io::Error::new(error.kind(), format!("{self}: {error}")))?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bytes.is_empty() {
            return Err(io::Error::other(format!("{self}: it is empty")));
        }
        Ok(Secret::new(bytes))
    }

    /// How long what it gives is used where the settings don't say: tokens of cloud services live a quarter of an hour; a file
    /// costs nothing to read.
    pub(crate) fn lifetime(&self) -> Duration {
        match self {
            Self::Command(_) => Duration::from_mins(5),
            Self::File(_) | Self::Env(_) | Self::Credential(_) => Duration::from_secs(1),
        }
    }

    /// Whether an operator who checks the settings has it as well as the daemon.
    pub(crate) fn is_there_for_all(&self) -> bool {
        matches!(self, Self::File(_))
    }

    fn bytes(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        match self {
            Self::File(path) => {
                let file = open(path)?;
                let about = file.metadata()?;
                let mode = about.mode();
                // Kubernetes gives a secret's files to a group of the pod (`fsGroup`) and lets that read them.
                let allowed = if of_our_group(about.gid()) { 0o040 } else { 0 };
                if mode & 0o077 & !allowed != 0 {
                    return Err(io::Error::other(format!(
                        "others than its owner may use it (mode {:04o}): chmod 600 (of a Kubernetes secret: defaultMode: 0400)",
                        mode & 0o7777
                    )));
                }
                whole(file)
            }
            Self::Env(name) => Ok(Zeroizing::new(
                std::env::var_os(name)
                    .ok_or_else(|| io::Error::other("it is not in the daemon's environment"))?
                    .into_vec(),
            )),
            Self::Command(words) => command::output(words, LONGEST, LARGEST),
            Self::Credential(name) => {
                let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                    io::Error::other("systemd passed no credentials (LoadCredential= of the unit)")
                })?;
                whole(open(&PathBuf::from(directory).join(name))?)
            }
        }
    }
}

impl interdict_proxy::SecretSource for SecretSource {
    fn read(&self) -> io::Result<Secret> {
        Self::read(self)
    }
}

/// As an operator would name it.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Env(name) => write!(f, "the variable {name}"),
            // Without its arguments, which may be part of a secret.
            Self::Command(words) => write!(f, "the command {}", words.first().map_or("", String::as_str)),
            Self::Credential(name) => write!(f, "the credential {name}"),
        }
    }
}

/// Does not wait for who writes into a pipe.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    Ok(file)
}

/// Whether a file's group is one that the daemon is in.
fn of_our_group(gid: u32) -> bool {
    let gid = Gid::from_raw(gid);
    gid == Gid::effective() || getgroups().is_ok_and(|groups| groups.contains(&gid))
}

fn whole(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    // Not grown while it is read, so that no part of a secret is left behind.
    let size = usize::try_from(file.metadata()?.len().min(LARGEST)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(32)));
    file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 64 KiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(content: &[u8], mode: u32) -> (tempfile::NamedTempFile, SecretSource) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        let source = SecretSource::File(file.path().to_owned());
        (file, source)
    }

    #[test]
    fn files_give_their_bytes() {
        for (content, expected) in [
            (&b"s3cret \n"[..], &b"s3cret "[..]),
            (b"s3cret\r\n", b"s3cret"),
            (b"s3cret\n\n", b"s3cret\n"),
            (b"\xff\x00", b"\xff\x00"),
        ] {
            let (_file, source) = file(content, 0o400);
            assert_eq!(source.read().unwrap().reveal(), expected);
        }
    }

    #[test]
    fn files_that_others_may_use_are_refused() {
        for mode in [0o604, 0o620, 0o644, 0o666] {
            let (_file, source) = file(b"s3cret", mode);
            let error = source.read().unwrap_err().to_string();
            assert!(
                error.contains(&format!("(mode {mode:04o}): chmod 600")),
                "{error}"
            );
            assert!(!error.contains("s3cret"));
        }
    }

    /// As kubelet mounts it: the names are links through a directory that is exchanged as a whole.
    #[test]
    fn a_mounted_secret_is_read_through_its_links_for_its_group() {
        use std::os::unix::fs::symlink;
        let mount = tempfile::tempdir().unwrap();
        let at = |name: &str| mount.path().join(name);
        let put = |version: &str, content: &str, mode: u32| {
            std::fs::create_dir(at(version)).unwrap();
            let file = at(version).join("password");
            std::fs::write(&file, content).unwrap();
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            symlink(version, at("..new")).unwrap();
            std::fs::rename(at("..new"), at("..data")).unwrap();
        };
        put("..1", "first", 0o440);
        symlink("..data/password", at("password")).unwrap();
        let source = SecretSource::File(at("password"));
        assert_eq!(source.read().unwrap().reveal(), b"first");
        put("..2", "second", 0o440);
        assert_eq!(source.read().unwrap().reveal(), b"second");
        // Of another's group it is refused, as one that everybody may read.
        if nix::unistd::Uid::effective().is_root() {
            nix::unistd::chown(&at("..2/password"), None, Some(Gid::from_raw(65_533))).unwrap();
            assert!(source.read().is_err());
        }
        put("..3", "third", 0o444);
        assert!(
            source
                .read()
                .unwrap_err()
                .to_string()
                .contains("defaultMode: 0400")
        );
    }

    #[test]
    fn what_gives_no_secret_says_why() {
        let large = vec![b'x'; 65_537];
        for (source, expected) in [
            (
                SecretSource::File("/nonexistent/key".into()),
                "/nonexistent/key: No such file",
            ),
            (SecretSource::File("/".into()), "/: it is not a file"),
            (
                SecretSource::Env("INTERDICT_TEST_UNSET".to_owned()),
                "the variable INTERDICT_TEST_UNSET: it is not in the daemon's environment",
            ),
            (
                SecretSource::Credential("absent".to_owned()),
                "the credential absent: systemd passed no credentials",
            ),
        ] {
            let error = source.read().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for (content, expected) in [
            (&b"\n"[..], "it is empty"),
            (b"", "it is empty"),
            (&large, "larger than 64 KiB"),
        ] {
            let (_file, source) = file(content, 0o600);
            let error = source.read().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
