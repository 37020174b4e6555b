//! Apache Kafka: one record an event, in the order of the record within a session. The brokers number what each producer
//! sends, so that its own retries write nothing twice, and a delivery counts when all replicas in sync have it.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use krafka::auth::{AuthConfig, TlsConfig};
use krafka::error::ErrorCode;
use krafka::producer::{Acks, DeliveryHandle, Producer};
use krafka::{CloseOptions, Kafka as Cluster, KrafkaError, Record};
use uuid::Uuid;

use super::{Event, Token};
use crate::error::{FleetError, causes};

/// Together less than what a delivery may take: an error then says why, instead of that time ran out.
const CONNECT: Duration = Duration::from_secs(4);
const REQUEST: Duration = Duration::from_secs(8);
const DELIVERY: Duration = Duration::from_secs(16);
/// A larger event can't be sent at all; a topic's own limit (`max.message.bytes`) is less by far.
const LARGEST: usize = 30 << 20;

/// Where the brokers are, and how they are spoken to.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// `HOST:PORT` of some of them; they tell of the others.
    pub brokers: Vec<String>,
    /// It has to be there already: its replicas and retention are nothing that a sender ought to guess.
    pub topic: String,
    /// Whether everything goes through TLS.
    pub tls: bool,
    /// Roots to verify the brokers with, instead of the system's.
    pub ca: Option<PathBuf>,
    /// SASL, where they ask for it.
    pub login: Option<KafkaLogin>,
}

/// A login by SASL.
#[derive(Clone, Debug)]
pub struct KafkaLogin {
    /// How it is shown.
    pub mechanism: KafkaMechanism,
    /// Whose.
    pub user: String,
    /// Read anew for every connection to the cluster.
    pub password: Token,
}

/// How a password is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaMechanism {
    /// As it is.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// The same with a longer hash.
    ScramSha512,
}

pub(crate) struct Kafka {
    settings: KafkaSettings,
    roots: Option<Vec<u8>>,
    producer: Option<Producer>,
}

impl Kafka {
    pub(super) fn new(settings: KafkaSettings) -> Result<Self, FleetError> {
        let roots = match &settings.ca {
            Some(ca) => Some(std::fs::read(ca).map_err(FleetError::io("read", ca))?),
            None => None,
        };
        Ok(Self {
            settings,
            roots,
            producer: None,
        })
    }

    pub(super) async fn send(&mut self, events: &[Event]) -> Result<(), FleetError> {
        // Taken out while it works: a delivery that is given up halfway leaves none behind.
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => self.connect().await?,
        };
        let outcome = self.deliver(&producer, events).await;
        match outcome {
            Ok(()) | Err(FleetError::Refused(_)) => self.producer = Some(producer),
            // What it still holds is sent again by the next one, which reads the password anew.
            Err(_) => drop(
                producer
                    .close_with(CloseOptions::new().timeout(Duration::ZERO))
                    .await,
            ),
        }
        outcome
    }

    async fn deliver(&self, producer: &Producer, events: &[Event]) -> Result<(), FleetError> {
        if let Some(event) = events.iter().find(|event| event.body.len() > LARGEST) {
            return Err(FleetError::Refused(format!(
                "{} bytes do not fit into a record",
                event.body.len()
            )));
        }
        let mut handles: Vec<DeliveryHandle> = Vec::with_capacity(events.len());
        for event in events {
            let record = Record::new(self.settings.topic.as_str(), event.body.clone())
                .key(key(event))
                .timestamp(event.row.at.div_euclid(1000));
            handles.push(producer.enqueue(record).await.map_err(|error| judge(&error))?);
        }
        // All of them are heard out, so that nothing is on its way when this returns.
        let mut failed = None;
        for handle in handles {
            if let Err(error) = handle.await {
                let error = judge(&error);
                // What is refused is found by sending fewer, once everything else gets through.
                if !matches!(failed, Some(FleetError::Away(_))) {
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn connect(&self) -> Result<Producer, FleetError> {
        let settings = &self.settings;
        let mut security = match &settings.login {
            None => AuthConfig::plaintext(),
            Some(login) => {
                let (user, password) = (login.user.as_str(), login.password.read()?);
                match login.mechanism {
                    KafkaMechanism::Plain => AuthConfig::sasl_plain(user, password),
                    KafkaMechanism::ScramSha256 => AuthConfig::sasl_scram_sha256(user, password),
                    KafkaMechanism::ScramSha512 => AuthConfig::sasl_scram_sha512(user, password),
                }
            }
        };
        if settings.tls {
            security = security.with_tls(match &self.roots {
                Some(roots) => TlsConfig::new().with_ca_cert_pem(roots.clone()),
                None => TlsConfig::new().with_native_roots(),
            });
        }
        let cluster = Cluster::builder(settings.brokers.join(","))
            .client_id("interdict")
            .security(security)
            .connect_timeout(CONNECT)
            .request_timeout(REQUEST)
            .allow_auto_create_topics(false)
            .connect()
            .await
            .map_err(|error| judge(&error))?;
        let producer = cluster.producer().acks(Acks::All).idempotent(true);
        producer
            .delivery_timeout(DELIVERY)
            .max_block(REQUEST)
            // What the brokers' operator wants to know of us is nothing of the record's.
            .metrics_push(false)
            .build()
            .await
            .map_err(|error| judge(&error))
    }
}

/// One session's events are in one partition, and so in order; those of no session are by host.
fn key(event: &Event) -> Bytes {
    let session = event.row.get("session_id").as_bytes();
    match session.and_then(|bytes| Uuid::from_slice(bytes).ok()) {
        Some(session) => session.to_string().into(),
        None => event.text("host").to_owned().into(),
    }
}

/// Whether it is about the event, or about the brokers or us.
fn judge(error: &KrafkaError) -> FleetError {
    let why = causes(error);
    match error {
        KrafkaError::Broker {
            code: ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge | ErrorCode::InvalidRecord,
            ..
        } => FleetError::Refused(why),
        _ => FleetError::Away(why),
    }
}
