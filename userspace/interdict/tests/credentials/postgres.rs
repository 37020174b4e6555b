//! PostgreSQL.

use std::fs;
use std::process::{Command, Output};

use crate::support::{Postgres, is_root, run, text};
use crate::{Stage, eventually, put};

pub(crate) const RIGHT: &str = "Hort3nsia of the service";
const WRONG: &str = "w1steria of the agent";

/// A server whose user `svc` logs in by `method`.
pub(crate) fn server(method: &str) -> Postgres {
    let server = Postgres::start();
    let encryption = if method == "md5" { "md5" } else { "scram-sha-256" };
    server.psql(&format!(
        "set password_encryption = '{encryption}'; create role svc login password '{RIGHT}'; grant all on all tables in schema public to svc"
    ));
    // Nobody else gets in over TCP but the tests' own superuser.
    rules(
        &server,
        &format!(
            "host all svc all {method}\nhost all postgres 127.0.0.1/32 trust\nhost all all all reject\n"
        ),
    );
    server
}

pub(crate) fn rules(server: &Postgres, rules: &str) {
    fs::write(server.directory.path().join("data/pg_hba.conf"), rules).unwrap();
    server.psql("select pg_reload_conf()");
    std::thread::sleep(std::time::Duration::from_millis(300));
}

/// Has the server show a certificate of its own, whose file this is.
pub(crate) fn with_tls(server: &Postgres) -> String {
    let file = |name: &str| {
        server
            .directory
            .path()
            .join("data")
            .join(name)
            .display()
            .to_string()
    };
    run(Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-sha384", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ])
        .args(["-addext", "basicConstraints=critical,CA:false"])
        .args(["-out", &file("server.crt"), "-keyout", &file("server.key")]));
    if is_root() {
        run(Command::new("chown").args(["postgres:postgres", &file("server.crt"), &file("server.key")]));
    }
    run(Command::new("chmod").args(["600", &file("server.key")]));
    server.psql("alter system set ssl = on");
    server.psql("select pg_reload_conf()");
    std::thread::sleep(std::time::Duration::from_millis(300));
    file("server.crt")
}

pub(crate) fn stage(server: &Postgres, tls: &str) -> Stage {
    Stage::start(
        "postgres",
        &format!("{{ address: \"127.0.0.1:{}\", {tls} }}", server.port),
        "{ user: svc, password: { file: password } }",
        &[("password", RIGHT)],
    )
}

/// What an agent is shown, as whom it likes and with the password it likes.
pub(crate) fn agent(port: u16, connection: &str, password: Option<&str>, sql: &str) -> Output {
    let mut command = Command::new("psql");
    command
        .args(["-XAtw", "-c", sql])
        .arg(format!(
            "host=127.0.0.1 port={port} connect_timeout=10 sslmode=disable {connection}"
        ))
        .env_remove("PGPASSWORD")
        .env("HOME", "/nonexistent");
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    command.output().unwrap()
}

