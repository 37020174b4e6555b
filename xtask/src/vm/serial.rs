//! What a guest says on its serial line, read as it comes.

use std::time::Duration;

use serde::Serialize;

/// Begins every line that is for us.
const PREFIX: &str = "INTERDICT-VM ";

/// What came of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// It did not hold, or nothing was heard of it: where nothing is known, the worst is assumed.
    Failed,
    /// The kernel can't close it, and the product said so.
    Gap,
    /// This kernel or machine can't show it.
    Skipped,
    /// It held.
    Closed,
}

/// One scenario on one kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) verdict: Verdict,
    /// How long it took, in milliseconds.
    pub(super) ms: u64,
    /// Why it is not closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// Something that kernels differ in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Feature {
    pub(super) name: String,
    /// None: it could not be found out.
    pub(super) available: Option<bool>,
}

/// How many ended how, as the guest counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    pass: usize,
    fail: usize,
    skip: usize,
    gap: usize,
}

/// All that was said.
#[derive(Clone, Debug, Default)]
pub(super) struct Transcript {
    /// After how long the guest's own program began.
    pub(super) booted: Option<Duration>,
    /// The security modules in force; None if nothing was said of them.
    pub(super) lsm: Option<Vec<String>>,
    pub(super) features: Vec<Feature>,
    pub(super) cases: Vec<Case>,
    done: Option<Counts>,
    exit: Option<i32>,
}

impl Transcript {
    /// Takes one line, heard `at` after the start. What is not for us is passed over.
    pub(super) fn hear(&mut self, line: &str, at: Duration) {
        let Some(said) = line.trim_end().strip_prefix(PREFIX) else {
            return;
        };
        if said == "booted" {
            self.booted = Some(at);
        } else if let Some(modules) = said.strip_prefix("lsm=") {
            let modules = modules.split(',').filter(|module| !module.is_empty());
            self.lsm = Some(modules.map(str::to_owned).collect());
        } else if let Some(feature) = said.strip_prefix("feature ") {
            self.features.extend(parse_feature(feature));
        } else if let Some(case) = said.strip_prefix("case=") {
            self.cases.extend(parse_case(case));
        } else if let Some(counts) = said.strip_prefix("done ") {
            self.done = parse_counts(counts);
        } else if let Some(code) = said.strip_prefix("exit=") {
            self.exit = code.parse().ok();
        }
    }

    /// Takes the program's exit code where it is known without being said.
    pub(super) fn exited(&mut self, code: Option<i32>) {
        self.exit = code;
    }

    /// Why what was heard can't be the whole; None if it is.
    pub(super) fn flaw(&self) -> Option<String> {
        let counted = self.count();
        match (self.booted, self.done, self.exit) {
            (None, ..) => Some("it did not boot".to_owned()),
            (_, None, _) => Some(match self.cases.last() {
                Some(case) => format!("it ended without a last word, after {}", case.name),
                None => "it ended without a last word, before any scenario".to_owned(),
            }),
            (_, Some(done), _) if done != counted => Some(format!(
                "lines were lost: {} scenarios were heard of and {} counted",
                self.cases.len(),
                done.pass + done.fail + done.skip + done.gap
            )),
            (.., exit) if exit != Some(i32::from(counted.fail > 0)) => Some(match exit {
                Some(code) => format!("the scenarios' program ended with {code}"),
                None => "the scenarios' program did not end".to_owned(),
            }),
            _ => None,
        }
    }

    fn count(&self) -> Counts {
        let mut counts = Counts::default();
        for case in &self.cases {
            match case.verdict {
                Verdict::Closed => counts.pass += 1,
                Verdict::Failed => counts.fail += 1,
                Verdict::Skipped => counts.skip += 1,
                Verdict::Gap => counts.gap += 1,
            }
        }
        counts
    }
}

/// `NAME result=pass ms=12 detail=…`
fn parse_case(said: &str) -> Option<Case> {
    let (name, rest) = said.split_once(" result=")?;
    let (result, rest) = rest.split_once(" ms=")?;
    let (ms, detail) = rest.split_once(" detail=")?;
    let verdict = match result {
        "pass" => Verdict::Closed,
        "gap" => Verdict::Gap,
        "skip" => Verdict::Skipped,
        _ => Verdict::Failed,
    };
    let reason = (detail != "-" && !detail.is_empty()).then(|| detail.to_owned());
    Some(Case {
        name: name.to_owned(),
        verdict,
        ms: ms.parse().ok()?,
        reason,
    })
}

