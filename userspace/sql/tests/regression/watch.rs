//! What a statement that is said to change nothing is held to.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use interdict_sql::{Analysis, Effect, Effects};

use super::server::USER;
use super::wire::Session;

/// Effects that promise: no stored row, no definition and no setting changes. Everything else says that something may.
const HARMLESS: Effects = Effects::of(&[
    Effect::Read,
    Effect::CopyOut,
    Effect::Transaction,
    Effect::Cursor,
    Effect::Prepare,
    Effect::Explain,
    Effect::Listen,
    Effect::LargeObject,
]);

/// Functions that give the transaction's id, for which it has to have one. Nothing else comes of it.
const ASK_FOR_ID: [&str; 2] = ["txid_current", "pg_current_xact_id"];

/// Statements that took a transaction id for another reason than what they do.
const NO_WRITES: [(&str, &[&str], &str); 3] = [
    (
        "temp",
        &[
            "SELECT * FROM temptest;",
            "SELECT * FROM temptest1;",
            "SELECT * FROM temptest2;",
            "select * from whereami;",
            "select * from temp_parted_oncommit;",
            "select * from temp_parted_oncommit_test;",
            "select * from temp_inh_oncommit_test;",
        ],
        "the session has a table with ON COMMIT DELETE ROWS, which every commit empties that touched temporary tables",
    ),
    (
        "temp",
        &["SELECT current_schema() ~ 'pg_temp' AS is_temp_schema;"],
        "the session's schema of temporary tables is made when it is first asked for",
    ),
    (
        "alter_table",
        &["select * from my_locks order by 1;"],
        "the view calls txid_current; what is in a view is for the catalogue to say",
    ),
];

/// Whether the analysis takes a text to change nothing.
pub(crate) fn harmless(analysis: &Analysis) -> bool {
    analysis.complete() && analysis.effects().without(HARMLESS).is_empty()
}

/// What there is to see in the session itself. One column each, named in [`SEEN`].
pub(crate) const STATE: &str = "SELECT \
    (SELECT pg_catalog.md5(pg_catalog.string_agg(s.name || '=' || s.setting, ',' ORDER BY s.name)) FROM pg_catalog.pg_settings s), \
    (SELECT pg_catalog.string_agg(l.classid || '.' || l.objid || '.' || l.objsubid || l.mode, ',' \
        ORDER BY l.classid, l.objid, l.objsubid, l.mode) \
     FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_catalog.pg_backend_pid()), \
    (SELECT pg_catalog.string_agg(c, ',' ORDER BY c) FROM pg_catalog.pg_listening_channels() c), \
    (SELECT pg_catalog.string_agg(p.name, ',' ORDER BY p.name) FROM pg_catalog.pg_prepared_statements p), \
    (SELECT pg_catalog.string_agg(c.name, ',' ORDER BY c.name) FROM pg_catalog.pg_cursors c)";

/// What each column of [`STATE`] is, and the effect that announces a change of it.
pub(crate) const SEEN: [(&str, Option<Effect>); 5] = [
    ("settings", None),
    ("advisory locks", None),
    ("channels listened to", Some(Effect::Listen)),
    ("prepared statements", Some(Effect::Prepare)),
    ("cursors", Some(Effect::Cursor)),
];

/// Why a transaction id that a statement took is no sign of a change; `None` if it is one.
pub(crate) fn no_write(script: &str, text: &str, analysis: &Analysis) -> Option<&'static str> {
    let functions = analysis
        .statements
        .iter()
        .flat_map(|statement| &statement.functions);
    if functions
        .into_iter()
        .any(|name| ASK_FOR_ID.contains(&name.as_str()))
    {
        return Some("it asks for the id");
    }
    let listed = NO_WRITES
        .iter()
        .find(|(name, texts, _)| *name == script && texts.contains(&text));
    listed.map(|(_, _, why)| *why)
}

/// What changed in the session, beyond what was announced.
pub(crate) fn changed(
    before: &[Option<String>],
    after: &[Option<String>],
    effects: Effects,
) -> Vec<&'static str> {
    let pairs = before.iter().zip(after);
    SEEN.iter()
        .zip(pairs)
        .filter(|((_, announced), (before, after))| {
            before != after && !announced.is_some_and(|effect| effects.contains(effect))
        })
        .map(|((name, _), _)| *name)
        .collect()
}

/// The sign that something was stored.
pub(crate) const TOOK_ID: &str = "took a transaction id";

/// A superuser's session beside the one that is watched.
pub(crate) struct Observer {
    session: Session,
    /// Whether the watched session is known to be the only other one.
    alone: bool,
}

/// What an observer saw before or after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// The transaction id that came next. Asking takes it.
    next: u64,
    /// The sum of what the sequences have given; `None` where one of them was locked.
    sequences: Option<String>,
}

impl Observer {
    pub(crate) fn new(socket: &Path, database: &str) -> Option<Self> {
        let mut session = Session::open(socket, USER, database).ok()?;
        // The watched session may hold a sequence that this one asks for, and waits for our answer.
        session.ask("SET lock_timeout = '5ms'").ok()?;
        Some(Self {
            session,
            alone: false,
        })
    }

    /// Waits until the sessions before this one are gone: one that ends takes a transaction id to drop its temporary tables,
    /// and psql's `\c`, or the next script, does not wait for that.
    fn wait_alone(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.alone {
            let others = "SELECT count(*) FROM pg_stat_activity \
                          WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
            let others = self.session.ask(others).unwrap();
            self.alone = others[0].as_deref() == Some("1");
            assert!(Instant::now() < deadline, "the session before does not end");
            if !self.alone {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    pub(crate) fn look(&mut self) -> Sight {
        self.wait_alone();
        let sequences = self
            .session
            .ask(
                "SELECT sum(pg_sequence_last_value(oid)) FROM pg_class \
                 WHERE relkind = 'S' AND relpersistence <> 't'",
            )
            .ok()
            .map(|columns| columns.into_iter().next().flatten().unwrap_or_default());
        let next = self.session.ask("SELECT pg_current_xact_id()").unwrap();
        Sight {
            next: next[0].as_ref().unwrap().parse().unwrap(),
            sequences,
        }
    }
}

impl Sight {
    /// What happened between two looks.
    pub(crate) fn until(&self, after: &Self) -> Vec<&'static str> {
        let mut seen = Vec::new();
        if after.next != self.next + 1 {
            seen.push(TOOK_ID);
        }
        let sequences = self.sequences.as_ref().zip(after.sequences.as_ref());
        if sequences.is_some_and(|(before, after)| before != after) {
            seen.push("moved a sequence");
        }
        seen
    }
}
