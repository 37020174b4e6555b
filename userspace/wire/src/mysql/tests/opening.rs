//! The opening by hand: what the captures do not have.

use bytes::BytesMut;

use super::{invalid, payload};
use crate::WireError;
use crate::mysql::opening::{
    Attributes, Authentication, CACHING_SHA2_FULL, Flavour, Greeting, Login, Opening, SslRequest,
    write_attributes,
};
use crate::mysql::response::ErrPacket;
use crate::mysql::{Capabilities, Header, Sequence};

const MYSQL: &str = include_str!("captures/mysql_full.txt");

const MARIADB: &str = include_str!("captures/mariadb_full.txt");

/// The first packet of a side in a capture.
fn first(capture: &str, side: char) -> Vec<u8> {
    let line = capture
        .lines()
        .find_map(|line| line.strip_prefix(side))
        .unwrap()
        .trim();
    let bytes: Vec<u8> = (0..line.len() / 2)
        .map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    bytes[Header::SIZE..].to_vec()
}

#[test]
fn greetings_are_read_and_their_capabilities_replaced() {
    for (capture, flavour, extended) in [(MYSQL, Flavour::MySql, false), (MARIADB, Flavour::MariaDb, true)] {
        let bytes = first(capture, '<');
        let greeting = Greeting::parse(&bytes).unwrap();
        assert_eq!(greeting.flavour(), flavour);
        assert_eq!(greeting.capabilities.extended(), extended);
        assert_eq!(
            greeting.capabilities.has(Capabilities::MARIADB_CACHE_METADATA),
            extended
        );
        assert!(greeting.capabilities.has(Capabilities::COMPRESS));
        assert!(
            greeting
                .version()
                .starts_with(if extended { b"10.11." } else { b"9.7.4" })
        );
        assert_eq!(greeting.scramble().map(<[u8]>::len), [8, 13]);

        // Nothing changes if nothing is to change.
        let same = payload(|sequence, out| greeting.write_with(greeting.capabilities, sequence, out));
        assert_eq!(same, bytes);
        let gone = Capabilities::COMPRESS
            | Capabilities::SSL
            | Capabilities::LOCAL_FILES
            | Capabilities::QUERY_ATTRIBUTES
            | Capabilities::DEPRECATE_EOF
            | Capabilities::MARIADB_STMT_BULK_OPERATIONS;
        let less =
            payload(|sequence, out| greeting.write_with(greeting.capabilities.without(gone), sequence, out));
        let read = Greeting::parse(&less).unwrap();
        assert_eq!(read.capabilities, greeting.capabilities.without(gone));
        // Of what both offer, some share a byte; this MariaDB had no TLS, and MySQL no bulk operations.
        let changed = bytes.iter().zip(&less).filter(|(old, new)| old != new).count();
        assert_eq!(changed, 3);
        // What says how the greeting itself is read stays.
        let none = payload(|sequence, out| greeting.write_with(Capabilities::NONE, sequence, out));
        let read = Greeting::parse(&none).unwrap();
        assert_eq!(
            (read.plugin, read.scramble()),
            (greeting.plugin, greeting.scramble())
        );
        assert_eq!(read.capabilities.extended(), extended);
    }
}

#[test]
fn greetings_of_other_protocols_are_refused() {
    let mut bytes = first(MYSQL, '<');
    bytes[0] = 9;
    invalid(Greeting::parse(&bytes), "protocol version");
    // What a server says that takes no more connections.
    let error = ErrPacket::parse(b"\xff\x10\x04Too many connections").unwrap();
    assert_eq!(
        (error.code, error.state, error.message),
        (1040, None, &b"Too many connections"[..])
    );
}

fn login(capabilities: Capabilities) -> Login<'static> {
    Login {
        auth_data: b"secret",
        ..Login::new(capabilities | Capabilities::PROTOCOL_41, 1 << 24, 45, b"ann")
    }
}

#[test]
fn logins_are_read_in_all_three_forms_of_authentication_data() {
    let lenenc = Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA;
    let secure = Capabilities::SECURE_CONNECTION;
    for (capabilities, form) in [
        (Capabilities::LONG_PASSWORD, &b"ann\0secret\0"[..]),
        (Capabilities::LONG_PASSWORD | secure, b"ann\0\x06secret"),
        (Capabilities::LONG_PASSWORD | secure | lenenc, b"ann\0\x06secret"),
    ] {
        let login = login(capabilities);
        let bytes = payload(|sequence, out| login.write(sequence, out));
        assert_eq!(&bytes[32..], form);
        assert_eq!(Opening::parse(&bytes), Ok(Opening::Login(login)));
    }
    let long = [b'x'; 300];
    let long = Login {
        auth_data: &long,
        ..login(lenenc)
    };
    let bytes = payload(|sequence, out| long.write(sequence, out));
    assert_eq!(Login::parse(&bytes), Ok(long));
    let mut out = BytesMut::new();
    let short = Login {
        capabilities: secure | Capabilities::PROTOCOL_41,
        ..long
    };
    assert!(matches!(
        short.write(&mut Sequence::default(), &mut out),
        Err(WireError::TooLarge { .. })
    ));
    assert!(out.is_empty());
}

