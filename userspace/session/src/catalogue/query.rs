//! How a catalogue is read: one query over PostgreSQL's own tables, through whatever session is at hand.
//!
//! Every name and operator is qualified, so that a search path with look-alikes changes nothing. It works on PostgreSQL 11
//! and later.

use interdict_sql::Analyzer;

use super::{Catalogue, ColumnEntry};
use crate::reading::Reading;

/// What changes whenever the schema does, and nothing else: every row of the tables that [`QUERY`] reads is known by the
/// transaction that wrote it. Statistics and vacuum write in place and leave it; temporary relations belong to one session,
/// whose statements are seen, and are left out.
///
/// A snapshot older than the statement (REPEATABLE READ) sees old rows here while the server follows the newest definitions,
/// so the isolation is part of the answer.
macro_rules! fingerprint {
    () => {
        "SELECT pg_catalog.concat_ws('.', pg_catalog.count(*), \
pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat(r.tag, r.a, '/', r.b, '/', r.x), 0::pg_catalog.int8)::pg_catalog.numeric)), \
pg_catalog.current_setting('transaction_isolation') FROM (\
SELECT 'r'::pg_catalog.text AS tag, c.oid AS a, 0::pg_catalog.int4 AS b, c.xmin::pg_catalog.text AS x FROM pg_catalog.pg_class c \
WHERE c.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND c.relpersistence OPERATOR(pg_catalog.<>) 't'::pg_catalog.\"char\" \
AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,v,m,f,p}'::pg_catalog.\"char\"[]) \
UNION ALL SELECT 'a', a.attrelid, a.attnum, a.xmin::pg_catalog.text FROM pg_catalog.pg_attribute a \
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
WHERE a.attrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 \
AND c.relpersistence OPERATOR(pg_catalog.<>) 't'::pg_catalog.\"char\" \
AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,v,m,f,p}'::pg_catalog.\"char\"[]) \
UNION ALL SELECT 'w', w.ev_class, 0, w.xmin::pg_catalog.text FROM pg_catalog.pg_rewrite w \
WHERE w.ev_class OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
UNION ALL SELECT 'i', i.inhrelid, i.inhseqno, i.xmin::pg_catalog.text FROM pg_catalog.pg_inherits i \
UNION ALL SELECT 'n', n.oid, 0, n.xmin::pg_catalog.text FROM pg_catalog.pg_namespace n \
WHERE n.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast_)?temp_'::pg_catalog.text \
UNION ALL SELECT 'f', p.oid, 0, p.xmin::pg_catalog.text FROM pg_catalog.pg_proc p \
WHERE p.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
UNION ALL SELECT 'o', o.oid, 0, o.xmin::pg_catalog.text FROM pg_catalog.pg_operator o \
WHERE o.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid) r"
    };
}

/// Asks whether the schema is still as it was read: one row, the mark and the isolation it was seen under.
pub const MARK_QUERY: &str = concat!("/* interdict: catalogue */ ", fingerprint!());

/// What was seen of the schema as a whole: equal marks, equal schemas.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    text: String,
    /// In a transaction, the snapshot may be older than the statement.
    pub may_be_old: bool,
}

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Mark {
    /// One that is never old.
    pub(crate) fn current(text: String) -> Self {
        Self {
            text,
            may_be_old: false,
        }
    }

    /// Reads the mark and the isolation.
    pub fn new<'a>(mut cells: impl Iterator<Item = Option<&'a [u8]>>) -> Result<Self, ReadError> {
        match (cells.next().flatten(), cells.next().flatten(), cells.next()) {
            (Some(text), Some(isolation), None) => Ok(Self {
                text: String::from_utf8_lossy(text).into_owned(),
                may_be_old: !matches!(isolation, b"read committed" | b"read uncommitted"),
            }),
            _ => Err(ReadError::Row),
        }
    }
}

/// Columns of [`QUERY`]'s rows, all text: the kind of row and four fields.
pub const COLUMNS: usize = 5;

