use super::*;

const PASSWORD: &str = "s3cret";
const NONCE: &[u8] = b"01234567890123456789\0";

fn login(plugin: &[u8], channel: Channel) -> (Login, BytesMut) {
    let secret = Secret::new(Zeroizing::new(PASSWORD.as_bytes().to_vec()));
    let mut login = Login::new("svc".into(), Some(secret), channel, Some(plugin), NONCE);
    let capabilities = Capabilities::PROTOCOL_41
        | Capabilities::SECURE_CONNECTION
        | Capabilities::PLUGIN_AUTH
        | Capabilities::TRANSACTIONS;
    let mut out = BytesMut::new();
    let request = Request::new(capabilities, 1 << 24, 45, b"of the client");
    login.begin(request, Sequence::at(1), &mut out).unwrap();
    (login, out)
}

/// What the login answers to a payload of the server's, without the packet's header.
fn answer(login: &mut Login, number: u8, payload: &[u8]) -> Result<Vec<u8>, LoginError> {
    let mut input = BytesMut::new();
    interdict_wire::mysql::write_payload(payload, &mut Sequence::at(number), &mut input).unwrap();
    let mut out = BytesMut::new();
    login.take(&mut input, &mut out)?;
    Ok(out.get(4..).unwrap_or_default().to_vec())
}

const PLAIN: Channel = Channel {
    tls: false,
    trusts_key: false,
};
const TLS: Channel = Channel {
    tls: true,
    trusts_key: false,
};

#[test]
fn the_login_is_the_services_own() {
    let (_, out) = login(CACHING_SHA2, PLAIN);
    let request = Request::parse(&out[4..]).unwrap();
    assert_eq!((request.user, request.plugin), (&b"svc"[..], Some(CACHING_SHA2)));
    assert_eq!(request.auth_data.len(), 32);
    // A plugin that is not known is answered with one that the server switches from.
    let (_, out) = login(b"parsec", PLAIN);
    let request = Request::parse(&out[4..]).unwrap();
    assert_eq!((request.plugin, request.auth_data.len()), (Some(NATIVE), 20));
}

#[test]
fn the_password_itself_goes_over_tls_or_under_a_key_that_is_trusted() {
    let full = [&[1][..], CACHING_SHA2_FULL].concat();
    let mut over_tls = login(CACHING_SHA2, TLS).0;
    assert_eq!(answer(&mut over_tls, 2, &full).unwrap(), b"s3cret\0");

    let mut plain = login(CACHING_SHA2, PLAIN).0;
    let error = answer(&mut plain, 2, &full).unwrap_err().to_string();
    assert!(
        error.contains("there is no TLS") && !error.contains(PASSWORD),
        "{error}"
    );

    let trusting = Channel {
        trusts_key: true,
        ..PLAIN
    };
    let mut keyed = login(CACHING_SHA2, trusting).0;
    assert_eq!(answer(&mut keyed, 2, &full).unwrap(), CACHING_SHA2_PUBLIC_KEY);
    let error = answer(&mut keyed, 4, b"\x01no key").unwrap_err().to_string();
    assert!(error.contains("public key"), "{error}");

    let clear = b"\xfemysql_clear_password\0";
    assert!(answer(&mut login(NATIVE, PLAIN).0, 2, clear).is_err());
    assert!(answer(&mut login(NATIVE, trusting).0, 2, clear).is_err());
    assert_eq!(answer(&mut login(NATIVE, TLS).0, 2, clear).unwrap(), b"s3cret\0");
    // Nor does a server get it that asks as if another plugin were in use.
    assert!(answer(&mut login(NATIVE, TLS).0, 2, &full).is_err());
}

#[test]
fn a_switch_is_followed_as_far_as_it_is_known() {
    for (switch, length) in [
        (&b"\xfemysql_native_password\0abcdefghijabcdefghij\0"[..], 20),
        (b"\xfecaching_sha2_password\0abcdefghijabcdefghij\0", 32),
        (b"\xfeclient_ed25519\0abcdefghijabcdefabcdefghijabcdef", 64),
    ] {
        let mut login = login(NATIVE, PLAIN).0;
        assert_eq!(answer(&mut login, 2, switch).unwrap().len(), length);
    }
    let error = answer(&mut login(NATIVE, TLS).0, 2, b"\xfeauth_gssapi_client\0x").unwrap_err();
    assert!(
        error.to_string().contains("logs in by auth_gssapi_client"),
        "{error}"
    );
    assert!(answer(&mut login(NATIVE, TLS).0, 2, b"\xfe").is_err());
}

#[test]
fn what_a_server_says_is_for_the_client_only_where_it_names_nobody() {
    for (code, credentials, shown) in [(1045, true, false), (1044, false, false), (1049, false, true)] {
        let mut input = BytesMut::new();
        let error = ErrPacket {
            code,
            state: Some(*b"28000"),
            message: b"no s3cret for 'svc'",
        };
        error.write(&mut Sequence::at(2), &mut input).unwrap();
        let failure = login(NATIVE, PLAIN)
            .0
            .take(&mut input, &mut BytesMut::new())
            .unwrap_err();
        assert_eq!(failure.is_about_credentials(), credentials);
        assert_eq!(
            failure.to_string(),
            format!("the service refused: no … for 'svc' (error {code})")
        );
        assert!(matches!(failure, LoginError::Refused { message, .. } if message.is_some() == shown));
    }
}
