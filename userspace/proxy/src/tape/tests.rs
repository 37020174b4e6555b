use interdict_record::{StatementEnded, StatementStarted};

use super::*;

fn started(id: u128, flags: &[&str]) -> Record {
    Record::StatementStarted(Box::new(StatementStarted {
        statement_id: Uuid::from_u128(id),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        ..StatementStarted::default()
    }))
}

fn ended(id: u128) -> Record {
    Record::StatementEnded(Box::new(StatementEnded {
        statement_id: Uuid::from_u128(id),
        ..StatementEnded::default()
    }))
}

/// The frames as (statement, payload, length, flag).
fn frames(records: &[Record]) -> Vec<(u128, String, u64, String)> {
    let frames = records.iter().filter_map(|record| match record {
        Record::Frame(frame) => Some((
            frame.statement_id.map_or(0, |id| id.as_u128()),
            String::from_utf8_lossy(&frame.payload).into_owned(),
            frame.length,
            frame.flags.join(","),
        )),
        _ => None,
    });
    frames.collect()
}

fn shown(id: u128, payload: &str) -> (u128, String, u64, String) {
    (id, payload.to_owned(), payload.len() as u64, String::new())
}

fn output(records: Vec<Record>, bytes: &str, ends: &[(usize, u128)]) -> Output {
    let mut out = Output::default();
    out.records = records;
    out.to_client.extend_from_slice(bytes.as_bytes());
    out.ends = ends
        .iter()
        .map(|(end, id)| (*end, Uuid::from_u128(*id)))
        .collect();
    out
}

#[test]
fn bytes_belong_to_the_statement_that_is_answered() {
    let mut tape = Tape::new(Uuid::nil(), Some(1000));
    let mut first = output(vec![started(1, &[]), started(2, &[])], "", &[]);
    tape.output(&mut first, 1);
    assert_eq!(frames(&first.records), []);
    let mut second = output(vec![ended(1), ended(2)], "oneTWOready", &[(3, 1), (6, 2)]);
    tape.output(&mut second, 2);
    assert_eq!(
        frames(&second.records),
        [shown(1, "one"), shown(2, "TWO"), shown(2, "ready")]
    );
    let mut third = output(vec![started(3, &[]), ended(3)], "no", &[(2, 3)]);
    tape.output(&mut third, 3);
    assert_eq!(frames(&third.records), [shown(3, "no")]);
}

#[test]
fn what_is_not_kept_is_told_with_its_length() {
    let mut tape = Tape::new(Uuid::nil(), Some(4));
    let mut out = output(vec![started(1, &[])], "123456", &[]);
    tape.output(&mut out, 1);
    assert_eq!(frames(&out.records), [shown(1, "1234")]);
    let mut out = output(vec![ended(1), started(2, &[])], "789ab", &[(3, 1)]);
    tape.output(&mut out, 2);
    let cut = (1, String::new(), 5, "cut".to_owned());
    assert_eq!(frames(&out.records), [cut, shown(2, "ab")]);
}

#[test]
fn what_a_grant_unmasks_is_withheld_with_its_digest() {
    let mut tape = Tape::new(Uuid::nil(), Some(1000));
    let mut out = output(vec![started(1, &[MASKS_LIFTED])], "123-45-6789", &[]);
    tape.output(&mut out, 1);
    let mut last = Vec::new();
    tape.tell_missing(&mut last);
    assert!(frames(&out.records).is_empty());
    assert_eq!(frames(&last), [(1, String::new(), 11, "withheld".to_owned())]);
    let Some(Record::Frame(frame)) = last.first() else {
        panic!("no frame");
    };
    // printf 123-45-6789 | sha256sum
    assert_eq!(
        frame.digest.as_deref(),
        Some("sha256:01a54629efb952287e554eb23ef69c52097a75aecc0e3a93ca0855ab6d7a31a0")
    );
}

#[test]
fn nothing_is_kept_where_the_settings_say_so() {
    let mut tape = Tape::new(Uuid::nil(), None);
    let mut out = output(vec![started(1, &[])], "123", &[]);
    tape.output(&mut out, 1);
    let mut last = Vec::new();
    tape.bytes(b"x", 2, &mut last);
    tape.tell_missing(&mut last);
    assert!(frames(&out.records).is_empty() && last.is_empty());
}

#[test]
fn a_large_run_is_several_frames() {
    let mut tape = Tape::new(Uuid::nil(), Some(u64::MAX));
    let mut out = output(vec![], &"x".repeat(FRAME + 1), &[]);
    tape.output(&mut out, 1);
    let lengths: Vec<_> = frames(&out.records)
        .into_iter()
        .map(|(_, _, length, _)| length)
        .collect();
    assert_eq!(lengths, [FRAME as u64, 1]);
}
