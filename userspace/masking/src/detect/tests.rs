//! What is found and what is not.

use std::{fmt::Write as _, sync::LazyLock};

use proptest::prelude::*;

use super::*;

mod speed;
mod tables;

/// All detectors, with this mask.
pub(crate) fn all(mask: &Mask) -> Detection {
    let detectors: Vec<_> = Detector::ALL
        .iter()
        .map(|detector| ((*detector).into(), mask.clone()))
        .collect();
    Detection::new(&detectors).unwrap()
}

/// All detectors, with redact.
pub(crate) static ALL: LazyLock<Detection> = LazyLock::new(|| all(&Mask::Redact));

static USUAL: LazyLock<Detection> = LazyLock::new(|| Detection::new(&usual()).unwrap());

/// The detectors that a policy for clinical data would name.
pub(super) fn usual() -> Vec<(DetectorSpec, Mask)> {
    [
        Detector::UsSsn,
        Detector::Email,
        Detector::Phone,
        Detector::CreditCard,
        Detector::Mrn,
    ]
    .map(|detector| (detector.into(), Mask::Redact))
    .to_vec()
}

fn one(detector: Detector) -> Detection {
    Detection::new(&[(detector.into(), Mask::Redact)]).unwrap()
}

fn redacted(detection: &Detection, text: &str) -> Option<String> {
    let mut out = BytesMut::new();
    detection
        .redact(text.as_bytes(), &mut out, |_| {})
        .then(|| String::from_utf8(out.to_vec()).unwrap())
}

#[test]
fn masks_of_hits() {
    let with = |mask: Mask| Detection::new(&[(Detector::UsSsn.into(), mask)]).unwrap();
    let text = "a 852-41-7396 b";
    for (mask, want) in [
        (Mask::Redact, "a [redacted] b"),
        (Mask::Null, "a [redacted] b"),
        (
            Mask::Partial {
                keep_first: 0,
                keep_last: 4,
            },
            "a *****7396 b",
        ),
        (Mask::Fixed("?".to_owned()), "a ? b"),
    ] {
        assert_eq!(redacted(&with(mask), text).unwrap(), want);
    }
    let dates =
        Detection::new(&[(Detector::Date.into(), Mask::Generalise(crate::Generalise::Year))]).unwrap();
    assert_eq!(
        redacted(&dates, "born 1951-03-29, or 3/29/1951").unwrap(),
        "born 1951-01-01, or [redacted]"
    );
}

#[test]
fn several_hits_and_their_names() {
    let detection = Detection::new(&usual()).unwrap();
    let mut out = BytesMut::new();
    let mut names = String::new();
    let text = b"zq@example.org, 852-41-7396 and 873-52-9164; call (907) 555-0162";
    assert!(detection.redact(text, &mut out, |name| write!(names, "{name} ").unwrap()));
    assert_eq!(
        &out[..],
        b"[redacted], [redacted] and [redacted]; call [redacted]"
    );
    assert_eq!(names, "email us_ssn us_ssn phone ");
    assert!(!detection.is_empty() && Detection::new(&[]).unwrap().is_empty());
    assert_eq!(redacted(&Detection::default(), "852-41-7396"), None);
}

#[test]
fn overlapping_hits_are_covered_whole() {
    let custom = |name: &str, pattern: &str| {
        DetectorSpec::Custom(Pattern {
            name: name.to_owned(),
            pattern: pattern.to_owned(),
        })
    };
    let second = Mask::Fixed("?".to_owned());
    let detection = Detection::new(&[
        (custom("first", "abc"), Mask::Redact),
        (custom("second", "bcd|ef"), second),
    ])
    .unwrap();
    assert_eq!(redacted(&detection, "-abcdef-").unwrap(), "-[redacted]?-");
    let mut names = String::new();
    detection.redact(b"-abcdef-", &mut BytesMut::new(), |name| names.push_str(name));
    assert_eq!(names, "firstsecond");
}

