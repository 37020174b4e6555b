//! What was written is read as what it was, in streams that arrive in pieces.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::generated::{Back, Front, back, front, stream};
use super::{Side, rewrite};
use crate::postgres::opening::{self, Opening, Startup};
use crate::postgres::{backend, frontend, messages};

/// Every prefix of a stream gives the messages that have arrived, unchanged and in order, and never an error.
fn assert_prefixes(side: Side, whole: &[u8]) {
    let all: Vec<_> = messages(whole).collect::<Result<_, _>>().unwrap();
    for end in 0..=whole.len() {
        let mut arrived = messages(&whole[..end]);
        let mut used = 0;
        for (index, message) in arrived.by_ref().enumerate() {
            let (tag, body) = message.unwrap();
            assert_eq!((tag, body), all[index]);
            used += 5 + body.len();
        }
        assert_eq!(arrived.rest(), &whole[used..end]);
    }
    let written: Vec<_> = all
        .iter()
        .map(|(tag, body)| rewrite(side, *tag, body).unwrap())
        .collect();
    assert_eq!(written.concat(), whole);
}

proptest! {
    #[test]
    fn frontend(sent in vec(front(), 0..8)) {
        let whole = stream(&sent, Front::write);
        let read: Vec<_> = messages(&whole).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), sent.len());
        for (sent, (tag, body)) in sent.iter().zip(read) {
            prop_assert!(sent.is(frontend::parse(tag, body).unwrap()), "{:?}", sent);
        }
        assert_prefixes(Side::Frontend, &whole);
    }

    #[test]
    fn backend(sent in vec(back(), 0..8)) {
        let whole = stream(&sent, Back::write);
        let read: Vec<_> = messages(&whole).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), sent.len());
        for (sent, (tag, body)) in sent.iter().zip(read) {
            prop_assert!(sent.is(backend::parse(tag, body).unwrap()), "{:?}", sent);
        }
        assert_prefixes(Side::Backend, &whole);
    }

    #[test]
    fn startup(
        minor in any::<u16>(),
        parameters in vec(("[^\0]{1,12}", "[^\0]{0,12}"), 0..8),
        follows in any::<[u8; 3]>(),
    ) {
        let parameters = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_opening(&Opening::Startup(Startup { major: 3, minor, parameters }), &follows);
    }

    #[test]
    fn cancel(process_id in any::<u32>(), key in vec(any::<u8>(), 4..=256), follows in any::<[u8; 3]>()) {
        assert_opening(&Opening::Cancel { process_id, key: &key }, &follows);
    }
}

fn assert_opening(opening: &Opening<'_>, follows: &[u8]) {
    let mut out = BytesMut::new();
    opening.write(&mut out).unwrap();
    let size = out.len();
    for end in 0..size {
        assert_eq!(opening::parse(&out[..end]), Ok(None));
    }
    out.extend_from_slice(follows);
    assert_eq!(opening::parse(&out), Ok(Some((opening.clone(), size))));
}
