use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use interdict_proxy::{Authority, Names, certificate_path};

use super::certificate::Certificate;
use super::*;

/// An authority of its own: its directory, its certificate's file, and that.
pub(super) fn authority(host: &str, name: &str) -> (tempfile::TempDir, PathBuf, Certificate) {
    let directory = tempfile::tempdir().unwrap();
    let (path, certificate) = again(&directory, host, name);
    (directory, path, certificate)
}

/// The authority of a directory, for another name.
pub(super) fn again(directory: &tempfile::TempDir, host: &str, name: &str) -> (PathBuf, Certificate) {
    let directory = directory.path().join("authority");
    let mut names = Names::default();
    names.insert_name(name);
    Authority::open(&directory, &names, host).unwrap();
    let path = certificate_path(&directory);
    let certificate = Certificate::new(&fs::read_to_string(&path).unwrap()).unwrap();
    (path, certificate)
}

pub(super) fn openssl(arguments: &[&str], file: &Path) -> String {
    let output = Command::new("openssl").args(arguments).arg(file).output();
    let output = output.expect("openssl, from the Debian package");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every file below a directory, with its bytes; links with where they lead.
fn files(below: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            found.push((path, target.as_os_str().as_encoded_bytes().to_vec()));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

fn states(visited: &Visited) -> Vec<(&str, State)> {
    let stores = visited.stores.iter();
    stores.map(|store| (store.kind.as_str(), store.state)).collect()
}

#[test]
fn an_image_is_given_the_certificate_and_gets_back_to_what_it_was() {
    let (_other_directory, _, other) = authority("node-8", "other.internal");
    let (directory, _, certificate) = authority("node-7", "db.internal");
    let image = tempfile::tempdir().unwrap();
    let at = |path: &str| image.path().join(path.trim_start_matches('/'));
    let put = |path: &str, text: &str| {
        fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        fs::write(at(path), text).unwrap();
    };
    put("/etc/ssl/certs/ca-certificates.crt", &other.pem);
    put("/usr/sbin/update-ca-certificates", "#!/bin/sh\nexit 1\n");
    fs::create_dir_all(at("/usr/local/share/ca-certificates")).unwrap();
    std::os::unix::fs::symlink("certs/ca-certificates.crt", at("/etc/ssl/cert.pem")).unwrap();
    put(
        "/venv/lib/python3.12/site-packages/certifi/cacert.pem",
        other.pem.trim_end(),
    );
    put(
        "/venv/lib/python3.12/site-packages/pip/_vendor/certifi/cacert.pem",
        &other.pem,
    );
    put("/srv/bundle.pem", &other.pem);
    put("/etc/environment", "REQUESTS_CA_BUNDLE=/srv/bundle.pem\n");
    let before = files(image.path());

    let place = Place::tree(image.path()).unwrap();
    let kinds = [
        "system",
        "system, by hash",
        "REQUESTS_CA_BUNDLE",
        "Python",
        "Python",
    ];
    let all = |state| kinds.map(|kind| (kind, state)).to_vec();
    assert_eq!(
        states(&visit(&place, Some(&certificate), Action::Look)),
        all(State::Lacks)
    );
    assert_eq!(files(image.path()), before, "looking changes nothing");

    let visited = visit(&place, Some(&certificate), Action::Install);
    assert_eq!(states(&visited), all(State::Has), "{visited:?}");
    let installed = files(image.path());
    visit(&place, Some(&certificate), Action::Install);
    assert_eq!(files(image.path()), installed, "twice is once");
    // As OpenSSL sees it: the list and the directory.
    let source = at("/usr/local/share/ca-certificates/interdict.crt");
    let list = at("/etc/ssl/certs/ca-certificates.crt");
    openssl(
        &["verify", "-no-CApath", "-CAfile", list.to_str().unwrap()],
        &source,
    );
    let hashed = at("/etc/ssl/certs");
    openssl(
        &["verify", "-no-CAfile", "-CApath", hashed.to_str().unwrap()],
        &source,
    );

    let (_, renewed) = again(&directory, "node-7", "api.internal");
    assert_eq!(
        states(&visit(&place, Some(&renewed), Action::Look)),
        all(State::Old)
    );
    assert_eq!(
        states(&visit(&place, Some(&renewed), Action::Install)),
        all(State::Has)
    );
    openssl(
        &["verify", "-no-CAfile", "-CApath", hashed.to_str().unwrap()],
        &source,
    );

    let visited = visit(&place, Some(&renewed), Action::Remove);
    assert_eq!(states(&visited), all(State::Lacks));
    assert_eq!(files(image.path()), before, "to the byte");
    // Also without the authority.
    visit(&place, Some(&renewed), Action::Install);
    visit(&place, None, Action::Remove);
    assert_eq!(files(image.path()), before);
}

#[test]
fn what_cannot_be_reached_is_told() {
    let (_directory, _, certificate) = authority("node-7", "db.internal");
    let image = tempfile::tempdir().unwrap();
    fs::write(image.path().join("environment"), "").unwrap();
    fs::create_dir(image.path().join("etc")).unwrap();
    fs::write(image.path().join("etc/environment"), "SSL_CERT_FILE=/gone.pem\n").unwrap();
    let place = Place::tree(image.path()).unwrap();
    let visited = visit(&place, Some(&certificate), Action::Install);
    assert_eq!(states(&visited), [("SSL_CERT_FILE", State::Unreachable)]);
    assert!(
        visited.notes.iter().any(|note| note.contains("no system store")),
        "{visited:?}"
    );
    let report = Report {
        certificate: PathBuf::new(),
        fingerprint: None,
        places: vec![visited],
    };
    assert!(
        answer(&report, Action::Install)
            .unwrap_err()
            .to_string()
            .contains("can't be reached")
    );
}

#[test]
fn javas_keystores_are_changed_by_keytool() {
    let (directory, _, certificate) = authority("node-7", "db.internal");
    let image = tempfile::tempdir().unwrap();
    let store = image.path().join("opt/jdk/lib/security/cacerts");
    fs::create_dir_all(store.parent().unwrap()).unwrap();
    let (_other, other_path, _) = authority("node-8", "other.internal");
    let made = Command::new("keytool")
        .args([
            "-importcert",
            "-noprompt",
            "-alias",
            "other",
            "-storepass",
            "changeit",
            "-keystore",
        ])
        .arg(&store)
        .arg("-file")
        .arg(&other_path)
        .output()
        .expect("keytool, from a Java runtime");
    assert!(made.status.success(), "{made:?}");
    let place = Place::tree(image.path()).unwrap();
    let java = |certificate: &Certificate, action| {
        let visited = visit(&place, Some(certificate), action);
        let java = visited
            .stores
            .into_iter()
            .find(|store| store.kind == "Java")
            .unwrap();
        assert_ne!(java.state, State::Unreachable, "{java:?}");
        java.state
    };
    assert_eq!(java(&certificate, Action::Look), State::Lacks);
    assert_eq!(java(&certificate, Action::Install), State::Has);
    assert_eq!(java(&certificate, Action::Install), State::Has);
    let (_, renewed) = again(&directory, "node-7", "api.internal");
    assert_eq!(java(&renewed, Action::Look), State::Old);
    assert_eq!(java(&renewed, Action::Install), State::Has);
    // As Debian's tool names it, too.
    let renamed = Command::new("keytool")
        .args([
            "-changealias",
            "-alias",
            "interdict",
            "-destalias",
            "debian:interdict.pem",
            "-storepass",
            "changeit",
        ])
        .arg("-keystore")
        .arg(&store)
        .output()
        .unwrap();
    assert!(renamed.status.success(), "{renamed:?}");
    assert_eq!(java(&renewed, Action::Look), State::Has);
    assert_eq!(java(&renewed, Action::Remove), State::Lacks);
}
