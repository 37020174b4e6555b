//! How much is held.

use interdict_session::Output;

use super::wire::{TEXT, columns, done, query, ready, row, session};
use crate::support::{knows, policy};

#[test]
fn no_more_than_a_part_is_held_and_nothing_is_read_while_it_is_asked_about() {
    let mut session = session(&policy("deny"));
    session.client(&query("select 1"));
    let mut answer = columns(&[TEXT]);
    for number in 0..20_000 {
        answer.extend_from_slice(&row(&[Some(&format!("{number} Ada {}", "x".repeat(80)))]));
    }
    answer.extend_from_slice(&[done("SELECT 20000"), ready()].concat());
    session.server(&answer);
    let mut parts = 0;
    while let Some(question) = session.questions.pop() {
        parts += 1;
        let left = session.server.len();
        session.server(&[]);
        assert_eq!(session.server.len(), left, "it went on while it was asking");
        let asked: usize = question.texts.iter().map(String::len).sum();
        assert!(
            question.texts.len() <= 1_000 && asked <= (256 << 10) + 200,
            "{asked}"
        );
        // The answer takes half a second: of one second that is too much to ask for more.
        session.now += 510_000;
        let mut out = Output::default();
        session
            .engine
            .on_opinion(&question, knows(&question), session.now, &mut out);
        session.keep(out);
        session.server(&[]);
    }
    assert!(
        parts > 500,
        "{parts}: slow answers did not make questions smaller"
    );
    assert_eq!(session.ended[0].masked_by["opinion:PERSON"], 20_000);
    assert_eq!(session.ended[0].rows, 20_000);
    let shown = session
        .to_client
        .windows(3)
        .filter(|bytes| bytes == b"Ada")
        .count();
    assert_eq!(shown, 0);
}
