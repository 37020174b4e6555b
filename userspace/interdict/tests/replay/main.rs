//! Sessions of PostgreSQL replayed: to the byte what the client received, and readable.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/capture.rs"]
mod capture;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use capture::{Capture, assert_same, replay, sessions};
use serde_json::Value;
use support::{
    Daemon, POLICY, Postgres, audit_rows, explicit_settings, interdict, psql, psql_command, scratch, text,
};

const PLANTED: [&str; 4] = ["123-45-6789", "219-09-9999", "MRN0000001", "ada@example.org"];

struct Stage {
    server: Postgres,
    daemon: Daemon,
    capture: Capture,
    directory: tempfile::TempDir,
    port: u16,
}

/// `more`: of the settings' `audit`.
fn stage(more: &str) -> Stage {
    let server = Postgres::start();
    let directory = scratch();
    let (settings, port) = explicit_settings(directory.path(), server.port, Some(POLICY));
    let changed = std::fs::read_to_string(&settings)
        .unwrap()
        .replace("durability: strict,", &format!("durability: strict, {more}"));
    std::fs::write(&settings, changed).unwrap();
    let daemon = Daemon::start(&settings, &directory.path().join("audit"));
    Stage {
        capture: Capture::before(port),
        server,
        daemon,
        directory,
        port,
    }
}

impl Stage {
    fn audit(&self) -> PathBuf {
        self.directory.path().join("audit")
    }

    /// psql with a script that goes on after errors.
    fn script(&self, script: &str) {
        let path = self.directory.path().join("script.sql");
        std::fs::write(&path, script).unwrap();
        let output = psql_command(self.capture.port)
            .stdin(Stdio::from(std::fs::File::open(path).unwrap()))
            .output()
            .unwrap();
        assert!(!output.stdout.is_empty(), "{}", text(&output.stderr));
    }

    /// The only session, stopped and replayed.
    fn replayed(&mut self, words: &[&str]) -> String {
        self.daemon.stop();
        let session = sessions(&self.audit());
        assert_eq!(session.len(), 1);
        let output = replay(&self.audit(), &session[0], words);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }
}

const SCRIPT: &str = "\
select id, name, ssn, weight from patients order by id;
select 1/0;
drop table visits;
select id, ssn from patients; select count(*) from visits;
copy (select id, name, ssn from patients order by id) to stdout;
begin; declare c cursor for select id, name from patients; fetch 2 from c; rollback;
do $$ begin raise notice 'a notice'; end $$;
select '<script>alert(1)</script>' as markup, E'\\x1b[31m' as escape;
insert into visits values (9001, 1, now(), 'x') returning id;
";

#[test]
fn a_session_of_psql_is_replayed_to_the_byte() {
    let mut stage = stage("");
    stage.script(SCRIPT);
    // An extended-protocol client in the same record.
    let prepared = psql_command(stage.capture.port)
        .args(["-c", "\\bind 2 \\g"])
        .arg("-c")
        .arg("select 1")
        .output()
        .unwrap();
    drop(prepared);
    stage.daemon.stop();
    assert_same(&stage.capture, &stage.audit());
    support::assert_sound(&stage.audit());
}

#[test]
fn what_a_person_reads_is_what_the_client_saw() {
    let mut stage = stage("");
    stage.script(SCRIPT);
    let transcript = stage.replayed(&[]);
    for shown in [
        "Ada Example",
        "*****6789",
        "ERROR 22012: division by zero",
        "rule clinic/no-destructive",
        "destructive statements are refused",
        "COPY 3",
        "(3 rows)",
        "a notice",
        "FETCH 2",
        "INSERT 0 1",
    ] {
        assert!(transcript.contains(shown), "{shown} is not in\n{transcript}");
    }
    for planted in PLANTED {
        assert!(!transcript.contains(planted), "{planted} is in\n{transcript}");
    }
    assert!(!transcript.contains('\x1b'), "a terminal would act on it");
    let session = sessions(&stage.audit()).remove(0);
    let recording: Value =
        serde_json::from_slice(&replay(&stage.audit(), &session, &["--format", "json"]).stdout).unwrap();
    // Each statement has its own answer, and none another's.
    let steps = recording["steps"].as_array().unwrap();
    let of = |text: &str| {
        let step = steps
            .iter()
            .find(|step| {
                step["statement"]["statement"]
                    .as_str()
                    .is_some_and(|found| found.contains(text))
            })
            .unwrap_or_else(|| panic!("no {text}"));
        step["shown"].to_string()
    };
    assert!(of("1/0").contains("division by zero") && !of("1/0").contains("table"));
    assert!(of("drop table").contains("no-destructive"));
    assert!(of("count(*)").contains("2000") && !of("count(*)").contains("6789"));
    assert!(of("from c").contains("Bo Sample"));
    let cast = text(&replay(&stage.audit(), &session, &["--format", "asciicast"]).stdout);
    let lines: Vec<Value> = cast
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["version"], 2);
    assert!(lines.len() > steps.len());
    assert!(
        lines[1..]
            .windows(2)
            .all(|pair| pair[0][0].as_f64() <= pair[1][0].as_f64())
    );
    let page = text(&replay(&stage.audit(), &session, &["--format", "html"]).stdout);
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"));
    assert!(!page.contains("http://") && !page.contains("https://"));
}

