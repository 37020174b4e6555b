//! The `identity` section of the settings.

use crate::support::{Directory, run};

/// The key of RFC 7517, appendix A.1.
pub(crate) const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"1"}]}"#;

const REST: &str = "services:
  - { name: clinic, protocol: postgres, destinations: [\"10.0.3.7:5432\"] }
workloads:
  - { name: agents, match: { cgroup: \"/agents/**\" } }
policies: []
";

/// What `check` says, without the file's name.
fn check(identity: &str, rest: &str) -> Vec<String> {
    let directory = Directory::new(&[
        ("jwks.json", JWKS),
        ("empty.json", "{\"keys\":[]}"),
        ("ca.pem", ""),
    ]);
    let file = directory.write("interdict.yaml", &format!("identity: {identity}\n{rest}"));
    let result = run(&["check", "--config", &file]);
    let lines = result
        .stderr
        .lines()
        .map(|line| line.replace(&format!("{file}:"), ""));
    let lines: Vec<String> = lines.map(|line| line.replace(&directory.path(), "DIR")).collect();
    assert_eq!(result.code, if lines.is_empty() { 0 } else { 2 });
    lines
}

/// One issuer with everything it needs, and this besides or instead.
fn issuer(keys: &[(&str, &str)]) -> String {
    let mut entry = vec![
        ("name", "cluster"),
        ("issuer", "https://issuer.example"),
        ("audience", "interdict"),
        ("token", "{ workload: /run/token }"),
    ];
    for (key, value) in keys {
        entry.retain(|(known, _)| known != key);
        if !value.is_empty() {
            entry.push((key, value));
        }
    }
    let entry: Vec<String> = entry
        .iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    format!("{{ oidc: [{{ {} }}] }}", entry.join(", "))
}

#[test]
fn good_ones_are_silent() {
    for keys in [
        &[][..],
        &[
            ("audience", "[a, b]"),
            ("keys", "{ file: jwks.json }"),
            ("on_failure", "flag"),
        ],
        &[
            ("issuer", "\"http://127.0.0.1:8080/a\""),
            ("keys", "{ ca: ca.pem, bearer: token }"),
        ],
        &[
            ("issuer", "\"http://[::1]:8080\""),
            ("keys", "{ url: \"http://localhost:1/keys\" }"),
        ],
        &[
            ("workloads", "agents"),
            ("services", "[clin*]"),
            ("token", "{ file: token }"),
        ],
    ] {
        assert_eq!(check(&issuer(keys), REST), Vec::<String>::new(), "{keys:?}");
    }
    assert_eq!(
        check("{ environment: [RUN_ID, _X1] }", REST),
        Vec::<String>::new()
    );
}

#[test]
fn bad_ones_are_told() {
    let https = "expected a URL with `https` (`http` for this host itself only),";
    for (keys, expected) in [
        (
            &[("name", "")][..],
            "expected `name`: what identities and the audit call the issuer",
        ),
        (
            &[("issuer", "")],
            "expected `issuer`: the claim `iss` of its tokens",
        ),
        (
            &[("audience", "")],
            "expected `audience`: the claim `aud` that tokens must have",
        ),
        (&[("audience", "[]")], "expected at least an audience"),
        (&[("token", "")], "expected `token`: where a caller's token is"),
        (
            &[("token", "{ env: TOKEN }")],
            "unknown key `env` in `token`: expected `workload` or `file`",
        ),
        (
            &[("token", "{ workload: run/token }")],
            "expected an absolute path without `..`: it is looked for in the workload's own file tree",
        ),
        (
            &[("token", "{ workload: /run/../token }")],
            "expected an absolute path without `..`: it is looked for in the workload's own file tree",
        ),
        (
            &[("issuer", "\"http://issuer.example\"")],
            &format!("{https} `issuer.example` is another"),
        ),
        (
            &[("issuer", "issuer.example")],
            &format!("{https} found `issuer.example`"),
        ),
        (
            &[("issuer", "\"https://a@b\"")],
            &format!("{https} found `https://a@b`"),
        ),
        (
            &[("issuer", "\"http://127.0.0.1.example\"")],
            &format!("{https} `127.0.0.1.example` is another"),
        ),
        (
            &[("issuer", "\"https://a?b\"")],
            "expected an issuer's URL without `?` and `#`",
        ),
        (
            &[("keys", "{ url: \"http://keys.example\" }")],
            &format!("{https} `keys.example` is another"),
        ),
        (
            &[("keys", "{ file: jwks.json, ca: ca.pem }")],
            "expected `file` alone in `keys`: nothing is fetched then",
        ),
        (
            &[("keys", "{ file: missing.json }")],
            "expected a file with the issuer's keys (a JWKS): DIR/missing.json: No such file or directory (os error 2)",
        ),
        (
            &[("keys", "{ file: empty.json }")],
            "expected a file with the issuer's keys (a JWKS): DIR/empty.json: it has no public key for signatures (RSA, EC or Ed25519)",
        ),
        (
            &[("workloads", "agent")],
            "there is no workload `agent` in these settings",
        ),
        (
            &[("services", "[clinic, \"x*\"]")],
            "there is no service `x*` in these settings",
        ),
        (
            &[("on_failure", "open")],
            "expected `refuse` or `flag`, found `open`",
        ),
        (
            &[("name", "\"a b\"")],
            "expected a name of at most 64 letters, digits, `-`, `_` and `.`",
        ),
    ] {
        let said = check(&issuer(keys), REST);
        assert_eq!(said.len(), 1, "{keys:?}: {said:?}");
        let (place, message) = said[0].split_once(": ").unwrap();
        assert!(place.starts_with("1:"), "{said:?}");
        assert_eq!(message, expected, "{keys:?}");
    }
    let said = check("{ environment: [1A, \"A B\", A-B] }", REST);
    assert_eq!(said.len(), 3, "{said:?}");
}

#[test]
fn tokens_take_the_kernels_side() {
    let rest = "services:\n  - { name: a, protocol: postgres, listen: \"127.0.0.1:6432\", upstream: { address: \"db:5432\" } }\npolicies: []\nkernel: { mode: off }\n";
    let said = check(&issuer(&[]), rest);
    assert_eq!(
        said,
        [
            "1:13: expected a `kernel.mode` other than `off`: tokens are read of processes, which only the kernel's side knows"
        ]
    );
    assert_eq!(check("{ environment: [RUN_ID] }", rest), Vec::<String>::new());
}
