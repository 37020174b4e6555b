//! Requests as people write them, for policies' tests and explanations.

use crate::analysis::Analysis;
use crate::call::{Call, Headers};
use crate::profile::Profile;

/// A request that was written down: a request line, then perhaps fields, an empty line and a body.
///
/// ```text
/// POST https://dynamodb.clinic.internal/
/// X-Amz-Target: DynamoDB_20120810.Scan
///
/// {"TableName": "patients"}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The method.
    pub method: String,
    /// The host, from the line or the field `Host`; empty without either.
    pub host: String,
    /// The path, decoded.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The fields, names in lower case.
    pub headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Written {
    /// Reads it.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_start();
        let mut lines = text.lines();
        let line = lines.next().unwrap_or_default().trim_end();
        let (method, target) = line
            .split_once(' ')
            .ok_or("expected a request such as `GET https://host/path?query`")?;
        let target = target.trim_start();
        let target = target.split_once(' ').map_or(target, |(target, _)| target);
        let mut written = Self {
            method: method.to_owned(),
            ..Self::default()
        };
        let rest = match target.split_once("://") {
            Some((_, rest)) => {
                let (host, rest) = rest
                    .split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len()))
                    .unwrap_or((rest, ""));
                host.clone_into(&mut written.host);
                rest
            }
            None => target,
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !(path.is_empty() || path.starts_with('/') || path == "*") {
            return Err("expected a path that begins with `/`, or a URL");
        }
        written.path = if path.is_empty() {
            "/".to_owned()
        } else {
            decoded(path)
        };
        written.query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (
                    decoded(&name.replace('+', " ")),
                    decoded(&value.replace('+', " ")),
                )
            })
            .collect();
        let mut taken = text.lines().next().map_or(0, str::len);
        for line in lines {
            taken = text
                .get(taken..)
                .map_or(taken, |rest| taken + rest.find(line).unwrap_or(0) + line.len());
            if line.trim().is_empty() {
                let body = text.get(taken..).unwrap_or_default().trim();
                written.body = (!body.is_empty()).then(|| body.as_bytes().to_vec());
                break;
            }
            let (name, value) = line
                .split_once(':')
                .ok_or("expected a field such as `Accept: application/json`")?;
            let name = name.trim().to_ascii_lowercase();
            if name == "host" && written.host.is_empty() {
                value.trim().clone_into(&mut written.host);
            }
            written.headers.push((name, value.trim().to_owned()));
        }
        Ok(written)
    }

    /// What it does, to a service that speaks this API.
    pub fn analyse(&self, profile: &Profile) -> Vec<Analysis> {
        profile.analyse(&Call {
            method: &self.method,
            host: &self.host,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: self.body.as_deref(),
        })
    }
}

impl Headers for Vec<(String, String)> {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Without its percent escapes. What is none stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escape = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escape.unwrap_or(*first));
        rest = if escape.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fields_and_bodies() {
        let written =
            Written::parse("POST https://a.b:8080/p%20q?x=1&y=a+b HTTP/1.1\nX-Team: 7\n\n{\"a\":\n 1}\n")
                .unwrap();
        assert_eq!(written.method, "POST");
        assert_eq!(written.host, "a.b:8080");
        assert_eq!(written.path, "/p q");
        assert_eq!(
            written.query,
            [
                ("x".to_owned(), "1".to_owned()),
                ("y".to_owned(), "a b".to_owned())
            ]
        );
        assert_eq!(written.headers, [("x-team".to_owned(), "7".to_owned())]);
        assert_eq!(written.body.as_deref(), Some(&b"{\"a\":\n 1}"[..]));
        assert_eq!(Written::parse("GET /x\nHost: h").unwrap().host, "h");
        for text in ["", "GET", "GET x", "GET /\nno field"] {
            assert!(Written::parse(text).is_err(), "{text:?}");
        }
    }
}
