//! Tests over all messages; what concerns one file only is tested there.

mod captures;
mod command;
mod opening;
mod packets;
mod properties;
mod response;
mod robust;

use bytes::BytesMut;

use super::{Sequence, packets};
use crate::WireError;

/// What is written, its header checked and taken off.
fn payload(write: impl FnOnce(&mut Sequence, &mut BytesMut) -> Result<(), WireError>) -> Vec<u8> {
    let (mut sequence, mut out) = (Sequence::at(3), BytesMut::new());
    write(&mut sequence, &mut out).unwrap();
    let mut found = packets(&out);
    let (_, body) = found.next().unwrap();
    assert!(found.rest().is_empty());
    body.to_vec()
}

fn invalid<T: std::fmt::Debug>(found: Result<T, WireError>, field: &str) {
    match found.unwrap_err() {
        WireError::Invalid { field: found, .. } => assert_eq!(found, field),
        other => panic!("{other}"),
    }
}
