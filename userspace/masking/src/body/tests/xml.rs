use super::*;

#[test]
fn text_between_markup() {
    for (body, want) in [
        ("<p>852-41-7396</p>", "<p>[redacted]</p>"),
        ("<ssn>852417396</ssn>", "<ssn>[redacted]</ssn>"),
        (
            "<p id=\"1\" title='852-41-7396'/>",
            "<p id=\"1\" title='[redacted]'/>",
        ),
        ("<p title=852-41-7396>x</p>", "<p title=redacted>x</p>"),
        (
            "<td>SSN</td><td>852-41-7396</td>",
            "<td>SSN</td><td>[redacted]</td>",
        ),
        ("<td>7</td><td>852-41-7396</td>", "<td>7</td><td>[redacted]</td>"),
        ("<p>852-<b>41</b>-7396</p>", "<p>[redacted]<b></b></p>"),
        ("<td>852</td><td>-41-7396</td>", "<td>852</td><td>-41-7396</td>"),
        (
            "<p>&#56;&#x35;2-41-7396 &amp; co</p>",
            "<p>[redacted] &amp; co</p>",
        ),
        ("<p>zq&#64;example.org</p>", "<p>[redacted]</p>"),
        (
            "<!-- 852-41-7396 --><![CDATA[852-41-7396]]>",
            "<!-- [redacted] --><![CDATA[[redacted]]]>",
        ),
        (
            "<script>var a='852-41-7396'; if (a<b) {}</script>",
            "<script>var a='[redacted]'; if (a<b) {}</script>",
        ),
        ("a < b 852-41-7396 <", "a < b [redacted] <"),
        ("x <y 852-41-7396 and", "x <y redacted and"),
        (
            "<?xml version=\"1.0\"?>\n<!DOCTYPE html>\n<a/>",
            "<?xml version=\"1.0\"?>\n<!DOCTYPE html>\n<a/>",
        ),
        ("&&amp;<p>&unknown; &nbsp;</p>", "&&amp;<p>&unknown; &nbsp;</p>"),
    ] {
        assert_eq!(shown(&Kind::Xml, &detecting(), body), want, "{body}");
    }
}

#[test]
fn replacements_are_text() {
    let detectors = [(Detector::UsSsn.into(), Mask::Fixed("<a \"b\"&".into()))];
    let plan = Arc::new(
        BodyPlan::builder()
            .detect(Arc::new(Detection::new(&detectors).unwrap()))
            .build(),
    );
    assert_eq!(
        shown(&Kind::Xml, &plan, "<p a=\"852-41-7396\">852-41-7396</p>"),
        "<p a=\"&lt;a &quot;b&quot;&amp;\">&lt;a &quot;b&quot;&amp;</p>"
    );
}

#[test]
fn finds_wherever_they_stand() {
    let limits = Limits {
        window: 1024,
        ..Limits::default()
    };
    for before in (0..1400).step_by(7) {
        let body = format!(
            "<r>{}<p class=\"x\">SSN: 852-<b>41</b>-7396, zq&#64;example.org</p>{}</r>",
            "w<i>é</i> &amp; ".repeat(before / 16) + &"x".repeat(before % 16),
            "<q>w</q> ".repeat(300)
        );
        let want = body
            .replace("852-<b>41</b>-7396", "[redacted]<b></b>")
            .replace("zq&#64;example.org", "[redacted]");
        for size in [usize::MAX, 11] {
            let pieces = body.as_bytes().chunks(size.min(body.len()));
            let (out, _) = in_pieces(&Kind::Xml, &detecting(), limits, pieces).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), want, "{before}");
        }
    }
}

#[test]
fn everything_between_markup() {
    assert_eq!(
        shown(
            &Kind::Xml,
            &everything(),
            "<p a=\"x\" b=y>\n text &amp; more <b>c</b></p>"
        ),
        "<p a=\"[redacted]\" b=redacted>\n [redacted] [redacted] [redacted] <b>[redacted]</b></p>"
    );
}
