//! Coming in by a certificate, over TLS.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

use crate::Stage;
use crate::visitor::Visitor;

/// An authority, a certificate for the console, and people's.
pub(crate) struct Made(BTreeMap<String, String>);

impl Made {
    pub(crate) fn file(&self, name: &str) -> &str {
        &self.0[name]
    }

    fn write(&self, directory: &Path) {
        for (name, text) in &self.0 {
            std::fs::write(directory.join(name), text).unwrap();
        }
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "people");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

pub(crate) fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let (issuer, other) = (authority(), authority());
        let mut files = BTreeMap::from([("ca.pem".to_owned(), issuer.pem())]);
        let mut sign = |file: &str, name: &str, hosts: &[&str], by: &CertifiedIssuer<'_, KeyPair>| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let mut params = CertificateParams::new(hosts).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ClientAuth,
                ExtendedKeyUsagePurpose::ServerAuth,
            ];
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, by).unwrap();
            files.insert(format!("{file}.pem"), certificate.pem() + &key.serialize_pem());
            files.insert(format!("{file}.key"), key.serialize_pem());
        };
        sign("cert", "console", &["127.0.0.1", "localhost"], &issuer);
        for name in ["ada", "bob", "eve", "nobody"] {
            sign(name, name, &[], &issuer);
        }
        // Of an authority that nobody named.
        sign("forged", "eve", &[], &other);
        let key = files["cert.key"].clone();
        files.insert("key.pem".to_owned(), key);
        Made(files)
    })
}

#[test]
fn a_certificate_lets_in_with_its_role_and_no_other_does() {
    let stage = Stage::with(
        |directory, port| {
            made().write(directory);
            format!(
                "{{ listen: \"127.0.0.1:{port}\", tls: {{ certificate: cert.pem, key: key.pem, client_ca: ca.pem }}, \
                 roles: {{ viewer: [\"cert:ada\"], approver: [\"cert:bob\"], admin: [\"cert:eve\"] }} }}"
            )
        },
        &["cert:bob", "cert:ada"],
    );
    let origin = format!("https://127.0.0.1:{}", stage.console);
    let ca = stage.path("ca.pem").display().to_string();
    let visitor = |name: &str| {
        let certificate = stage.path(&format!("{name}.pem")).display().to_string();
        Visitor::new(&stage.path(&format!("{name}.jar")), &origin).with(&[
            "--cacert",
            &ca,
            "--cert",
            &certificate,
        ])
    };
    // Not even the handshake.
    let bare = Visitor::new(&stage.path("bare.jar"), &origin).with(&["--cacert", &ca]);
    assert!(bare.try_curl("/login", &[]).is_none());
    assert!(visitor("forged").try_curl("/login", &[]).is_none());
    let nobody = visitor("nobody").get("/login");
    assert!(
        nobody.body.contains("has no role here") && nobody.header("set-cookie").is_none(),
        "{}",
        nobody.body
    );

    let [ada, bob, eve] = ["ada", "bob", "eve"].map(visitor);
    for who in [&ada, &bob, &eve] {
        let entered = who.get("/login?next=/record");
        assert_eq!(entered.status, 200, "{}", entered.body);
        let cookie = entered.header("set-cookie").unwrap();
        assert!(
            cookie.starts_with("__Host-interdict=") && cookie.contains("Secure"),
            "{cookie}"
        );
        let page = who.get("/record");
        assert_eq!(page.status, 200);
        assert!(
            page.header("strict-transport-security")
                .unwrap()
                .contains("max-age=31536000")
        );
    }
    // Somebody's cookie with another's certificate.
    let jar = std::fs::read_to_string(stage.path("eve.jar")).unwrap();
    let stolen = jar
        .lines()
        .find(|line| line.contains("__Host-interdict"))
        .unwrap();
    let stolen = format!("__Host-interdict={}", stolen.split('\t').next_back().unwrap());
    let thief = visitor("ada");
    assert_eq!(thief.curl("/", &["-b", &stolen]).status, 303);
    assert_eq!(eve.get("/").status, 200);
    let ada = {
        let again = visitor("ada");
        again.get("/login");
        again
    };

    let child = stage.ask("delete from visits where id = 1");
    let id = stage.waiting();
    let try_all = |who: &Visitor| -> Vec<u16> {
        let token = who.get("/record").token();
        let forms: [(&str, &[(&str, &str)]); 5] = [
            (
                "/grants",
                &[
                    ("identities", "x"),
                    ("services", "clinic"),
                    ("minutes", "5"),
                    ("reason", "r"),
                ],
            ),
            (
                "/grants/01890000-0000-7000-8000-000000000000/revoke",
                &[("reason", "r")],
            ),
            (
                "/grants/01890000-0000-7000-8000-000000000000/review",
                &[("reason", "r")],
            ),
            ("/coverage/quarantine", &[("workload", "x")]),
            ("/coverage/lift", &[("workload", "x")]),
        ];
        let posted = forms.iter().map(|(path, fields)| {
            let mut all = vec![("token", token.as_str())];
            all.extend(*fields);
            who.post(path, &all).status
        });
        posted.collect()
    };
    // The policy names her; her role does not let her.
    let say = |who: &Visitor| {
        let token = who.get("/record").token();
        let fields = [("token", token.as_str()), ("say", "approve"), ("reason", "fine")];
        who.post(&format!("/approvals/{id}"), &fields).status
    };
    assert_eq!(say(&ada), 403);
    assert_eq!(try_all(&ada), [403; 5]);
    assert_eq!(try_all(&bob), [403; 5]);
    assert!(stage.rows("grants").is_empty() && stage.events("quarantine").is_empty());
    // An admin that the policy does not name may not decide either: told, and nothing changes.
    assert_eq!(say(&eve), 303);
    assert!(
        eve.get(&format!("/approvals/{id}"))
            .body
            .contains("none of those who may decide")
    );
    assert_eq!(try_all(&eve), [303; 5]);
    assert_eq!(stage.rows("grants").len(), 1);
    assert_eq!(say(&bob), 303);
    assert!(crate::end(child).0);
    let rows = stage.rows("approvals");
    let voted: Vec<_> = rows.iter().filter(|row| row["event"] == "voted").collect();
    assert_eq!(voted.len(), 1);
    assert_eq!(voted[0]["people"][0], "cert:bob");
}
