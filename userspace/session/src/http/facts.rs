//! What a request says, read once: for the analysis, for conditions, for the record.

use interdict_policy::HttpRequest;
use interdict_wire::http::target::{Target, decode, normalize, query_pairs};
use interdict_wire::http::{HttpError, RequestHead};

use super::{About, headers};

/// What a request says.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Without the template and the arguments, which the analysis finds.
    pub(super) http: HttpRequest,
    /// The query in order, decoded.
    pub(super) query: Vec<(String, String)>,
    /// `Host`, as it was sent.
    authority: String,
    scheme: &'static str,
    path_as_sent: String,
    query_as_sent: Option<String>,
}

impl Facts {
    /// Reads them. `literal`: paths are names of things, dots and slashes in them mean nothing.
    pub(super) fn read(head: &RequestHead, about: &About, literal: bool) -> Result<Self, Unreadable> {
        let target = head.target()?;
        let host = head
            .headers
            .get("Host")
            .map(|host| String::from_utf8_lossy(host).into_owned());
        let host = host.unwrap_or_default();
        let name = match host.strip_prefix('[') {
            Some(_) => host.split_inclusive(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let rest = match target {
            Target::Authority(_) => return Err(Unreadable::Connect),
            Target::Asterisk => None,
            Target::Origin(_) | Target::Absolute { .. } => target.path_and_query(),
        };
        let mut facts = Self {
            http: HttpRequest {
                method: head.method.as_str().to_owned(),
                host: name.to_ascii_lowercase(),
                headers: headers::known(&head.headers),
                ..HttpRequest::default()
            },
            scheme: if about.tls { "https" } else { "http" },
            path_as_sent: rest.map_or_else(|| "*".to_owned(), |rest| rest.path.to_owned()),
            query_as_sent: rest.and_then(|rest| rest.query.map(str::to_owned)),
            authority: host,
            query: Vec::new(),
        };
        // Who shows a certificate for one host and answers for another would be judged by the wrong one.
        if about.name.as_ref().is_some_and(|name| *name != facts.http.host) {
            return Err(Unreadable::OtherHost);
        }
        let Some(rest) = rest else {
            "*".clone_into(&mut facts.http.path);
            return Ok(facts);
        };
        let normal = normalize(rest.path)?;
        facts.http.path = if literal {
            if normal.had_dot_segments() {
                return Err(Unreadable::Ambiguous);
            }
            decode(rest.path)?.into_owned()
        } else {
            if normal.is_ambiguous() {
                return Err(Unreadable::Ambiguous);
            }
            normal.as_str().to_owned()
        };
        for pair in query_pairs(rest.query.unwrap_or_default()) {
            let (name, value) = pair?;
            let (name, value) = (name.into_owned(), value.into_owned());
            match facts.http.query.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => {
                    values.push(',');
                    values.push_str(&value);
                }
                None => facts.http.query.push((name.clone(), value.clone())),
            }
            facts.query.push((name, value));
        }
        Ok(facts)
    }

    /// The request line for the record: credentials in the query left out.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} {}://{}{}",
            self.http.method, self.scheme, self.authority, self.path_as_sent
        );
        let pairs = self.query_as_sent.as_deref().unwrap_or_default();
        for (index, pair) in pairs.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            text.push_str(name);
            if pair.contains('=') {
                text.push('=');
                let secret = decode(name).is_ok_and(|name| interdict_api::is_credential(&name));
                text.push_str(if secret { "[redacted]" } else { value });
            }
        }
        text
    }

    /// The request line without what tells one call from another.
    pub(super) fn normalised(&self, template: &str) -> String {
        let mut text = format!(
            "{} {}://{}{template}",
            self.http.method, self.scheme, self.authority
        );
        for (index, (name, _)) in self.http.query.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(name);
        }
        text
    }
}

/// The analysis' view of the fields: without credentials.
impl interdict_api::Headers for Facts {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.http.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Why what a request is about can't be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(
        "two servers could take the path for two different ones (escaped slashes or dots, `..` above the root): send it in its plain form"
    )]
    Ambiguous,
    #[error("the request names another host than its TLS did")]
    OtherHost,
    #[error("CONNECT asks for a tunnel, and what is in one can't be seen")]
    Connect,
}
