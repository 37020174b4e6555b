//! Analysis behind a bounded cache.

use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use crate::analysis::Analysis;
use crate::lineage::{Lineage, Schema};
use crate::mysql::{self, MysqlSettings};
use crate::postgres::{self, PostgresSettings};
use crate::statement::Statement;

/// Bytes of text that are analysed unless told otherwise.
const LIMIT: usize = 1 << 20;

/// What part of the cache's size the shapes may have besides.
const SHAPES: usize = 8;

/// Analyses texts and remembers the answers. One is shared by all connections.
///
/// A text being analysed holds no lock: others never wait for it, and two that meet the same new text both analyse it.
/// Only large texts take turns with each other, since their trees take much memory. One of them can take some hundred
/// milliseconds, so texts of more than [`Analyzer::LARGE`] bytes are better not given from a thread that others need.
#[derive(Debug)]
pub struct Analyzer {
    cache: Cache<Key, Arc<Analysis>, Weight>,
    /// By the text without its constants: which of them matter.
    shapes: Cache<Key, Arc<[bool]>, Weight>,
    limit: usize,
    turn: Mutex<()>,
}

impl Analyzer {
    /// Bytes from which a text is large.
    pub const LARGE: usize = 1 << 15;

    /// With a cache of about so many bytes.
    pub fn new(bytes: usize) -> Self {
        // The estimate of items only sizes the first allocation; the weight is what bounds.
        let items = (bytes / 2048).clamp(16, 65_536);
        Self {
            cache: Cache::with_weighter(items, bytes as u64, Weight),
            shapes: Cache::with_weighter(items, (bytes / SHAPES) as u64, Weight),
            limit: LIMIT,
            turn: Mutex::new(()),
        }
    }

    /// Sets the longest text that is analysed, in bytes (1 MiB unless set). Longer ones are a gap.
    #[must_use]
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Analyses a text for PostgreSQL: what a Query or Parse message carries, without the final zero byte. Never
    /// fails and never panics; what can't be analysed is a gap in the answer. Texts that differ only in constants that don't matter
    /// get the same answer, see [`Analysis::part`].
    pub fn postgres(&self, text: &[u8], settings: &PostgresSettings) -> Arc<Analysis> {
        let of = Settings::Postgres(*settings);
        if let Some(known) = self.known(text, of) {
            return known;
        }
        let Some(text) = str::from_utf8(text).ok().filter(|text| !text.contains('\0')) else {
            return self.learn(text, of, || postgres::not_text(text.len()));
        };
        let Some(shape) = (text.len() <= Self::LARGE)
            .then(|| postgres::Shape::read(text))
            .flatten()
        else {
            return self.learn(text.as_bytes(), of, || postgres::analyse(text, *settings, None).0);
        };
        let template = |matters: &[bool]| shape.template(text, matters);
        let shared = Settings::PostgresTemplate(*settings);
        if let Some(matters) = self.shapes.get(&Borrowed(shape.skeleton(), of))
            && let Some(template) = template(&matters)
            && let Some(known) = self.cache.get(&Borrowed(&template, shared))
        {
            return known;
        }
        let (analysis, matters) = postgres::analyse(text, *settings, Some(&shape));
        let shape_of = |matters: Box<[bool]>| {
            let template: Box<[u8]> = template(&matters)?.into();
            self.shapes
                .insert(Key(shape.skeleton().into(), of), matters.into());
            Some(template)
        };
        match matters.and_then(shape_of) {
            Some(template) => {
                let analysis = Analysis {
                    template: Some(template.clone()),
                    ..analysis
                };
                self.keep(Key(template, shared), analysis, text.len())
            }
            None => self.keep(Key(text.as_bytes().into(), of), analysis, text.len()),
        }
    }

    /// Traces the protected columns of a schema through each statement of a text, in order. Not cached: what comes of it is
    /// the schema's as much as the text's. A text that can't be parsed is one lineage with a gap.
    pub fn trace_postgres(
        &self,
        text: &[u8],
        settings: &PostgresSettings,
        schema: &dyn Schema,
    ) -> Vec<Lineage> {
        let text = str::from_utf8(text)
            .ok()
            .filter(|text| text.len() <= self.limit && !text.contains('\0'));
        match text {
            Some(text) => postgres::trace(text, *settings, schema),
            None => vec![Lineage {
                gap: Some("the text can't be analysed".to_owned()),
                ..Lineage::default()
            }],
        }
    }

