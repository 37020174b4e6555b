//! How a catalogue is read: one query over PostgreSQL's own tables, through whatever session is at hand.
//!
//! Every name and operator is qualified, so that a search path with look-alikes changes nothing.

use super::{Catalogue, FIRST_USER_OID};

/// Columns of [`QUERY`]'s rows, all text: the kind of row and four fields.
pub const COLUMNS: usize = 5;

/// Rows: `r` relation (oid, schema, name, kind), `a` attribute (oid, number, name), `d` dependency of a view
/// (view, relation, attribute), `i` inheritance (child, parent).
pub const QUERY: &str = "/* interdict: catalogue */ \
SELECT 'r'::pg_catalog.text, c.oid::pg_catalog.text, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, c.relkind::pg_catalog.text \
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
WHERE c.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,v,m,f,p,S}'::pg_catalog.\"char\"[]) \
AND n.nspname OPERATOR(pg_catalog.<>) 'pg_toast'::pg_catalog.name \
UNION ALL SELECT 'a', a.attrelid::pg_catalog.text, a.attnum::pg_catalog.text, a.attname::pg_catalog.text, NULL \
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
WHERE a.attrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 \
AND NOT a.attisdropped AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,v,m,f,p,S}'::pg_catalog.\"char\"[]) \
UNION ALL SELECT 'd', w.ev_class::pg_catalog.text, d.refobjid::pg_catalog.text, d.refobjsubid::pg_catalog.text, NULL \
FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite w ON w.oid OPERATOR(pg_catalog.=) d.objid \
WHERE d.classid OPERATOR(pg_catalog.=) 2618::pg_catalog.oid AND d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid \
AND d.refobjid OPERATOR(pg_catalog.<>) w.ev_class AND w.ev_class OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
UNION ALL SELECT 'i', i.inhrelid::pg_catalog.text, i.inhparent::pg_catalog.text, NULL, NULL FROM pg_catalog.pg_inherits i";

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
    early: Vec<(u32, i16, String)>,
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
        let [kind, a, b, c, _] = fields;
        let oid = |text: &str| text.parse::<u32>().map_err(|_| ReadError::Row);
        let number = |text: &str| text.parse::<i16>().map_err(|_| ReadError::Row);
        match kind {
            "r" => self.catalogue.add_relation(oid(a)?, b, c),
            "a" => self.early.push((oid(a)?, number(b)?, c.to_owned())),
            "d" => {
                let (view, relation) = (oid(a)?, oid(b)?);
                if relation >= FIRST_USER_OID {
                    self.catalogue
                        .dependencies
                        .entry(view)
                        .or_default()
                        .push((relation, number(c)?));
                }
            }
            "i" => self.catalogue.parents.entry(oid(a)?).or_default().push(oid(b)?),
            _ => return Err(ReadError::Row),
        }
        Ok(())
    }

    /// The catalogue, once every row is taken.
    pub fn finish(mut self) -> Catalogue {
        for (oid, attribute, name) in self.early {
            self.catalogue.add_column(oid, attribute, &name);
        }
        self.catalogue
    }
}
