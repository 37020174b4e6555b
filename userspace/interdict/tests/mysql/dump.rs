//! The command-line tools besides the client.

use std::fs;
use std::process::Command;

use crate::server::login;
use crate::stage::Stage;
use crate::support::text;

/// What a tool writes; its error, if it fails.
fn shown(program: &str, port: u16, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    let output = login(&mut command, port, "agent")
        .args(arguments)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

#[test]
fn permitted_tables_are_dumped_as_they_are_and_others_masked() {
    let stage = Stage::start();
    for arguments in [
        &["clinic", "visits", "--where=id < 500"][..],
        &[
            "clinic",
            "visits",
            "--where=id < 500",
            "--single-transaction",
            "--complete-insert",
            "--skip-extended-insert",
        ],
        &["clinic", "visits", "--where=id < 500", "--hex-blob", "--xml"],
        &["clinic", "patient_names", "patient_cards"],
        &["--no-data", "--routines", "--events", "--triggers", "clinic"],
    ] {
        let dump = |port: u16| shown("mariadb-dump", port, &[&["--skip-dump-date"], arguments].concat());
        let (direct, proxied) = (dump(stage.server.port), dump(stage.port));
        assert!(
            direct.is_ok() && direct == proxied,
            "{arguments:?}:\n{direct:?}\n{proxied:?}"
        );
    }
    let masked = shown(
        "mariadb-dump",
        stage.port,
        &["--compact", "--no-create-info", "clinic", "patients"],
    )
    .unwrap();
    assert!(
        masked.contains(
            "(1,'Ada Example','*****6789','[redacted]','[redacted]',NULL,'0001-01-01','recovering well',0),\n\
             (2,'Bo Sample','*****9999','[redacted]','[redacted]',NULL,'0001-01-01','call back',0),\n\
             (3,'Cy Null',NULL,NULL,NULL,NULL,NULL,NULL,NULL);"
        ),
        "{masked}"
    );
    let error = shown("mariadb-dump", stage.port, &["clinic", "visits"]).unwrap_err();
    assert!(error.contains("more than 1000 rows"), "{error}");
}

/// A dump keeps the session's settings in variables of the user and puts them back at its end.
#[test]
fn a_dump_is_restored() {
    let stage = Stage::start();
    stage
        .server
        .sql("create database restored; use clinic; create trigger counted before insert on visits for each row set @counted = 1");
    // Tables are new: the policy lets nobody drop any.
    let dump = |database: &str| {
        let options = ["--skip-dump-date", "--skip-comments", "--skip-add-drop-table"];
        let tables = [database, "visits", "--where=id < 500"];
        shown(
            "mariadb-dump",
            stage.server.port,
            &[&options[..], &tables].concat(),
        )
        .unwrap()
    };
    let dumped = dump("clinic");
    assert!(
        dumped.contains("SET character_set_client = @saved_cs_client"),
        "{dumped}"
    );
    let script = stage.write("dump.sql", &format!("use restored;\n{dumped}"));
    let output = stage
        .client()
        .stdin(fs::File::open(script).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(dump("restored"), dumped);
}

/// The server is asked how it reads texts from then on.
#[test]
fn a_computed_character_set_is_found_out() {
    let stage = Stage::start();
    let (shown, errors) = stage.script(
        "set @set = 'gbk';\n\
         set character_set_client = @set;\n\
         select 'read', ssn from patients where id = 1;\n\
         select 'not read \\\\', ssn from patients where id = 1;\n\
         set character_set_client = gbk;\n\
         set names default;\n\
         select 'read again \\\\', ssn from patients where id = 2;\n",
    );
    assert_eq!(shown, "read\t*****6789\nread again \\\\\t*****9999\n", "{errors}");
    assert_eq!(errors.matches("interdict:").count(), 2, "{errors}");
    assert!(
        errors.contains("character_set_client = gbk would make"),
        "{errors}"
    );
}

#[test]
fn the_other_tools_work() {
    let stage = Stage::start();
    for (program, arguments) in [
        ("mariadb-show", &["clinic"][..]),
        ("mariadb-show", &["clinic", "patients"]),
        ("mariadb-check", &["clinic"]),
        ("mariadb-admin", &["ping"]),
    ] {
        let (direct, proxied) = (
            shown(program, stage.server.port, arguments),
            shown(program, stage.port, arguments),
        );
        assert!(
            direct.is_ok() && direct == proxied,
            "{program} {arguments:?}:\n{direct:?}\n{proxied:?}"
        );
    }
    let error = shown(
        "mariadb-import",
        stage.port,
        &["--local", "clinic", "/etc/hostname"],
    )
    .unwrap_err();
    assert!(error.contains("interdict:"), "{error}");
    let output = stage
        .client()
        .args([
            "--compress",
            "-e",
            "select ssn, repeat('x', 100000) from patients where id = 1",
        ])
        .output()
        .unwrap();
    assert_eq!(
        text(&output.stdout),
        format!("*****6789\t{}\n", "x".repeat(100_000))
    );
}
