use super::*;

const KIND: Kind = Kind::Csv { delimiter: None };

#[test]
fn columns_are_masked() {
    let plan = both(&[
        ("**.ssn", last_four()),
        ("$.name", Mask::Fixed("a, \"b\"".into())),
        ("$.gone", Mask::Null),
    ]);
    for (body, want) in [
        ("id,SSN\n1,852-41-7396\n2,", "id,SSN\n1,*****7396\n2,"),
        ("id,ssn\r\n1,\"852-41-7396\"\r\n", "id,ssn\r\n1,*****7396\r\n"),
        ("id;ssn;x\n1;852-41-7396;a,b\n", "id;ssn;x\n1;*****7396;a,b\n"),
        ("id\tssn\n1\t852-41-7396\n", "id\tssn\n1\t*****7396\n"),
        (
            "\u{feff}\"ssn\",name\n1,\"x\ny\"\"z\"\n\n",
            "\u{feff}\"ssn\",name\n*****,\"a, \"\"b\"\"\"\n\n",
        ),
        ("gone,x\n1,\"q\"\n", "gone,x\n,\"q\"\n"),
        ("x,mrn\n852-41-7396,74190263", "x,mrn\n[redacted],[redacted]"),
        (
            "x\n\"mail\na@example.org, \"\"hi\"\"\"\n",
            "x\n\"mail\n[redacted], \"\"hi\"\"\"\n",
        ),
        ("852-41-7396,x\n", "[redacted],x\n"),
        (
            "x,y\n\"5\"\" disk\",a \"2\" pipe\n",
            "x,y\n\"5\"\" disk\",a \"2\" pipe\n",
        ),
        ("ssn", "ssn"),
        ("", ""),
    ] {
        let shown = masked(&KIND, &plan, Limits::default(), body.as_bytes());
        assert_eq!(shown.as_deref(), Ok(want), "{body:?}");
    }
    assert_eq!(shown(&KIND, &everything(), "a,b\n1,\n"), "a,b\n[redacted],\n");
}

#[test]
fn rows_that_read_in_two_ways_are_refused() {
    let plan = masking(&[("$.ssn", Mask::Redact)]);
    for body in [
        "x,ssn\n5\" disk,852-41-7396\n",
        "x,ssn\n\"a\"b,c\"d,852-41-7396\n",
        "x,ssn\r1,852-41-7396\r",
        "x,ssn\n1\r,2\n",
        "x,ssn\n1,2,852-41-7396\n",
        "x,ssn\n1,\"852\n",
    ] {
        refused(&KIND, &plan, body.as_bytes());
    }
}
