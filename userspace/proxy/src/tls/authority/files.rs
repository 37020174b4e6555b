//! The authority's directory: `authority.key` (PKCS #8, PEM) and `authority.crt` (PEM).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::Uid;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::{AuthorityError, certificate_path};

/// A key of this kind has some 240 bytes.
const LARGEST: u64 = 16 << 10;

/// What keeps others out of a directory or file.
const OTHERS: u32 = 0o077;

/// Makes the directory, or sees that nobody else gets at it.
pub(super) fn directory(path: &Path) -> Result<(), AuthorityError> {
    let failed = |doing: &str, error: &io::Error| {
        let what = format!(
            "{doing}: {error}; the authority's key is kept here (`authority: {{ directory: … }}` names another place, \
             `authority: none` does without)"
        );
        at(path, what)
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| failed("the directory above cannot be made", &error))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed("the directory cannot be made", &error));
        }
        _ => {}
    }
    let about = fs::metadata(path).map_err(|error| failed("cannot be looked at", &error))?;
    if !about.is_dir() {
        return Err(at(path, "is not a directory"));
    }
    private(path, &about, "700")
}

/// Reads the key, or makes one.
pub(super) fn key(directory: &Path) -> Result<KeyPair, AuthorityError> {
    let path = directory.join("authority.key");
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(&path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if fs::exists(certificate_path(directory)).unwrap_or(true) {
                let what = "is not there, though its certificate is: put it back, or remove authority.crt to have both made \
                            anew, and then run `interdict trust install` again";
                return Err(at(&path, what));
            }
            return made_key(directory, &path);
        }
        Err(error) => return Err(at(&path, format!("the authority's key cannot be read: {error}"))),
    };
    let about = file.metadata().map_err(|error| at(&path, error.to_string()))?;
    if !about.is_file() {
        return Err(at(&path, "is not a file"));
    }
    private(&path, &about, "600")?;
    let mut text = String::new();
    file.take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|error| at(&path, format!("the authority's key cannot be read: {error}")))?;
    KeyPair::from_pkcs8_pem_and_sign_algo(&text, &PKCS_ECDSA_P256_SHA256).map_err(|error| {
        let what = format!(
            "is not a P-256 key in PKCS #8 form ({error}): put the authority's own back, or move the directory away to \
             have another authority made, and then run `interdict trust install` again"
        );
        at(&path, what)
    })
}

fn made_key(directory: &Path, path: &Path) -> Result<KeyPair, AuthorityError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let failed = |error: io::Error| at(path, format!("the authority's key cannot be written: {error}"));
    let draft = draft(directory, &key.serialize_pem(), 0o600).map_err(failed)?;
    // A link does not replace what another daemon may have made at the same moment.
    let linked = fs::hard_link(&draft, path);
    let _ = fs::remove_file(&draft);
    match linked {
        Ok(()) => {
            sync(directory).map_err(failed)?;
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self::key(directory),
        Err(error) => Err(failed(error)),
    }
}

/// The certificate, if there is one.
pub(super) fn certificate(directory: &Path) -> Result<Option<CertificateDer<'static>>, AuthorityError> {
    let path = certificate_path(directory);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(&path, format!("cannot be read: {error}"))),
    };
    let certificate = CertificateDer::from_pem_slice(&text).map_err(|error| {
        let what = format!("is not a certificate ({error}): remove it to have it made again");
        at(&path, what)
    })?;
    Ok(Some(certificate))
}

pub(super) fn write_certificate(directory: &Path, pem: &str) -> Result<(), AuthorityError> {
    let path = certificate_path(directory);
    let write = || -> io::Result<()> {
        let draft = draft(directory, pem, 0o644)?;
        fs::rename(draft, &path)?;
        sync(directory)
    };
    write().map_err(|error| at(&path, format!("cannot be written: {error}")))
}

/// Writes a file that is to get its name later, whole and on disk.
fn draft(directory: &Path, text: &str, mode: u32) -> io::Result<PathBuf> {
    let path = directory.join(format!(".new-{}", std::process::id()));
    // Left by a process of the same number that died.
    let _ = fs::remove_file(&path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(path)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Nobody else's, and closed to everybody else.
fn private(path: &Path, about: &fs::Metadata, mode: &str) -> Result<(), AuthorityError> {
    let own = Uid::effective().as_raw();
    if about.uid() != own {
        let what = format!(
            "belongs to user {}, not to user {own}, who runs the daemon: others could have made it; `chown {own}` it if it is \
             the authority's",
            about.uid()
        );
        return Err(at(path, what));
    }
    if about.mode() & OTHERS != 0 {
        let what = format!(
            "is open to others (mode {:o}): `chmod {mode}` it; if others may have read the key, run `interdict trust \
             remove`, move the directory away and install the authority that is made in its place",
            about.mode() & 0o7777
        );
        return Err(at(path, what));
    }
    Ok(())
}

fn at(path: &Path, reason: impl Into<String>) -> AuthorityError {
    AuthorityError::File {
        path: path.to_owned(),
        reason: reason.into(),
    }
}
