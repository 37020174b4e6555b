//! The store that the system's own programs use.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bundle;
use super::certificate::{Certificate, Listed};
use super::root::Root;
use super::{Action, Place, Store, visit_bundle};

/// How a distribution keeps its store.
struct Family {
    /// Where certificates of the host's own are put.
    source: &'static str,
    /// What makes the store of them.
    tool: &'static [&'static str],
    /// What it takes to have it forget what is gone.
    forget: &'static [&'static str],
    bundle: &'static str,
    /// A directory in which OpenSSL looks by hash, if the tool keeps one beside the bundle.
    hashed: Option<&'static str>,
}

const SUSE: Family = Family {
    source: "/etc/pki/trust/anchors",
    tool: &["/usr/sbin/update-ca-certificates"],
    forget: &["--fresh"],
    bundle: "/var/lib/ca-certificates/ca-bundle.pem",
    hashed: None,
};
const FEDORA: Family = Family {
    source: "/etc/pki/ca-trust/source/anchors",
    tool: &["/usr/bin/update-ca-trust", "extract"],
    forget: &[],
    bundle: "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    hashed: None,
};
const ARCH: Family = Family {
    source: "/etc/ca-certificates/trust-source/anchors",
    tool: &["/usr/bin/update-ca-trust", "extract"],
    forget: &[],
    bundle: "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    hashed: None,
};
/// Debian, Ubuntu and Alpine.
const DEBIAN: Family = Family {
    source: "/usr/local/share/ca-certificates",
    tool: &["/usr/sbin/update-ca-certificates"],
    forget: &["--fresh"],
    bundle: "/etc/ssl/certs/ca-certificates.crt",
    hashed: Some("/etc/ssl/certs"),
};

/// Our file among the host's own certificates.
const FILE: &str = "interdict.crt";
/// Our file where OpenSSL looks by hash; what Debian's tool calls it too.
const HASHED_FILE: &str = "interdict.pem";

/// Further places where lists are looked for by Go, curl and OpenSSL.
const ELSEWHERE: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Family {
    fn of(root: &Root) -> Option<&'static Self> {
        let there = |path: &str| root.is_there(Path::new(path));
        [&SUSE, &FEDORA, &ARCH]
            .into_iter()
            .find(|family| there(family.source))
            .or_else(|| (there(DEBIAN.bundle) || there(DEBIAN.source)).then_some(&DEBIAN))
    }

    fn source_file(&self) -> PathBuf {
        Path::new(self.source).join(FILE)
    }

    fn tool(&self, place: &Place) -> Option<Command> {
        let (program, arguments) = self.tool.split_first()?;
        if !place.is_host() || !place.root.is_there(Path::new(program)) {
            return None;
        }
        let mut command = Command::new(program);
        command.args(arguments);
        Some(command)
    }

    /// Puts the certificate among the host's own, or takes it away; true if that changed anything.
    fn change_source(
        &self,
        root: &Root,
        certificate: Option<&Certificate>,
        action: Action,
    ) -> io::Result<bool> {
        let file = self.source_file();
        match (action, certificate) {
            (Action::Install, Some(certificate)) => {
                if root
                    .read(&file)
                    .is_ok_and(|now| now == certificate.pem.as_bytes())
                {
                    return Ok(false);
                }
                root.make_directory(Path::new(self.source))?;
                root.replace(&file, certificate.pem.as_bytes())?;
                Ok(true)
            }
            (Action::Remove, _) => root.remove(&file),
            _ => Ok(false),
        }
    }
}

