//! MySQL and MariaDB.

use std::fs;
use std::process::{Command, Output};

use crate::server::MariaDb;
use crate::support::{run, scratch, text};
use crate::tools::Python;
use crate::{Stage, eventually, put};

const RIGHT: &str = "Hort3nsia of the service";
const WRONG: &str = "w1steria of the agent";

/// A server whose user `svc` logs in by `plugin`, and nobody else over TCP.
fn server(plugin: &str, options: &[String]) -> MariaDb {
    let server = MariaDb::start_with(options);
    if plugin == "ed25519" {
        server.sql("install soname 'auth_ed25519'");
    }
    server.sql(&format!(
        "drop user agent@'127.0.0.1', open@'127.0.0.1', sealed@'127.0.0.1', other@'127.0.0.1'; \
         create user svc@'127.0.0.1' identified via {plugin} using password('{RIGHT}'); \
         grant all on clinic.* to svc@'127.0.0.1'"
    ));
    server
}

fn stage(server: &MariaDb, tls: &str) -> Stage {
    Stage::start(
        "mysql",
        &format!("{{ address: \"localhost:{}\", {tls} }}", server.port),
        "{ user: svc, password: { file: password } }",
        &[("password", RIGHT)],
    )
}

/// What an agent is shown, as whom it likes and with the password it likes.
fn agent(port: u16, user: &str, password: Option<&str>, options: &[&str], sql: &str) -> Output {
    let mut command = Command::new("mariadb");
    command
        .args([
            "--no-defaults",
            "-h",
            "127.0.0.1",
            "-P",
            &port.to_string(),
            "-u",
            user,
        ])
        .args(["-N", "-B", "--connect-timeout=10"])
        .args(options)
        .args(["-e", sql, "clinic"])
        .env_remove("MYSQL_PWD");
    if let Some(password) = password {
        command.env("MYSQL_PWD", password);
    }
    command.output().unwrap()
}

fn shown(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

const WHO: &str = "select current_user(), database()";
const SVC: &str = "svc@127.0.0.1\tclinic\n";

#[test]
fn agents_get_in_whatever_they_send() {
    for plugin in ["mysql_native_password", "ed25519"] {
        let server = server(plugin, &[]);
        let mut stage = stage(&server, "tls: disable");
        let plain: &[&str] = &["--skip-ssl"];
        for (user, password, options) in [
            ("nobody", None, plain),
            ("nobody", Some(WRONG), plain),
            ("svc", Some(RIGHT), plain),
            // Whatever plugin the agent's own library prefers.
            (
                "nobody",
                Some(WRONG),
                &["--skip-ssl", "--default-auth=caching_sha2_password"],
            ),
            (
                "nobody",
                Some(WRONG),
                &["--skip-ssl", "--default-auth=client_ed25519"],
            ),
            ("nobody", Some(WRONG), &["--skip-ssl", "--compress"]),
            // TLS on its own side ends at the daemon.
            ("nobody", None, &["--ssl", "--disable-ssl-verify-server-cert"]),
        ] {
            let output = agent(stage.port, user, password, options, WHO);
            assert_eq!(shown(&output), SVC, "{plugin} {options:?}");
        }
        assert_eq!(
            shown(&agent(
                stage.port,
                "nobody",
                None,
                plain,
                "select ssn from patients where id = 1"
            )),
            "*****6789\n"
        );
        let sessions = stage.sessions();
        assert!(
            sessions.iter().all(|row| row["db_user"] == "svc"),
            "{sessions:#?}"
        );
        stage.assert_kept(&[RIGHT, WRONG]);
    }
}

#[test]
fn drivers_of_python_get_in() {
    let Some(python) = Python::of("mysql_requirements.txt") else {
        return;
    };
    let server = server("mysql_native_password", &[]);
    let stage = stage(&server, "tls: disable");
    let program = "import sys, pymysql, mysql.connector as c\n\
         port, out = int(sys.argv[1]), []\n\
         for password in ('', 'wrong'):\n  \
           for make in (\n    \
             lambda: pymysql.connect(host='127.0.0.1', port=port, user='nobody', password=password, database='clinic'),\n    \
             lambda: c.connect(host='127.0.0.1', port=port, user='nobody', password=password, database='clinic', use_pure=True, ssl_disabled=True),\n    \
             lambda: c.connect(host='127.0.0.1', port=port, user='nobody', password=password, database='clinic', use_pure=True, ssl_disabled=True, auth_plugin='caching_sha2_password'),\n    \
             lambda: c.connect(host='127.0.0.1', port=port, user='nobody', password=password, database='clinic', use_pure=True),\n  \
           ):\n    \
             connection = make()\n    \
             cursor = connection.cursor()\n    \
             cursor.execute('select current_user(), ssn from patients where id = 1')\n    \
             print(cursor.fetchall()[0])\n    \
             connection.close()\n\
         connection = c.connect(host='127.0.0.1', port=port, user='nobody', database='clinic', use_pure=True, ssl_disabled=True)\n\
         try:\n  \
           connection.cmd_change_user('svc', 'x', 'clinic')\n  \
           print('changed')\n\
         except Exception as error:\n  \
           print(error)\n";
    let output = run(python.bare().args(["-c", program, &stage.port.to_string()]));
    let lines: Vec<_> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 9, "{lines:#?}");
    assert!(
        lines[..8]
            .iter()
            .all(|line| line == "('svc@127.0.0.1', '*****6789')"),
        "{lines:#?}"
    );
    assert!(
        lines[8].contains("the user can't be changed in a session that is logged in for you"),
        "{lines:#?}"
    );
}

#[test]
fn a_new_password_is_used_without_a_restart() {
    let server = server("mysql_native_password", &[]);
    let mut stage = stage(&server, "tls: disable");
    let ask = |port| agent(port, "nobody", None, &["--skip-ssl"], WHO);
    let change = |password: &str| {
        server.sql(&format!(
            "set password for svc@'127.0.0.1' = password('{password}')"
        ))
    };
    shown(&ask(stage.port));
    put(&stage.path("password"), "the second");
    change("the second");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    shown(&ask(stage.port));
    change("the third");
    let told = text(&ask(stage.port).stderr);
    assert!(
        told.contains("the login with service clinic, which is made for you, failed")
            && !told.contains("svc"),
        "{told}"
    );
    assert!(stage.daemon.logs("Access denied for user 'svc'"));
    put(&stage.path("password"), "the third");
    eventually("the new password is used", || ask(stage.port).status.success());
    assert!(!stage.events("credentials_failed").is_empty());
    stage.assert_kept(&[RIGHT, "the second", "the third"]);
}

#[test]
fn tls_towards_the_service_is_the_daemons_own() {
    let directory = scratch();
    let file = |name: &str| directory.path().join(name).display().to_string();
    run(Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:false",
        ])
        .args(["-out", &file("server.crt"), "-keyout", &file("server.key")]));
    fs::set_permissions(
        directory.path().join("server.key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    let options = [
        format!("--ssl-cert={}", file("server.crt")),
        format!("--ssl-key={}", file("server.key")),
    ];
    let server = server("ed25519", &options);
    let stage = stage(
        &server,
        &format!("tls: verify-full, ca: \"{}\"", file("server.crt")),
    );
    let sql = "select current_user(), (select variable_value <> '' from information_schema.session_status where variable_name = 'Ssl_cipher')";
    for options in [
        &["--skip-ssl"][..],
        &["--ssl", "--disable-ssl-verify-server-cert"],
    ] {
        let output = agent(stage.port, "nobody", None, options, sql);
        assert_eq!(shown(&output), "svc@127.0.0.1\t1\n");
    }
}
