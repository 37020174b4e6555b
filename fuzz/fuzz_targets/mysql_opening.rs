#![no_main]

use bytes::BytesMut;
use interdict_wire::mysql::opening::{Authentication, Greeting, Opening};
use interdict_wire::mysql::{Capabilities, Header, Sequence};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (mut sequence, mut out) = (Sequence::default(), BytesMut::new());
    if let Ok(greeting) = Greeting::parse(data) {
        greeting
            .write_with(greeting.capabilities, &mut sequence, &mut out)
            .unwrap();
        assert_eq!(&out[Header::SIZE..], data);
        out.clear();
        greeting
            .write_with(Capabilities::NONE, &mut sequence, &mut out)
            .unwrap();
        let less = Greeting::parse(&out[Header::SIZE..]).unwrap();
        assert_eq!(
            (less.server_version, less.plugin),
            (greeting.server_version, greeting.plugin)
        );
        assert_eq!(less.scramble(), greeting.scramble());
    }
    out.clear();
    match Opening::parse(data) {
        Ok(Opening::Login(login)) => {
            // A login of another way to write the same is written in ours, which is read as the same.
            login.write(&mut sequence, &mut out).unwrap();
            let Ok(Opening::Login(again)) = Opening::parse(&out[Header::SIZE..]) else {
                panic!("no login");
            };
            assert_eq!((again.user, again.auth_data), (login.user, login.auth_data));
            assert_eq!((again.database, again.plugin), (login.database, login.plugin));
            assert_eq!(
                (again.attributes, again.zstd_level),
                (login.attributes, login.zstd_level)
            );
            let attributes = again.attributes.unwrap_or_default();
            assert!(attributes.iter().count() <= data.len());
        }
        Ok(Opening::Ssl(request)) => {
            request.write(&mut sequence, &mut out).unwrap();
            assert_eq!(&out[Header::SIZE..], data);
        }
        Err(_) => {}
    }
    for capabilities in [Capabilities::PROTOCOL_41, Capabilities::SESSION_TRACK] {
        out.clear();
        if let Ok(step) = Authentication::parse(data, capabilities) {
            step.write(capabilities, &mut sequence, &mut out).unwrap();
            assert_eq!(
                Authentication::parse(&out[Header::SIZE..], capabilities),
                Ok(step)
            );
        }
    }
});
