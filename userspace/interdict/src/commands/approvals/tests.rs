use super::*;

fn approval() -> Approval {
    Approval {
        id: "019506e0-8f3a-7000-8000-0123456789ab".parse().unwrap(),
        expires_at: 90_000_000,
        identity: "unit:agent.service".to_owned(),
        service: "clinic".to_owned(),
        statement: "DELETE\nFROM visits\x1b[2J".to_owned(),
        parameters: vec![Some("7".to_owned()), None],
        relations: vec![("public.visits".to_owned(), "write".to_owned())],
        quorum: 2,
        ..Approval::default()
    }
}

#[test]
fn a_list_is_for_reading() {
    let mut out = Vec::new();
    table(&[approval()], 30_000_000).write(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let row = text.lines().nth(1).unwrap();
    assert_eq!(
        row,
        "456789ab  pending   60s  unit:agent.service  clinic         0/2    DELETE FROM visits\u{fffd}[2J"
    );
    assert_eq!(left(&approval(), 100_000_000), "0s");
}

#[test]
fn one_is_shown_whole_and_harmless() {
    let mut out = Vec::new();
    write(&approval(), Some("you asked for it"), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    for part in [
        "relations     public.visits (write)\n",
        "you           you asked for it\n",
        "statement\n    DELETE\n    FROM visits\u{fffd}[2J\n    $1 = 7\n    $2 = (null or not shown)\n",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains('\x1b'));
}

#[test]
fn what_came_of_it_is_a_sentence() {
    let mut one = approval();
    assert!(outcome(&one, true).ends_with("0 of 2 different people have approved it"));
    one.state = State::Denied;
    assert!(outcome(&one, false).ends_with("is denied"));
    one.state = State::Approved;
    one.grant_id = Some(uuid::Uuid::nil());
    assert!(outcome(&one, true).ends_with("is in force"));
}
