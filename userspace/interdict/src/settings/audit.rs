//! The `audit` section: where the record is, how it is sealed and kept, and where it goes from here.

use std::path::PathBuf;
use std::time::Duration;

use interdict_audit::Retention;

use super::SecretSource;

/// The record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) directory: PathBuf,
    pub(crate) durability: Durability,
    /// Rows after which a segment is sealed.
    pub(crate) segment_rows: u64,
    /// Age at which a segment is sealed.
    pub(crate) segment_age: Duration,
    /// How long rows are kept.
    pub(crate) retention: Retention,
    /// What seals are made with.
    pub(crate) seals: SealKeys,
    /// Where seals are put besides.
    pub(crate) anchors: Vec<AnchorAt>,
    /// Bytes of each answer that are kept as frames; `None`: nothing is.
    pub(crate) frames: Option<u64>,
    /// Who gets rows as they complete.
    pub(crate) streams: Vec<Stream>,
    /// Where segments are shipped.
    pub(crate) ship: Option<Ship>,
}

/// A live stream of rows as OCSF events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) sink: Sink,
    pub(crate) tables: Vec<interdict_audit::Table>,
    /// Whether a new one starts with all that is on record.
    pub(crate) beginning: bool,
    pub(crate) patience: Option<Duration>,
}

/// Who receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    Syslog {
        address: interdict_fleet::stream::SyslogAddress,
        ca: Option<PathBuf>,
    },
    Http {
        url: String,
        format: interdict_fleet::stream::HttpFormat,
        token: Option<SecretSource>,
        ca: Option<PathBuf>,
    },
    Otlp {
        endpoint: String,
        token: Option<SecretSource>,
        ca: Option<PathBuf>,
    },
    Kafka(Kafka),
    File {
        path: PathBuf,
    },
}

/// Brokers of Apache Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kafka {
    pub(crate) brokers: Vec<String>,
    pub(crate) topic: String,
    pub(crate) tls: bool,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) login: Option<KafkaLogin>,
}

/// How the daemon shows the brokers who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KafkaLogin {
    pub(crate) mechanism: interdict_fleet::stream::KafkaMechanism,
    pub(crate) user: String,
    pub(crate) password: SecretSource,
}

/// An object store for segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ship {
    pub(crate) to: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    /// The key's name, and where its secret comes from.
    pub(crate) keys: Option<(String, SecretSource)>,
    pub(crate) ca: Option<PathBuf>,
}

/// The keys of the seals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SealKeys {
    pub(crate) key: KeyPlace,
    /// The one before it, which hands over.
    pub(crate) previous: Option<SecretSource>,
}

/// Where a key is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeyPlace {
    /// `seal.key` beside the record; made where there is none.
    #[default]
    Beside,
    /// A file of ours; made where there is none.
    File(PathBuf),
    /// Somebody else's to keep.
    Source(SecretSource),
}

/// A place off the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AnchorAt {
    /// A directory of another machine.
    File(PathBuf),
    ObjectStore(ObjectStore),
    /// An authority that stamps them with its time (RFC 3161).
    Stamp {
        name: String,
        url: http::Uri,
    },
    /// Told over HTTP, signed with a secret.
    Webhook {
        name: String,
        url: http::Uri,
        secret: SecretSource,
    },
}

/// A bucket with object lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectStore {
    pub(crate) bucket: String,
    /// Without slashes at its ends; may be empty.
    pub(crate) prefix: String,
    /// `https`, or `http`.
    pub(crate) scheme: String,
    /// Host and port.
    pub(crate) authority: String,
    pub(crate) region: String,
    /// How long objects are locked.
    pub(crate) lock: Duration,
    pub(crate) access_key_id: SecretSource,
    pub(crate) secret_access_key: SecretSource,
    pub(crate) session_token: Option<SecretSource>,
}

impl Audit {
    /// The file of the key, where it is ours to keep.
    pub(crate) fn key_file(&self) -> Option<PathBuf> {
        match &self.seals.key {
            KeyPlace::Beside => Some(self.directory.parent().map_or_else(
                || PathBuf::from("/var/lib/interdict/seal.key"),
                |above| above.join("seal.key"),
            )),
            KeyPlace::File(path) => Some(path.clone()),
            KeyPlace::Source(_) => None,
        }
    }
}

/// When a record counts as made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    Strict,
    Batch(Duration),
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("/var/lib/interdict/audit"),
            durability: Durability::Strict,
            segment_rows: 1_000_000,
            segment_age: Duration::from_mins(5),
            // Six years: 45 CFR 164.316(b)(2).
            retention: Retention {
                default: Some(Duration::from_hours(24 * 2190)),
                tables: std::collections::BTreeMap::new(),
                shipped: false,
            },
            seals: SealKeys::default(),
            anchors: Vec::new(),
            frames: Some(1 << 20),
            streams: Vec::new(),
            ship: None,
        }
    }
}
