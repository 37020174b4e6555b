//! The files in `deploy/` say what the program does.

use std::fs;
use std::path::PathBuf;

use crate::support::{Directory, run};

fn deploy(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Uncomments the lines that show a setting: `#  key: …`, `# - …`; prose lines start with `# ` and a capital.
fn with_everything(text: &str) -> String {
    text.lines()
        .map(|line| line.replacen("#~", "", 1))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A directory with the files that the example refers to.
fn directory() -> Directory {
    let directory = Directory::new(&[("policy.yaml", "name: empty\ndefault: allow\n")]);
    fs::create_dir(PathBuf::from(directory.path()).join("policies")).unwrap();
    for name in [
        "policies/hipaa-phi.yaml",
        "clinic.crt",
        "clinic.key",
        "ca.crt",
        "proxy.crt",
        "proxy.key",
    ] {
        directory.write(name, "name: example\ndefault: allow\n");
    }
    directory.write("partner.jwks.json", crate::identity::JWKS);
    for name in ["catalogue-password", "patients.key", "webhook.key"] {
        directory.write_secret(name, "32 random bytes are the best key\n");
    }
    directory
}

#[test]
fn the_example_is_accepted() {
    let directory = directory();
    let file = directory.write("interdict.yaml", &deploy("interdict.example.yaml"));
    let result = run(&["check", "--config", &file]);
    assert_eq!((result.code, result.stderr.as_str()), (0, ""));
}

#[test]
fn what_the_example_leaves_out_is_right_too_or_said_to_come_later() {
    let directory = directory();
    let file = directory.write(
        "interdict.yaml",
        &with_everything(&deploy("interdict.example.yaml")),
    );
    let result = run(&["check", "--config", &file]);
    for line in result.stderr.lines() {
        assert!(line.ends_with("is not supported in this version yet"), "{line}");
    }
}

#[test]
fn the_example_shows_every_key() {
    let example = deploy("interdict.example.yaml");
    let directory = directory();
    // What the program itself lists when it meets an unknown key.
    let file = directory.write(
        "all.yaml",
        "x: 1\nservices: [{ x: 1, upstream: { x: 1 }, tls: { x: 1 }, credentials: { inject: { x: 1 } }, catalogue: { password: { x: 1 } }, limits: { x: 1 } }]\nkeys: { a: { x: 1 } }\nworkloads: [{ x: 1, match: { x: 1 } }, { match: { pod: { x: 1 } } }]\naudit: { x: 1, durability: { x: 1 }, segment: { x: 1 } }\nkernel: { x: 1 }\nadmin: { x: 1 }\nidentity: { x: 1, oidc: [{ x: 1, keys: { x: 1 }, token: { x: 1 } }] }\napprovals: { x: 1, webhooks: [{ x: 1 }] }\n",
    );
    let result = run(&["check", "--config", &file]);
    let unknown: Vec<&str> = result
        .stderr
        .lines()
        .filter(|line| line.contains("unknown key `x`"))
        .collect();
    assert_eq!(unknown.len(), 22, "{}", result.stderr);
    for line in unknown {
        let (_, keys) = line.split_once("expected ").unwrap();
        for key in keys.split('`').skip(1).step_by(2) {
            assert!(
                example.contains(&format!("{key}:")),
                "`{key}` is not in the example: {line}"
            );
        }
    }
}

#[test]
fn the_unit_starts_this_program_with_the_settings_where_the_example_says() {
    let unit = deploy("interdict.service");
    for line in [
        "Type=notify",
        "ExecStart=/usr/bin/interdict run --config /etc/interdict/interdict.yaml",
        "Slice=system.slice",
    ] {
        assert!(unit.lines().any(|l| l == line), "{line}");
    }
}
