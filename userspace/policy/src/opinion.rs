//! A second opinion on texts: a service outside of the daemon that is asked what they hold.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use interdict_masking::Mask;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::place::At;
use crate::strict::{List, present};

/// A service with the HTTP interface of Microsoft Presidio's analyzer (`POST /analyze`), one that takes a list of texts.
///
/// Every text of a result is sent there after columns and detectors were masked, unless its column is masked; so the
/// service sees what the client would see. Rows wait for the answer. Results that are functions' (the function-call
/// message), error messages and replication are not sent, and `COPY` in the binary format is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Opinion")]
pub(crate) struct OpinionDocument {
    /// Where it is, without `/analyze`: `http://127.0.0.1:5002`. With `https`, its certificate must be one that the system trusts.
    #[schemars(with = "String", regex(pattern = r"^https?://[^@?#\s]+$"))]
    pub(crate) url: At<String>,
    /// What it is to look for, by its own names: `PERSON`, `LOCATION`, `US_SSN`, …
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(crate) entities: At<List<At<String>>>,
    /// How sure it must be, from 0 to 1; 0.5 without it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "f64", range(min = 0, max = 1))]
    pub(crate) threshold: Option<At<f64>>,
    /// The language of the texts, as it names them; `en` without it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String", length(min = 1))]
    pub(crate) language: Option<At<String>>,
    /// How long an answer may take, such as `300ms` or `2s`, at most 30 s; 1 s without it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String")]
    pub(crate) timeout: Option<At<String>>,
    /// What happens to texts without an answer: the service can't be reached, is late, answers something else, or the text is
    /// longer than 64 KiB.
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
}

/// What happens to texts without a second opinion.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// They are shown. The statement is flagged `opinion_failed` in the audit.
    Pass,
    /// They are redacted whole. The statement is flagged `opinion_failed` in the audit.
    Mask,
    /// The statement is refused; rows that were shown already stay shown.
    #[default]
    Deny,
}

/// A second opinion that a policy asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// The policy.
    pub policy: Arc<str>,
    /// The service: scheme, host and port, and a path that `/analyze` is added to.
    pub url: String,
    /// What it is asked for.
    pub entities: Vec<String>,
    /// How sure it must be.
    pub threshold: f64,
    /// The texts' language.
    pub language: String,
    /// How long it may take.
    pub timeout: Duration,
    /// What happens without an answer.
    pub on_failure: OnFailure,
    /// What is shown instead of what it finds.
    pub mask: Mask,
}

impl Opinion {
    pub(crate) const THRESHOLD: f64 = 0.5;
    pub(crate) const LANGUAGE: &str = "en";
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);
    pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);
}

/// The URL without a slash at its end.
pub(crate) fn url(text: &str) -> Result<String, String> {
    let expected = "expected a URL, such as `http://127.0.0.1:5002`";
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("`{text}` is not a URL: {error}; {expected}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("`{text}` is neither http nor https; {expected}"));
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err(format!(
            "a URL with a user or password is not supported; {expected}"
        ));
    }
    if uri.host().is_none_or(str::is_empty) || uri.query().is_some() || text.contains('#') {
        return Err(format!(
            "`{text}` has no host, or more than host, port and path; {expected}"
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}
