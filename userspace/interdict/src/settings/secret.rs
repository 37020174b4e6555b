//! Where a secret comes from. Settings never hold one.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The source of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// The content of a file.
    File(PathBuf),
    /// An environment variable of the daemon.
    Env(String),
    /// What a command prints: program and arguments, no shell.
    Command(Vec<String>),
    /// A credential that systemd passed to the unit (`LoadCredential=`).
    Credential(String),
}

/// A secret's text. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the settings that name secrets come later, see `later`")
    )]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl SecretSource {
    /// Fetches the secret; one line end at its end is not part of it. Blocking.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the settings that name secrets come later, see `later`")
    )]
    pub(crate) fn read(&self) -> io::Result<Secret> {
        let text = match self {
            Self::File(path) => std::fs::read_to_string(path)?,
            Self::Env(name) => {
                std::env::var(name).map_err(|error| io::Error::other(format!("variable {name}: {error}")))?
            }
            Self::Credential(name) => {
                let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                    io::Error::other(format!(
                        "credential {name}: the daemon was not started with credentials by systemd"
                    ))
                })?;
                std::fs::read_to_string(PathBuf::from(directory).join(name))?
            }
            Self::Command(words) => {
                let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
                let output = Command::new(program)
                    .args(arguments)
                    .stdin(Stdio::null())
                    .stderr(Stdio::inherit())
                    .output()?;
                if !output.status.success() {
                    return Err(io::Error::other(format!(
                        "{program} ended with {}",
                        output.status
                    )));
                }
                String::from_utf8(output.stdout)
                    .map_err(|_| io::Error::other(format!("{program} printed no UTF-8")))?
            }
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Secret(text.strip_suffix('\r').unwrap_or(text).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_give_their_text_and_nothing_shows_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret \n").unwrap();
        let secret = SecretSource::File(file.path().to_owned()).read().unwrap();
        assert_eq!(secret.reveal(), "s3cret ");
        assert!(!format!("{secret:?}").contains("s3cret"));
        let command = |words: &[&str]| {
            SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect()).read()
        };
        assert_eq!(command(&["printf", "%s", "a b"]).unwrap().reveal(), "a b");
        assert!(command(&["false"]).is_err());
        assert!(
            SecretSource::Env("INTERDICT_TEST_UNSET".to_owned())
                .read()
                .is_err()
        );
    }
}