#[test]
fn what_is_beyond_the_bound_is_told_and_not_kept() {
    let mut stage = stage("frames: { statement: 300 },");
    stage.script("select id, specimen from visits limit 500;\nselect 'after';\n");
    let transcript = stage.replayed(&[]);
    assert!(
        transcript.contains("bytes more were sent, and are not kept"),
        "{transcript}"
    );
    assert!(
        transcript.contains("after"),
        "what follows reads on:\n{transcript}"
    );
    let session = sessions(&stage.audit()).remove(0);
    let output = replay(&stage.audit(), &session, &["--format", "bytes"]);
    assert_eq!(output.status.code(), Some(1));
    let frames = audit_rows(&stage.audit(), "frames");
    let sent: u64 = frames.iter().map(|frame| frame["length"].as_u64().unwrap()).sum();
    assert_eq!(
        sent,
        stage.capture.received()[0].len() as u64,
        "every byte is accounted for"
    );
}

#[test]
fn nothing_is_kept_where_the_settings_say_so() {
    let mut stage = stage("frames: none,");
    stage.script("select 1;\n");
    stage.daemon.stop();
    assert!(audit_rows(&stage.audit(), "frames").is_empty());
    let session = sessions(&stage.audit()).remove(0);
    let output = replay(&stage.audit(), &session, &["--format", "bytes"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(
        replay(&stage.audit(), "00000000-0000-7000-8000-000000000000", &[])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn what_a_grant_unmasks_is_not_kept() {
    let mut stage = stage("");
    let made = Command::new(interdict())
        .args([
            "grants",
            "create",
            "--service",
            "clinic",
            "--reason",
            "ticket 9",
            "--identity",
            "*",
        ])
        .args(["--column", "patients.ssn", "--for", "5m", "--socket"])
        .arg(stage.directory.path().join("admin.sock"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let seen = psql(stage.capture.port, "select ssn from patients where id = 1");
    assert_eq!(text(&seen.stdout), "123-45-6789\n");
    let transcript = stage.replayed(&[]);
    assert!(
        transcript.contains("shown unmasked by a grant") && transcript.contains("sha256:"),
        "{transcript}"
    );
    let frames = audit_rows(&stage.audit(), "frames");
    assert!(frames.iter().any(|frame| frame["flags"][0] == "withheld"));
    for frame in frames {
        use base64::Engine as _;
        let payload = base64::engine::general_purpose::STANDARD
            .decode(frame["payload"].as_str().unwrap())
            .unwrap();
        assert!(!text(&payload).contains("123-45-6789"));
    }
}

#[test]
fn sessions_are_found_by_what_was_done_in_them() {
    let mut stage = stage("");
    stage.script("select id, ssn from patients;\n");
    stage.script("drop table visits;\nselect 'unusual text';\n");
    stage.daemon.stop();
    let all = sessions(&stage.audit());
    let find = |words: &[&str]| {
        let output = Command::new(interdict())
            .args(["sessions", "--json", "--directory"])
            .arg(stage.audit())
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let ids = rows
            .iter()
            .map(|row| row["session_id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(find(&[]).len(), 2);
    for (words, expected) in [
        (&["--relation", "patients"][..], 0),
        (&["--relation", "pat*"], 0),
        (&["--rule", "no-destructive"], 1),
        (&["--decision", "deny"], 1),
        (&["--containing", "DROP"], 1),
    ] {
        assert_eq!(find(words), [all[expected].clone()], "{words:?}");
    }
    assert!(find(&["--relation", "nothing"]).is_empty());
    assert!(find(&["--decision", "deny", "--relation", "patients"]).is_empty());
    assert_eq!(find(&["--decision", "deny", "--last", "1"]), [all[1].clone()]);
}

#[test]
fn reads_are_run_again_and_what_differs_is_told() {
    let mut stage = stage("");
    stage.script("select id, name, ssn from patients order by id;\nselect count(*) from visits;\ninsert into visits values (9001, 1, now(), 'x');\n");
    stage.daemon.stop();
    let session = sessions(&stage.audit()).remove(0);
    let dsn = format!(
        "host=127.0.0.1 port={} user=postgres dbname=postgres",
        stage.server.port
    );
    // The insert of the session itself makes the count another.
    let output = replay(&stage.audit(), &session, &["--against", &dsn]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}{}", text(&output.stderr));
    assert!(told.contains("1 the same, 1 different, 1 not run"), "{told}");
    stage.server.psql("delete from visits where id = 9001");
    let output = replay(&stage.audit(), &session, &["--against", &dsn]);
    assert!(output.status.success(), "{}", text(&output.stdout));
    assert_eq!(
        stage.server.psql("select count(*) from visits"),
        "2000\n",
        "nothing was written"
    );
    let _ = stage.port;
}
