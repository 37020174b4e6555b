//! Variables by which programs are told of certificates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::certificate::Certificate;
use super::root::Root;
use super::{Action, State, Store, visit_bundle};

/// Variables that name a list of certificates in place of, or beside, a program's own.
const FILES: [&str; 11] = [
    "SSL_CERT_FILE",
    "NIX_SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "DENO_CERT",
    "PGSSLROOTCERT",
    EXTRA,
];

const EXTRA: &str = "NODE_EXTRA_CA_CERTS";

/// What a program is started with.
#[derive(Debug, Default)]
pub(super) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// As in `/proc/PID/environ`.
    pub(super) fn of_process(text: &[u8]) -> Self {
        Self::of(text.split(|byte| *byte == 0))
    }

    /// As in `/etc/environment`.
    pub(super) fn of_file(text: &[u8]) -> Self {
        let mut environment = Self::of(text.split(|byte| *byte == b'\n'));
        for value in environment.0.values_mut() {
            *value = value.trim().trim_matches(['"', '\'']).to_owned();
        }
        environment
    }

    fn of<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Self {
        let entry = |entry: &[u8]| {
            let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
            let name = name.trim().trim_start_matches("export ");
            Some((name.to_owned(), value.to_owned()))
        };
        Self(entries.filter_map(entry).collect())
    }

    /// Takes those of another that are not set here.
    pub(super) fn or(mut self, other: Self) -> Self {
        for (name, value) in other.0 {
            self.0.entry(name).or_insert(value);
        }
        self
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.0
            .get(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    }

    /// The lists that are named, as they are after the action. None twice, and none of `known`.
    pub(super) fn visit(
        &self,
        root: &Root,
        known: &mut Vec<PathBuf>,
        certificate: Option<&Certificate>,
        action: Action,
    ) -> Vec<Store> {
        let mut stores = Vec::new();
        for name in FILES {
            let Some(path) = self.path(name) else { continue };
            let file = root.behind_links(&path).unwrap_or_else(|_| path.clone());
            if !known.contains(&file) {
                stores.push(visit_bundle(root, name, &path, certificate, action));
                known.push(file);
            }
        }
        stores
    }

    /// How a Node.js stands that is started with this. `system`: how the system's store stands; `is_whole`: whether this is all
    /// that it is started with.
    pub(super) fn node(
        &self,
        root: &Root,
        path: &Path,
        system: Option<State>,
        certificate: Option<&Certificate>,
        is_whole: bool,
    ) -> Store {
        const KIND: &str = "Node.js";
        if let Some(extra) = self.path(EXTRA) {
            let list = visit_bundle(root, KIND, &extra, certificate, Action::Look);
            return Store {
                path: path.to_owned(),
                detail: format!("by {EXTRA}={}", extra.display()),
                ..list
            };
        }
        let options = self.0.get("NODE_OPTIONS").map_or("", String::as_str);
        let by_system = self.0.get("NODE_USE_SYSTEM_CA").is_some_and(|value| value == "1")
            || options.contains("--use-system-ca")
            || options.contains("--use-openssl-ca");
        if let (true, Some(state)) = (by_system, system) {
            return Store::new(KIND, path, state, "by the system's store");
        }
        let remedy = "has its roots compiled in: start it with NODE_EXTRA_CA_CERTS=FILE, the authority's certificate, or with \
                      NODE_USE_SYSTEM_CA=1 (22.19, 24.6 and later)";
        let state = if is_whole { State::Lacks } else { State::Depends };
        Store::new(KIND, path, state, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::trust::tests::authority;

    #[test]
    fn variables_are_read_as_they_are_written() {
        let process = Environment::of_process(b"A=1\0SSL_CERT_FILE=/x y\0broken\0");
        assert_eq!(process.path("SSL_CERT_FILE"), Some(PathBuf::from("/x y")));
        let file = Environment::of_file(
            b"# c\nexport SSL_CERT_FILE=\"/z\"\nREQUESTS_CA_BUNDLE=/r\nCURL_CA_BUNDLE=relative\n",
        );
        assert_eq!(file.path("SSL_CERT_FILE"), Some(PathBuf::from("/z")));
        assert_eq!(file.path("CURL_CA_BUNDLE"), None);
        let both = process.or(file);
        assert_eq!(both.path("SSL_CERT_FILE"), Some(PathBuf::from("/x y")));
        assert_eq!(both.path("REQUESTS_CA_BUNDLE"), Some(PathBuf::from("/r")));
    }

    #[test]
    fn node_is_reached_by_variables_alone() {
        let (directory, path, certificate) = authority("node-7", "db.internal");
        let root = Root::open(directory.path()).unwrap();
        let inside = Path::new("/").join(path.strip_prefix(directory.path()).unwrap());
        let node = |text: &str, system, whole| {
            let environment = Environment::of_file(text.as_bytes());
            environment
                .node(&root, Path::new("/bin/node"), system, Some(&certificate), whole)
                .state
        };
        assert_eq!(node("", Some(State::Has), true), State::Lacks);
        assert_eq!(node("", Some(State::Has), false), State::Depends);
        assert_eq!(node("NODE_USE_SYSTEM_CA=1", Some(State::Has), true), State::Has);
        assert_eq!(
            node("NODE_OPTIONS=--use-openssl-ca", Some(State::Old), true),
            State::Old
        );
        assert_eq!(
            node(&format!("NODE_EXTRA_CA_CERTS={}", inside.display()), None, true),
            State::Has
        );
        assert_eq!(node("NODE_EXTRA_CA_CERTS=/none", None, true), State::Unreachable);
    }
}
