//! An agent whose shell has ended by the time that its child connects.

use std::process::Command;

use crate::support::text;
use crate::{Stage, strings};

const POLICY: &str = "name: all\n";

#[test]
fn a_parent_that_ended_is_on_record() {
    let Some(mut stage) = Stage::new("ancestry") else {
        return;
    };
    stage.start("{}", POLICY);
    let port = stage.server.port;
    let done = stage.path("done");
    // The shell is another file than the one that the test is started by, so that it can be told from all others.
    let shell = stage.path("vanishing-shell");
    std::fs::copy("/bin/sh", &shell).unwrap();
    let later = format!(
        "(sleep 0.7; psql -XAt -h 127.0.0.1 -U postgres -d postgres -p {port} -c 'select 7' >{0}.part 2>&1; mv {0}.part {0}) & exit 0",
        done.display()
    );
    let mut agent = Command::new("/bin/bash");
    agent
        .args([
            "-c",
            "\"$1\" -c \"$2\"; while ! test -e \"$3\"; do sleep 0.05; done",
            "agent",
        ])
        .arg(&shell)
        .arg(&later)
        .arg(&done);
    stage.cgroup.enrol(&mut agent);
    assert!(agent.status().unwrap().success());
    assert_eq!(text(&std::fs::read(&done).unwrap()), "7\n");

    let hooks = stage.rows("sessions");
    let session = hooks
        .iter()
        .find(|row| {
            row["executable"]
                .as_str()
                .is_some_and(|path| path.contains("psql"))
        })
        .unwrap();
    let ancestry = strings(&session["ancestry"]);
    let shell = shell.to_str().unwrap();
    // psql is perl on Debian, which executes the real one; the subshell was forked off by the shell, which ended.
    let place = ancestry.iter().position(|name| *name == shell);
    assert!(place.is_some(), "{ancestry:?}");
    let above = &ancestry[place.unwrap()..];
    assert!(
        above.iter().any(|name| name.ends_with("/bash")),
        "the agent above the shell that ended: {ancestry:?}"
    );
    let test = std::env::current_exe().unwrap();
    assert!(above.contains(&test.to_str().unwrap()), "{ancestry:?}");
    assert!(
        !strings(&session["flags"]).contains(&"ancestry_partial"),
        "{session}"
    );
}
