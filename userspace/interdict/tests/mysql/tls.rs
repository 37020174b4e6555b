//! TLS on either side, on both, on none.

use std::process::Command;

use crate::server::{MariaDb, client};
use crate::stage::{Stage, eventually};
use crate::support::{audit_rows, run, scratch, text};

struct Certificate {
    directory: tempfile::TempDir,
}

impl Certificate {
    /// For localhost, by an authority of its own.
    fn make() -> Self {
        let made = Self { directory: scratch() };
        made.openssl("authority", &["-subj", "/CN=authority"]);
        made.openssl(
            "certificate",
            &[
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:false",
                "-CA",
                &made.file("authority.pem"),
                "-CAkey",
                &made.file("authority.key"),
            ],
        );
        made
    }

    fn openssl(&self, name: &str, arguments: &[&str]) {
        run(Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args(["-nodes", "-days", "2", "-out", &self.file(&format!("{name}.pem"))])
            .args(["-keyout", &self.file(&format!("{name}.key"))])
            .args(arguments));
    }

    fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn certificate(&self) -> String {
        self.file("certificate.pem")
    }

    fn authority(&self) -> String {
        self.file("authority.pem")
    }

    fn server(&self) -> MariaDb {
        MariaDb::start_with(&[
            format!("--ssl-cert={}", self.certificate()),
            format!("--ssl-key={}", self.file("certificate.key")),
        ])
    }

    /// As the record has it.
    fn fingerprint(&self) -> String {
        let output = run(Command::new("openssl").args([
            "x509",
            "-noout",
            "-fingerprint",
            "-sha256",
            "-in",
            &self.certificate(),
        ]));
        let shown = text(&output.stdout).to_ascii_lowercase().replace(':', "");
        format!("sha256:{}", shown.trim().rsplit('=').next().unwrap())
    }

    /// The daemon's side towards agents.
    fn towards_agents(&self) -> String {
        format!(
            "    tls: {{ certificate: {}, key: {} }}\n",
            self.certificate(),
            self.file("certificate.key")
        )
    }
}

/// The client with TLS that it verifies; what it shows, or its error.
fn secured(port: u16, user: &str, ca: &str, sql: &str) -> Result<String, String> {
    let mut command = client(port, user);
    command
        .args(["--ssl", "--ssl-verify-server-cert"])
        .arg(format!("--ssl-ca={ca}"));
    shown(command.args(["-e", sql]))
}

fn plain(port: u16, user: &str, sql: &str) -> Result<String, String> {
    shown(client(port, user).args(["--skip-ssl", "-e", sql]))
}

