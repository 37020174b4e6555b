use super::*;

fn yaml(text: &str) -> Result<Mask, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

fn key() -> TokenKey {
    TokenKey::new(b"a key of the test, 32 bytes long").unwrap()
}

#[derive(Debug, serde::Deserialize)]
struct Rule {
    #[expect(dead_code, reason = "only read")]
    with: Mask,
}

#[test]
fn forms_and_names() {
    for (text, mask, name) in [
        ("redact", Mask::Redact, "redact"),
        ("null", Mask::Null, "null"),
        ("\"null\"", Mask::Null, "null"),
        ("~", Mask::Null, "null"),
        (
            "{ partial: { keep_last: 4 } }",
            Mask::Partial {
                keep_first: 0,
                keep_last: 4,
            },
            "partial(keep_last=4)",
        ),
        (
            "partial: { keep_first: 3 }",
            Mask::Partial {
                keep_first: 3,
                keep_last: 0,
            },
            "partial(keep_first=3)",
        ),
        (
            "partial: { keep_first: 3, keep_last: 4 }",
            Mask::Partial {
                keep_first: 3,
                keep_last: 4,
            },
            "partial(keep_first=3, keep_last=4)",
        ),
        ("{ fixed: \"x\" }", Mask::Fixed("x".to_owned()), "fixed"),
        (
            "{ token: { key: patients } }",
            Mask::Token(Token::new("patients")),
            "token(key=patients)",
        ),
        (
            "{ token: { key: patients, format: opaque } }",
            Mask::Token(Token::new("patients")),
            "token(key=patients)",
        ),
        (
            "{ token: { key: patients, format: preserve } }",
            Mask::Token(Token::with_format("patients", TokenFormat::Preserve)),
            "token(key=patients, format=preserve)",
        ),
        (
            "{ generalise: age_band }",
            Mask::Generalise(Generalise::AgeBand),
            "generalise(age_band)",
        ),
        (
            "{ shift-date: { days: 30, key: k } }",
            Mask::ShiftDate(ShiftDate::new(30.try_into().unwrap(), "k")),
            "shift-date(days=30, key=k)",
        ),
    ] {
        assert_eq!(yaml(text).as_ref(), Ok(&mask), "{text}");
        assert_eq!(mask.to_string(), name);
        let json = serde_json::to_string(&mask).unwrap();
        assert_eq!(serde_json::from_str::<Mask>(&json).unwrap(), mask, "{json}");
    }
}

#[test]
fn refusals_say_what_is_expected() {
    for (text, hint) in [
        ("redacted", "redact, null"),
        ("partial", "needs its settings"),
        ("{ partial: { keep_lst: 4 } }", "keep_lst"),
        ("{ partial: { keep_last: -1 } }", ""),
        ("{ generalise: century }", "century"),
        ("{ shift-date: { days: 0, key: k } }", ""),
        ("{ token: {} }", "key"),
        ("{ fixed: \"a\\0\" }", "zero byte"),
        ("{ hash: x }", "hash"),
        ("4", "redact, null"),
        ("[redact]", "redact, null"),
    ] {
        let error = yaml(text).unwrap_err();
        assert!(error.contains(hint), "{text}: {error}");
        // Where it is in a policy: with its line.
        let rules = format!("- with: redact\n- with: {text}\n");
        let error = serde_saphyr::from_str::<Vec<Rule>>(&rules).unwrap_err();
        assert_eq!(
            error.location().map(|place| place.line()),
            Some(2),
            "{text}: {error}"
        );
    }
}

#[test]
fn the_schema_takes_every_form() {
    let schema = serde_json::to_value(schemars::schema_for!(Mask)).unwrap();
    let text = schema.to_string();
    for name in [
        "redact",
        "null",
        "partial",
        "fixed",
        "token",
        "generalise",
        "shift-date",
        "keep_last",
        "age_band",
    ] {
        assert!(
            text.contains(&format!("\"{name}\"")),
            "{name} is not in {schema:#}"
        );
    }
}

#[test]
fn keys_are_bound_once() {
    let keys: Keys = [("k".to_owned(), key())].into_iter().collect();
    let mask = Mask::Token(Token::new("k"));
    assert_eq!(mask.unbound_key(), Some("k"));
    assert_eq!(mask.bind(&keys).unwrap().unbound_key(), None);
    let shift = Mask::ShiftDate(ShiftDate::new(1.try_into().unwrap(), "other"));
    let missing = MaskError::UnknownKey {
        name: "other".to_owned(),
    };
    assert_eq!(shift.bind(&keys).unwrap_err(), missing);
    assert_eq!(Mask::Redact.bind(&Keys::new()), Ok(Mask::Redact));
    assert_eq!(
        TokenKey::new(b"short").unwrap_err(),
        MaskError::ShortKey { bytes: 5 }
    );
    assert!(
        !format!("{:?} {keys:?}", Mask::Token(Token::new("k")).bind(&keys)).contains("a key of the test")
    );
}

#[test]
fn shifts_are_within_bounds_and_never_nothing() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0_u8..200 {
        let key = TokenKey::new(&[seed; 32]).unwrap();
        seen.insert(ShiftDate::offset_from(&key, 3.try_into().unwrap()));
        let far = ShiftDate::offset_from(&key, NonZeroU16::MAX);
        assert!(far != 0 && far.abs() <= 65_535);
        assert_eq!(ShiftDate::offset_from(&key, NonZeroU16::MAX), far);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-3, -2, -1, 1, 2, 3]);
}
