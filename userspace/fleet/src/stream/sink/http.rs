//! Collectors that take JSON over HTTP: Splunk's HTTP Event Collector, Elasticsearch's bulk interface, plain lines.

use std::path::Path;

use reqwest::{Certificate, Client, Response, StatusCode};
use serde::Deserialize;

use super::{Event, Token};
use crate::error::{FleetError, causes};

/// What a collector takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFormat {
    /// Splunk's HTTP Event Collector, `/services/collector/event`.
    SplunkHec,
    /// Elasticsearch or OpenSearch: `/INDEX/_bulk`. Events are created under their own identifier, so that none is there twice.
    Elastic,
    /// One event a line.
    Ndjson,
}

pub(crate) struct Http {
    client: Client,
    url: String,
    format: HttpFormat,
    token: Option<Token>,
}

/// A client with the roots to trust.
pub(crate) fn client(ca: Option<&Path>) -> Result<Client, FleetError> {
    let mut builder = Client::builder()
        .user_agent(concat!("interdict/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(super::LONGEST);
    if let Some(ca) = ca {
        let pem = std::fs::read(ca).map_err(FleetError::io("read", ca))?;
        let roots = Certificate::from_pem_bundle(&pem).map_err(|error| {
            FleetError::Settings(format!("{} has no certificates: {error}", ca.display()))
        })?;
        builder = builder.tls_certs_only(roots);
    }
    builder
        .build()
        .map_err(|error| FleetError::Settings(format!("no HTTP client: {}", causes(&error))))
}

/// What an answer's status says of what was sent.
pub(crate) async fn judge(answer: Result<Response, reqwest::Error>) -> Result<Vec<u8>, FleetError> {
    let answer = answer.map_err(|error| FleetError::Away(causes(&error)))?;
    let status = answer.status();
    let body = answer
        .bytes()
        .await
        .map_err(|error| FleetError::Away(causes(&error)))?;
    if status.is_success() {
        return Ok(body.into());
    }
    let start = body.get(..body.len().min(300)).unwrap_or_default();
    let why = format!("it answers {status}: {}", String::from_utf8_lossy(start));
    Err(match status {
        // About what was sent; everything else is about the receiver, or about us.
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            FleetError::Refused(why)
        }
        _ => FleetError::Away(why),
    })
}

#[derive(Deserialize)]
struct Bulk {
    errors: bool,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    #[serde(default)]
    error: serde_json::Value,
}

impl Http {
    pub(super) fn new(
        url: String,
        format: HttpFormat,
        token: Option<Token>,
        ca: Option<&Path>,
    ) -> Result<Self, FleetError> {
        Ok(Self {
            client: client(ca)?,
            url,
            format,
            token,
        })
    }

    pub(super) async fn send(&self, events: &[Event]) -> Result<(), FleetError> {
        let mut body = Vec::new();
        for event in events {
            match self.format {
                HttpFormat::SplunkHec => splunk(event, &mut body),
                HttpFormat::Elastic => elastic(event, &mut body),
                HttpFormat::Ndjson => body.extend_from_slice(&event.body),
            }
            body.push(b'\n');
        }
        let kind = match self.format {
            HttpFormat::SplunkHec => "application/json",
            HttpFormat::Elastic | HttpFormat::Ndjson => "application/x-ndjson",
        };
        let mut request = self
            .client
            .post(&self.url)
            .header("content-type", kind)
            .body(body);
        if let Some(token) = &self.token {
            let scheme = match self.format {
                HttpFormat::SplunkHec => "Splunk",
                HttpFormat::Elastic => "ApiKey",
                HttpFormat::Ndjson => "Bearer",
            };
            request = request.header("authorization", format!("{scheme} {}", token.read()?));
        }
        let answer = judge(request.send().await).await?;
        match self.format {
            HttpFormat::Elastic => indexed(&answer),
            HttpFormat::SplunkHec | HttpFormat::Ndjson => Ok(()),
        }
    }
}

fn splunk(event: &Event, body: &mut Vec<u8>) {
    let (seconds, micros) = (
        event.row.at.div_euclid(1_000_000),
        event.row.at.rem_euclid(1_000_000),
    );
    let host = serde_json::Value::from(event.text("host"));
    let head = format!(
        r#"{{"time":{seconds}.{micros:06},"host":{host},"source":"interdict","sourcetype":"interdict:ocsf","event":"#
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&event.body);
    body.push(b'}');
}

fn elastic(event: &Event, body: &mut Vec<u8>) {
    let at = jiff::Timestamp::from_microsecond(event.row.at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let head = format!(
        "{{\"create\":{{\"_id\":\"{}\"}}}}\n{{\"@timestamp\":\"{at:.6}\",",
        event.row.digest()
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(event.body.get(1..).unwrap_or_default());
}

/// The bulk interface answers 200 also where it took nothing.
fn indexed(answer: &[u8]) -> Result<(), FleetError> {
    let bulk: Bulk = serde_json::from_slice(answer)
        .map_err(|error| FleetError::Away(format!("its answer is no answer to a bulk request: {error}")))?;
    if !bulk.errors {
        return Ok(());
    }
    // 409: it is there already.
    let failed = bulk.items.iter().map(|item| &item.create);
    let failed: Vec<&Outcome> = failed
        .filter(|one| one.status >= 300 && one.status != 409)
        .collect();
    let Some(first) = failed.first() else {
        return Ok(());
    };
    let why = format!(
        "it answers {} for {} events: {}",
        first.status,
        failed.len(),
        first.error
    );
    if failed.iter().all(|one| one.status == 400) {
        Err(FleetError::Refused(why))
    } else {
        Err(FleetError::Away(why))
    }
}