pub(crate) fn shown(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

const WHO: &str = "select current_user, session_user, current_database()";
pub(crate) const CLINIC: &str = "user=nobody dbname=postgres";

#[test]
fn agents_get_in_whatever_they_send() {
    for (method, tls) in [
        ("trust", false),
        ("md5", false),
        ("scram-sha-256", false),
        ("scram-sha-256", true),
        ("password", true),
    ] {
        let server = server(method);
        let upstream = if tls {
            format!("tls: verify-full, ca: \"{}\"", with_tls(&server))
        } else {
            "tls: disable".to_owned()
        };
        let mut stage = stage(&server, &upstream);
        for (connection, password) in [
            (CLINIC, None),
            (CLINIC, Some(WRONG)),
            ("user=postgres dbname=postgres", Some(RIGHT)),
            // TLS on its own side ends at the daemon, whatever the service's has.
            ("user=nobody dbname=postgres sslmode=require", Some(WRONG)),
        ] {
            let output = agent(stage.port, connection, password, WHO);
            assert_eq!(
                shown(&output),
                "svc|svc|postgres\n",
                "{method} {tls} {connection}"
            );
        }
        assert_eq!(
            shown(&agent(
                stage.port,
                CLINIC,
                None,
                "select ssn from patients where id = 1"
            )),
            "*****6789\n"
        );
        let over_tls = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
        let expected = if tls { "t\n" } else { "f\n" };
        assert_eq!(shown(&agent(stage.port, CLINIC, None, over_tls)), expected);
        let sessions = stage.sessions();
        assert!(
            sessions.iter().all(|row| row["db_user"] == "svc"),
            "{sessions:#?}"
        );
        stage.assert_kept(&[RIGHT, WRONG]);
    }
}

#[test]
fn a_session_is_like_any_other() {
    let server = server("scram-sha-256");
    let stage = stage(&server, "tls: disable");
    // What the start-up says besides its user arrives; a database that is not named is the user's.
    let settings = "user=nobody dbname=postgres application_name=mine options='-c statement_timeout=7s'";
    assert_eq!(
        shown(&agent(
            stage.port,
            settings,
            None,
            "select current_setting('application_name'), current_setting('statement_timeout')"
        )),
        "mine|7s\n"
    );
    let unknown = agent(stage.port, "user=nobody dbname=absent", None, WHO);
    assert!(
        text(&unknown.stderr).contains("database \"absent\" does not exist"),
        "{}",
        text(&unknown.stderr)
    );
    // A cancel request finds its session.
    let sleeping = "user=nobody dbname=postgres";
    let mut child = Command::new("psql")
        .args(["-XAtw", "-c", "select pg_sleep(20)"])
        .arg(format!("host=127.0.0.1 port={} {sleeping}", stage.port))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    eventually("it sleeps", || {
        server.psql("select count(*) from pg_stat_activity where query like 'select pg_sleep%'") == "1\n"
    });
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()),
        nix::sys::signal::Signal::SIGINT,
    )
    .unwrap();
    let began = std::time::Instant::now();
    child.wait().unwrap();
    assert!(began.elapsed().as_secs() < 10, "it was not cancelled");
    // Who insists on being asked for a password is not, and gives up by itself.
    let insists = agent(
        stage.port,
        "user=nobody dbname=postgres sslmode=require channel_binding=require",
        Some(RIGHT),
        WHO,
    );
    assert!(
        text(&insists.stderr).contains("without channel binding"),
        "{}",
        text(&insists.stderr)
    );
}

