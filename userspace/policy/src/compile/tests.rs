use super::*;

/// The diagnostics of a file, each as `line:column: message`.
fn wrong(text: &str) -> Vec<String> {
    match compile(Path::new("p"), text, KeySource::Offline) {
        Ok(_) => Vec::new(),
        Err(found) => found
            .iter()
            .map(|found| found.to_string().trim_start_matches("p:").to_owned())
            .collect(),
    }
}

#[test]
fn every_mistake_has_its_place_and_says_what_was_expected() {
    let table: &[(&str, &[&str])] = &[
        (
            "",
            &["1:1: the file ends here; expected a policy, which has at least a `name`"],
        ),
        (
            "name: p\nrule: []\n",
            &["2:1: unknown key `rule`; did you mean `rules`?"],
        ),
        (
            "name: p\nruls: []\n",
            &["2:1: unknown key `ruls`; did you mean `rules`?"],
        ),
        ("name: p\nname: q\n", &["2:1: the key `name` is given twice"]),
        ("rules: []\n", &["1:1: the key `name` is missing"]),
        ("name: [p]\n", &["1:7: expected text"]),
        (
            "name: 7\n",
            &["1:7: `7` reads as a number or a boolean; expected text: put it in quotation marks"],
        ),
        (
            "name: p q\n",
            &["1:7: a policy's name is made of letters, digits, `-`, `_` and `.`"],
        ),
        (
            "name: p\ndefault: block\n",
            &["2:10: `block` is not known here; expected allow or deny"],
        ),
        (
            "name: p\nuncertain: mask_all\n",
            &["2:12: `mask_all` is not known here; expected mask-all, hold or deny"],
        ),
        (
            "name: p\npredicates: no\n",
            &["2:13: `no` is not known here; expected allow, equality or deny"],
        ),
        (
            "name: p\napplies: { services: clinic }\n",
            &["2:22: found string \"clinic\"; expected a list, such as `[a, b]`"],
        ),
        (
            "name: p\napplies: { services: [] }\n",
            &["2:22: `services` is empty; expected at least one entry"],
        ),
        (
            "name: p\napplies:\n  services: [\"a[\"]\n  identities: [\"=x\", \"\"]\n",
            &[
                "3:14: `a[` is not a glob: unclosed character class; missing ']'",
                "4:16: `=x` names no fact; expected key=value, such as `workload=agents`",
                "4:22: expected a name or a glob, such as `clinic*`",
            ],
        ),
        (
            "name: p\nmask:\n  - opinion: { url: \"ftp://x\", entities: [PERSON] }\n    with: redact\n",
            &["3:21: `ftp://x` is neither http nor https; expected a URL, such as `http://127.0.0.1:5002`"],
        ),
        (
            "name: p\nmask:\n  - opinion: { url: \"http://u:p@x\", entities: [PERSON] }\n    with: redact\n",
            &[
                "3:21: a URL with a user or password is not supported; expected a URL, such as `http://127.0.0.1:5002`",
            ],
        ),
        (
            "name: p\nmask:\n  - opinion: { url: \"http://x/?q\", entities: [PERSON] }\n    with: redact\n",
            &[
                "3:21: `http://x/?q` has no host, or more than host, port and path; expected a URL, such as `http://127.0.0.1:5002`",
            ],
        ),
        (
            "name: p\nmask:\n  - opinion: { url: \"http://x\", entities: [PERSON], threshold: 2 }\n    with: redact\n",
            &["3:64: expected a number from 0 to 1"],
        ),
        (
            "name: p\nmask:\n  - opinion: { url: \"http://x\", entities: [PERSON], timeout: 31s }\n    with: redact\n",
            &["3:62: `31s` is too long; expected at most 30s"],
        ),
        (
            "name: p\nmask:\n  - opinion: { url: \"http://x\", entities: [PERSON], on_failure: allow }\n    with: redact\n",
            &["3:65: `allow` is not known here; expected pass, mask or deny"],
        ),
        (
            "name: p\nmask:\n  - opinion: { url: \"http://x\", entities: [PERSON], score: 1 }\n    with: redact\n",
            &[
                "3:53: unknown key `score`; expected url, entities, threshold, language, timeout or on_failure",
            ],
        ),
        (
            "name: p\nmask:\n  - opinion: { url: \"http://x\", entities: [] }\n    with: redact\n",
            &["3:43: `entities` is empty; expected at least one entry"],
        ),
        (
            "name: p\nmask:\n  - opinion: { url: \"http://x\" }\n    with: redact\n",
            &["3:16: the key `entities` is missing"],
        ),
        (
            "name: p\nmask:\n  - detect: [email]\n    opinion: { url: \"http://x\", entities: [A] }\n    with: redact\n",
            &["4:14: `detect` and `opinion` are given together; expected one of them an entry"],
        ),
        (
            "name: p\nmask:\n  - opinion:\n    with: redact\n",
            &["3:5: the key `url` is missing"],
        ),
        (
            "name: p\nmask:\n  - columns: [\"*.ssn\"]\n    with: blur\n",
            &["4:11: found string \"blur\"; expected a mask: redact, null, …"],
        ),
        (
            "name: p\nmask:\n  - columns: [\"*.ssn\"]\n    with: partial\n",
            &["4:11: the mask `partial` needs its settings; expected a mask: redact, null, …"],
        ),
        (
            "name: p\nmask:\n  - columns: [\"*.ssn\"]\n    with: { partial: { keep: 4 } }\n",
            &["4:24: unknown key `keep`; expected keep_first or keep_last"],
        ),
        (
            "name: p\nmask:\n  - columns: []\n    with: redact\n",
            &["3:14: `columns` is empty; expected at least one entry"],
        ),
        (
            "name: p\nmask:\n  - columns: [ssn, \"a.b.c.d.e\", \"x..y\"]\n    with: redact\n",
            &[
                "3:15: `ssn` names no table; expected [database.][schema.]table.column, such as `patients.ssn` or `*.ssn`",
                "3:20: `a.b.c.d.e` has too many parts; expected [database.][schema.]table.column",
                "3:33: a part between the dots is empty; expected [database.][schema.]table.column",
            ],
        ),
        (
            "name: p\nmask:\n  - columns: [\"$.a..b\"]\n    with: redact\n",
            &["3:15: `$.a..b` is not a JSON path; expected `$.name.name`, `$.list[*].name` or `**.name`"],
        ),
        (
            "name: p\nmask:\n  - columns: [\"*.ssn\"]\n",
            &["3:5: the key `with` is missing"],
        ),
        (
            "name: p\nmask:\n  - with: redact\n",
            &["3:5: a mask names nothing; expected `columns`, `detect` or `opinion`"],
        ),
        (
            "name: p\nmask:\n  - columns: [\"*.a\"]\n    detect: [email]\n    with: redact\n",
            &["4:13: `columns` and `detect` are given together; expected one of them an entry"],
        ),
        (
            "name: p\nmask:\n  - detect: [email, blood_type]\n    with: redact\n",
            &["3:21: no detector named `blood_type`; there are …"],
        ),
        (
            "name: p\nmask:\n  - detect: [email, { name: x, pattern: \"(\" }]\n    with: redact\n",
            &["3:21: the pattern of `x` can't be used: regex parse error: ( ^ error: unclosed group"],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: 'effects.exists(e, e in [\"drp\"])'\n    then: deny\n",
            &["4:36: unknown effect \"drp\"; did you mean \"drop\"?"],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: >-\n      complete &&\n      knd == \"x\"\n    then: deny\n",
            &["6:7: unknown variable `knd`; did you mean `kind`?"],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: 'kind ='\n    then: deny\n",
            &["4:17: not CEL: Syntax error: token recognition error at: '='"],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: \"kind\"\n    then: deny\n",
            &["4:12: the condition is a string; expected true or false"],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: true\n    then: deny\n",
            &["4:11: `true` reads as a number or a boolean; expected text: put it in quotation marks"],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: 'true'\n    then: refuse\n",
            &["5:11: `refuse` is not known here; expected allow, deny or { hold: { approvers: [NAME, …] } }"],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: 'true'\n    then: hold\n",
            &["5:11: `hold` needs someone who decides; expected { hold: { approvers: [NAME, …] } }"],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: 'true'\n    then: { hold: { timeout: 5m } }\n",
            &["5:21: the key `approvers` is missing"],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: 'true'\n    then: { hold: { approvers: [], timeout: soon } }\n",
            &[
                "5:32: `approvers` is empty; expected at least one entry",
                "5:45: `soon` is not a duration; expected such as `90s`, `5m` or `1h 30m`",
            ],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: 'true'\n    then: { hold: { approvers: [\"a b\"], timeout: 30d } }\n",
            &[
                "5:33: expected an approver, such as `group:compliance` or `user:alice`",
                "5:50: `30d` is out of range; expected more than nothing and at most 7d",
            ],
        ),
        (
            "name: p\nrules:\n  - name: r\n    when: 'true'\n    then: { hold: { approvers: [a], mode: never } }\n",
            &["5:43: `never` is not known here; expected wait or retry"],
        ),
        (
            "name: p\nrules:\n  - { name: r, when: 'true', then: deny }\n  - { name: r, when: 'true', then: allow }\n",
            &["4:13: there is a rule `r` on line 3 already; names are unique within a policy"],
        ),
        (
            "name: p\nrules:\n  - { name: default, when: 'true', then: deny }\n",
            &["3:13: `default` is what decisions without a rule are called"],
        ),
        (
            "name: p\nrules:\n  - { name: r, then: deny }\n",
            &["3:16: the key `when` is missing"],
        ),
        (
            "name: p\nrules:\n  - { name: r, when: 'true', then: deny, message: [a] }\n",
            &["3:51: expected text"],
        ),
        (
            "name: p\nrules:\n  - { name: r, when: 'tru', then: deny }\n  - { name: s s, when: 'fals', then: deny }\n",
            &[
                "3:23: unknown variable `tru`; expected application, complete, …",
                "4:13: a rule's name is made of letters, digits, `-`, `_` and `.`",
                "4:25: unknown variable `fals`; expected application, complete, …",
            ],
        ),
        (
            "name: p\nrecord: { literals: yes }\n",
            &["2:21: `yes` is not known here; expected keep or mask"],
        ),
        (
            "name: p\ntests:\n  - statement: SELECT 1\n    expect: { decision: deny, rule: r }\n",
            &["4:37: the policy has no rule `r`; expected default or uncertain"],
        ),
        (
            "name: p\ntests:\n  - statement: SELECT 1\n    expect: { decision: deny, masked: [x] }\n",
            &["4:39: nothing is masked of a statement that does not pass; remove `masked`"],
        ),
        (
            "name: p\ntests:\n  - statement: SELECT 1\n    expect: { decision: mask, masked: [] }\n",
            &["4:39: `decision: mask` expects something to be masked"],
        ),
        (
            "name: p\ntests:\n  - statement: SELECT 1\n    rows: many\n    expect: { decision: allow }\n",
            &["4:11: expected a whole number"],
        ),
        (
            "name: p\ntests:\n  - statement: \"\"\n    columns: [a]\n    expect: { decision: allow }\n",
            &[
                "3:16: the statement is empty",
                "4:15: expected a column of the result as [schema.]table.column",
            ],
        ),
        (
            "name: p\ntests:\n  - statement: SELECT 1\n",
            &["3:5: the key `expect` is missing"],
        ),
        ("name: p\nrules: [\n", &["2:8: unclosed bracket '['"]),
        (
            "name: p\n\tx: 1\n",
            &["1:7: while scanning a plain scalar, found a tab"],
        ),
        (
            "name: p\n---\nname: q\n",
            &["3:1: a second document begins; expected one policy a file"],
        ),
        (
            "name: p\nrules:\n",
            &["2:6: there is nothing here; expected a list, such as `[a, b]`"],
        ),
        (
            "name: p\napplies:\nrules: []\n",
            &["2:8: there is nothing here; expected keys with values, such as `key: value`"],
        ),
        ("name: !secret p\n", &["1:15: unsupported tag `!secret`"]),
        (
            "- name: p\n",
            &["1:1: expected keys with values, such as `key: value`"],
        ),
    ];
    assert!(table.len() > 50);
    for (text, expected) in table {
        let found = wrong(text);
        assert_eq!(found.len(), expected.len(), "{text}: {found:#?}");
        for (found, expected) in found.iter().zip(*expected) {
            // `…` stands for words that other crates choose.
            match expected.strip_suffix('…') {
                Some(start) => assert!(found.starts_with(start), "{text}: {found}"),
                None => assert_eq!(found, expected, "{text}"),
            }
        }
    }
}

#[test]
fn durations_are_read_and_bounded() {
    for (text, seconds) in [
        ("90s", 90),
        ("5m", 300),
        ("1h 30m", 5400),
        ("1h30m", 5400),
        ("7d", 604_800),
        ("PT2M", 120),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "5", "-5m", "0s", "8d", "1y", "soon"] {
        assert!(duration(text).is_err(), "{text}");
    }
}
