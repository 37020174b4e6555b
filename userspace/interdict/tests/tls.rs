//! TLS between a PostgreSQL client and the daemon without a certificate of the service's own, and services that are not
//! parsed: a real server, real clients.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Daemon, POLICY, Postgres, audit_rows, free_port, run, scratch, text};

/// A server with a password, the daemon before it, and where they are.
struct Stage {
    server: Postgres,
    daemon: Daemon,
    directory: tempfile::TempDir,
    port: u16,
}

impl Stage {
    /// `service`: further lines of it, in which `SERVER` is the server's address.
    fn start(server: Postgres, service: &str, policy: &str) -> Self {
        server.psql("create user agent password 'secret of the agent'; grant all on all tables in schema public to agent");
        let hba = server.directory.path().join("data/pg_hba.conf");
        let before = fs::read_to_string(&hba).unwrap();
        fs::write(&hba, format!("host all agent all scram-sha-256\n{before}")).unwrap();
        server.psql("select pg_reload_conf()");
        let directory = scratch();
        let port = free_port();
        fs::write(directory.path().join("policy.yaml"), policy).unwrap();
        let service = service.replace("SERVER", &format!("localhost:{}", server.port));
        let settings = format!(
            "services:\n  - name: clinic\n    listen: \"127.0.0.1:{port}\"\n{service}policies: [policy.yaml]\n\
             audit: {{ directory: audit, durability: strict, segment: {{ rows: 100000, age: 1h }} }}\n\
             kernel: {{ mode: off }}\nadmin: {{ socket: admin.sock }}\n"
        );
        let path = directory.path().join("interdict.yaml");
        fs::write(&path, settings).unwrap();
        let daemon = Daemon::start(&path, &directory.path().join("audit"));
        Self {
            server,
            daemon,
            directory,
            port,
        }
    }

    fn authority(&self) -> PathBuf {
        self.directory.path().join("authority/authority.crt")
    }

    /// psql by a connection string's further words, with the password.
    fn psql(&self, words: &str) -> Output {
        let port = self.port;
        Command::new("psql")
            .args(["-XAt", "-c", ASKED])
            .arg(format!(
                "dbname=postgres user=agent password='secret of the agent' port={port} connect_timeout=10 {words}"
            ))
            .output()
            .unwrap()
    }

