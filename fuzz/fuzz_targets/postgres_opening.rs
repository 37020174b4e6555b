#![no_main]

use bytes::BytesMut;
use interdict_wire::postgres::opening;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(Some((opening, used))) = opening::parse(data) {
        let mut out = BytesMut::new();
        opening.write(&mut out).unwrap();
        assert_eq!(&out[..], &data[..used]);
        // Less than the whole is incomplete, never wrong. (Direct TLS is known by its first byte and uses none.)
        if let Some(less) = used.checked_sub(1) {
            assert_eq!(opening::parse(&data[..less]), Ok(None));
        }
    }
});
