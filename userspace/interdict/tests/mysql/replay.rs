//! What the record has of a session is what its client received.

use crate::capture::{Capture, assert_same, replay, sessions};
use crate::server::client;
use crate::stage::Stage;
use crate::support::text;

#[test]
fn a_session_of_the_client_is_replayed_to_the_byte() {
    let mut stage = Stage::start();
    let capture = Capture::before(stage.port);
    let script = stage.write(
        "script.sql",
        "select id, name, ssn, weight from patients order by id;\nselect nothing from nowhere;\ndrop table visits;\n\
         insert into visits values (9001, 1, now(), 'x');\nprepare p from 'select id, name from patients where id = ?';\n\
         set @id = 2;\nexecute p using @id;\nselect 'done';\n",
    );
    let output = client(capture.port, "agent")
        .args(["--ssl=0", "--force"])
        .stdin(std::fs::File::open(script).unwrap())
        .output()
        .unwrap();
    assert!(text(&output.stdout).contains("done"), "{}", text(&output.stderr));
    stage.daemon.stop();
    let audit = stage.daemon.audit.clone();
    assert_same(&capture, &audit);
    let transcript = text(&replay(&audit, &sessions(&audit)[0], &[]).stdout);
    for shown in [
        "Ada Example",
        "*****6789",
        "ERROR 1146",
        "no-destructive",
        "1 rows affected",
        "Bo Sample",
        "done",
    ] {
        assert!(transcript.contains(shown), "{shown} is not in\n{transcript}");
    }
    assert!(!transcript.contains("123-45-6789"));
}
