//! COPY data.

use super::wire::{self, done, message, query, ready};
use crate::support::{everywhere, fails, knows, policy};

#[test]
fn copy_is_asked_about_field_by_field() {
    let data = |text: &str| message(b'd', text.as_bytes());
    let begin = |binary: u8| message(b'H', &[binary, 0, 2, 0, binary, 0, binary]);
    let answer = [
        begin(0),
        data("1\tseen by Ada\\nand Jörg\n"),
        data("2\t\\N\n"),
        data("3\tnobody\n"),
        message(b'c', b""),
        done("COPY 3"),
        ready(),
    ]
    .concat();
    let session = everywhere(
        wire::session,
        &policy("deny"),
        &query("copy (select 1, 2) to stdout"),
        &answer,
        &knows,
    );
    assert_eq!(
        session.seen(),
        [
            "H",
            "d 1\tseen by [redacted]\\nand [redacted]",
            "d 2\t\\N",
            "d 3\tnobody",
            "c",
            "C",
            "Z"
        ]
    );
    let answer = [
        begin(0),
        data("1,\"Ada, \"\"x\"\"\"\n"),
        message(b'c', b""),
        done("COPY 1"),
        ready(),
    ]
    .concat();
    let session = everywhere(
        wire::session,
        &policy("deny"),
        &query("copy (select 1, 2) to stdout csv"),
        &answer,
        &knows,
    );
    assert_eq!(session.seen()[1], "d 1,\"[redacted], \"\"x\"\"\"");
    let session = everywhere(
        wire::session,
        &policy("deny"),
        &query("copy (select 1, 2) to stdout csv"),
        &answer,
        &fails,
    );
    assert!(session.seen()[1].starts_with("E 42501"));
    assert_eq!(session.seen().last().unwrap(), "Z");
    let answer = [
        begin(1),
        data("PGCOPY"),
        message(b'c', b""),
        done("COPY 1"),
        ready(),
    ]
    .concat();
    let policy = "name: p\nmask:\n  - opinion: { url: \"http://x\", entities: [PERSON] }\n    with: redact\n";
    let session = everywhere(
        wire::session,
        policy,
        &query("copy (select 1, 2) to stdout binary"),
        &answer,
        &knows,
    );
    let shown = session.seen();
    assert!(
        shown[0].starts_with("E 42501") && shown[1] == "Z" && shown.len() == 2,
        "{shown:?}"
    );
    assert_eq!(session.ended[0].status, "refused");
}
