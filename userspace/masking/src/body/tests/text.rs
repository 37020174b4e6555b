use super::*;

const SMALL: Limits = Limits {
    value: 100,
    depth: 8,
    line: 100,
    window: 64,
};

#[test]
fn finds_wherever_they_stand() {
    for before in 0..200 {
        let body = format!(
            "{} 852-41-7396 {}",
            "w ".repeat(before),
            "é ".repeat(200 - before)
        );
        let want = body.replace("852-41-7396", "[redacted]");
        let whole = in_pieces(&Kind::Text, &detecting(), SMALL, [body.as_bytes()]).unwrap();
        assert_eq!(String::from_utf8(whole.0).unwrap(), want, "{before}");
        let cut = in_pieces(&Kind::Text, &detecting(), SMALL, body.as_bytes().chunks(5)).unwrap();
        assert_eq!(String::from_utf8(cut.0).unwrap(), want, "{before}");
    }
}

#[test]
fn words_before_a_window_count() {
    for before in 0..70 {
        let body = format!(
            "{}ssn of him: 852417396 and so on{}",
            "w ".repeat(before),
            " w".repeat(70)
        );
        let (out, tally) = in_pieces(&Kind::Text, &detecting(), SMALL, [body.as_bytes()]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            body.replace("852417396", "[redacted]"),
            "{before}"
        );
        assert_eq!(tally.detected.get("us_ssn"), Some(&1));
    }
}

#[test]
fn long_runs_are_not_taken_for_finds() {
    let body = "8524173960".repeat(100);
    assert_eq!(
        masked(&Kind::Text, &detecting(), SMALL, body.as_bytes()).unwrap(),
        body
    );
}

#[test]
fn a_find_without_end_is_dropped_with_its_word() {
    let body = format!(
        "a https://example.org/{} b 852-41-7396 {}",
        "x".repeat(500),
        "w ".repeat(60)
    );
    let out = masked(&Kind::Text, &detecting(), SMALL, body.as_bytes()).unwrap();
    assert_eq!(out, format!("a [redacted] b [redacted] {}", "w ".repeat(60)));
}

#[test]
fn no_bytes_stop_the_window() {
    for byte in [0x80, 0xbf, 0xc3, 0xff, 0, b' '] {
        let body = [byte; 500];
        let (out, _) = in_pieces(&Kind::Text, &detecting(), SMALL, [&body[..]]).unwrap();
        assert_eq!(out, body);
    }
}

#[test]
fn everything_and_nothing() {
    assert_eq!(shown(&Kind::Text, &everything(), "anything"), "[redacted]");
    assert_eq!(shown(&Kind::Text, &everything(), ""), "");
    assert_eq!(
        shown(&Kind::Text, &masking(&[("$.x", Mask::Redact)]), "anything"),
        "anything"
    );
    let strange = b"\0\xff\xff 852-41-7396 \xfe";
    let (out, _) = in_pieces(&Kind::Text, &detecting(), Limits::default(), [&strange[..]]).unwrap();
    assert_eq!(out, b"\0\xff\xff [redacted] \xfe");
}
