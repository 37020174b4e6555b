use proptest::prelude::*;

use super::*;

fn destination(text: &str, prefix: u8) -> Destination {
    Destination {
        address: text.parse().unwrap(),
        prefix,
        port: 5432,
        service: 1,
        fail_open: false,
    }
}

#[test]
fn an_ipv4_prefix_counts_behind_the_mapping() {
    let (prefix, key) = key(&destination("10.0.3.7", 24)).unwrap();
    assert_eq!(prefix, 32 + 96 + 24);
    assert_eq!(IpAddr::from(key.address), "10.0.3.0".parse::<IpAddr>().unwrap());
    let mapped = super::key(&destination("::ffff:10.0.3.9", 96 + 24)).unwrap();
    assert_eq!(mapped, (prefix, key));
}

#[test]
fn the_whole_of_ipv4_and_of_everything() {
    assert_eq!(key(&destination("0.0.0.0", 0)).unwrap().0, 32 + 96);
    let (prefix, key) = key(&destination("fd00::1", 0)).unwrap();
    assert_eq!((prefix, key.address), (32, Address::default()));
}

#[test]
fn impossible_destinations() {
    assert!(key(&destination("10.0.0.1", 33)).is_err());
    assert!(key(&destination("fd00::1", 129)).is_err());
    assert!(key(&destination("0.0.0.0", 32)).is_err());
    assert!(key(&destination("::", 128)).is_err());
    assert!(
        key(&Destination {
            port: 0,
            ..destination("10.0.0.1", 32)
        })
        .is_err()
    );
}

#[test]
fn the_first_of_two_equal_destinations_counts() {
    let second = Destination {
        service: 2,
        ..destination("10.0.3.8", 24)
    };
    let table = table(&[destination("10.0.3.7", 24), second]).unwrap();
    assert_eq!(
        table.into_values().map(|value| value.service).collect::<Vec<_>>(),
        [1, 1],
        "its port, and any port of it"
    );
}

proptest! {
    /// The key's address is the address with everything behind the prefix cleared, bit by bit.
    #[test]
    fn bits_behind_the_prefix_are_cleared(bits: u128, prefix in 0_u8..=128) {
        let address = std::net::Ipv6Addr::from_bits(bits);
        prop_assume!(!(prefix == 128 && address.to_canonical().is_unspecified()));
        let (_, key) = key(&Destination { address: address.into(), prefix, port: 1, service: 0, fail_open: false }).unwrap();
        let expected = if prefix == 0 { 0 } else { bits & (u128::MAX << (128 - u32::from(prefix))) };
        let found = key.address.0.iter().fold(0, |all, word| all << 32 | u128::from(u32::from_be(*word)));
        prop_assert_eq!(found, expected);
    }
}
