//! A browser's manners, by curl.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::text;

/// Somebody with a jar of cookies.
pub(crate) struct Visitor {
    jar: PathBuf,
    origin: String,
    more: Vec<String>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What a form of this page must bring back.
    pub(crate) fn token(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"token\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Visitor {
    pub(crate) fn new(jar: &Path, origin: &str) -> Self {
        let _ = std::fs::remove_file(jar);
        Self {
            jar: jar.to_owned(),
            origin: origin.to_owned(),
            more: Vec::new(),
        }
    }

    /// With more of curl's options.
    pub(crate) fn with(mut self, more: &[&str]) -> Self {
        self.more = more.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// `None`: there was no answer at all.
    pub(crate) fn try_curl(&self, path: &str, words: &[&str]) -> Option<Answer> {
        let address = if path.contains("://") {
            path.to_owned()
        } else {
            format!("{}{path}", self.origin)
        };
        let output = Command::new("curl")
            .args(["-s", "-i", "--max-time", "30", "-b"])
            .arg(&self.jar)
            .arg("-c")
            .arg(&self.jar)
            .args(&self.more)
            .args(words)
            .arg(&address)
            .output()
            .expect("curl");
        output.status.success().then(|| read(&text(&output.stdout)))
    }

    pub(crate) fn curl(&self, path: &str, words: &[&str]) -> Answer {
        self.try_curl(path, words).expect("an answer")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.curl(path, &[])
    }

    /// A form as a page of the console sends it.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = format!("Origin: {}", self.origin);
        self.send(path, fields, &["-H", &origin])
    }

    pub(crate) fn send(&self, path: &str, fields: &[(&str, &str)], words: &[&str]) -> Answer {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut all: Vec<&str> = words.to_vec();
        if pairs.is_empty() {
            all.extend(["-d", ""]);
        }
        for pair in &pairs {
            all.extend(["--data-urlencode", pair]);
        }
        self.curl(path, &all)
    }
}

fn read(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    Answer {
        status,
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}
