use std::time::Duration;

use super::*;

fn column(title: &str, said: &str) -> Column {
    let scenarios = ["tcp", "packet", "udp"].map(str::to_owned);
    let mut transcript = Transcript::default();
    for line in said.lines() {
        transcript.hear(&format!("INTERDICT-VM {line}"), Duration::from_secs(1));
    }
    let flaw = transcript.flaw();
    Column::new(
        title.into(),
        format!("{title}-cloud"),
        "a suite".into(),
        &scenarios,
        &transcript,
        flaw,
    )
}

fn matrix(kernels: Vec<Column>) -> Matrix {
    Matrix {
        scenarios: ["tcp", "packet", "udp"].map(str::to_owned).into(),
        kernels,
    }
}

const WHOLE: &str = "booted\nlsm=capability,bpf\nfeature available=yes name=security module programs\n\
    case=tcp result=pass ms=1 detail=-\ncase=packet result=gap ms=1 detail=no LSM\n\
    case=udp result=skip ms=1 detail=no UDP | here\ndone pass=1 fail=0 skip=1 gap=1\nexit=0";

#[test]
fn closed_gaps_and_skips_pass() {
    let matrix = matrix(vec![column("6.1", WHOLE), column("6.12", WHOLE)]);
    assert!(matrix.passed());
    let text = matrix.text();
    assert!(text.contains("packet    gap     gap"), "{text}");
    assert!(text.contains("packet (6.1, 6.12): no LSM"), "{text}");
    assert!(
        text.ends_with("2 closed, 2 gaps reported, 2 skipped, 0 unreported escapes\n"),
        "{text}"
    );
    assert!(!text.contains("FAILED"), "{text}");
}

#[test]
fn a_failure_on_one_kernel_fails_all_and_says_why() {
    let failed = WHOLE
        .replace(
            "tcp result=pass ms=1 detail=-",
            "tcp result=fail ms=1 detail=escaped",
        )
        .replace("pass=1 fail=0", "pass=0 fail=1")
        .replace("exit=0", "exit=1");
    let matrix = matrix(vec![column("6.1", WHOLE), column("6.12", &failed)]);
    assert!(!matrix.passed());
    assert_eq!(matrix.totals().unreported, 1);
    let text = matrix.text();
    assert!(text.contains("FAILED\n  tcp (6.12): escaped"), "{text}");
}

#[test]
fn a_run_that_breaks_off_counts_what_it_did_not_say() {
    let (unfinished, _) = WHOLE.split_once("case=packet").unwrap();
    let matrix = matrix(vec![column("6.1", unfinished)]);
    assert!(!matrix.passed());
    assert_eq!(matrix.totals().unreported, 2);
    let text = matrix.text();
    assert!(
        text.contains("FAILED\n  6.1: it ended without a last word, after tcp\n"),
        "{text}"
    );
    assert!(!text.contains(UNHEARD), "{text}");
}

#[test]
fn a_whole_run_without_a_scenario_fails() {
    // As if the guest's program knew fewer scenarios than the host's.
    let fewer = WHOLE
        .replace("case=udp result=skip ms=1 detail=no UDP | here\n", "")
        .replace("skip=1", "skip=0");
    let matrix = matrix(vec![column("6.1", &fewer)]);
    assert!(!matrix.passed());
    assert!(
        matrix.text().contains("udp (6.1): no verdict"),
        "{}",
        matrix.text()
    );
}

#[test]
fn a_gap_without_a_name_is_no_report() {
    let nameless = WHOLE.replace("detail=no LSM", "detail=-");
    let matrix = matrix(vec![column("6.1", &nameless)]);
    assert!(!matrix.passed());
    assert!(matrix.text().contains(NAMELESS));
}

#[test]
fn the_page_has_no_times_and_no_broken_rows() {
    let page = matrix(vec![column("6.1", WHOLE)]).markdown();
    assert!(
        page.contains("| 6.1 | 6.1-cloud | a suite | yes | yes | - |\n"),
        "{page}"
    );
    assert!(page.contains("| packet | gap |\n"), "{page}");
    assert!(page.contains("- udp (6.1): no UDP | here\n"), "{page}");
    assert!(!page.contains("boot"), "{page}");
}

#[test]
fn the_document_says_whether_it_passed() {
    let matrix = matrix(vec![column("6.1", WHOLE)]);
    let document: serde_json::Value = serde_json::from_str(&matrix.json().unwrap()).unwrap();
    assert_eq!(document["passed"], true);
    assert_eq!(document["totals"]["gaps"], 1);
    assert_eq!(document["kernels"][0]["cases"][1]["verdict"], "gap");
    assert_eq!(document["kernels"][0]["cases"][1]["reason"], "no LSM");
    assert_eq!(document["kernels"][0]["lsm"][1], "bpf");
}