/// The system's stores of a place, as they are after the action.
pub(super) fn visit(place: &Place, certificate: Option<&Certificate>, action: Action) -> Vec<Store> {
    let root = &place.root;
    let mut stores = Vec::new();
    let mut known = Vec::new();
    if let Some(family) = Family::of(root) {
        let path = Path::new(family.bundle);
        match family.change_source(root, certificate, action) {
            Err(error) => stores.push(Store::unreachable("system", &family.source_file(), &error)),
            Ok(changed) => {
                let mut store = match family.tool(place).filter(|_| action != Action::Look) {
                    Some(mut tool) => {
                        let outdated = || !is_up_to_date(root, path, certificate, action);
                        let outcome = if changed || outdated() {
                            if action == Action::Remove {
                                tool.args(family.forget);
                            }
                            run(tool)
                        } else {
                            Ok(())
                        };
                        match outcome {
                            Ok(()) => visit_bundle(root, "system", path, certificate, Action::Look),
                            Err(error) => Store::unreachable("system", path, &error),
                        }
                    }
                    None => visit_bundle(root, "system", path, certificate, action),
                };
                if store.is_good() && !root.is_there(&family.source_file()) {
                    let source = family.source_file();
                    store.detail = format!("not in {}: the system's next update drops it", source.display());
                }
                stores.push(store);
            }
        }
        known.extend(root.behind_links(path));
        if let Some(directory) = family.hashed {
            let by_tool = family.tool(place).is_some();
            stores.extend(by_hash(root, Path::new(directory), certificate, action, by_tool));
        }
    }
    for path in ELSEWHERE.map(Path::new) {
        match root.behind_links(path) {
            Ok(file) if !known.contains(&file) && root.is_there(path) => {
                stores.push(visit_bundle(root, "system", path, certificate, action));
                known.push(file);
            }
            _ => {}
        }
    }
    stores
}

fn is_up_to_date(root: &Root, bundle: &Path, certificate: Option<&Certificate>, action: Action) -> bool {
    let Some(certificate) = certificate else {
        return false;
    };
    let listed = root
        .read(bundle)
        .map_or(Listed::No, |list| bundle::state(&list, certificate));
    match action {
        Action::Install => listed == Listed::Now,
        Action::Remove => listed == Listed::No,
        Action::Look => true,
    }
}

fn run(mut tool: Command) -> io::Result<()> {
    let output = tool.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let program = tool.get_program().to_string_lossy().into_owned();
    Err(io::Error::other(format!("{program}: {}: {said}", output.status)))
}

/// The directory in which OpenSSL, and with it Python, looks by hash. `by_tool`: the system's tool keeps it.
fn by_hash(
    root: &Root,
    directory: &Path,
    certificate: Option<&Certificate>,
    action: Action,
    by_tool: bool,
) -> Option<Store> {
    let file = directory.join(HASHED_FILE);
    // What was put there can be taken away also when the authority is gone.
    let put = root
        .read(&file)
        .ok()
        .and_then(|text| Certificate::new(&String::from_utf8(text).ok()?));
    let certificate = certificate.or(put.as_ref())?;
    let hash = certificate.hash()?;
    let names = (0..10).map(|number| directory.join(format!("{hash}.{number}")));
    let ours = || {
        names.clone().find(|name| {
            root.read(name)
                .is_ok_and(|list| bundle::state(&list, certificate) != Listed::No)
        })
    };
    let change = || -> io::Result<()> {
        match action {
            _ if by_tool => {}
            Action::Look => {}
            Action::Install => {
                root.replace(&file, certificate.pem.as_bytes())?;
                if ours().is_none() {
                    let free = names.clone().find(|name| root.target(name).is_err());
                    let free = free.ok_or_else(|| io::Error::other("ten certificates have the same hash"))?;
                    root.link(&free, HASHED_FILE)?;
                }
            }
            Action::Remove => {
                if let Some(name) = ours().filter(|name| root.target(name).is_ok_and(|to| to == HASHED_FILE))
                {
                    root.remove(&name)?;
                }
                // By its own name only what was put here, not a link that the system's tool made.
                if root.target(&file).is_err() {
                    root.remove(&file)?;
                }
            }
        }
        Ok(())
    };
    if let Err(error) = change() {
        return Some(Store::unreachable("system, by hash", directory, &error));
    }
    let listed = ours()
        .and_then(|name| root.read(&name).ok())
        .map_or(Listed::No, |list| bundle::state(&list, certificate));
    Some(Store::listed("system, by hash", directory, listed))
}
