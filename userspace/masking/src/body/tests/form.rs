use super::*;

#[test]
fn fields_are_masked() {
    let plan = both(&[
        ("$.patient.ssn", last_four()),
        ("**.name", Mask::Fixed("a b&c=é".into())),
        ("$.gone", Mask::Null),
    ]);
    for (body, want) in [
        ("patient.ssn=852-41-7396&x=%41+b", "patient.ssn=*****7396&x=%41+b"),
        ("patient%5Bssn%5D=852417396", "patient%5Bssn%5D=*****7396"),
        ("a[0][Name]=Zoe", "a[0][Name]=a+b%26c%3D%C3%A9"),
        ("gone=1&&gone&=&x=", "gone=&&gone&=&x="),
        ("mail=zq%40example.org&n=1", "mail=%5Bredacted%5D&n=1"),
        ("ssn=852417396", "ssn=%5Bredacted%5D"),
        ("852-41-7396&y=%zz%4", "%5Bredacted%5D&y=%zz%4"),
        ("t=%38%35%32-41-7396+ok", "t=%5Bredacted%5D+ok"),
    ] {
        assert_eq!(shown(&Kind::Form, &plan, body), want, "{body}");
    }
    assert_eq!(shown(&Kind::Form, &everything(), "a=1&b"), "a=%5Bredacted%5D&b");
    let limits = Limits {
        value: 5,
        ..Limits::default()
    };
    assert!(masked(&Kind::Form, &plan, limits, b"a=123&b=456").is_ok());
    assert!(masked(&Kind::Form, &plan, limits, b"a=1234&b=456").is_err());
}
