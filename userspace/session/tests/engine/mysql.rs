//! MySQL and MariaDB: rows of both formats.

pub(crate) mod wire;

use interdict_session::{EndReason, Output, Question};

use crate::support::{self, Found, Session, fails, knows, lies, policy};
use wire::{BLOB, INT, MORE, TEXT, answer, binary, columns, end, end_with, error, packet, query, row};

fn everywhere(
    policy: &str,
    question: &[u8],
    answer: &[u8],
    somebody: &dyn Fn(&Question) -> Found,
) -> Session {
    support::everywhere(wire::session, policy, question, answer, somebody)
}

#[test]
fn what_is_found_is_masked_in_place_however_the_bytes_come() {
    let long = format!("{} Ada", "x".repeat(300));
    let answer = answer(&[
        &columns(&[INT, TEXT, BLOB]),
        &[
            row(&[Some("12"), Some("seen by Ada, Grüße Jörg"), Some("Ada")]),
            row(&[Some("13"), None, Some("")]),
            row(&[Some("14"), Some("nobody"), None]),
            row(&[Some("15"), Some("ada@example.org is Ada"), Some(&long)]),
            end(),
        ],
    ]);
    let session = everywhere(&policy("deny"), &query("select 1"), &answer, &knows);
    assert_eq!(
        session.seen(),
        [
            "T",
            "D 12|seen by [redacted], Grüße [redacted]|[redacted]",
            "D 13|NULL|",
            "D 14|nobody|NULL",
            &format!("D 15|[redacted] is [redacted]|{} [redacted]", "x".repeat(300)),
            "C"
        ]
    );
    let ended = &session.ended[0];
    assert_eq!(
        (ended.status.as_str(), ended.rows, ended.flags.len()),
        ("ok", 4, 0)
    );
    assert_eq!(ended.masked_by["opinion:PERSON"], 5);
    assert_eq!(ended.masked_by["email"], 1);
}

#[test]
fn without_an_answer_the_policy_says_what_happens() {
    let answer = answer(&[
        &columns(&[TEXT, INT]),
        &[
            row(&[Some("Ada"), Some("1")]),
            row(&[Some("nobody"), Some("2")]),
            end(),
        ],
    ]);
    for somebody in [&fails as &dyn Fn(&Question) -> Found, &lies] {
        let session = everywhere(&policy("deny"), &query("select 1"), &answer, somebody);
        let shown = session.seen();
        assert_eq!((shown.len(), shown[0].as_str()), (2, "T"), "{shown:?}");
        assert!(
            shown[1].contains("the second opinion that policy p asks for could not be had: "),
            "{shown:?}"
        );
        let ended = &session.ended[0];
        assert_eq!((ended.status.as_str(), ended.rows), ("refused", 0));
        assert_eq!(
            (ended.rule.as_deref(), ended.flags.as_slice()),
            (Some("interdict:opinion"), &["opinion_failed".to_owned()][..])
        );
        assert_eq!(ended.decision.as_deref(), Some("deny"));

        let session = everywhere(&policy("mask"), &query("select 1"), &answer, somebody);
        assert_eq!(session.seen(), ["T", "D [redacted]|1", "D [redacted]|2", "C"]);
        let ended = &session.ended[0];
        assert_eq!((ended.status.as_str(), ended.flags.len()), ("ok", 1));
        assert_eq!(ended.masked_by["opinion:unanswered"], 2);

        let session = everywhere(&policy("pass"), &query("select 1"), &answer, somebody);
        assert_eq!(session.seen(), ["T", "D Ada|1", "D nobody|2", "C"]);
        let ended = &session.ended[0];
        assert_eq!((ended.status.as_str(), ended.flags.len()), ("ok", 1));
    }
}

#[test]
fn the_session_goes_on_after_an_error_in_the_middle_of_what_is_held() {
    let failing = answer(&[&columns(&[TEXT]), &[row(&[Some("Ada")]), error()]]);
    let mut session = everywhere(&policy("deny"), &query("select 1"), &failing, &knows);
    assert_eq!(session.seen(), ["T", "D [redacted]", "E 70100no"]);
    assert_eq!(session.ended[0].status, "error");
    // And after a refusal: the next result is shown.
    let whole = answer(&[&columns(&[TEXT]), &[row(&[Some("Ada")]), end()]]);
    for somebody in [&fails as &dyn Fn(&Question) -> Found, &knows] {
        session.to_client.clear();
        session.client(&query("select 1"));
        session.server(&whole);
        session.settle(somebody);
    }
    assert_eq!(session.seen(), ["T", "D [redacted]", "C"]);
}

#[test]
fn each_of_several_results_is_asked_about() {
    let two = answer(&[
        &columns(&[TEXT]),
        &[row(&[Some("Ada")]), end_with(MORE)],
        &columns(&[INT, TEXT]),
        &[row(&[Some("1"), Some("Jörg")]), end()],
    ]);
    let session = everywhere(&policy("deny"), &query("select 1; select 2"), &two, &knows);
    assert_eq!(
        session.seen(),
        ["T", "D [redacted]", "C", "T", "D 1|[redacted]", "C"]
    );
    let session = everywhere(&policy("deny"), &query("select 1; select 2"), &two, &fails);
    let shown = session.seen();
    assert!(shown.len() == 2 && shown[1].starts_with("E "), "{shown:?}");
}

