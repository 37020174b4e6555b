//! Messages made up by proptest, as owned values that know how to write themselves and to recognise what was read.

mod backend;
mod frontend;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(super) use self::backend::{Back, back};
pub(super) use self::frontend::{Front, front};
use crate::postgres::Format;

/// Bytes of any kind.
pub(super) fn data() -> impl Strategy<Value = Vec<u8>> + Clone {
    vec(any::<u8>(), 0..24)
}

/// Bytes that a zero byte may end.
pub(super) fn text() -> impl Strategy<Value = Vec<u8>> + Clone {
    vec(1..=u8::MAX, 0..16)
}

pub(super) fn format() -> impl Strategy<Value = Format> + Clone {
    prop_oneof![Just(Format::Text), Just(Format::Binary)]
}

pub(super) fn values() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    vec(option::of(data()), 0..8)
}

/// Values as the writers take them.
pub(super) fn borrowed(values: &[Option<Vec<u8>>]) -> impl Iterator<Item = Option<&[u8]>> {
    values.iter().map(Option::as_deref)
}

/// Messages of one side, one after the other.
pub(super) fn stream<M>(messages: &[M], write: impl Fn(&M, &mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    for message in messages {
        write(message, &mut out);
    }
    out
}
