//! OpenTelemetry logs over HTTP in their JSON encoding: every collector takes it, and it needs no code made from their
//! definitions.

use std::path::Path;

use reqwest::Client;
use serde::{Deserialize, Serialize};

use super::http::{client, judge};
use super::{Event, Token};
use crate::error::FleetError;

pub(crate) struct Otlp {
    client: Client,
    url: String,
    token: Option<Token>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_logs: [ResourceLogs<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs<'a> {
    resource: Resource<'a>,
    scope_logs: [ScopeLogs<'a>; 1],
}

#[derive(Serialize)]
struct Resource<'a> {
    attributes: [Attribute<'a>; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs<'a> {
    scope: Scope,
    log_records: Vec<LogRecord<'a>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogRecord<'a> {
    /// 64-bit numbers are text in this encoding.
    time_unix_nano: String,
    severity_number: u8,
    severity_text: &'static str,
    body: Text<'a>,
    attributes: [Attribute<'a>; 3],
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'static str,
    value: Text<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    string_value: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    partial_success: Partial,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Partial {
    rejected_log_records: serde_json::Value,
    error_message: String,
}

fn text<'a>(value: impl Into<std::borrow::Cow<'a, str>>) -> Text<'a> {
    Text {
        string_value: value.into(),
    }
}

impl Otlp {
    pub(super) fn new(endpoint: &str, token: Option<Token>, ca: Option<&Path>) -> Result<Self, FleetError> {
        Ok(Self {
            client: client(ca)?,
            url: format!("{}/v1/logs", endpoint.trim_end_matches('/')),
            token,
        })
    }

    pub(super) async fn send(&self, events: &[Event]) -> Result<(), FleetError> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        let request = Request {
            resource_logs: [ResourceLogs {
                resource: Resource {
                    attributes: [
                        Attribute {
                            key: "service.name",
                            value: text("interdict"),
                        },
                        Attribute {
                            key: "host.name",
                            value: text(first.text("host")),
                        },
                    ],
                },
                scope_logs: [ScopeLogs {
                    scope: Scope {
                        name: "interdict",
                        version: env!("CARGO_PKG_VERSION"),
                    },
                    log_records: events.iter().map(record).collect(),
                }],
            }],
        };
        let body = serde_json::to_vec(&request).map_err(|error| FleetError::Refused(error.to_string()))?;
        let mut request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .body(body);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.read()?));
        }
        let answer = judge(request.send().await).await?;
        let answer: Answer = serde_json::from_slice(&answer).unwrap_or_default();
        let rejected = answer.partial_success.rejected_log_records;
        let none = rejected.is_null() || rejected.as_i64() == Some(0) || rejected.as_str() == Some("0");
        if none {
            Ok(())
        } else {
            let why = answer.partial_success.error_message;
            Err(FleetError::Refused(format!(
                "it rejects {rejected} records: {why}"
            )))
        }
    }
}

fn record(event: &Event) -> LogRecord<'_> {
    let refused = event.row.get("decision").as_text() == Some("deny");
    LogRecord {
        time_unix_nano: format!("{}000", event.row.at),
        severity_number: if refused { 13 } else { 9 },
        severity_text: if refused { "WARN" } else { "INFO" },
        body: text(String::from_utf8_lossy(&event.body)),
        attributes: [
            Attribute {
                key: "log.record.uid",
                value: text(event.row.digest()),
            },
            Attribute {
                key: "event.name",
                value: text(format!("interdict.{}", event.row.table)),
            },
            Attribute {
                key: "interdict.identity",
                value: text(event.text("identity")),
            },
        ],
    }
}