    fn shown(&self, words: &str) -> String {
        let output = self.psql(words);
        assert!(output.status.success(), "{words}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn refused(&self, words: &str) -> String {
        let output = self.psql(words);
        assert!(!output.status.success(), "{words}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    /// Stops the daemon; the sessions and the events as recorded.
    fn record(&mut self, sessions: usize) -> (Vec<Value>, Vec<Value>) {
        let audit = self.daemon.audit.clone();
        let deadline = Instant::now() + Duration::from_secs(10);
        while audit_rows(&audit, "sessions").len() < sessions && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.daemon.stop();
        support::assert_sound(&audit);
        (audit_rows(&audit, "sessions"), audit_rows(&audit, "admin"))
    }
}

/// Whether the server's own connection has TLS, and a masked value.
const ASKED: &str =
    "select ssl from pg_stat_ssl where pid = pg_backend_pid(); select ssn from patients where id = 1";

/// Turns TLS on in a running server; the certificate's file.
fn with_tls(server: &Postgres) -> PathBuf {
    let data = server.directory.path().join("data");
    run(Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ])
        .arg("-out")
        .arg(data.join("server.crt"))
        .arg("-keyout")
        .arg(data.join("server.key")));
    if support::is_root() {
        run(Command::new("chown")
            .arg("postgres:")
            .arg(data.join("server.key")));
    }
    server.psql("alter system set ssl = on");
    server.psql("select pg_reload_conf()");
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.psql("show ssl").trim() != "on" {
        assert!(Instant::now() < deadline, "{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    data.join("server.crt")
}

fn kinds(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|row| row["kind"] == kind).count()
}

#[test]
fn the_hosts_authority_vouches_for_a_service_without_tls() {
    let upstream = "    protocol: postgres\n    upstream: { address: \"SERVER\" }\n";
    let mut stage = Stage::start(Postgres::start(), upstream, POLICY);
    let root = stage.authority().display().to_string();
    for words in [
        "host=localhost sslmode=prefer".to_owned(),
        "host=127.0.0.1 sslmode=require".to_owned(),
        format!("host=localhost sslmode=verify-full sslrootcert={root}"),
        format!("host=127.0.0.1 sslmode=verify-full sslrootcert={root}"),
        "host=localhost sslmode=disable".to_owned(),
    ] {
        assert_eq!(stage.shown(&words), "f\n*****6789\n", "{words}");
    }
    // A name that the service does not have, and an authority that is not ours.
    let error = stage.refused(&format!(
        "host=other.internal hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={root}"
    ));
    assert!(error.contains("does not match host name"), "{error}");
    assert_eq!(
        stage.shown("host=db hostaddr=127.0.0.1 sslmode=require"),
        "f\n*****6789\n"
    );
    let other = with_tls(&stage.server).display().to_string();
    for _ in 0..2 {
        let error = stage.refused(&format!("host=localhost sslmode=verify-ca sslrootcert={other}"));
        assert!(error.contains("certificate verify failed"), "{error}");
    }
    let (sessions, events) = stage.record(9);
    let of = |column: &str| -> Vec<String> {
        sessions
            .iter()
            .map(|row| row[column].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let (client, ends) = (of("client_tls"), of("end_reason"));
    for (number, tls) in client.iter().enumerate() {
        match number {
            0..4 => {
                let words: Vec<_> = tls.split(' ').collect();
                assert_eq!((words.len(), words[0]), (3, "TLSv1.3"), "{tls}");
                assert!(
                    words[1].starts_with("TLS_") && words[2].starts_with("sha256:") && words[2].len() == 71,
                    "{tls}"
                );
            }
            4 => assert_eq!(tls, "none"),
            5 | 6 => assert!(tls.starts_with("TLSv1.3 ") || tls.is_empty(), "{tls}"),
            _ => assert_eq!(tls, ""),
        }
    }
    assert_eq!(
        &ends[5..],
        ["client", "client", "tls_untrusted", "tls_untrusted"],
        "{sessions:#?}"
    );
    assert!(of("upstream_tls").iter().take(5).all(|tls| tls == "none"));
    assert_eq!(kinds(&events, "authority_made"), 1, "{events:#?}");
    assert_eq!(kinds(&events, "tls_unknown_name"), 1, "{events:#?}");
    assert_eq!(kinds(&events, "tls_untrusted"), 1, "once an hour: {events:#?}");
}

/// SCRAM would find two certificates: a client that may do without TLS does, one that may not is told no.
#[test]
fn tls_is_not_offered_where_logins_would_fail_for_it() {
    let server = Postgres::start();
    with_tls(&server);
    let upstream = "    protocol: postgres\n    upstream: { address: \"SERVER\", tls: require }\n";
    let mut stage = Stage::start(server, upstream, POLICY);
    for words in [
        "host=localhost sslmode=prefer",
        "host=localhost sslmode=allow",
        "host=localhost sslmode=disable",
    ] {
        assert_eq!(stage.shown(words), "t\n*****6789\n", "{words}");
    }
    for _ in 0..2 {
        let error = stage.refused("host=localhost sslmode=require");
        assert!(error.contains("server does not support SSL"), "{error}");
    }
    let (sessions, events) = stage.record(5);
    let upstream_tls = sessions[0]["upstream_tls"].as_str().unwrap();
    assert!(
        upstream_tls.starts_with("TLSv1.3 TLS_") && upstream_tls.contains(" sha256:"),
        "{upstream_tls}"
    );
    assert_eq!(sessions[0]["client_tls"], "none");
    assert_eq!(sessions[4]["end_reason"], "tls_failed", "{sessions:#?}");
    assert_eq!(kinds(&events, "tls_not_offered"), 1, "{events:#?}");
    assert_eq!(kinds(&events, "tls_untrusted"), 0, "{events:#?}");
}

#[test]
fn the_services_own_certificate_goes_before_the_authority() {
    let server = Postgres::start();
    let certificate = with_tls(&server);
    let (certificate, key) = (
        certificate.display().to_string(),
        certificate.with_extension("key"),
    );
    let service = format!(
        "    protocol: postgres\n    upstream: {{ address: \"SERVER\", tls: require }}\n    \
         tls: {{ certificate: {certificate}, key: {} }}\n",
        key.display()
    );
    let stage = Stage::start(server, &service, POLICY);
    assert!(!stage.authority().exists(), "nobody needs it");
    let words =
        format!("host=localhost sslmode=verify-full sslrootcert={certificate} channel_binding=require");
    assert_eq!(stage.shown(&words), "t\n*****6789\n");
}

#[test]
fn without_an_authority_there_is_no_tls() {
    let upstream = "    protocol: postgres\n    upstream: { address: \"SERVER\" }\nauthority: none\n";
    let stage = Stage::start(Postgres::start(), upstream, POLICY);
    assert_eq!(stage.shown("host=localhost sslmode=prefer"), "f\n*****6789\n");
    stage.refused("host=localhost sslmode=require");
    assert!(!stage.authority().exists());
}

#[test]
fn what_is_not_parsed_is_passed_on_and_counted() {
    let upstream = "    protocol: opaque\n    upstream: { address: \"SERVER\" }\n";
    // Whatever can't be analysed is refused by this policy: a connection as such can be.
    let mut stage = Stage::start(Postgres::start(), upstream, POLICY);
    assert!(!stage.authority().exists(), "nobody needs it");
    assert_eq!(stage.shown("host=localhost sslmode=disable"), "f\n123-45-6789\n");
    let large = "select repeat('x', 30000000)";
    let output = Command::new("psql")
        .args(["-XAt", "-c", large])
        .arg(format!(
            "host=127.0.0.1 port={} user=postgres dbname=postgres",
            stage.port
        ))
        .output()
        .unwrap();
    assert_eq!(output.stdout.len(), 30_000_001, "{}", text(&output.stderr));
    let (sessions, _) = stage.record(2);
    let large = &sessions[1];
    assert_eq!(
        (
            &large["protocol"],
            &large["end_reason"],
            large["flags"].to_string()
        ),
        (&"opaque".into(), &"client".into(), "[\"opaque\"]".to_owned())
    );
    let (read, written) = (
        large["bytes_in"].as_u64().unwrap(),
        large["bytes_out"].as_u64().unwrap(),
    );
    assert!((50..2000).contains(&read), "{read}");
    assert!((30_000_000..30_100_000).contains(&written), "{written}");
    let statements = audit_rows(&stage.daemon.audit, "statements");
    assert_eq!(statements.len(), 2, "{statements:#?}");
    let one = &statements[1];
    assert_eq!(
        (&one["kind"], &one["decision"], &one["complete"], &one["status"]),
        (&"connect".into(), &"allow".into(), &true.into(), &"ok".into())
    );
    assert_eq!(
        one["statement"],
        format!("connect to localhost:{}", stage.server.port)
    );
}

#[test]
fn policies_may_refuse_connections_to_what_is_not_parsed() {
    let upstream = "    protocol: opaque\n    upstream: { address: \"SERVER\" }\n";
    let policy = "name: closed\nrules:\n  - name: no-connects\n    when: 'kind == \"connect\"'\n    then: deny\n    message: not from here\n";
    let mut stage = Stage::start(Postgres::start(), upstream, policy);
    stage.refused("host=localhost sslmode=disable");
    let (sessions, _) = stage.record(1);
    assert_eq!(sessions[0]["end_reason"], "refused", "{sessions:#?}");
    let statements = audit_rows(&stage.daemon.audit, "statements");
    assert_eq!(
        (&statements[0]["decision"], &statements[0]["rule"]),
        (&"deny".into(), &"no-connects".into())
    );
    assert!(!stage.server.log().contains("agent|"), "{}", stage.server.log());
}

#[test]
fn a_daemon_that_stops_waits_for_no_quiet_connection_and_counts_it() {
    let upstream = "    protocol: opaque\n    upstream: { address: \"SERVER\" }\n";
    let mut stage = Stage::start(Postgres::start(), upstream, POLICY);
    let mut client = std::net::TcpStream::connect(("127.0.0.1", stage.port)).unwrap();
    // SSLRequest, which a server without TLS answers with one letter.
    let mut answer = [0];
    std::io::Write::write_all(&mut client, &[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    std::io::Read::read_exact(&mut client, &mut answer).unwrap();
    assert_eq!(answer, *b"N");
    let begun = Instant::now();
    stage.daemon.stop();
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let sessions = audit_rows(&stage.daemon.audit, "sessions");
    let one = &sessions[0];
    assert_eq!(
        (&one["end_reason"], &one["bytes_in"], &one["bytes_out"]),
        (&"shutdown".into(), &8.into(), &1.into()),
        "{one}"
    );
}

/// What `interdict trust` puts into an image makes real clients accept the daemon, and nothing else.
#[test]
fn trust_in_an_image_is_trust_of_real_clients() {
    let upstream = "    protocol: postgres\n    upstream: { address: \"SERVER\" }\n";
    let stage = Stage::start(Postgres::start(), upstream, POLICY);
    let image = scratch();
    let list = image.path().join("etc/ssl/certs/ca-certificates.crt");
    let certifi = image
        .path()
        .join("venv/lib/python3/site-packages/certifi/cacert.pem");
    for file in [&list, &certifi] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let system =
            fs::read("/etc/ssl/certs/ca-certificates.crt").expect("ca-certificates, from the Debian package");
        fs::write(file, system).unwrap();
    }
    let before = fs::read(&certifi).unwrap();
    let trust = |action: &str| {
        let mut command = Command::new(support::interdict());
        command.args(["trust", action, "--config"]);
        command.arg(stage.directory.path().join("interdict.yaml"));
        command.arg("--root").arg(image.path()).output().unwrap()
    };
    let words = |file: &Path| {
        format!(
            "host=localhost sslmode=verify-full sslrootcert={}",
            file.display()
        )
    };
    let code = |output: &Output| output.status.code();
    assert_eq!(code(&trust("status")), Some(1));
    stage.refused(&words(&certifi));

    let output = trust("install");
    assert_eq!(
        code(&output),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    assert!(text(&output.stdout).contains("Not reached by any store"));
    assert_eq!(code(&trust("status")), Some(0));
    for file in [&certifi, &list] {
        assert_eq!(stage.shown(&words(file)), "f\n*****6789\n");
    }
    python_trusts(&certifi, stage.port);

    assert_eq!(code(&trust("remove")), Some(0));
    assert_eq!(fs::read(&certifi).unwrap(), before);
    stage.refused(&words(&certifi));
}

/// Python's own TLS, by a list of certificates, with the handshake that PostgreSQL has.
fn python_trusts(list: &Path, port: u16) {
    let script = "import socket, ssl, sys\n\
        s = socket.create_connection(('127.0.0.1', int(sys.argv[2])))\n\
        s.sendall(bytes([0, 0, 0, 8, 4, 210, 22, 47])); assert s.recv(1) == b'S'\n\
        ssl.create_default_context(cafile=sys.argv[1]).wrap_socket(s, server_hostname='localhost')\n";
    run(Command::new("python3")
        .args(["-c", script])
        .arg(list)
        .arg(port.to_string()));
}

/// `sslnegotiation=direct` of PostgreSQL 17's clients: the protocol must be named.
#[test]
fn tls_may_start_unannounced() {
    let upstream = "    protocol: postgres\n    upstream: { address: \"SERVER\" }\n";
    let stage = Stage::start(Postgres::start(), upstream, POLICY);
    let script = "import socket, ssl, struct, sys\n\
        def ask(*alpn):\n\
        \x20   c = ssl.create_default_context(cafile=sys.argv[1])\n\
        \x20   if alpn: c.set_alpn_protocols(alpn)\n\
        \x20   s = socket.create_connection(('127.0.0.1', int(sys.argv[2])))\n\
        \x20   try:\n\
        \x20       s = c.wrap_socket(s, server_hostname='localhost')\n\
        \x20       m = struct.pack('>I', 196608) + b'user\\0postgres\\0\\0'\n\
        \x20       s.sendall(struct.pack('>I', len(m) + 4) + m)\n\
        \x20       return s.recv(1)\n\
        \x20   except OSError as e: return type(e).__name__\n\
        print(ask('postgresql'), ask(), ask('h2'))\n";
    let output = run(Command::new("python3")
        .args(["-c", script])
        .arg(stage.authority())
        .arg(stage.port.to_string()));
    let shown = text(&output.stdout);
    assert!(shown.starts_with("b'R' "), "{shown}");
    assert_eq!(shown.matches("b'R'").count(), 1, "{shown}");
}
