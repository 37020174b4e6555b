//! Exit codes: 0 yes, 1 no or a finding, 2 usage, settings or environment.

use crate::support::{Directory, run};

#[test]
fn usage_errors_are_2_and_help_is_0() {
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["audit", "verify", "--help"], 0),
        (&[], 2),
        (&["unknown"], 2),
        (&["check", "--unknown"], 2),
        (&["audit", "verify"], 2),
        (&["policy", "explain", "--service", "clinic"], 2),
        (&["policy", "test"], 2),
        (&["quarantine"], 2),
        (&["quarantine", "agents", "--list"], 2),
        (&["quarantine", "--list", "--lift"], 2),
        (
            &["sessions", "--since", "yesterday", "--directory", "/nonexistent"],
            2,
        ),
    ] {
        let result = run(arguments);
        assert_eq!(result.code, code, "{arguments:?}: {}", result.stderr);
    }
}

#[test]
fn an_audit_that_cannot_be_looked_at_is_2() {
    for command in ["verify", "rows", "scan", "stats"] {
        let result = run(&["audit", command, "/nonexistent/audit"]);
        assert_eq!((result.code, result.stdout.as_str()), (2, ""), "{command}");
        assert!(
            result.stderr.contains("/nonexistent/audit"),
            "{command}: {}",
            result.stderr
        );
    }
    let result = run(&["sessions", "--directory", "/nonexistent/audit"]);
    assert_eq!(result.code, 2, "{}", result.stdout);
}

#[test]
fn settings_that_are_wrong_stop_every_command_that_needs_them() {
    let directory = Directory::new(&[("interdict.yaml", "services: []\n")]);
    let file = format!("{}/interdict.yaml", directory.path());
    for arguments in [
        &["run", "--config", &file][..],
        &["check", "--config", &file],
        &["sessions", "--config", &file],
        &[
            "policy",
            "explain",
            "--config",
            &file,
            "--service",
            "a",
            "--statement",
            "SELECT 1",
        ],
    ] {
        let result = run(arguments);
        assert_eq!(result.code, 2, "{arguments:?}");
        assert!(
            result
                .stderr
                .contains("interdict.yaml:1:11: expected at least one service"),
            "{}",
            result.stderr
        );
    }
}