#[test]
fn custom_patterns() {
    let plan = Pattern {
        name: "health_plan".to_owned(),
        pattern: r"\bHP-\d{6}\b".to_owned(),
    };
    let detection = Detection::new(&[(DetectorSpec::Custom(plan), Mask::Redact)]).unwrap();
    assert_eq!(
        redacted(&detection, "plan HP-123456.").unwrap(),
        "plan [redacted]."
    );
    assert_eq!(redacted(&detection, "plan HP-1234567."), None);
    let detection = |pattern: &str| {
        let spec = DetectorSpec::Custom(Pattern {
            name: "mine".to_owned(),
            pattern: pattern.to_owned(),
        });
        Detection::new(&[(spec, Mask::Redact)]).unwrap()
    };
    // The whole match, however long, and none of what comes after.
    for (pattern, text, want) in [
        (
            "HP-[0-9]+",
            "plan HP-123456, HP-7.",
            "plan [redacted], [redacted].",
        ),
        (
            "[0-9]{4}(?:-[0-9]{4})?",
            "1234-5678 1234-567",
            "[redacted] [redacted]-567",
        ),
        ("a|ab", "ab", "[redacted]b"),
        ("ab|a", "ab", "[redacted]"),
        ("x.*", "ax b\nc", "a[redacted]\nc"),
    ] {
        assert_eq!(redacted(&detection(pattern), text).unwrap(), want, "{pattern}");
    }
    for length in [500, 508, 509, 510, 513, 514, 600, 5000] {
        let text = format!("plan HP-{} and on", "7".repeat(length));
        assert_eq!(
            redacted(&detection("HP-[0-9]+"), &text).unwrap(),
            "plan [redacted] and on",
            "{length}"
        );
    }
    // Of the second alternative a match is found at every byte, and the first goes on to the end in vain.
    let text = "a".repeat(200_000);
    let start = std::time::Instant::now();
    assert_eq!(detection("a.*b|a").find(text.as_bytes()).len(), 200_000);
    assert!(start.elapsed() < std::time::Duration::from_secs(30));
    let bad = |pattern: &str| {
        let spec = DetectorSpec::Custom(Pattern {
            name: "mine".to_owned(),
            pattern: pattern.to_owned(),
        });
        Detection::new(&[(spec, Mask::Redact)]).unwrap_err().to_string()
    };
    assert!(
        bad("(").contains("`mine`") && bad("(").contains("unclosed group"),
        "{}",
        bad("(")
    );
    assert!(bad("x*").contains("empty text"));
    assert!(bad(r"(?:\w{1000}){1000}").contains("`mine`"));
}

#[test]
fn without_its_key_a_mask_redacts() {
    let unbound = Mask::Token(crate::Token::new("k"));
    let mut out = BytesMut::new();
    let detection = Detection::new(&[(Detector::Email.into(), unbound)]).unwrap();
    assert!(detection.redact(b"to zq@example.org", &mut out, |_| {}));
    assert_eq!(&out[..], b"to [redacted]");
}

#[test]
fn specs_in_yaml() {
    let specs: Vec<DetectorSpec> =
        serde_saphyr::from_str("[us_ssn, email, { name: health_plan, pattern: 'HP-\\d{6}' }]").unwrap();
    assert_eq!(
        specs.iter().map(DetectorSpec::name).collect::<Vec<_>>(),
        ["us_ssn", "email", "health_plan"]
    );
    for (text, hint) in [
        ("[us_sn]", "us_ssn"),
        ("[{ name: x }]", "pattern"),
        ("[{ name: x, pattern: y, z: 1 }]", "z"),
    ] {
        let error = serde_saphyr::from_str::<Vec<DetectorSpec>>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(hint), "{text}: {error}");
    }
    for detector in Detector::ALL {
        assert_eq!(detector.as_str().parse(), Ok(*detector));
        assert_eq!(serde_json::to_value(detector).unwrap(), detector.as_str());
    }
}

#[test]
fn long_and_hostile_texts_take_linear_time() {
    let detection = &*ALL;
    for unit in [
        "1",
        "a",
        "a@",
        "12:",
        "ab12",
        "1-",
        "1 ",
        "A1",
        "mrn ",
        "http://",
        ".",
        "192.168.",
        "é",
        "+1 ",
        "acct-no-1a-",
        "(01)0",
        "(21)",
        "member id ",
        "sn:1",
        "plate no A",
        "imei 1",
    ] {
        let text = unit.repeat(200_000 / unit.len());
        let start = std::time::Instant::now();
        let _ = redacted(detection, &text);
        let took = start.elapsed();
        assert!(took.as_secs() < 10, "{unit:?} took {took:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_and_never_worse_utf8(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut out = BytesMut::new();
        let found = ALL.redact(&text, &mut out, |_| {});
        prop_assert!(found || out.is_empty());
        if found && std::str::from_utf8(&text).is_ok() {
            prop_assert!(std::str::from_utf8(&out).is_ok());
        }
    }

    #[test]
    fn an_ssn_is_found_in_any_text(before in "[^0-9]{0,60}", area in 1_u32..900, group in 1_u32..100, serial in 1_u32..10_000, after in "[^0-9]{0,60}") {
        prop_assume!(area != 666);
        let ssn = format!("{area:03}-{group:02}-{serial:04}");
        let shown = redacted(&USUAL, &format!("{before}{ssn}{after}"));
        prop_assert!(shown.is_some_and(|shown| !shown.contains(&ssn)));
    }

    #[test]
    fn what_was_redacted_stays_clean(text in "[ -~]{0,80}", hit in prop::sample::select(vec!["852-41-7396", "zq@example.org", "(907) 555-0162", "4111111111111111", "MRN-74190263"])) {
        let shown = redacted(&USUAL, &format!("{text} {hit} {text}"));
        prop_assert!(shown.is_some_and(|shown| !shown.contains(hit)));
    }
}