fn shown(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

const ASKED: &str = "select ssn from patients where id = 1; show session status like 'ssl_version'";

#[test]
fn both_sides_are_secured_and_verified() {
    let certificate = Certificate::make();
    let upstream = format!(
        "{{ address: ADDRESS, tls: verify-full, ca: {} }}",
        certificate.authority()
    );
    let mut stage = Stage::with(certificate.server(), &upstream, &certificate.towards_agents());
    let ca = certificate.authority();
    for user in ["agent", "sealed", "open"] {
        assert_eq!(
            secured(stage.port, user, &ca, ASKED).unwrap(),
            "*****6789\nSsl_version\tTLSv1.3\n",
            "{user}"
        );
    }
    // Another authority's certificate is not the daemon's.
    let other = Certificate::make();
    let error = secured(stage.port, "agent", &other.authority(), ASKED).unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    let error = secured(stage.port, "nobody", &ca, ASKED).unwrap_err();
    assert!(error.contains("ERROR 1045 (28000)"), "{error}");
    let audit = stage.daemon.audit.clone();
    eventually("five sessions", || audit_rows(&audit, "sessions").len() == 5);
    stage.daemon.stop();
    let sessions = audit_rows(&audit, "sessions");
    let found = sessions.iter().filter(|row| {
        let described = |column: &str| {
            let text = row[column].as_str().unwrap_or_default();
            text.starts_with("TLSv1.3 TLS_") && text.ends_with(&certificate.fingerprint())
        };
        described("client_tls") && described("upstream_tls")
    });
    assert!(found.count() >= 3, "{sessions:#?}");
}

#[test]
fn the_service_is_secured_where_the_agent_is_not() {
    let certificate = Certificate::make();
    let upstream = "{ address: ADDRESS, tls: require }";
    let stage = Stage::with(certificate.server(), upstream, "");
    assert_eq!(
        plain(stage.port, "agent", ASKED).unwrap(),
        "*****6789\nSsl_version\tTLSv1.3\n"
    );
    assert_eq!(
        plain(stage.port, "sealed", ASKED).unwrap(),
        "*****6789\nSsl_version\tTLSv1.3\n"
    );
}

#[test]
fn the_hosts_authority_vouches_where_no_certificate_is_set() {
    let certificate = Certificate::make();
    let upstream = "{ address: ADDRESS, tls: require }";
    let stage = Stage::with(certificate.server(), upstream, "");
    let ca = stage.directory.path().join("authority/authority.crt");
    let ca = ca.display().to_string();
    for user in ["agent", "sealed"] {
        assert_eq!(
            secured(stage.port, user, &ca, ASKED).unwrap(),
            "*****6789\nSsl_version\tTLSv1.3\n",
            "{user}"
        );
    }
    // The server's own is not what is shown.
    let error = secured(stage.port, "agent", &certificate.authority(), ASKED).unwrap_err();
    assert!(error.contains("SSL") || error.contains("TLS"), "{error}");
}

#[test]
fn a_client_that_refuses_is_passed_on_unread_where_the_settings_have_it_so() {
    let certificate = Certificate::make();
    let upstream = "{ address: ADDRESS, tls: require }";
    let mut stage = Stage::with(certificate.server(), upstream, "    untrusting: opaque\n");
    let ca = certificate.authority();
    secured(stage.port, "agent", &ca, ASKED).unwrap_err();
    let unread = secured(stage.port, "agent", &ca, ASKED).unwrap();
    assert_eq!(unread, "123-45-6789\nSsl_version\tTLSv1.3\n");
    let audit = stage.daemon.audit.clone();
    eventually("two sessions", || audit_rows(&audit, "sessions").len() == 2);
    stage.daemon.stop();
    let sessions = audit_rows(&audit, "sessions");
    let ends: Vec<_> = sessions
        .iter()
        .map(|row| row["end_reason"].as_str().unwrap())
        .collect();
    assert_eq!(ends, ["tls_untrusted", "client"], "{sessions:#?}");
    let passed = &sessions[1];
    assert_eq!(passed["flags"].to_string(), "[\"opaque_tls\"]");
    assert!(
        passed["bytes_in"].as_u64() > Some(300) && passed["bytes_out"].as_u64() > Some(300),
        "{passed}"
    );
    let statements = stage.statements();
    assert_eq!(statements.len(), 1);
    assert_eq!(
        (&statements[0]["kind"], &statements[0]["status"]),
        (&"connect".into(), &"ok".into())
    );
    let told = audit_rows(&audit, "admin");
    let told: Vec<_> = told.iter().filter(|row| row["kind"] == "tls_untrusted").collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0]["message"].to_string().contains("interdict trust install"),
        "{told:#?}"
    );
}

#[test]
fn the_agent_is_secured_where_the_service_is_not() {
    let certificate = Certificate::make();
    let stage = Stage::with(
        MariaDb::start(),
        "{ address: ADDRESS, tls: disable }",
        &certificate.towards_agents(),
    );
    let ca = certificate.authority();
    assert_eq!(
        secured(stage.port, "agent", &ca, ASKED).unwrap(),
        "*****6789\nSsl_version\t\n"
    );
    assert_eq!(
        plain(stage.port, "agent", ASKED).unwrap(),
        "*****6789\nSsl_version\t\n"
    );
}

#[test]
fn a_service_that_should_have_tls_and_has_none_is_not_reached() {
    let certificate = Certificate::make();
    let upstream = format!(
        "{{ address: ADDRESS, tls: verify-full, ca: {} }}",
        certificate.authority()
    );
    let stage = Stage::with(MariaDb::start(), &upstream, "");
    let error = plain(stage.port, "agent", ASKED).unwrap_err();
    assert!(error.contains("interdict:") && error.contains("TLS"), "{error}");
    assert!(
        !stage.server.log().contains("Connect\tagent"),
        "{}",
        stage.server.log()
    );
}