#[test]
fn fields_of_a_login_set_their_capabilities() {
    let attributes = write_attributes([(&b"_pid"[..], &b"7"[..]), (b"program_name", b"app")]);
    let full = Login {
        database: Some(b"shop"),
        plugin: Some(b"caching_sha2_password"),
        attributes: Some(Attributes::parse(&attributes).unwrap()),
        zstd_level: Some(3),
        ..login(Capabilities::SECURE_CONNECTION)
    };
    let bytes = payload(|sequence, out| full.write(sequence, out));
    let read = Login::parse(&bytes).unwrap();
    let flags = Capabilities::CONNECT_WITH_DB
        | Capabilities::PLUGIN_AUTH
        | Capabilities::CONNECT_ATTRS
        | Capabilities::ZSTD_COMPRESSION_ALGORITHM;
    assert_eq!(read.capabilities, full.capabilities | flags);
    assert_eq!(read.database, Some(&b"shop"[..]));
    assert_eq!(read.attributes.unwrap().get(b"program_name"), Some(&b"app"[..]));
    assert_eq!(read.zstd_level, Some(3));
    let less = Login {
        database: None,
        attributes: None,
        zstd_level: None,
        user: b"service",
        auth_data: b"other",
        ..read
    };
    let bytes = payload(|sequence, out| less.write(sequence, out));
    let read = Login::parse(&bytes).unwrap();
    assert_eq!(read.capabilities & flags, Capabilities::PLUGIN_AUTH);
    assert_eq!((read.user, read.auth_data), (&b"service"[..], &b"other"[..]));
    assert!(!format!("{read:?}").contains("service"));
}

#[test]
fn the_upper_capabilities_count_for_mariadb_only() {
    let upper = Capabilities::MARIADB_CACHE_METADATA;
    for (lower, expected) in [
        (Capabilities::NONE, upper),
        (Capabilities::LONG_PASSWORD, Capabilities::NONE),
    ] {
        let mut bytes = payload(|sequence, out| login(lower).write(sequence, out));
        bytes[28..32].copy_from_slice(&upper.upper().to_le_bytes());
        let read = Login::parse(&bytes).unwrap();
        assert_eq!(read.capabilities & upper, expected);
        // And they are kept as they came.
        assert_eq!(payload(|sequence, out| read.write(sequence, out)), bytes);
    }
}

#[test]
fn requests_for_tls_and_old_clients_are_told_apart() {
    let request = SslRequest::new(Capabilities::PROTOCOL_41, 1 << 24, 45);
    let bytes = payload(|sequence, out| request.write(sequence, out));
    assert_eq!(bytes.len(), 32);
    assert_eq!(Opening::parse(&bytes), Ok(Opening::Ssl(request)));
    invalid(
        Opening::parse(b"\x05\0\0\0\0ann\0"),
        "capability flags (a client of before MySQL 4.1)",
    );
    assert!(Opening::parse(b"\x05").is_err());
}

#[test]
fn authentication_is_read_step_by_step() {
    let capabilities = Capabilities::PROTOCOL_41;
    for bytes in [
        &b"\xfecaching_sha2_password\0abcdefgh12345678abcd\0"[..],
        b"\xfe",
        b"\x01\x03",
        b"\x01\x04",
        b"\x01-----BEGIN PUBLIC KEY-----",
        b"\x02authentication_webauthn\0data",
        b"\0\0\0\x02\0\0\0",
        b"\xff\x15\x04#28000Access denied",
    ] {
        let step = Authentication::parse(bytes, capabilities).unwrap();
        assert_eq!(
            payload(|sequence, out| step.write(capabilities, sequence, out)),
            bytes
        );
    }
    assert_eq!(
        Authentication::parse(b"\x01\x04", capabilities),
        Ok(Authentication::MoreData(CACHING_SHA2_FULL))
    );
    assert!(matches!(
        Authentication::parse(b"\x03", capabilities),
        Err(WireError::UnknownTag { tag: 3, .. })
    ));
    assert!(Authentication::parse(b"", capabilities).is_err());
}

/// Servers that name no plugin tell no length of the challenge either: its second part has 13 bytes.
#[test]
fn a_greeting_without_a_plugin_has_a_challenge_of_20_bytes() {
    let bytes = b"\x0a5.5.5-10.0.1-MariaDB\0\x07\0\0\0abcdefgh\0\xff\xf7\x08\x02\0\x07\x80\0\0\0\0\0\0\0\x04\0\0\0ijklmnopqrst\0";
    let greeting = Greeting::parse(bytes).unwrap();
    assert_eq!(greeting.scramble(), [&b"abcdefgh"[..], b"ijklmnopqrst\0"]);
    assert_eq!((greeting.plugin, greeting.connection), (None, 7));
    assert_eq!(
        (greeting.flavour(), greeting.version()),
        (Flavour::MariaDb, &b"10.0.1-MariaDB"[..])
    );
    // The bytes where MariaDB has its capabilities are nobody's if LONG_PASSWORD is set.
    assert!(
        !greeting
            .capabilities
            .has(Capabilities::MARIADB_STMT_BULK_OPERATIONS)
    );
    assert!(Greeting::parse(&bytes[..bytes.len() - 1]).is_err());
}
