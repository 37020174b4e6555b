//! Java's keystores, through `keytool`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::certificate::{Certificate, Listed, in_pem};
use super::root::Root;
use super::{Action, Store};

/// What the keystores that come with Java are locked with, which everybody knows.
const PASSWORD: &str = "changeit";
const ALIAS: &str = "interdict";
/// What Debian's tool for the system's store calls ours when it puts it into Java's, from where it does not always take it.
const ALIAS_OF_DEBIAN: &str = "debian:interdict.pem";

const KIND: &str = "Java";

/// A keystore as it is after the action. `keytool` of this host works on a copy: nothing of the place is run.
pub(super) fn visit(root: &Root, path: &Path, certificate: Option<&Certificate>, action: Action) -> Store {
    match try_visit(root, path, certificate, action) {
        Ok(store) => store,
        Err(error) => Store::unreachable(KIND, path, &error),
    }
}

fn try_visit(
    root: &Root,
    path: &Path,
    certificate: Option<&Certificate>,
    action: Action,
) -> io::Result<Store> {
    let before = root.read(path)?;
    let Some(keytool) = keytool() else {
        // JKS and Java's own PKCS #12 stores of roots have certificates as they are.
        return Ok(match certificate {
            Some(certificate) if contains(&before, &certificate.der) => {
                Store::listed(KIND, path, Listed::Now)
            }
            _ => Store::unreachable(
                KIND,
                path,
                &io::Error::other(
                    "no `keytool` on this host to open it with: install a Java runtime, or import \
                                   authority.crt with the workload's own keytool",
                ),
            ),
        });
    };
    let copy = tempfile::NamedTempFile::new()?;
    std::fs::write(copy.path(), &before)?;
    let tool = |arguments: &[&str]| run(&keytool, copy.path(), arguments);
    let listed = |certificate: Option<&Certificate>| -> io::Result<Listed> {
        let list = tool(&["-list", "-rfc"])?;
        Ok(certificate.map_or(Listed::No, |certificate| certificate.among(in_pem(&list))))
    };
    let now = listed(certificate)?;
    let forget = || -> io::Result<bool> {
        let mut any = false;
        for alias in [ALIAS, ALIAS_OF_DEBIAN] {
            if tool(&["-list", "-alias", alias]).is_ok() {
                tool(&["-delete", "-alias", alias])?;
                any = true;
            }
        }
        Ok(any)
    };
    match (action, certificate) {
        (Action::Install, Some(certificate)) if now != Listed::Now => {
            forget()?;
            let file = tempfile::NamedTempFile::new()?;
            std::fs::write(file.path(), &certificate.pem)?;
            let name = file.path().to_string_lossy();
            tool(&["-importcert", "-noprompt", "-alias", ALIAS, "-file", &name])?;
        }
        (Action::Remove, _) if forget()? => {}
        _ => return Ok(Store::listed(KIND, path, now)),
    }
    let listed = listed(certificate)?;
    root.replace(path, &std::fs::read(copy.path())?)?;
    Ok(Store::listed(KIND, path, listed))
}

fn run(keytool: &Path, store: &Path, arguments: &[&str]) -> io::Result<Vec<u8>> {
    let output = Command::new(keytool)
        .args(arguments)
        .arg("-keystore")
        .arg(store)
        .args(["-storepass", PASSWORD])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let line = said
        .lines()
        .find(|line| line.contains("rror"))
        .unwrap_or("it failed");
    Err(io::Error::other(format!("keytool: {line}")))
}

/// The one on the path.
fn keytool() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join("keytool"))
        .find(|file| file.is_file())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
