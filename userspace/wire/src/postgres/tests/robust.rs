//! Whatever arrives: no panic, and what is accepted means one thing only.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::samples::{SAMPLES, openings};
use super::{Side, rewrite};
use crate::postgres::{messages, opening};

/// What is accepted is written back byte for byte: no two bodies stand for the same message.
fn assert_faithful(side: Side, tag: u8, body: &[u8]) {
    if let Ok(out) = rewrite(side, tag, body) {
        assert_eq!(out.first(), Some(&tag));
        assert_eq!(&out[5..], body);
    }
}

/// As [`assert_faithful`] for the opening.
fn assert_faithful_opening(bytes: &[u8]) {
    if let Ok(Some((opening, used))) = opening::parse(bytes) {
        let mut out = BytesMut::new();
        opening.write(&mut out).unwrap();
        assert_eq!(&out[..], &bytes[..used]);
    }
}

/// Changes some bytes, then cuts a piece out or puts one in.
fn mutate(bytes: &[u8], changes: &[(Index, u8)], cut: Option<(Index, Vec<u8>)>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if !bytes.is_empty() {
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
    }
    if let Some((at, piece)) = cut {
        let at = at.index(bytes.len() + 1);
        let until = if piece.is_empty() {
            (at + 1).min(bytes.len())
        } else {
            at
        };
        bytes.splice(at..until, piece);
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8)>> {
    // Small numbers and -1 make plausible lengths and counts.
    let value = prop_oneof![0..8_u8, Just(u8::MAX), any::<u8>()];
    vec((any::<Index>(), value), 0..4)
}

fn cut() -> impl Strategy<Value = Option<(Index, Vec<u8>)>> {
    proptest::option::of((any::<Index>(), vec(any::<u8>(), 0..4)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes(tag in any::<u8>(), body in vec(any::<u8>(), 0..64)) {
        assert_faithful(Side::Frontend, tag, &body);
        assert_faithful(Side::Backend, tag, &body);
        assert_faithful_opening(&body);
        for (tag, body) in messages(&body).flatten() {
            assert_faithful(Side::Frontend, tag, body);
        }
    }

    #[test]
    fn damaged_messages(sample in any::<Index>(), changes in changes(), cut in cut()) {
        let sample = sample.get(SAMPLES);
        let body = mutate(sample.body(), &changes, cut);
        assert_faithful(sample.side, sample.tag(), &body);
    }

    #[test]
    fn damaged_openings(sample in any::<Index>(), changes in changes(), cut in cut()) {
        let samples = openings();
        let (_, bytes) = sample.get(&samples);
        assert_faithful_opening(&mutate(bytes, &changes, cut));
    }
}
