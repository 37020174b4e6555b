#![no_main]

use interdict_fuzz::visit_frontend;
use interdict_wire::postgres::{Header, frontend, messages};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut at = 0;
    for (tag, body) in messages(data).filter_map(Result::ok) {
        let header = Header::peek(&data[at..]).unwrap().unwrap();
        assert_eq!((header.tag, header.body), (tag, body.len()));
        at += header.total();
        if let Ok(message) = frontend::parse(tag, body) {
            assert_eq!(message.tag(), tag);
            visit_frontend(message);
        }
    }
});
