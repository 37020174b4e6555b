//! `interdict doctor` on whatever kernel this is: its form, not its findings.

use serde_json::Value;

use crate::support::run;

#[test]
fn the_document_and_the_exit_code_agree() {
    let result = run(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&result.stdout).unwrap();
    let shortfalls = report["shortfalls"].as_array().unwrap();
    assert_eq!(
        result.code,
        i32::from(!shortfalls.is_empty()),
        "{}",
        result.stdout
    );
    for shortfall in shortfalls {
        for part in ["what", "consequence", "remedy"] {
            assert!(!shortfall[part].as_str().unwrap().is_empty(), "{shortfall}");
        }
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(report["kernel"], release.trim());

    let reading = run(&["doctor"]);
    assert!(reading.stdout.contains(release.trim()), "{}", reading.stdout);
    assert!(reading.code < 2, "{}", reading.stderr);
}
