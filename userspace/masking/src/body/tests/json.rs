use super::*;

const PATIENT: &str =
    r#"{"patient": {"ssn": "852-41-7396", "name":"Zo\u00eb", "age": 42, "ok": true, "none": null}}"#;

fn with(mask: Mask, selector: &str, body: &str) -> String {
    shown(&Kind::Json, &masking(&[(selector, mask)]), body)
}

#[test]
fn selectors_name_values() {
    for (selector, body, want) in [
        ("$.a", r#"{"a":"x","b":"x"}"#, r#"{"a":"[redacted]","b":"x"}"#),
        ("$.a", r#"{"b":{"a":"x"}}"#, r#"{"b":{"a":"x"}}"#),
        ("$.A", r#"{"a":"x"}"#, r#"{"a":"x"}"#),
        (
            "**.SSN",
            r#"{"b":[{"ssn":"x"}]}"#,
            r#"{"b":[{"ssn":"[redacted]"}]}"#,
        ),
        (
            "$.a.b",
            r#"{"a":[{"b":1},[{"b":2}]]}"#,
            r#"{"a":[{"b":0},[{"b":0}]]}"#,
        ),
        ("$.a[*].b", r#"{"a":{"b":1}}"#, r#"{"a":{"b":0}}"#),
        (
            "$.a",
            r#" [ {"a" : [ 1 , "x" ] } ] "#,
            r#" [ {"a" : [ 0 , "[redacted]" ] } ] "#,
        ),
        (
            "$.a",
            r#"{"a":{"k":"x","l":[true,null,-1.5e3]},"b":true}"#,
            r#"{"a":{"k":"[redacted]","l":[false,null,0]},"b":true}"#,
        ),
        (
            "$.*.x",
            r#"{"a":{"x":1,"y":1},"x":1}"#,
            r#"{"a":{"x":0,"y":1},"x":1}"#,
        ),
        (
            "$.Items[*].ssn.*",
            r#"{"Items":[{"ssn":{"S":"852-41-7396"},"n":{"N":"1"}}]}"#,
            r#"{"Items":[{"ssn":{"S":"[redacted]"},"n":{"N":"1"}}]}"#,
        ),
        ("$.ssn", r#"{"\u0073sn":"x"}"#, r#"{"\u0073sn":"[redacted]"}"#),
        (
            "$.ssn",
            r#"{"ssn":"x","ssn":"y"}"#,
            r#"{"ssn":"[redacted]","ssn":"[redacted]"}"#,
        ),
        ("$.é", r#"{"\u00e9":"x"}"#, r#"{"\u00e9":"[redacted]"}"#),
        (
            "$.a",
            r#"{"a":"\"\\x","b":"\ud83d\ude00 é"}"#,
            r#"{"a":"[redacted]","b":"\ud83d\ude00 é"}"#,
        ),
        (
            "$.a",
            r#"{"a":"","b":{},"c":[]}"#,
            r#"{"a":"[redacted]","b":{},"c":[]}"#,
        ),
    ] {
        assert_eq!(with(Mask::Redact, selector, body), want, "{selector} in {body}");
    }
}

#[test]
fn documents_in_strings_are_documents() {
    for (body, want) in [
        (
            r#"{"text": "{\"ssn\": \"12\", \"n\": 1}"}"#,
            r#"{"text": "{\"ssn\": \"[redacted]\", \"n\": 1}"}"#,
        ),
        (r#"["\n [{\"ssn\": 7}]"]"#, r#"["\n [{\"ssn\": 0}]"]"#),
        (
            r#"["{\"a\": \"{\\\"ssn\\\": 7}\"}"]"#,
            r#"["{\"a\": \"{\\\"ssn\\\": 0}\"}"]"#,
        ),
        (r#"["{\u0022ssn\u0022: 7}"]"#, r#"["{\"ssn\": 0}"]"#),
        // What is none, or names nothing, stays as it is.
        (
            r#"["{ssn: 7}", "[x]", "{\"a\":\u0020 7}", "plain"]"#,
            r#"["{ssn: 7}", "[x]", "{\"a\":\u0020 7}", "plain"]"#,
        ),
    ] {
        assert_eq!(with(Mask::Redact, "**.ssn", body), want, "{body}");
    }
}

#[test]
fn the_mask_declared_first_counts() {
    let plan = masking(&[
        ("**.ssn", last_four()),
        ("$.patient", Mask::Redact),
        ("$.patient.age", Mask::Null),
    ]);
    assert_eq!(
        shown(&Kind::Json, &plan, PATIENT),
        r#"{"patient": {"ssn": "*****7396", "name":"[redacted]", "age": 0, "ok": false, "none": null}}"#
    );
}

#[test]
fn masks_keep_types() {
    let dated = r#"{"a":["1951-03-29","1951-03-29T10:20:30.5+02:00","1951"]}"#;
    for (mask, body, want) in [
        (
            Mask::Null,
            r#"{"a":["x",1,true,null]}"#,
            r#"{"a":[null,null,null,null]}"#,
        ),
        (
            Mask::Fixed("true".into()),
            r#"{"a":["x",1,false]}"#,
            r#"{"a":["true",0,true]}"#,
        ),
        (
            Mask::Fixed("7".into()),
            r#"{"a":["x",1,1.5,false]}"#,
            r#"{"a":["7",7,7,false]}"#,
        ),
        (Mask::Fixed("\"\n".into()), r#"{"a":"x"}"#, r#"{"a":"\"\n"}"#),
        (
            last_four(),
            r#"{"a":["852-41-7396","\u0037396!",7396]}"#,
            r#"{"a":["*****7396","*****396!",0]}"#,
        ),
        (
            Mask::Generalise(crate::Generalise::AgeBand),
            r#"{"a":[42,"42",42.5]}"#,
            r#"{"a":[40,"40",0]}"#,
        ),
        (
            Mask::Generalise(crate::Generalise::Year),
            dated,
            r#"{"a":["1951-01-01","1951-01-01T00:00:00+02:00","[redacted]"]}"#,
        ),
        (
            fixtures::token(),
            r#"{"a":["852-41-7396",4711,4711.0,true]}"#,
            r#"{"a":["tok_orq4nn4hai7abtcu",1486487345,0,false]}"#,
        ),
    ] {
        assert_eq!(with(mask.clone(), "$.a", body), want, "{mask}");
    }
    let shifted = with(fixtures::shift(), "$.a", dated);
    assert!(
        shifted.contains("T10:20:30.5+02:00\"") && !shifted.contains("03-29\""),
        "{shifted}"
    );
}

#[test]
fn every_mask_leaves_json() {
    let body = r#"{"a":["852-41-7396","",12345,-0.5e-3,true,null,{"b":"x"},"1951-03-29"],"c":"kept"}"#;
    for mask in fixtures::every_mask() {
        let shown = with(mask.clone(), "$.a", body);
        let value: serde_json::Value =
            serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{mask}: {shown}: {error}"));
        assert_eq!(value["c"], "kept");
        assert!(!shown.contains("852-41-7396"), "{mask}: {shown}");
    }
}

#[test]
fn detectors_look_into_values_and_names() {
    for (body, want) in [
        (
            r#"{"ssn": "852-41-7396", "n": 1}"#,
            r#"{"ssn": "[redacted]", "n": 1}"#,
        ),
        // The name tells what a bare number is, also for elements of its list.
        (
            r#"{"ssn": ["852417396", 852417396]}"#,
            r#"{"ssn": ["[redacted]", "[redacted]"]}"#,
        ),
        (r#"{"specimen": 852417396}"#, r#"{"specimen": 852417396}"#),
        (r#"{"mrn":"74190263"}"#, r#"{"mrn":"[redacted]"}"#),
        (
            r#"{"mrn": 74190263 , "x":74190263}"#,
            r#"{"mrn": "[redacted]" , "x":74190263}"#,
        ),
        (r#"{"852-41-7396": []}"#, r#"{"[redacted]": []}"#),
        (
            r#"["a \u0038\u0035\u0032-41-7396 \"x\""]"#,
            r#"["a [redacted] \"x\""]"#,
        ),
        (r#""SSN:\n852-41-7396\t.""#, r#""SSN:\n[redacted]\t.""#),
        ("4111111111111111", r#""[redacted]""#),
        (r#"{"u":"https:\/\/example.org\/p\/7"}"#, r#"{"u":"[redacted]"}"#),
        (
            r#"{"n":{"note":"mail zoë@example.org now"}}"#,
            r#"{"n":{"note":"mail [redacted] now"}}"#,
        ),
    ] {
        assert_eq!(shown(&Kind::Json, &detecting(), body), want, "{body}");
    }
}

#[test]
fn what_is_counted() {
    let plan = both(&[("**.name", Mask::Redact)]);
    let body = br#"{"name": ["a", null], "x": "852-41-7396 852-41-7395", "852-41-7394": 1}"#;
    let (_, tally) = in_pieces(&Kind::Json, &plan, Limits::default(), [&body[..]]).unwrap();
    assert_eq!(tally.masked.get("**.name"), Some(&1));
    assert_eq!(tally.detected.get("us_ssn"), Some(&3));
    assert_eq!(tally.values, 4);
    assert!(!tally.is_clean());
}

#[test]
fn everything_is_redacted() {
    assert_eq!(
        shown(&Kind::Json, &everything(), PATIENT),
        r#"{"patient": {"ssn": "[redacted]", "name":"[redacted]", "age": 0, "ok": false, "none": null}}"#
    );
}

#[test]
fn what_is_no_json_is_refused() {
    for body in [
        "{",
        "[",
        "\"",
        "\"a",
        "[1,",
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "{} {}",
        "{}\n{}",
        "{}x",
        "NaN",
        "Infinity",
        "-",
        "-a",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x10",
        "tru",
        "truee",
        "True",
        "nul",
        "nulll",
        "// x\n1",
        "/* x */1",
        "[1 2]",
        "\"\u{1}\"",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ude00\"",
        "\u{feff}1",
        "]",
        "}",
        ",",
        ":",
        "{\"a\"::1}",
        "{\"a\":1 \"b\":2}",
        "\u{c}1",
        "\u{a0}1",
    ] {
        refused(&Kind::Json, &detecting(), body.as_bytes());
        assert!(serde_json::from_str::<serde_json::Value>(body).is_err(), "{body}");
    }
    for body in [
        &b"\"\xff\""[..],
        b"\"\xc3\"",
        b"\"\xc0\x80\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xe2\x82\\n\"",
        b"\xff",
    ] {
        refused(&Kind::Json, &detecting(), body);
        refused(&Kind::Json, &masking(&[("$.x", Mask::Redact)]), body);
    }
}

#[test]
fn what_is_json_passes() {
    let plan = both(&[("$.nobody", Mask::Redact)]);
    for body in [
        "",
        " ",
        "0",
        "-0.0e-0",
        " [ ] ",
        "{}",
        "[[],{}]",
        "\"\"",
        "\"\\ud83d\\ude00\\/\\b\"",
        "{\"\":{\"\":1}}",
        "{\"a\":1,\"a\":1.10,\"b\":1E5,\"c\":123456789012345678901234567890}",
        "\t[\r\n1 ,\n2]\n\n",
    ] {
        assert_eq!(shown(&Kind::Json, &plan, body), body);
    }
}

#[test]
fn depth_is_bounded() {
    let limits = Limits {
        depth: 3,
        ..Limits::default()
    };
    assert!(masked(&Kind::Json, &detecting(), limits, b"[[[1]]]").is_ok());
    assert!(masked(&Kind::Json, &detecting(), limits, b"[[{\"a\":[1]}]]").is_err());
}

#[test]
fn long_strings_are_not_held() {
    let limits = Limits {
        value: 100,
        window: 200,
        ..Limits::default()
    };
    let long = |length| "word \\u00e9 ".repeat(length);
    for before in (0..40).chain([500, 517, 1000]) {
        let body = format!(
            r#"{{"x":"{}{} 852-41-7396 {}"}}"#,
            long(before / 11),
            "w".repeat(before % 11),
            long(40)
        );
        let want = body.replace("852-41-7396", "[redacted]");
        let (out, _) = in_pieces(&Kind::Json, &detecting(), limits, [body.as_bytes()]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), want);
        let (out, _) = in_pieces(&Kind::Json, &detecting(), limits, body.as_bytes().chunks(7)).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
    let body = format!(r#"{{"x":"{}","y":1}}"#, long(100));
    for (mask, want) in [
        (last_four(), r#"{"x":"[redacted]","y":1}"#),
        (Mask::Redact, r#"{"x":"[redacted]","y":1}"#),
        (Mask::Null, r#"{"x":null,"y":1}"#),
    ] {
        let plan = masking(&[("$.x", mask)]);
        assert_eq!(masked(&Kind::Json, &plan, limits, body.as_bytes()).unwrap(), want);
    }
    let plan = masking(&[("$.y", last_four())]);
    assert_eq!(
        masked(&Kind::Json, &plan, limits, body.as_bytes()).unwrap(),
        body.replace(":1}", ":0}")
    );
    let name = format!("{{\"{}\":1}}", "n".repeat(101));
    assert!(masked(&Kind::Json, &plan, limits, name.as_bytes()).is_err());
    assert!(masked(&Kind::Json, &plan, limits, "1".repeat(101).as_bytes()).is_err());
}

#[test]
fn the_word_beside_a_long_string_still_counts() {
    let limits = Limits {
        value: 20,
        window: 64,
        ..Limits::default()
    };
    let body = format!(r#"{{"ssn":"852417396{}"}}"#, " x".repeat(100));
    let out = masked(&Kind::Json, &detecting(), limits, body.as_bytes()).unwrap();
    assert_eq!(out, body.replace("852417396", "[redacted]"));
}

#[test]
fn lines_of_documents() {
    let plan = both(&[("$.a", Mask::Redact)]);
    let body = "{\"a\":1}\n\n{\"a\":2,\"b\":\"852-41-7396\"}\r\n[\n\"x\"]\n7";
    assert_eq!(
        shown(&Kind::NdJson, &plan, body),
        "{\"a\":0}\n\n{\"a\":0,\"b\":\"[redacted]\"}\r\n[\n\"x\"]\n7"
    );
    assert_eq!(
        shown(&Kind::NdJson, &plan, "\u{1e}{\"a\":1}\n\u{1e}{\"a\":1}\n"),
        "\u{1e}{\"a\":0}\n\u{1e}{\"a\":0}\n"
    );
    refused(&Kind::NdJson, &plan, b"{} {}");
    refused(&Kind::NdJson, &plan, b"{}\n{");
    // A line goes on as it ends.
    let mut body = Body::new(Kind::NdJson, plan, Limits::default());
    let (mut out, mut tally) = (BytesMut::new(), Tally::default());
    body.push(b"{\"a\":1}\n{\"a\"", &mut out, &mut tally).unwrap();
    assert_eq!(&out[..], b"{\"a\":0}\n{\"a\"");
}
