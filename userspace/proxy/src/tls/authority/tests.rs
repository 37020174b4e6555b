use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use std::sync::Arc;

use rcgen::SanType;
use rustls_pki_types::{ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::*;
use crate::tls::provider;

fn names(dns: &[&str], networks: &[(&str, u8)]) -> Names {
    let mut names = Names::default();
    for name in dns {
        names.insert_name(name);
    }
    for (address, prefix) in networks {
        names.insert_network(address.parse().unwrap(), *prefix);
    }
    names
}

fn directory() -> (tempfile::TempDir, PathBuf) {
    let above = tempfile::tempdir().unwrap();
    let path = above.path().join("authority");
    (above, path)
}

fn open(directory: &Path, names: &Names) -> (Arc<Authority>, Made) {
    let (authority, made) = Authority::open(directory, names, "node-7").unwrap();
    (Arc::new(authority), made)
}

fn refusal(directory: &Path, names: &Names) -> String {
    Authority::open(directory, names, "node-7")
        .unwrap_err()
        .to_string()
}

fn verify(authority: &Authority, leaf: &[u8], name: &str) -> Result<(), webpki::Error> {
    let root = CertificateDer::from(authority.certificate().to_vec());
    let anchors = [webpki::anchor_from_trusted_cert(&root).unwrap()];
    let der = CertificateDer::from(leaf.to_vec());
    let end = EndEntityCert::try_from(&der).unwrap();
    let algorithms = provider().signature_verification_algorithms.all;
    let usage = KeyUsage::server_auth();
    end.verify_for_usage(algorithms, &anchors, &[], UnixTime::now(), usage, None, None)?;
    end.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
}

/// What a thief of the key would make.
fn forged(authority: &Authority, subject_alt_name: SanType) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![subject_alt_name];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    params.signed_by(&key, &authority.issuer).unwrap().der().to_vec()
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn address(text: &str) -> SanType {
    SanType::IpAddress(text.parse().unwrap())
}

#[test]
fn leaves_are_good_for_the_services_names_and_addresses() {
    let (_above, path) = directory();
    let names = names(&["db.clinic.internal"], &[("10.0.3.0", 24), ("fd00:3::", 64)]);
    let (authority, made) = open(&path, &names);
    assert_eq!(made, Made::All);
    let leaves = Leaves::new(Arc::clone(&authority), names, UnknownName::Refuse);
    let leaf = |sni, at: &str| leaves.leaf(sni, at.parse().unwrap()).unwrap();

    let shown = leaf(Some("db.clinic.internal"), "10.0.3.7").unwrap();
    let der = shown.key.cert.first().unwrap();
    verify(&authority, der, "db.clinic.internal").unwrap();
    verify(&authority, der, "10.0.3.7").unwrap();
    assert!(verify(&authority, der, "10.0.3.8").is_err());
    assert_eq!(&*shown.fingerprint, crate::tls::fingerprint(der));

    // Whoever names nobody may verify either.
    let shown = leaf(None, "fd00:3::9").unwrap();
    let der = shown.key.cert.first().unwrap();
    verify(&authority, der, "db.clinic.internal").unwrap();
    verify(&authority, der, "fd00:3::9").unwrap();

    // An address that the authority may not sign for is left out: it would spoil the certificate.
    let shown = leaf(Some("db.clinic.internal"), "192.0.2.1").unwrap();
    verify(&authority, shown.key.cert.first().unwrap(), "db.clinic.internal").unwrap();

    assert!(leaf(Some("other.internal"), "10.0.3.7").is_none());
    assert!(leaf(Some("sub.db.clinic.internal"), "10.0.3.7").is_none());
    let again = leaf(Some("db.clinic.internal"), "10.0.3.7").unwrap();
    let other = leaf(Some("db.clinic.internal"), "10.0.3.8").unwrap();
    let first = leaf(Some("db.clinic.internal"), "10.0.3.7").unwrap();
    assert_eq!(again.fingerprint, first.fingerprint, "kept");
    assert_ne!(again.fingerprint, other.fingerprint);
}

#[test]
fn a_name_that_is_not_known_gets_no_certificate_for_it() {
    let (_above, path) = directory();
    let names = names(&["db.clinic.internal"], &[]);
    let (authority, _) = open(&path, &names);
    let at = "10.0.3.7".parse().unwrap();
    let strict = Leaves::new(Arc::clone(&authority), names.clone(), UnknownName::Refuse);
    assert!(strict.leaf(Some("db"), at).unwrap().is_none());
    let lenient = Leaves::new(Arc::clone(&authority), names, UnknownName::ShowOwn);
    let shown = lenient.leaf(Some("db"), at).unwrap().unwrap();
    let der = shown.key.cert.first().unwrap();
    verify(&authority, der, "db.clinic.internal").unwrap();
    assert!(verify(&authority, der, "db").is_err());
}

#[test]
fn the_key_is_worth_nothing_for_other_names() {
    let foreign = [
        dns("bank.example"),
        dns("clinic.internal"),
        address("10.0.4.7"),
        address("2001:db8::1"),
    ];
    let (_above, path) = directory();
    let (authority, _) = open(&path, &names(&["db.clinic.internal"], &[("10.0.3.0", 24)]));
    for name in foreign.clone() {
        let text = format!("{name:?}");
        let verified = verify(&authority, &forged(&authority, name), "ignored.example");
        assert_eq!(verified, Err(webpki::Error::NameConstraintViolation), "{text}");
    }
    verify(
        &authority,
        &forged(&authority, dns("db.clinic.internal")),
        "db.clinic.internal",
    )
    .unwrap();

    // Names alone: no address at all. Addresses alone: no name at all.
    let (_above, path) = directory();
    let (authority, _) = open(&path, &names(&["db.clinic.internal"], &[]));
    for name in foreign {
        let text = format!("{name:?}");
        let verified = verify(&authority, &forged(&authority, name), "ignored.example");
        assert_eq!(verified, Err(webpki::Error::NameConstraintViolation), "{text}");
    }
    let (_above, path) = directory();
    let (authority, _) = open(&path, &names(&[], &[("10.0.3.7", 32)]));
    for name in [dns("db.clinic.internal"), dns("a"), address("10.0.3.8")] {
        let text = format!("{name:?}");
        let verified = verify(&authority, &forged(&authority, name), "ignored.example");
        assert_eq!(verified, Err(webpki::Error::NameConstraintViolation), "{text}");
    }
    verify(&authority, &forged(&authority, address("10.0.3.7")), "10.0.3.7").unwrap();
}

/// As curl, psql and Python see it.
#[test]
fn openssl_agrees() {
    let (above, path) = directory();
    let wanted = names(&["db.clinic.internal"], &[("10.0.3.7", 32)]);
    let (authority, _) = open(&path, &wanted);
    let leaves = Leaves::new(Arc::clone(&authority), wanted, UnknownName::Refuse);
    let check = |der: &[u8], arguments: &[&str]| {
        let file = above.path().join("leaf.der");
        fs::write(&file, der).unwrap();
        let output = Command::new("openssl")
            .args(["verify", "-purpose", "sslserver", "-x509_strict", "-CAfile"])
            .arg(certificate_path(&path))
            .args(arguments)
            .arg(&file)
            .output()
            .expect("openssl, from the Debian package");
        (output.status.success(), format!("{output:?}"))
    };
    for sni in [Some("db.clinic.internal"), None] {
        let shown = leaves.leaf(sni, "10.0.3.7".parse().unwrap()).unwrap().unwrap();
        let der = shown.key.cert.first().unwrap();
        for arguments in [
            ["-verify_hostname", "db.clinic.internal"],
            ["-verify_ip", "10.0.3.7"],
        ] {
            let (good, output) = check(der, &arguments);
            assert!(good, "{output}");
        }
    }
    for name in [dns("bank.example"), address("10.0.3.8"), address("fd00::1")] {
        let (good, output) = check(&forged(&authority, name), &[]);
        assert!(
            !good && output.contains("permitted subtree violation"),
            "{output}"
        );
    }
    let shown = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(certificate_path(&path))
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    for line in [
        "Subject: CN = interdict authority on node-7",
        "X509v3 Basic Constraints: critical",
        "CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical",
        "X509v3 Name Constraints: critical",
        "DNS:db.clinic.internal",
        "IP:10.0.3.7/255.255.255.255",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let usage = shown.split("X509v3 Key Usage: critical").nth(1).unwrap();
    assert_eq!(usage.lines().nth(1).unwrap().trim(), "Certificate Sign");
}

#[test]
fn it_is_kept_and_the_certificate_follows_the_names() {
    let (_above, path) = directory();
    let first = names(&["db.clinic.internal"], &[("10.0.3.7", 32)]);
    let (made, what) = open(&path, &first);
    assert_eq!(what, Made::All);
    for (file, mode) in [(path.clone(), 0o700), (path.join("authority.key"), 0o600)] {
        assert_eq!(
            fs::metadata(&file).unwrap().mode() & 0o777,
            mode,
            "{}",
            file.display()
        );
    }
    let left: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");

    let (kept, what) = open(&path, &first);
    assert_eq!((what, kept.certificate()), (Made::Nothing, made.certificate()));

    // Another name for the host does not make it another authority.
    let second = names(&["db.clinic.internal", "api.clinic.internal"], &[("10.0.0.0", 8)]);
    let (again, what) = Authority::open(&path, &second, "renamed").unwrap();
    assert_eq!(what, Made::CertificateAgain);
    let key = fs::read_to_string(path.join("authority.key")).unwrap();
    let key = KeyPair::from_pem(&key).unwrap();
    let known = certificate::read(again.certificate(), &key).unwrap();
    assert_eq!(
        (known.names, &*known.subject),
        (second.clone(), "interdict authority on node-7")
    );
    // What the first has signed is still good under the second: it is the same key and name.
    let leaves = Leaves::new(made, first, UnknownName::Refuse);
    let shown = leaves
        .leaf(Some("db.clinic.internal"), "10.0.3.7".parse().unwrap())
        .unwrap()
        .unwrap();
    verify(&again, shown.key.cert.first().unwrap(), "db.clinic.internal").unwrap();
    assert_eq!(open(&path, &second).1, Made::Nothing);
    // With no constraint to compare but the one that stands for none.
    assert_eq!(open(&path, &names(&[], &[("::", 0)])).1, Made::CertificateAgain);
    assert_eq!(open(&path, &names(&[], &[("::", 0)])).1, Made::Nothing);
    assert_eq!(open(&path, &names(&["a"], &[])).1, Made::CertificateAgain);
    assert_eq!(open(&path, &names(&["a"], &[])).1, Made::Nothing);
}

#[test]
fn a_certificate_about_to_end_is_made_again() {
    let (_above, path) = directory();
    let wanted = names(&["a.internal"], &[]);
    open(&path, &wanted);
    let key = KeyPair::from_pem(&fs::read_to_string(path.join("authority.key")).unwrap()).unwrap();
    let nine_years = std::time::Duration::from_hours(24 * (3653 - 89));
    let old = certificate::params(
        "interdict authority on node-7",
        &wanted,
        SystemTime::now() - nine_years,
    )
    .unwrap();
    fs::write(certificate_path(&path), old.self_signed(&key).unwrap().pem()).unwrap();
    assert_eq!(open(&path, &wanted).1, Made::CertificateAgain);
}

#[test]
fn what_is_not_safe_or_not_ours_is_refused() {
    let wanted = names(&["a.internal"], &[]);
    let fresh = || {
        let (above, path) = directory();
        open(&path, &wanted);
        (above, path)
    };
    let mode = |file: &Path, mode| fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();

    let (_above, path) = fresh();
    mode(&path.join("authority.key"), 0o640);
    assert!(
        refusal(&path, &wanted).contains("mode 640): `chmod 600`"),
        "{}",
        refusal(&path, &wanted)
    );
    mode(&path.join("authority.key"), 0o600);
    mode(&path, 0o755);
    assert!(refusal(&path, &wanted).contains("`chmod 700`"));

    let (_above, path) = fresh();
    fs::remove_file(path.join("authority.key")).unwrap();
    assert!(refusal(&path, &wanted).contains("is not there, though its certificate is"));
    assert!(!path.join("authority.key").exists());

    let (_above, path) = fresh();
    fs::write(path.join("authority.key"), "not a key").unwrap();
    assert!(refusal(&path, &wanted).contains("is not a P-256 key"));

    // Another's key, and another's certificate.
    let (_above, path) = fresh();
    let (_other_above, other) = fresh();
    fs::copy(other.join("authority.crt"), certificate_path(&path)).unwrap();
    assert!(
        refusal(&path, &wanted).contains("for another key"),
        "{}",
        refusal(&path, &wanted)
    );

    let (_above, path) = fresh();
    let key = KeyPair::from_pem(&fs::read_to_string(path.join("authority.key")).unwrap()).unwrap();
    let mut unbound = CertificateParams::default();
    unbound.distinguished_name = certificate::named("interdict authority on node-7");
    fs::write(certificate_path(&path), unbound.self_signed(&key).unwrap().pem()).unwrap();
    assert!(refusal(&path, &wanted).contains("good for any name"));

    let (_above, path) = fresh();
    let aside = path.join("aside");
    fs::rename(path.join("authority.key"), &aside).unwrap();
    std::os::unix::fs::symlink(&aside, path.join("authority.key")).unwrap();
    assert!(refusal(&path, &wanted).contains("cannot be read"));
}