#[test]
fn nobody_starts_as_another_role() {
    let server = server("trust");
    server.psql("grant postgres to svc");
    let mut stage = stage(&server, "tls: disable");
    for options in [
        "-c role=postgres",
        "--session-authorization=postgres",
        "-crole=postgres",
    ] {
        let output = agent(
            stage.port,
            &format!("user=nobody dbname=postgres options='{options}'"),
            None,
            WHO,
        );
        assert!(
            text(&output.stderr).contains("can't be set at the start of a session"),
            "{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
    let events = stage.events("credentials_refused");
    assert_eq!(events.len(), 3);
}

#[test]
fn a_new_password_is_used_without_a_restart() {
    let server = server("scram-sha-256");
    let stage = stage(&server, "tls: disable");
    let ask = || agent(stage.port, CLINIC, None, WHO);
    shown(&ask());
    // The file first, the server after it, as a rotation may go; and the other way round.
    put(&stage.path("password"), "the second");
    server.psql("alter role svc password 'the second'");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    shown(&ask());
    server.psql("alter role svc password 'the third'");
    let output = ask();
    assert!(
        text(&output.stderr).contains("which is made for you, failed"),
        "{}",
        text(&output.stderr)
    );
    put(&stage.path("password"), "the third");
    eventually("the new password is used", || ask().status.success());
}

#[test]
fn a_command_is_asked_again_where_its_token_is_refused() {
    let server = server("scram-sha-256");
    let stage = Stage::start(
        "postgres",
        &format!("{{ address: \"127.0.0.1:{}\", tls: disable }}", server.port),
        "{ user: svc, password: { command: [sh, token.sh], refresh: 1h } }",
        &[],
    );
    drop(stage);
    let directory = crate::support::scratch();
    let script = directory.path().join("token.sh");
    let token = directory.path().join("token");
    let calls = directory.path().join("calls");
    fs::write(
        &script,
        format!("echo x >> {}\ncat {}\n", calls.display(), token.display()),
    )
    .unwrap();
    fs::write(&token, RIGHT).unwrap();
    let stage = Stage::start(
        "postgres",
        &format!("{{ address: \"127.0.0.1:{}\", tls: disable }}", server.port),
        &format!(
            "{{ user: svc, password: {{ command: [sh, \"{}\"], refresh: 1h }} }}",
            script.display()
        ),
        &[],
    );
    for _ in 0..5 {
        shown(&agent(stage.port, CLINIC, None, WHO));
    }
    let asked = || fs::read_to_string(&calls).unwrap().lines().count();
    // Once as the daemon started, to tell whether it can be had, and once for all logins.
    assert_eq!(asked(), 2);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    server.psql("alter role svc password 'another token'");
    fs::write(&token, "another token").unwrap();
    shown(&agent(stage.port, CLINIC, None, WHO));
    assert_eq!(asked(), 3);
}

#[test]
fn a_wrong_password_is_told_to_the_operator_only() {
    let server = server("scram-sha-256");
    server.psql("alter role svc password 'something else'");
    let mut stage = stage(&server, "tls: disable");
    let output = agent(stage.port, CLINIC, None, WHO);
    let told = text(&output.stderr);
    assert!(
        told.contains("interdict: the login with service clinic, which is made for you, failed")
            && told.contains("the operator finds the reason in the daemon's log"),
        "{told}"
    );
    assert!(!told.contains("svc") && !told.contains(RIGHT), "{told}");
    assert!(stage.daemon.logs("password authentication failed for user"));
    assert!(stage.daemon.logs("settings: credentials of the service"));
    let events = stage.events("credentials_failed");
    assert_eq!(events.len(), 1, "{events:#?}");
    assert!(events[0].to_string().contains("28P01"), "{events:#?}");
    let sessions = stage.sessions();
    assert_eq!(
        (&sessions[0]["end_reason"], &sessions[0]["db_user"]),
        (&"refused".into(), &"svc".into())
    );
    stage.assert_kept(&[RIGHT]);
}

#[test]
fn who_calls_decides_whose_user_it_is() {
    let server = server("trust");
    server.psql("create role reader login");
    rules(&server, "host all svc,reader,postgres all trust\n");
    let mut stage = Stage::listening(
        "[::]",
        "postgres",
        &format!("{{ address: \"127.0.0.1:{}\", tls: disable }}", server.port),
        "[{ identities: [\"address=192.0.2.*\"], user: postgres }, { identities: [\"*127.0.0.1*\"], user: reader }]",
        &[],
    );
    assert_eq!(
        shown(&agent(stage.port, CLINIC, None, "select current_user")),
        "reader\n"
    );
    let other = agent(
        stage.port,
        "hostaddr=::1 user=postgres dbname=postgres",
        None,
        WHO,
    );
    assert!(
        text(&other.stderr).contains("there are no credentials for this identity with service clinic"),
        "{}{}",
        text(&other.stdout),
        text(&other.stderr)
    );
    assert_eq!(stage.events("credentials_none").len(), 1);
}

#[test]
fn a_password_in_clear_is_not_sent_without_tls() {
    let server = server("password");
    let mut stage = stage(&server, "tls: disable");
    assert!(!agent(stage.port, CLINIC, None, WHO).status.success());
    assert!(stage.daemon.logs("there is no TLS"));
    assert!(stage.events("credentials_failed").len() == 1);
}