/// `pass=3 fail=0 skip=1`, and `gap=2` where the program knows the word.
fn parse_counts(said: &str) -> Option<Counts> {
    let mut counts = Counts::default();
    for part in said.split_whitespace() {
        let (kind, number) = part.split_once('=')?;
        let number = number.parse().ok()?;
        match kind {
            "pass" => counts.pass = number,
            "fail" => counts.fail = number,
            "skip" => counts.skip = number,
            "gap" => counts.gap = number,
            _ => {}
        }
    }
    Some(counts)
}

/// `available=yes name=SO_NETNS_COOKIE`
fn parse_feature(said: &str) -> Option<Feature> {
    let (available, name) = said.strip_prefix("available=")?.split_once(" name=")?;
    Some(Feature {
        name: name.to_owned(),
        available: match available {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "\
SeaBIOS (version 1.16.2)\r
INTERDICT-VM booted\r
INTERDICT-VM lsm=lockdown,capability,bpf\r
INTERDICT-VM feature available=yes name=ring buffer maps\r
INTERDICT-VM feature available=no name=SO_NETNS_COOKIE\r
INTERDICT-VM feature available=unknown name=x\r
INTERDICT-VM case=tcp4 result=pass ms=12 detail=-\r
something else\r
INTERDICT-VM case=packet result=gap ms=3 detail=no BPF LSM: packet sockets stay open\r
INTERDICT-VM case=mptcp result=skip ms=1 detail=no MPTCP here, detail=none\r
INTERDICT-VM case=udp result=fail ms=7 detail=it escaped\r
INTERDICT-VM done pass=1 fail=1 skip=1 gap=1\r
INTERDICT-VM exit=1\r
";

    fn hear(text: &str) -> Transcript {
        let mut transcript = Transcript::default();
        for line in text.lines() {
            transcript.hear(line, Duration::from_secs(9));
        }
        transcript
    }

    #[test]
    fn a_whole_run_is_understood() {
        let heard = hear(WHOLE);
        assert_eq!(heard.flaw(), None);
        assert_eq!(heard.booted, Some(Duration::from_secs(9)));
        assert_eq!(heard.lsm.as_deref().unwrap(), ["lockdown", "capability", "bpf"]);
        let available: Vec<_> = heard.features.iter().map(|feature| feature.available).collect();
        assert_eq!(available, [Some(true), Some(false), None]);
        let verdicts: Vec<_> = heard.cases.iter().map(|case| case.verdict).collect();
        assert_eq!(
            verdicts,
            [Verdict::Closed, Verdict::Gap, Verdict::Skipped, Verdict::Failed]
        );
        assert_eq!(heard.cases[0].reason, None);
        assert_eq!(
            heard.cases[2].reason.as_deref(),
            Some("no MPTCP here, detail=none")
        );
    }

    #[test]
    fn every_lost_end_is_a_flaw() {
        let flaw = |text: &str| hear(text).flaw().unwrap_or_default();
        assert_eq!(flaw("Kernel panic\n"), "it did not boot");
        let (unfinished, _) = WHOLE.split_once("INTERDICT-VM done").unwrap();
        assert_eq!(flaw(unfinished), "it ended without a last word, after udp");
        let (no_exit, _) = WHOLE.split_once("INTERDICT-VM exit").unwrap();
        assert_eq!(flaw(no_exit), "the scenarios' program did not end");
        assert!(flaw(&WHOLE.replace("exit=1", "exit=0")).contains("ended with 0"));
        assert!(flaw(&WHOLE.replace("exit=1", "exit=139")).contains("139"));
        let torn = WHOLE.replace("INTERDICT-VM case=udp", "INTERDI[ 3.1] printk");
        assert!(flaw(&torn).contains("3 scenarios were heard of and 4 counted"));
    }

    #[test]
    fn a_word_that_is_not_known_is_a_failure() {
        let case = parse_case("x result=perhaps ms=1 detail=-").unwrap();
        assert_eq!(case.verdict, Verdict::Failed);
        assert_eq!(parse_case("x result=pass ms=? detail=-"), None);
    }

    #[test]
    fn a_program_without_gaps_is_understood() {
        let text = "INTERDICT-VM booted\nINTERDICT-VM case=a result=pass ms=1 detail=-\n\
                    INTERDICT-VM done pass=1 fail=0 skip=0\nINTERDICT-VM exit=0\n";
        assert_eq!(hear(text).flaw(), None);
    }
}
