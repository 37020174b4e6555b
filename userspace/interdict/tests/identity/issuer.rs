//! A real issuer of tokens: `oidc-provider-mock` of PyPI.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{free_port, run, skipped, text};

const PACKAGE: &str = "oidc-provider-mock==0.3.4";

pub(crate) struct Issuer {
    child: Child,
    pub(crate) port: u16,
    python: PathBuf,
}

impl Issuer {
    /// `None` where its package can't be had; says why. Its tokens hold for `seconds`.
    pub(crate) fn start(seconds: u32) -> Option<Self> {
        let python = python()?;
        let port = free_port();
        let child = spawn(&python, port, seconds);
        Some(Self { child, port, python })
    }

    /// The same with another key.
    pub(crate) fn restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn(&self.python, self.port, 600);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A token that says who is `sub`, for this audience: the code flow, as a browser and an application do it.
    pub(crate) fn token(&self, sub: &str, audience: &str) -> String {
        let back = "http://localhost/back";
        let authorize = format!(
            "{}/oauth2/authorize?client_id={audience}&redirect_uri={back}&response_type=code&scope=openid",
            self.url()
        );
        let place = run(Command::new("curl")
            .args(["-s", "-o", "/dev/null", "-w", "%{redirect_url}"])
            .args(["-d", &format!("sub={sub}"), &authorize]));
        let place = text(&place.stdout);
        let code = place
            .split_once("code=")
            .expect("a code")
            .1
            .split('&')
            .next()
            .unwrap();
        let answer = run(Command::new("curl")
            .args(["-sf", "-u", &format!("{audience}:any")])
            .args([
                "-d",
                &format!("grant_type=authorization_code&code={code}&redirect_uri={back}"),
                &format!("{}/oauth2/token", self.url()),
            ]));
        let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
        answer["id_token"].as_str().unwrap().to_owned()
    }

    /// Its keys, to be kept as a file.
    pub(crate) fn jwks(&self) -> Vec<u8> {
        run(Command::new("curl").args(["-sf", &format!("{}/jwks", self.url())])).stdout
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(python: &Path, port: u16, seconds: u32) -> Child {
    let child = Command::new(python)
        .args(["-W", "ignore", "-m", "oidc_provider_mock"])
        .args(["-p", &port.to_string(), "-e", &seconds.to_string()])
        .args(["--user-claims", r#"{"sub":"agent-7","groups":["dba","er"]}"#])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "the issuer did not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

/// A Python that has the package: made once, kept with the other things that tests build.
fn python() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oidc");
    let python = venv.join("bin/python");
    let lock = File::create(venv.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let ready = venv.join("ready");
    if std::fs::read_to_string(&ready).is_ok_and(|has| has == PACKAGE) {
        return Some(python);
    }
    let done = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !done(Command::new("python3").args(["-m", "venv"]).arg(&venv)) {
        skipped("no issuer of tokens was tried: `python3 -m venv` does not work here");
        return None;
    }
    if !done(Command::new(&python).args(["-m", "pip", "install", "-q", PACKAGE])) {
        skipped(&format!(
            "no issuer of tokens was tried: pip can't install {PACKAGE}"
        ));
        return None;
    }
    std::fs::write(ready, PACKAGE).unwrap();
    Some(python)
}
