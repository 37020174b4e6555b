//! What leaves the host: live streams of rows, and segments to an object store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use interdict_audit::{Audit, Observers, Table};
use interdict_fleet::ocsf::{Mapper, Speaks};
use interdict_fleet::ship::{self, Keys, ShipSettings, Shipper};
use interdict_fleet::stream::{self, KafkaLogin, KafkaSettings, SinkSettings, Stream, StreamSettings, Token};
use interdict_fleet::{Feed, Note, Notes};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::admin::Counts;
use crate::record;
use crate::settings::{Protocol, SecretSource, Settings, Sink};

/// What is to run, once the audit is open.
pub(super) struct Fleet {
    feed: Option<Arc<Feed>>,
}

/// How what leaves the host does.
#[derive(Clone, Default)]
pub(super) struct States {
    pub(super) streams: Vec<(String, Arc<stream::State>)>,
    pub(super) ship: Option<Arc<ship::State>>,
}

impl States {
    /// By name: what there is to count.
    pub(super) fn counts(&self) -> BTreeMap<String, Counts> {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let named = |counts: &[(&str, u64)]| -> Counts {
            let counts = counts.iter();
            counts.map(|(what, count)| ((*what).to_owned(), *count)).collect()
        };
        let streams = self.streams.iter().map(|(name, state)| {
            let counts = [
                ("delivered", count(&state.delivered)),
                ("refused", count(&state.refused)),
                ("waiting", waiting(state)),
            ];
            (format!("stream {name}"), named(&counts))
        });
        let ship = self.ship.iter().map(|state| {
            let counts = [
                ("shipped", count(&state.files)),
                ("waiting", count(&state.waiting)),
            ];
            ("shipping".to_owned(), named(&counts))
        });
        streams.chain(ship).collect()
    }

    /// What a person must look at.
    pub(super) fn attention(&self) -> Vec<String> {
        let streams = self.streams.iter().filter_map(|(name, state)| {
            let waiting = waiting(state);
            Some(format!(
                "the stream {name} delivers nothing ({waiting} rows wait): {}",
                state.error()?
            ))
        });
        let ship = self.ship.iter().filter_map(|state| {
            let waiting = state.waiting.load(Ordering::Relaxed);
            Some(format!(
                "segments are not shipped ({waiting} wait): {}",
                state.error()?
            ))
        });
        streams.chain(ship).collect()
    }
}

/// Rows that a stream has yet to deliver.
fn waiting(state: &stream::State) -> u64 {
    u64::try_from(state.lag.load(Ordering::Relaxed)).unwrap_or_default()
}

impl Fleet {
    /// Before the audit is opened, so that no row is missed.
    pub(super) fn new(settings: &Settings, observers: &mut Observers) -> Self {
        let wanted = !settings.audit.streams.is_empty() || settings.audit.ship.is_some();
        let feed = wanted.then(Arc::<Feed>::default);
        if let Some(feed) = &feed {
            observers.add(Arc::clone(feed) as Arc<dyn interdict_audit::Observer>);
        }
        Self { feed }
    }

    /// Starts everything.
    pub(super) async fn start(
        self,
        settings: &Settings,
        audit: &Arc<Audit>,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<States> {
        let Some(feed) = self.feed else {
            return Ok(States::default());
        };
        let (notes, noted) = Notes::channel();
        tasks.spawn(write_down(noted, Arc::clone(audit)));
        let directory = settings.audit.directory.clone();
        let ends = {
            let directory = directory.clone();
            tokio::task::spawn_blocking(move || interdict_audit::stats(&directory))
        };
        let ends = ends.await?.context("reading where the record ends")?;
        let ends = |table: Table| {
            ends.tables
                .get(table.name())
                .map_or(0, |numbers| numbers.last_seq)
        };
        let mapper = Arc::new(mapper(settings));
        let mut states = States::default();
        for one in &settings.audit.streams {
            let stream = Stream::new(
                StreamSettings {
                    name: one.name.clone(),
                    sink: sink(&one.sink),
                    tables: one.tables.clone(),
                    beginning: one.beginning,
                    patience: one.patience,
                },
                &directory,
                Arc::clone(&feed),
                Arc::clone(&mapper),
                notes.clone(),
                ends,
            );
            let stream = stream.with_context(|| format!("the stream {}", one.name))?;
            states.streams.push((one.name.clone(), stream.state()));
            tasks.spawn(stream.run());
        }
        if let Some(ship) = &settings.audit.ship {
            let to = ShipSettings {
                to: ship.to.clone(),
                endpoint: ship.endpoint.clone(),
                region: ship.region.clone(),
                keys: ship.keys.as_ref().map(|(id, source)| Keys {
                    access_key_id: id.clone(),
                    secret_access_key: token(source),
                }),
                ca: ship.ca.clone(),
            };
            let shipper =
                Shipper::new(&to, &directory, record::host()?, feed, notes).context("`audit.ship`")?;
            states.ship = Some(shipper.state());
            tasks.spawn(shipper.run());
        }
        Ok(states)
    }
}

fn mapper(settings: &Settings) -> Mapper {
    let speaks = settings.services.iter().filter_map(|service| {
        let speaks = match service.protocol {
            Protocol::Postgres | Protocol::Mysql => Speaks::Sql,
            Protocol::Http => Speaks::Http,
            Protocol::Opaque => return None,
        };
        Some((service.name.clone(), speaks))
    });
    Mapper::new(speaks)
}

fn sink(sink: &Sink) -> SinkSettings {
    match sink.clone() {
        Sink::Syslog { address, ca } => SinkSettings::Syslog { address, ca },
        Sink::Http {
            url,
            format,
            token: source,
            ca,
        } => SinkSettings::Http {
            url,
            format,
            token: source.as_ref().map(token),
            ca,
        },
        Sink::Otlp {
            endpoint,
            token: source,
            ca,
        } => SinkSettings::Otlp {
            endpoint,
            token: source.as_ref().map(token),
            ca,
        },
        Sink::Kafka(kafka) => SinkSettings::Kafka(KafkaSettings {
            brokers: kafka.brokers,
            topic: kafka.topic,
            tls: kafka.tls,
            ca: kafka.ca,
            login: kafka.login.map(|login| KafkaLogin {
                mechanism: login.mechanism,
                user: login.user,
                password: token(&login.password),
            }),
        }),
        Sink::File { path } => SinkSettings::File { path },
    }
}

fn token(source: &SecretSource) -> Token {
    let source = source.clone();
    Token::new(move || {
        let secret = source.read()?;
        let text = std::str::from_utf8(secret.reveal());
        text.map(str::to_owned).map_err(std::io::Error::other)
    })
}

/// What streams and shipping have to tell goes on record.
async fn write_down(mut noted: mpsc::Receiver<Note>, audit: Arc<Audit>) {
    while let Some(note) = noted.recv().await {
        let record = record::detailed(note.kind, "daemon", note.message, note.detail);
        if let Err(error) = audit.append(vec![record]).await {
            tracing::error!(%error, kind = note.kind, "this is not on the record");
        }
    }
}