    /// Analyses a text for MySQL or MariaDB: what a `COM_QUERY` or `COM_STMT_PREPARE` carries. Never fails and never panics; what can't
    /// be analysed is a gap in the answer.
    pub fn mysql(&self, text: &[u8], settings: &MysqlSettings) -> Arc<Analysis> {
        let of = Settings::Mysql(*settings);
        self.known(text, of)
            .unwrap_or_else(|| self.learn(text, of, || mysql::analyse(text, *settings)))
    }

    /// Traces the protected columns of a schema through each statement of a MySQL or MariaDB text, in order, as
    /// [`Analyzer::trace_postgres`] does.
    pub fn trace_mysql(&self, text: &[u8], settings: &MysqlSettings, schema: &dyn Schema) -> Vec<Lineage> {
        if text.len() > self.limit {
            return vec![Lineage {
                gap: Some("the text can't be analysed".to_owned()),
                ..Lineage::default()
            }];
        }
        mysql::trace(text, *settings, schema)
    }

    /// The answer that is known already, or the one for all that is too long.
    fn known(&self, text: &[u8], settings: Settings) -> Option<Arc<Analysis>> {
        if text.len() > self.limit {
            return Some(Arc::new(postgres::too_long(text.len(), self.limit)));
        }
        self.cache.get(&Borrowed(text, settings))
    }

    /// Analyses a text and remembers the answer for it.
    fn learn(&self, text: &[u8], settings: Settings, analyse: impl FnOnce() -> Analysis) -> Arc<Analysis> {
        // The lock guards memory, not data: one that a panic left behind is as good as any.
        let turn =
            (text.len() > Self::LARGE).then(|| self.turn.lock().unwrap_or_else(PoisonError::into_inner));
        let analysis = analyse();
        drop(turn);
        self.keep(Key(text.into(), settings), analysis, text.len())
    }

    fn keep(&self, key: Key, mut analysis: Analysis, length: usize) -> Arc<Analysis> {
        analysis.length = length;
        let analysis = Arc::new(analysis);
        self.cache.insert(key, Arc::clone(&analysis));
        analysis
    }

    /// The bytes that the cache holds, about.
    pub fn cached_bytes(&self) -> u64 {
        self.cache.weight()
    }

    /// The analyses that the cache holds.
    pub fn cached(&self) -> usize {
        self.cache.len()
    }
}

/// The whole text, not a hash of it: nobody may choose a text that meets another's analysis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(Box<[u8]>, Settings);

/// The same bytes are another text in another dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Settings {
    Postgres(PostgresSettings),
    /// A text with marks where constants were.
    PostgresTemplate(PostgresSettings),
    Mysql(MysqlSettings),
}

#[derive(Hash)]
struct Borrowed<'a>(&'a [u8], Settings);

impl Equivalent<Key> for Borrowed<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == *key.0 && self.1 == key.1
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Key, Arc<[bool]>> for Weight {
    fn weight(&self, key: &Key, matters: &Arc<[bool]>) -> u64 {
        (size_of::<Key>() + key.0.len() + matters.len()) as u64
    }
}

impl Weighter<Key, Arc<Analysis>> for Weight {
    fn weight(&self, key: &Key, analysis: &Arc<Analysis>) -> u64 {
        (size_of::<Key>() + key.0.len() + heap(analysis)) as u64
    }
}

/// About the bytes that an analysis occupies.
fn heap(analysis: &Analysis) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let statements: usize = analysis.statements.iter().map(weigh).sum();
    size_of::<Analysis>()
        + text(&analysis.fingerprint)
        + text(&analysis.normalised)
        + analysis.template.as_ref().map_or(0, |template| template.len())
        + statements
        + 64 * analysis.gaps.len()
}

pub(crate) fn weigh(statement: &Statement) -> usize {
    /// An allocation's own cost, and a string's three words.
    const EACH: usize = 40;
    let relations = statement.relations.iter();
    let relations: usize = relations
        .map(|relation| 2 * EACH + relation.name.len() + relation.schema.as_ref().map_or(0, String::len))
        .sum();
    let functions: usize = statement.functions.iter().map(|name| EACH + name.len()).sum();
    let settings = statement.settings.iter();
    let settings: usize = settings
        .map(|set| 2 * EACH + set.name.len() + set.value.as_ref().map_or(0, String::len))
        .sum();
    let references: usize = statement
        .references
        .columns
        .iter()
        .map(|name| EACH + name.len())
        .sum();
    size_of::<Statement>()
        + relations
        + functions
        + references
        + settings
        + EACH * (statement.variables.read.len() + statement.variables.written.len())
        + 64 * statement.gaps.len()
        + statement.control.heap()
}
