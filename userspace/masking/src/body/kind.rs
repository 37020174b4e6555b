//! Media types, and how a body of one is read.

/// How a body is read.
///
/// Selectors name the members of JSON, the fields of forms and the columns of rows. They name nothing in [`Self::Text`],
/// [`Self::Xml`] and events whose data are no JSON, where detectors alone look: see
/// [`BodyPlan::names_values`](super::BodyPlan::names_values).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// One JSON document (RFC 8259).
    Json,
    /// JSON documents one after another, each on lines of its own; also with RFC 7464's record separators.
    NdJson,
    /// Server-sent events.
    EventStream,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/…`
    Multipart {
        /// The parameter of the media type.
        boundary: Box<[u8]>,
    },
    /// Rows of fields (RFC 4180), whose first line names the columns.
    Csv {
        /// Between fields. `None`: of comma, semicolon and tab what the first line has most of.
        delimiter: Option<u8>,
    },
    /// Text without structure.
    Text,
    /// XML, or HTML: text between markup.
    Xml,
}

/// A parsed media type (RFC 9110, 8.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads the value of a `Content-Type` header; `None` if it isn't one, or names a parameter twice.
    pub fn parse(header: &[u8]) -> Option<Self> {
        let header = std::str::from_utf8(header).ok()?;
        let (essence, mut rest) = header.split_once(';').unwrap_or((header, ""));
        let essence = essence.trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ';']);
            if rest.is_empty() {
                return Some(Self { essence, parameters });
            }
            let (name, after) = rest.split_once('=')?;
            let name = name.to_ascii_lowercase();
            let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
                unquote(quoted)?
            } else {
                let (value, after) = after.split_at(after.find(';').unwrap_or(after.len()));
                (value.trim_end().to_owned(), after)
            };
            if !is_token(&name) || parameters.iter().any(|(known, _)| *known == name) {
                return None;
            }
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(';') {
                return None;
            }
            parameters.push((name, value));
        }
    }

    /// `type/subtype` in lower case.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// A parameter by its name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The parameter `charset`.
    pub fn charset(&self) -> Option<&str> {
        self.parameter("charset")
    }

    /// How a body of the type is read; `None` for types that are not known, whose bodies are the business of
    /// [`Unknown`](super::Unknown).
    pub fn kind(&self) -> Option<Kind> {
        Kind::of(self)
    }
}

impl Kind {
    /// How a body of the type is read; `None` for types that are not known.
    pub fn of(media_type: &MediaType) -> Option<Self> {
        let (main, subtype) = media_type.essence.split_once('/')?;
        let suffix = subtype.rsplit_once('+').map(|(_, suffix)| suffix);
        Some(match (main, subtype) {
            // What the Kubernetes API says of a watch.
            (_, "json") if media_type.parameter("stream").is_some() => Self::NdJson,
            (
                _,
                "x-ndjson" | "ndjson" | "jsonl" | "x-jsonl" | "jsonlines" | "x-jsonlines" | "json-lines"
                | "json-seq" | "stream+json" | "x-json-stream",
            ) => Self::NdJson,
            (_, "json" | "x-json" | "manifest+json") => Self::Json,
            ("application", "x-amz-json-1.0" | "x-amz-json-1.1" | "csp-report" | "reports+json") => {
                Self::Json
            }
            ("application", _) if suffix == Some("json-seq") => Self::NdJson,
            (_, _) if suffix == Some("json") => Self::Json,
            ("text", "event-stream") => Self::EventStream,
            ("application", "x-www-form-urlencoded") => Self::Form,
            ("multipart", _) => Self::Multipart {
                boundary: boundary(media_type.parameter("boundary")?)?,
            },
            (_, "csv" | "x-csv") => Self::Csv { delimiter: None },
            ("text", "tab-separated-values") => Self::Csv {
                delimiter: Some(b'\t'),
            },
            (_, "xml" | "html" | "xhtml+xml") => Self::Xml,
            (_, _) if suffix == Some("xml") => Self::Xml,
            ("text", _)
            | (
                "application",
                "javascript" | "ecmascript" | "yaml" | "x-yaml" | "toml" | "graphql" | "sql" | "x-sh"
                | "x-javascript" | "rtf",
            ) => Self::Text,
            (_, _) if suffix == Some("yaml") => Self::Text,
            _ => return None,
        })
    }
}

/// As RFC 2046 allows them.
fn boundary(text: &str) -> Option<Box<[u8]>> {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&c);
    let fits = (1..=70).contains(&text.len()) && text.bytes().all(is_allowed) && !text.ends_with(' ');
    fits.then(|| text.as_bytes().into())
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c))
}

/// The value of a quoted string, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, text.get(at + 1..)?)),
            (_, '\\') => value.push(characters.next()?.1),
            (_, other) => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_kinds() {
        let kind = |text: &str| MediaType::parse(text.as_bytes()).unwrap().kind();
        for (text, want) in [
            ("application/json", Some(Kind::Json)),
            ("Application/JSON; charset=\"utf-8\"", Some(Kind::Json)),
            ("application/json;stream=watch", Some(Kind::NdJson)),
            ("application/fhir+json", Some(Kind::Json)),
            ("application/x-amz-json-1.0", Some(Kind::Json)),
            ("application/x-ndjson", Some(Kind::NdJson)),
            ("text/event-stream;charset=utf-8", Some(Kind::EventStream)),
            ("application/x-www-form-urlencoded", Some(Kind::Form)),
            ("text/csv; header=present", Some(Kind::Csv { delimiter: None })),
            (
                "text/tab-separated-values",
                Some(Kind::Csv {
                    delimiter: Some(b'\t'),
                }),
            ),
            ("text/html", Some(Kind::Xml)),
            ("application/soap+xml", Some(Kind::Xml)),
            ("text/plain", Some(Kind::Text)),
            ("image/png", None),
            ("application/octet-stream", None),
            ("multipart/form-data", None),
            (
                "multipart/form-data; boundary=\"a b\"",
                Some(Kind::Multipart {
                    boundary: b"a b".as_slice().into(),
                }),
            ),
        ] {
            assert_eq!(kind(text), want, "{text}");
        }
        for text in [
            "",
            "json",
            "a/b; c",
            "a/b; c=\"d",
            "a/b; c=d; c=e",
            "a b/c",
            "a/b; c=\"d\" e",
        ] {
            assert_eq!(MediaType::parse(text.as_bytes()), None, "{text}");
        }
    }
}
