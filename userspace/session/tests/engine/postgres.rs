//! PostgreSQL: rows of queries and of portals.

mod bounds;
mod copy;
mod described;
mod rules;
pub(crate) mod wire;

use interdict_session::{EndReason, Output, Question};

use crate::support::{Found, everywhere, fails, knows, lies, policy};
use wire::{INT, JSON, TEXT, columns, done, error, message, query, ready, row};

#[test]
fn what_is_found_is_masked_in_place_however_the_bytes_come() {
    let answer = [
        columns(&[INT, TEXT, JSON]),
        row(&[
            Some("12"),
            Some("seen by Ada, Grüße Jörg"),
            Some(r#"{"who": "Ada"}"#),
        ]),
        row(&[Some("13"), None, Some("null")]),
        message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Mhello\0\0"),
        row(&[Some("14"), Some("nobody"), None]),
        row(&[Some("15"), Some("ada@example.org is Ada"), Some("[]")]),
        done("SELECT 4"),
        ready(),
    ]
    .concat();
    let session = everywhere(
        wire::session,
        &policy("deny"),
        &query("select 1"),
        &answer,
        &knows,
    );
    assert_eq!(
        session.seen(),
        [
            "T",
            r#"D 12|seen by [redacted], Grüße [redacted]|{"who": "[redacted]"}"#,
            "D 13|NULL|null",
            "N",
            "D 14|nobody|NULL",
            "D 15|[redacted] is [redacted]|[]",
            "C",
            "Z"
        ]
    );
    let ended = &session.ended[0];
    assert_eq!(
        (ended.status.as_str(), ended.rows, ended.flags.len()),
        ("ok", 4, 0)
    );
    assert_eq!(ended.masked_by["opinion:PERSON"], 4);
    assert_eq!(ended.masked_by["email"], 1);
}

#[test]
fn without_an_answer_the_policy_says_what_happens() {
    let answer = [
        columns(&[TEXT, INT]),
        row(&[Some("Ada"), Some("1")]),
        row(&[Some("nobody"), Some("2")]),
        done("SELECT 2"),
        ready(),
    ]
    .concat();
    for somebody in [&fails as &dyn Fn(&Question) -> Found, &lies] {
        let session = everywhere(
            wire::session,
            &policy("deny"),
            &query("select 1"),
            &answer,
            somebody,
        );
        let shown = session.seen();
        assert_eq!(
            (shown.len(), shown[0].as_str(), shown[2].as_str()),
            (3, "T", "Z"),
            "{shown:?}"
        );
        assert!(
            shown[1].starts_with(
                "E 42501 interdict: the second opinion that policy p asks for could not be had: "
            )
        );
        let ended = &session.ended[0];
        assert_eq!((ended.status.as_str(), ended.rows), ("refused", 0));
        assert_eq!(
            (ended.rule.as_deref(), ended.flags.as_slice()),
            (Some("interdict:opinion"), &["opinion_failed".to_owned()][..])
        );
        assert_eq!(
            (ended.decision.as_deref(), ended.sqlstate.as_deref()),
            (Some("deny"), Some("42501"))
        );

        let session = everywhere(
            wire::session,
            &policy("mask"),
            &query("select 1"),
            &answer,
            somebody,
        );
        assert_eq!(
            session.seen(),
            ["T", "D [redacted]|1", "D [redacted]|2", "C", "Z"]
        );
        assert_eq!(
            (
                session.ended[0].status.as_str(),
                session.ended[0].flags.as_slice()
            ),
            ("ok", &["opinion_failed".to_owned()][..])
        );
        assert_eq!(session.ended[0].masked_by["opinion:unanswered"], 2);

        let session = everywhere(
            wire::session,
            &policy("pass"),
            &query("select 1"),
            &answer,
            somebody,
        );
        assert_eq!(session.seen(), ["T", "D Ada|1", "D nobody|2", "C", "Z"]);
        assert_eq!(
            (
                session.ended[0].status.as_str(),
                session.ended[0].flags.as_slice()
            ),
            ("ok", &["opinion_failed".to_owned()][..])
        );
    }
}

#[test]
fn the_session_goes_on_after_an_error_in_the_middle_of_what_is_held() {
    let first = [columns(&[TEXT]), row(&[Some("Ada")]), error("57014"), ready()].concat();
    let mut session = everywhere(wire::session, &policy("deny"), &query("select 1"), &first, &knows);
    assert_eq!(session.seen(), ["T", "D [redacted]", "E 57014 no", "Z"]);
    assert_eq!(
        (
            session.ended[0].status.as_str(),
            session.ended[0].sqlstate.as_deref()
        ),
        ("error", Some("57014"))
    );
    // And after a refusal: the next result is shown.
    for somebody in [&fails as &dyn Fn(&Question) -> Found, &knows] {
        session.to_client.clear();
        session.client(&query("select 1"));
        session.server(&[columns(&[TEXT]), row(&[Some("Ada")]), done("SELECT 1"), ready()].concat());
        session.settle(somebody);
    }
    assert_eq!(session.seen(), ["T", "D [redacted]", "C", "Z"]);
}

#[test]
fn a_client_that_leaves_gets_nothing_of_what_is_held() {
    let mut session = wire::session(&policy("pass"));
    session.client(&query("select 1"));
    session.server(&[columns(&[TEXT]), row(&[Some("Ada")]), done("SELECT 1")].concat());
    let question = session.questions.remove(0);
    let mut out = Output::default();
    session.engine.finish(EndReason::Client, 9, &mut out);
    session
        .engine
        .on_opinion(&question, knows(&question), 9, &mut out);
    assert!(out.to_client.is_empty());
    session.keep(out);
    assert_eq!(session.ended[0].status, "cut");
    assert_eq!(session.seen(), ["T"]);
}

#[test]
fn a_rule_about_the_results_size_comes_after_the_rows_before_it() {
    let policy = policy("deny") + "rules:\n  - name: few\n    when: result.rows > 2\n    then: deny\n";
    let answer = [
        columns(&[TEXT]),
        row(&[Some("Ada")]),
        row(&[Some("b")]),
        row(&[Some("c")]),
        row(&[Some("d")]),
        done("SELECT 4"),
        ready(),
    ]
    .concat();
    let session = everywhere(wire::session, &policy, &query("select 1"), &answer, &knows);
    let shown = session.seen();
    assert_eq!(shown[..3], ["T", "D [redacted]", "D b"]);
    assert!(
        shown[3].starts_with("E 42501") && shown[4] == "Z" && shown.len() == 5,
        "{shown:?}"
    );
    assert_eq!(
        (session.ended[0].rows, session.ended[0].rule.as_deref()),
        (2, Some("few"))
    );
    // Which of the two refuses depends on whether time passes before the row that is too many comes.
    for at in 0..answer.len() {
        let mut session = wire::session(&policy);
        session.client(&query("select 1"));
        session.server(&answer[..at]);
        session.settle(&fails);
        session.server(&answer[at..]);
        session.settle(&fails);
        let shown = session.seen();
        assert!(
            shown[1].starts_with("E 42501") && shown[2] == "Z" && shown.len() == 3,
            "cut at {at}: {shown:?}"
        );
    }
}

#[test]
fn portals_are_described_so_that_their_texts_are_known() {
    let question = [
        message(b'P', b"\0select 1\0\0\0"),
        message(b'B', b"\0\0\0\0\0\0\0\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'S', b""),
    ]
    .concat();
    let answer = [
        message(b'1', b""),
        message(b'2', b""),
        columns(&[TEXT]),
        row(&[Some("Ada")]),
        row(&[Some("x")]),
        done("SELECT 2"),
        ready(),
    ]
    .concat();
    let session = everywhere(wire::session, &policy("deny"), &question, &answer, &knows);
    assert_eq!(session.seen(), ["1", "2", "D [redacted]", "D x", "C", "Z"]);
    let session = everywhere(wire::session, &policy("deny"), &question, &answer, &fails);
    assert!(session.seen()[2].starts_with("E 42501"));
    assert_eq!(session.ended[0].status, "refused");
}