#[test]
fn a_rule_about_the_results_size_comes_after_the_rows_before_it() {
    let policy = policy("deny") + "rules:\n  - name: few\n    when: result.rows > 2\n    then: deny\n";
    let rows = ["Ada", "b", "c", "d"].map(|text| row(&[Some(text)]));
    let answer = answer(&[&columns(&[TEXT]), &rows, &[end()]]);
    let session = everywhere(&policy, &query("select 1"), &answer, &knows);
    let shown = session.seen();
    assert_eq!(shown[..3], ["T", "D [redacted]", "D b"]);
    assert!(shown[3].starts_with("E ") && shown.len() == 4, "{shown:?}");
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
            shown[1].starts_with("E ") && shown.len() == 2,
            "cut at {at}: {shown:?}"
        );
    }
}

#[test]
fn binary_rows_are_asked_about() {
    let prepare = packet(0, b"\x16select 1, 2");
    // Statement 1, no parameters, two columns that are described when it runs.
    let prepared = packet(1, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let execute = packet(0, &[0x17, 1, 0, 0, 0, 0, 1, 0, 0, 0]);
    let rows = answer(&[
        &columns(&[INT, TEXT]),
        &[
            binary(7, Some("seen by Ada")),
            binary(8, None),
            binary(9, Some("nobody")),
            end(),
        ],
    ]);
    for cut in 0..rows.len() {
        for (somebody, found) in [(&knows as &dyn Fn(&Question) -> Found, true), (&fails, false)] {
            let mut session = wire::session(&policy("deny"));
            session.client(&prepare);
            session.server(&prepared);
            session.to_client.clear();
            session.client(&execute);
            session.server(&rows[..cut]);
            session.settle(somebody);
            session.server(&rows[cut..]);
            session.settle(somebody);
            if found {
                let shown = [
                    &columns(&[INT, TEXT])[..],
                    &[
                        binary(7, Some("seen by [redacted]")),
                        binary(8, None),
                        binary(9, Some("nobody")),
                        end(),
                    ],
                ];
                assert_eq!(session.to_client, answer(&shown), "cut at {cut}");
            } else {
                let shown = session.seen();
                let refused = shown.last().unwrap();
                assert!(refused.contains("second opinion"), "cut at {cut}: {shown:?}");
                assert!(!String::from_utf8_lossy(&session.to_client).contains("Ada"));
            }
        }
    }
}

#[test]
fn what_is_shown_late_is_framed_as_well() {
    let mut session = wire::compressed(&policy("deny"));
    let inner = query("select 1");
    session.client(&[&[inner.len() as u8, 0, 0, 0, 0, 0, 0], &inner[..]].concat());
    session.server(&answer(&[
        &columns(&[TEXT]),
        &[row(&[Some("Ada and Ada")]), end()],
    ]));
    session.settle(&knows);
    // Short frames are not deflated.
    let mut packets = Vec::new();
    let mut rest = &session.to_client[..];
    while let [a, b, 0, _, 0, 0, 0, ..] = *rest {
        let length = usize::from(u16::from_le_bytes([a, b]));
        packets.extend_from_slice(&rest[7..7 + length]);
        rest = &rest[7 + length..];
    }
    assert!(rest.is_empty(), "not a frame: {rest:?}");
    assert_eq!(wire::seen(&packets), ["T", "D [redacted] and [redacted]", "C"]);
}

#[test]
fn a_client_that_leaves_gets_nothing_of_what_is_held() {
    let mut session = wire::session(&policy("pass"));
    session.client(&query("select 1"));
    session.server(&answer(&[&columns(&[TEXT]), &[row(&[Some("Ada")]), end()]]));
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

/// A row of several packets, and many rows: numbers go on after 255.
#[test]
fn no_more_than_a_part_is_held_whatever_the_number_of_packets() {
    let mut session = wire::session(&policy("deny"));
    session.client(&query("select 1"));
    let huge = "y".repeat((16 << 20) + 5);
    let mut rows: Vec<Vec<u8>> = (0..3_000)
        .map(|number| row(&[Some(&format!("{number} Ada"))]))
        .collect();
    rows.push(end());
    session.server(&answer(&[&columns(&[TEXT]), &rows]));
    let mut parts = 0;
    while let Some(question) = session.questions.pop() {
        parts += 1;
        assert!(question.texts.len() <= 1_000);
        let left = session.server.len();
        session.server(&[]);
        assert_eq!(session.server.len(), left, "it went on while it was asking");
        let mut out = Output::default();
        session
            .engine
            .on_opinion(&question, knows(&question), session.now, &mut out);
        session.keep(out);
        session.server(&[]);
    }
    assert!(parts >= 3, "{parts}");
    assert_eq!(session.ended[0].masked_by["opinion:PERSON"], 3_000);
    let shown = session.seen();
    assert_eq!(shown.len(), 3_002);
    assert_eq!(shown[3_000], "D 2999 [redacted]");

    // Too long to be asked about: what is to happen without an answer happens.
    for (on_failure, refused) in [("deny", true), ("pass", false)] {
        let mut session = wire::session(&policy(on_failure));
        session.client(&query("select 1"));
        let mut body = vec![0xfd];
        body.extend_from_slice(&(huge.len() as u32 - 6).to_le_bytes()[..3]);
        body.extend_from_slice(&huge.as_bytes()[6..]);
        let (first, second) = body.split_at(0xff_ffff);
        let described = answer(&[&columns(&[TEXT])]);
        let sent = [
            described.clone(),
            packet(3, first),
            packet(4, second),
            packet(5, &row(&[Some("Ada")])),
            packet(6, &end()),
        ];
        session.server(&sent.concat());
        session.settle(&knows);
        if refused {
            let shown = session.seen();
            assert!(shown[1].contains("too long to be asked about"), "{shown:?}");
        } else {
            let shown = [
                described,
                packet(3, first),
                packet(4, second),
                packet(5, &row(&[Some("[redacted]")])),
                packet(6, &end()),
            ];
            assert!(session.to_client == shown.concat());
        }
    }
}
