//! TLS on either side, on both, on none; clients that do not trust.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::nginx::Nginx;
use crate::stage::{Service, Stage, assert_clean, eventually};
use crate::support::{audit_rows, run, scratch, text};

/// For localhost, by an authority of its own.
pub(crate) struct Certificate(tempfile::TempDir);

impl Certificate {
    pub(crate) fn make() -> Self {
        let made = Self(scratch());
        made.openssl("authority", &["-subj", "/CN=authority"]);
        let authority = [made.authority(), made.file("authority.key")];
        made.openssl(
            "certificate",
            &[
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-addext",
                "basicConstraints=critical,CA:false",
                "-CA",
                &authority[0],
                "-CAkey",
                &authority[1],
            ],
        );
        made
    }

    fn openssl(&self, name: &str, arguments: &[&str]) {
        run(Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-out"])
            .arg(self.file(&format!("{name}.pem")))
            .args(["-keyout", &self.file(&format!("{name}.key"))])
            .args(arguments));
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    pub(crate) fn authority(&self) -> String {
        self.file("authority.pem")
    }

    pub(crate) fn certificate(&self) -> String {
        self.file("certificate.pem")
    }

    pub(crate) fn key(&self) -> String {
        self.file("certificate.key")
    }

    /// As the record has it.
    fn fingerprint(&self) -> String {
        let output = run(Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(self.certificate()));
        let shown = text(&output.stdout).to_ascii_lowercase().replace(':', "");
        format!("sha256:{}", shown.trim().rsplit('=').next().unwrap())
    }
}

/// A service behind TLS that the daemon verifies.
fn verified(nginx: &Nginx, port: u16) -> Service {
    let ca = nginx.certificate.authority();
    Service::with(
        "masked",
        &format!("{{ address: \"localhost:{port}\", tls: verify-full, ca: {ca} }}"),
    )
}

/// The daemon before nginx, with TLS on either side.
pub(crate) fn secured(nginx: &Nginx) -> Stage {
    Stage::start(vec![verified(nginx, nginx.secured)])
}

/// curl that trusts an authority; the last line is the version of HTTP and the status.
fn curl(port: u16, authority: &Path, more: &[&str]) -> Output {
    Command::new("curl")
        .args([
            "-sS",
            "--max-time",
            "30",
            "-w",
            "\n%{http_version} %{http_code}",
            "--cacert",
        ])
        .arg(authority)
        .args(more)
        .arg(format!("https://localhost:{port}/patients.json"))
        .output()
        .unwrap()
}

fn asked(stage: &Stage, more: &[&str]) -> String {
    let output = curl(stage.port("masked"), &stage.authority(), more);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn ends(sessions: &[Value]) -> Vec<&str> {
    let ends = sessions.iter().map(|row| row["end_reason"].as_str());
    ends.map(Option::unwrap_or_default).collect()
}

#[test]
fn both_sides_are_secured_and_verified_and_speak_one_version() {
    let nginx = Nginx::start();
    let mut stage = Stage::start(vec![verified(&nginx, nginx.secured)]);
    for (options, version) in [
        (&["--http1.1"][..], "1.1"),
        (&["--http2"][..], "2"),
        (&["--http2", "--tls-max", "1.2"][..], "2"),
        (&["--no-alpn"][..], "1.1"),
    ] {
        let shown = asked(&stage, options);
        assert!(
            shown.ends_with(&format!("\n{version} 200")),
            "{options:?}: {shown}"
        );
        assert!(shown.contains("*****6789"), "{options:?}: {shown}");
        assert_clean("over TLS", shown.as_bytes());
    }
    let log = nginx.log();
    assert_eq!(
        (
            log.matches("HTTP/1.1 200").count(),
            log.matches("HTTP/2.0 200").count()
        ),
        (2, 2),
        "{log}"
    );
    let sessions = stage.sessions();
    assert_eq!(sessions.len(), 4, "{sessions:#?}");
    for session in &sessions {
        let of = |column: &str| session[column].as_str().unwrap_or_default().to_owned();
        assert!(of("client_tls").starts_with("TLSv1."), "{session}");
        assert!(of("client_tls").contains("sha256:"), "{session}");
        assert!(of("upstream_tls").starts_with("TLSv1.3 TLS_"), "{session}");
        assert!(
            of("upstream_tls").ends_with(&nginx.certificate.fingerprint()),
            "{session}"
        );
        assert!(
            !of("client_tls").ends_with(&nginx.certificate.fingerprint()),
            "{session}"
        );
    }
}

#[test]
fn a_service_without_http_two_is_not_asked_for_it() {
    let nginx = Nginx::start();
    let stage = Stage::start(vec![verified(&nginx, nginx.secured_one)]);
    let shown = asked(&stage, &["--http2"]);
    assert!(
        shown.ends_with("\n1.1 200") && shown.contains("*****6789"),
        "{shown}"
    );
}

#[test]
fn a_client_that_does_not_trust_is_on_record() {
    let nginx = Nginx::start();
    let mut stage = Stage::start(vec![verified(&nginx, nginx.secured)]);
    let system = Path::new("/etc/ssl/certs/ca-certificates.crt");
    let upstream = nginx.certificate.authority();
    for authority in [system, Path::new(&upstream)] {
        let output = curl(stage.port("masked"), authority, &[]);
        assert_eq!(output.status.code(), Some(60), "{}", text(&output.stderr));
    }
    let audit = stage.daemon.audit.clone();
    eventually("two sessions", || audit_rows(&audit, "sessions").len() == 2);
    assert_eq!(ends(&stage.sessions()), ["tls_untrusted"; 2]);
    let told = audit_rows(&audit, "admin");
    assert!(
        told.iter().any(|row| row["kind"] == "tls_untrusted"
            && row["message"].to_string().contains("interdict trust install")),
        "{told:#?}"
    );
    assert_eq!(nginx.log(), "");
}

#[test]
fn a_client_that_does_not_trust_may_be_passed_on_unread() {
    let nginx = Nginx::start();
    let service = verified(&nginx, nginx.secured).line("untrusting: opaque");
    let mut stage = Stage::start(vec![service]);
    let upstream = nginx.certificate.authority();
    let first = curl(stage.port("masked"), Path::new(&upstream), &[]);
    assert_eq!(first.status.code(), Some(60), "{}", text(&first.stderr));
    let second = curl(stage.port("masked"), Path::new(&upstream), &[]);
    assert!(second.status.success(), "{}", text(&second.stderr));
    assert!(text(&second.stdout).contains("123-45-6789"));
    let sessions = stage.sessions();
    assert_eq!(ends(&sessions)[0], "tls_untrusted", "{sessions:#?}");
    assert_eq!(
        sessions[1]["flags"].to_string(),
        "[\"opaque_tls\"]",
        "{sessions:#?}"
    );
}

#[test]
fn a_service_that_can_not_be_verified_is_not_asked() {
    let nginx = Nginx::start();
    let other = Certificate::make();
    let upstream = format!(
        "{{ address: \"localhost:{}\", tls: verify-full, ca: {} }}",
        nginx.secured,
        other.authority()
    );
    let mut stage = Stage::start(vec![Service::with("masked", &upstream)]);
    for version in ["--http1.1", "--http2"] {
        let shown = asked(&stage, &[version]);
        assert!(
            shown.ends_with(" 502") && shown.contains("\"title\":\"Bad Gateway\""),
            "{shown}"
        );
    }
    assert_eq!(nginx.log(), "");
    let statements = stage.statements();
    assert!(
        statements.len() == 2 && statements.iter().all(|row| row["status"] == "error"),
        "{statements:#?}"
    );
}

#[test]
fn the_agent_is_secured_where_the_service_is_not() {
    let nginx = Nginx::start();
    let stage = Stage::start(vec![Service::new("masked", nginx.one)]);
    let shown = asked(&stage, &["--http2"]);
    assert!(
        shown.ends_with("\n1.1 200") && shown.contains("*****6789"),
        "{shown}"
    );
}

#[test]
fn the_service_is_secured_where_the_agent_is_not() {
    let nginx = Nginx::start();
    let stage = Stage::start(vec![verified(&nginx, nginx.secured)]);
    for (option, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let output = Command::new("curl")
            .args([
                "-sS",
                "--max-time",
                "30",
                option,
                "-w",
                "\n%{http_version} %{http_code}",
            ])
            .arg(stage.url("masked", "/patients.json"))
            .output()
            .unwrap();
        let shown = text(&output.stdout);
        assert!(shown.ends_with(&format!("\n{version} 200")), "{option}: {shown}");
        assert!(shown.contains("*****6789"), "{shown}");
    }
}

/// Each trusts by a setting of its own.
#[test]
fn python_and_node_trust_the_authority() {
    let nginx = Nginx::start();
    let stage = Stage::start(vec![verified(&nginx, nginx.secured)]);
    let address = format!("https://localhost:{}/notes.txt", stage.port("masked"));
    let python = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())";
    let node = "fetch(process.argv[1]).then((a) => a.text()).then(console.log, (e) => { console.log(e.cause); process.exit(1); })";
    let mut asked = vec![("SSL_CERT_FILE", "python3", "-c", python)];
    if Command::new("node").arg("--version").output().is_ok() {
        asked.push(("NODE_EXTRA_CA_CERTS", "node", "-e", node));
    } else {
        crate::support::skipped("node is missing");
    }
    for (variable, program, option, script) in asked {
        let output = run(Command::new(program)
            .env(variable, stage.authority())
            .args([option, script, &address]));
        assert!(
            text(&output.stdout).starts_with("SSN [redacted] seen"),
            "{program}: {output:?}"
        );
        let without = Command::new(program)
            .args([option, script, &address])
            .output()
            .unwrap();
        assert!(
            !without.status.success(),
            "{program} trusts what it does not know"
        );
    }
}
