use core::net::IpAddr;

use crate::{Address, COUNTERS, Event, Flow, Hook, MAPS, ProtectKey, SCHEMA, TupleKey, Verdict, counter};

/// The layout is a promise between two builds and across restarts. Whoever changes it must change the schema too, and
/// then this test.
#[test]
fn layout_of_this_schema() {
    assert_eq!(SCHEMA, 3);
    let sizes = MAPS.map(|map| (map.name, map.key, map.value));
    assert_eq!(
        sizes,
        [
            ("CONFIG", 4, 120),
            ("SCOPE", 8, 8),
            ("PROTECT", 24, 8),
            ("PORTS", 4, 8),
            ("PROXY", 8, 8),
            ("FLOW", 8, 104),
            ("TUPLE", 32, 104),
            ("EVENTS", 0, 0),
            ("STATS", 4, 8),
            ("USER", 4, 8),
            ("EXECUTABLE", 16, 8),
            ("HEART", 4, 8),
            ("QUARANTINE", 4, 8),
            ("KEPT", 8, 8),
            ("LEDGER", 8, 64),
            ("TOLD", 8, 8),
            ("UNIX", 128, 8),
            ("LINEAGE", 16, 160),
        ]
    );
    assert_eq!(size_of::<Event>(), 120);
    assert_eq!(core::mem::offset_of!(Flow, boot_ns), 24);
    assert_eq!(core::mem::offset_of!(Flow, process_start_ns), 32);
    assert_eq!(core::mem::offset_of!(Flow, family), 76);
    assert_eq!(core::mem::offset_of!(TupleKey, proxy_port), 26);
}

#[test]
fn numbers_are_places_in_the_lists() {
    for (number, hook) in (0..).zip(Hook::ALL) {
        assert_eq!(hook as u32, number);
        assert_eq!(Hook::from_number(number), Some(hook));
    }
    for (number, verdict) in (0..).zip(Verdict::ALL) {
        assert_eq!(verdict as u32, number);
        assert_eq!(Verdict::from_number(number), Some(verdict));
    }
    assert_eq!(Verdict::from_number(Verdict::ALL.len() as u32), None);
    assert_eq!(counter(Hook::ProcessExec, Verdict::Attack) as usize, COUNTERS - 1);
}

#[test]
fn addresses_keep_network_order() {
    let v4: IpAddr = [10, 0, 3, 7].into();
    let address = Address::from(v4);
    assert_eq!(address.0[3].to_ne_bytes(), [10, 0, 3, 7]);
    assert_eq!(address.0[2].to_ne_bytes(), [0, 0, 0xff, 0xff]);
    assert_eq!(IpAddr::from(address), v4);

    let v6: IpAddr = "fd00:3::12:7".parse().unwrap();
    assert_eq!(Address::from(v6).0[0].to_ne_bytes(), [0xfd, 0, 0, 3]);
    assert_eq!(IpAddr::from(Address::from(v6)), v6);

    let mapped: IpAddr = "::ffff:10.0.3.7".parse().unwrap();
    assert_eq!(Address::from(mapped), address);
}

#[test]
fn kinds_of_addresses() {
    let of = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(of("::1"), Address::LOOPBACK_V6);
    assert_eq!(of("127.0.0.1"), Address::LOOPBACK_V4);
    for loopback in ["::1", "127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1"] {
        assert!(of(loopback).is_loopback(), "{loopback}");
    }
    for other in ["::", "::2", "10.0.0.1", "0.0.0.0", "1::1"] {
        assert!(!of(other).is_loopback(), "{other}");
    }
    assert!(of("::").is_any_v6());
    assert!(!of("0.0.0.0").is_any_v6());
    assert!(of("0.0.0.0").is_mapped() && !of("::1").is_mapped());
}

#[test]
fn a_key_begins_with_the_port() {
    let key = ProtectKey::new(Address::LOOPBACK_V4, 5432);
    assert_eq!(key.head.to_ne_bytes(), [0x15, 0x38, 0, 0]);
    assert_eq!(ProtectKey::any_port(key.address).head.to_ne_bytes(), [0, 0, 1, 0]);
}
