//! What `interdict check` says of a console's settings.

use std::process::Command;

use crate::support::{interdict, scratch, text};

fn check(console: &str) -> (bool, String) {
    let directory = scratch();
    let path = directory.path().join("interdict.yaml");
    let settings = format!(
        "services:\n  - {{ name: clinic, protocol: postgres, listen: \"127.0.0.1:1\", upstream: {{ address: \"127.0.0.1:2\" }} }}\n\
         kernel: {{ mode: off }}\nadmin:\n  console: {console}\n"
    );
    std::fs::write(&path, settings).unwrap();
    for name in ["cert.pem", "key.pem", "ca.pem"] {
        let made = crate::certificates::made();
        std::fs::write(directory.path().join(name), made.file(name)).unwrap();
    }
    let output = Command::new(interdict())
        .args(["check", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    (
        output.status.success(),
        text(&output.stderr) + &text(&output.stdout),
    )
}

#[test]
fn beyond_this_host_it_takes_tls_and_somebody_to_log_in_with() {
    let tls = "tls: { certificate: cert.pem, key: key.pem";
    let oidc = "oidc: { issuer: \"https://id.example\", client_id: interdict }";
    for good in [
        "\"127.0.0.1:9443\"".to_owned(),
        "\"[::1]:9443\"".to_owned(),
        format!(
            "{{ listen: \"0.0.0.0:9443\", url: \"https://audit.example\", {tls}, client_ca: ca.pem }} }}"
        ),
        format!("{{ listen: \"0.0.0.0:9443\", url: \"https://audit.example\", {tls} }}, {oidc} }}"),
        format!(
            "{{ listen: \"127.0.0.1:9443\", url: \"https://audit.example:8443\", {oidc}, roles: {{ viewer: [\"oidc-group:staff\"] }} }}"
        ),
    ] {
        let (passed, said) = check(&good);
        assert!(passed, "{good}: {said}");
    }
    for (bad, why) in [
        ("\"0.0.0.0:9443\"".to_owned(), "expected a loopback address"),
        ("\"[::]:9443\"".to_owned(), "expected a loopback address"),
        (format!("{{ listen: \"10.0.0.1:9443\", url: \"https://a.example\", {oidc} }}"), "expected a loopback address"),
        (format!("{{ listen: \"10.0.0.1:9443\", url: \"https://a.example\", {tls} }} }}"), "`tls.client_ca` or `oidc`"),
        (format!("{{ listen: \"10.0.0.1:9443\", {tls}, client_ca: ca.pem }} }}"), "expected `url` as well"),
        ("{ listen: \"127.0.0.1:1\", url: \"http://audit.example\" }".to_owned(), "`https`"),
        ("{ listen: \"127.0.0.1:1\", url: \"https://audit.example/x\" }".to_owned(), "without a path"),
        ("{ listen: \"127.0.0.1:1\", tls: { certificate: ca.pem, key: key.pem } }".to_owned(), "used together"),
        ("{ listen: \"127.0.0.1:1\", oidc: { issuer: \"http://id.example\", client_id: x } }".to_owned(), "`https`"),
        ("{ listen: \"127.0.0.1:1\", oidc: { issuer: \"https://id.example\", client_id: x, client_secret: abc } }".to_owned(), "secret comes from"),
        ("{ listen: \"127.0.0.1:1\", roles: { viewer: [ada] } }".to_owned(), "`user:NAME`"),
        ("{ listen: \"127.0.0.1:1\", roles: { boss: [\"user:ada\"] } }".to_owned(), "unknown key `boss`"),
        ("{ listen: \"127.0.0.1:1\", session: { idle: 48h } }".to_owned(), "24h"),
        ("localhost:9443".to_owned(), "ADDRESS:PORT"),
    ] {
        let (passed, said) = check(&bad);
        assert!(!passed && said.contains(why) && said.contains("interdict.yaml:5:"), "{bad}: {said}");
    }
}
