//! Those who receive.

mod file;
mod http;
mod kafka;
mod otlp;
mod syslog;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interdict_audit::Row;

pub use self::http::HttpFormat;
pub use self::kafka::{KafkaLogin, KafkaMechanism, KafkaSettings};
pub use self::syslog::SyslogAddress;
use crate::error::FleetError;

/// How long one delivery may take.
const LONGEST: Duration = Duration::from_secs(30);

/// Where a stream goes.
#[derive(Clone, Debug)]
pub enum SinkSettings {
    /// RFC 5424.
    Syslog {
        /// Where to, and how.
        address: SyslogAddress,
        /// Roots to verify a TLS receiver with, instead of the system's.
        ca: Option<PathBuf>,
    },
    /// A collector that takes JSON over HTTP.
    Http {
        /// The whole address.
        url: String,
        /// What it takes.
        format: HttpFormat,
        /// What it is shown.
        token: Option<Token>,
        /// Roots to verify it with, instead of the system's.
        ca: Option<PathBuf>,
    },
    /// OpenTelemetry logs over HTTP, as JSON.
    Otlp {
        /// The base address; `/v1/logs` is added.
        endpoint: String,
        /// For `Authorization: Bearer`.
        token: Option<Token>,
        /// Roots to verify it with, instead of the system's.
        ca: Option<PathBuf>,
    },
    /// Apache Kafka, by its own protocol.
    Kafka(KafkaSettings),
    /// Lines of JSON, appended.
    File {
        /// The file; it may be moved away at any time.
        path: PathBuf,
    },
}

/// A secret, read anew for every delivery.
#[derive(Clone)]
pub struct Token(Arc<dyn Fn() -> std::io::Result<String> + Send + Sync>);

impl Token {
    /// From where it can be read.
    pub fn new(read: impl Fn() -> std::io::Result<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(crate) fn read(&self) -> Result<String, FleetError> {
        (self.0)().map_err(|error| FleetError::Away(format!("the token can't be read: {error}")))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token")
    }
}

/// A row as what is sent.
pub(crate) struct Event {
    pub(crate) row: Arc<Row>,
    /// One JSON object.
    pub(crate) body: Vec<u8>,
}

impl Event {
    fn text(&self, name: &str) -> &str {
        self.row.get(name).as_text().unwrap_or("-")
    }
}

pub(crate) enum Sink {
    Syslog(syslog::Syslog),
    Http(http::Http),
    Otlp(otlp::Otlp),
    Kafka(Box<kafka::Kafka>),
    File(file::Lines),
}

impl Sink {
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, FleetError> {
        Ok(match settings {
            SinkSettings::Syslog { address, ca } => {
                Self::Syslog(syslog::Syslog::new(address.clone(), ca.as_deref())?)
            }
            SinkSettings::Http {
                url,
                format,
                token,
                ca,
            } => Self::Http(http::Http::new(
                url.clone(),
                *format,
                token.clone(),
                ca.as_deref(),
            )?),
            SinkSettings::Otlp { endpoint, token, ca } => {
                Self::Otlp(otlp::Otlp::new(endpoint, token.clone(), ca.as_deref())?)
            }
            SinkSettings::Kafka(settings) => Self::Kafka(Box::new(kafka::Kafka::new(settings.clone())?)),
            SinkSettings::File { path } => Self::File(file::Lines::new(path.clone())),
        })
    }

    /// Sends all of them, or tells why not. What was sent in part may come again.
    pub(crate) async fn send(&mut self, events: &[Event]) -> Result<(), FleetError> {
        let sending = async {
            match self {
                Self::Syslog(sink) => sink.send(events).await,
                Self::Http(sink) => sink.send(events).await,
                Self::Otlp(sink) => sink.send(events).await,
                Self::Kafka(sink) => sink.send(events).await,
                Self::File(sink) => sink.send(events),
            }
        };
        match tokio::time::timeout(LONGEST, sending).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FleetError::Away("no answer within 30 seconds".to_owned())),
        }
    }
}