/// Rows: `r` relation (oid, schema, name, kind), `a` attribute (oid, number, name, type and `g` if generated), `d` dependency
/// of a view (view, relation, attribute), `i` inheritance (child, parent), `v` view (oid, query), `f` routine (oid, schema,
/// name, what is known of it), `o` operator (symbol, routine), `m` the mark (mark, isolation).
///
/// Of the server's own relations only those are read whose columns hold what belongs to others: statements and samples.
pub const QUERY: &str = concat!(
    "/* interdict: catalogue */ \
WITH c AS (SELECT c.oid, c.relname, c.relkind, n.nspname FROM pg_catalog.pg_class c \
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
WHERE (c.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,v,m,f,p,S}'::pg_catalog.\"char\"[]) \
AND n.nspname OPERATOR(pg_catalog.<>) 'pg_toast'::pg_catalog.name) \
OR (n.nspname OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.name AND c.relname OPERATOR(pg_catalog.=) \
ANY ('{pg_stat_activity,pg_prepared_statements,pg_cursors,pg_stats,pg_stats_ext,pg_stats_ext_exprs}'::pg_catalog.name[]))) \
SELECT 'r'::pg_catalog.text, c.oid::pg_catalog.text, c.nspname::pg_catalog.text, c.relname::pg_catalog.text, \
c.relkind::pg_catalog.text FROM c \
UNION ALL SELECT 'a', a.attrelid::pg_catalog.text, a.attnum::pg_catalog.text, a.attname::pg_catalog.text, \
pg_catalog.concat(CASE WHEN t.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog.\"char\" THEN t.typbasetype ELSE t.oid END, \
CASE WHEN pg_catalog.to_jsonb(a) OPERATOR(pg_catalog.->>) 'attgenerated' OPERATOR(pg_catalog.<>) ''::pg_catalog.text THEN 'g' END) \
FROM pg_catalog.pg_attribute a JOIN c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid \
WHERE a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped \
UNION ALL SELECT DISTINCT 'd', w.ev_class::pg_catalog.text, d.refobjid::pg_catalog.text, d.refobjsubid::pg_catalog.text, NULL \
FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite w ON w.oid OPERATOR(pg_catalog.=) d.objid \
WHERE d.classid OPERATOR(pg_catalog.=) 2618::pg_catalog.oid AND d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid \
AND d.refobjid OPERATOR(pg_catalog.<>) w.ev_class AND w.ev_class OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
UNION ALL SELECT 'i', i.inhrelid::pg_catalog.text, i.inhparent::pg_catalog.text, NULL, NULL FROM pg_catalog.pg_inherits i \
UNION ALL SELECT 'v', c.oid::pg_catalog.text, pg_catalog.pg_get_viewdef(c.oid), NULL, NULL FROM c \
WHERE c.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
AND c.relkind OPERATOR(pg_catalog.=) ANY ('{v,m}'::pg_catalog.\"char\"[]) \
UNION ALL SELECT 'f', p.oid::pg_catalog.text, n.nspname::pg_catalog.text, p.proname::pg_catalog.text, \
CASE WHEN l.lanname OPERATOR(pg_catalog.=) ANY ('{c,internal}'::pg_catalog.name[]) \
AND EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid \
AND e.objid OPERATOR(pg_catalog.=) p.oid AND e.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog.\"char\") THEN 'x' \
WHEN p.prokind OPERATOR(pg_catalog.=) 'a'::pg_catalog.\"char\" \
THEN (SELECT pg_catalog.concat_ws(',', 'a', g.aggtransfn::pg_catalog.oid, g.aggfinalfn::pg_catalog.oid, \
g.aggcombinefn::pg_catalog.oid, g.aggmtransfn::pg_catalog.oid, g.aggmfinalfn::pg_catalog.oid) \
FROM pg_catalog.pg_aggregate g WHERE g.aggfnoid::pg_catalog.oid OPERATOR(pg_catalog.=) p.oid) \
WHEN l.lanname OPERATOR(pg_catalog.=) ANY ('{sql,plpgsql}'::pg_catalog.name[]) \
THEN pg_catalog.concat('s', pg_catalog.pg_get_functiondef(p.oid)) ELSE 'u' END \
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace \
JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang \
WHERE p.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
UNION ALL SELECT 'o', o.oprname::pg_catalog.text, o.oprcode::pg_catalog.oid::pg_catalog.text, NULL, NULL \
FROM pg_catalog.pg_operator o WHERE o.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
UNION ALL SELECT 'm', m.m, m.i, NULL, NULL FROM (",
    fingerprint!(),
    ") m (m, i)"
);

/// Why an answer to [`QUERY`] cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A row has another shape than the query asks for.
    #[error("the catalogue query was answered with a row of another shape")]
    Row,
}

/// Collects rows into a catalogue.
#[derive(Debug, Default)]
pub struct Reader {
    catalogue: Catalogue,
    /// Attributes that came before their relation.
    early: Vec<(u32, ColumnEntry)>,
}

impl Reader {
    /// Takes one row of [`COLUMNS`] cells.
    pub fn row<'a>(&mut self, cells: impl Iterator<Item = Option<&'a [u8]>>) -> Result<(), ReadError> {
        let mut fields = [""; COLUMNS];
        let mut count = 0;
        for (field, cell) in fields.iter_mut().zip(cells) {
            *field = cell
                .map_or(Ok(""), std::str::from_utf8)
                .map_err(|_| ReadError::Row)?;
            count += 1;
        }
        if count != COLUMNS {
            return Err(ReadError::Row);
        }
        let [kind, a, b, c, d] = fields;
        let oid = |text: &str| text.parse::<u32>().map_err(|_| ReadError::Row);
        let number = |text: &str| text.parse::<i16>().map_err(|_| ReadError::Row);
        match kind {
            "r" => self.catalogue.add_relation(oid(a)?, b, c),
            "a" => {
                let column = ColumnEntry {
                    number: number(b)?,
                    name: c.to_owned(),
                    type_oid: oid(d.trim_end_matches('g'))?,
                    generated: d.ends_with('g'),
                    hidden: false,
                };
                self.early.push((oid(a)?, column));
            }
            "d" => {
                let uses = self.catalogue.dependencies.entry(oid(a)?).or_default();
                uses.push((oid(b)?, number(c)?));
            }
            "i" => self.catalogue.parents.entry(oid(a)?).or_default().push(oid(b)?),
            "v" => {
                self.catalogue.definitions.insert(oid(a)?, b.to_owned());
            }
            "f" => self
                .catalogue
                .routines
                .add(oid(a)?, b, c, d)
                .ok_or(ReadError::Row)?,
            "m" => {
                self.catalogue.mark = Mark::new([Some(a.as_bytes()), Some(b.as_bytes())].into_iter())?;
            }
            "o" => self.catalogue.routines.add_operator(a, oid(b)?),
            _ => return Err(ReadError::Row),
        }
        Ok(())
    }

    /// The catalogue, once every row is taken.
    pub fn finish(mut self, analyzer: &Analyzer) -> Catalogue {
        for (oid, column) in self.early {
            self.catalogue.add_column(oid, column);
        }
        self.catalogue.settle();
        self.catalogue.routines.analyse(analyzer, &Reading::default());
        self.catalogue
    }
}
