//! How a MySQL or MariaDB server's catalogue is read: from `information_schema`, through whatever session is at hand.
//!
//! What a user has no right to is not in it, and what he has no right to he can't read either. Names come in hexadecimal,
//! because the session's character set is the client's; every part has a LIMIT, because `sql_select_limit` is too.
//! Relations and routines get numbers in the order in which they are read.

use std::collections::HashMap;
use std::fmt::Write as _;

use ahash::RandomState;
use interdict_sql::Analyzer;
use interdict_sql::mysql::{MysqlSettings, SqlMode};

use super::carriers::MYSQL as CARRIERS;
use super::{Catalogue, ColumnEntry, FIRST_USER_OID, Mark, ReadError};
use crate::reading::Reading;

/// Columns of the catalogue queries' rows, all text.
pub const COLUMNS: usize = 5;

/// Schemas that the servers bring.
const SYSTEM: &str = "'mysql','information_schema','performance_schema','sys'";

const ALL: &str = "LIMIT 18446744073709551615";

/// What is asked, one after another: plain reads, each of one view.
///
/// Rows: `r` relation (schema, name, kind), `a` column (schema, relation, number, name), `h` one that `*` leaves out, `v` view
/// (schema, name, query), `f` routine (schema, name, kind, body).
pub fn queries() -> [String; 4] {
    let mut carriers = String::new();
    for (schema, name, _) in CARRIERS {
        let comma = if carriers.is_empty() { "" } else { "," };
        // A string grows: it takes whatever is written.
        let _ = write!(carriers, "{comma}('{schema}','{name}')");
    }
    let hex = |name: &str| format!("HEX(CONVERT({name} USING utf8mb4))");
    let wanted = format!(
        "(TABLE_SCHEMA NOT IN ({SYSTEM}) OR (LOWER(TABLE_SCHEMA), LOWER(TABLE_NAME)) IN ({carriers}))"
    );
    let (schema, name) = (hex("TABLE_SCHEMA"), hex("TABLE_NAME"));
    [
        format!(
            "SELECT 'r', {schema}, {name}, {}, '' FROM information_schema.TABLES WHERE {wanted} {ALL}",
            hex("TABLE_TYPE")
        ),
        format!(
            "SELECT IF(EXTRA LIKE '%INVISIBLE%', 'h', 'a'), {schema}, {name}, ORDINAL_POSITION, {} \
             FROM information_schema.COLUMNS WHERE {wanted} {ALL}",
            hex("COLUMN_NAME")
        ),
        format!(
            "SELECT 'v', {schema}, {name}, {}, '' FROM information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN ({SYSTEM}) {ALL}",
            hex("IFNULL(VIEW_DEFINITION, '')")
        ),
        format!(
            "SELECT 'f', {}, {}, {}, {} FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN ({SYSTEM}) {ALL}",
            hex("ROUTINE_SCHEMA"),
            hex("ROUTINE_NAME"),
            hex("ROUTINE_TYPE"),
            hex("IFNULL(ROUTINE_DEFINITION, '')"),
        ),
    ]
    .map(|query| format!("/* interdict: catalogue */ {query}"))
}

/// Collects rows into a catalogue.
#[derive(Debug)]
pub struct Reader {
    catalogue: Catalogue,
    settings: MysqlSettings,
    numbers: HashMap<(String, String), u32, RandomState>,
    next: u32,
    /// Over all rows, in whatever order they come.
    sum: u64,
    rows: u64,
    early: Vec<(String, String, ColumnEntry)>,
    views: Vec<(String, String, String)>,
}

impl Reader {
    /// Of a server of that version, which it gives in its greeting; `None` if it can't be told from it. `folds`: names of
    /// tables are compared without regard to case. `database`: where names without one are looked for.
    pub fn of_server(version: &str, folds: bool, database: &str) -> Option<Self> {
        let (flavour, version) = MysqlSettings::server(version)?;
        let settings = MysqlSettings {
            flavour,
            version,
            lower_case_tables: folds,
            ..MysqlSettings::default()
        };
        Some(Self::new(settings, database))
    }

    /// `settings`: how the server reads texts. `database`: where names without one are looked for.
    pub(crate) fn new(settings: MysqlSettings, database: &str) -> Self {
        Self {
            catalogue: Catalogue {
                default_schema: (!database.is_empty()).then(|| database.to_owned()),
                ..Catalogue::default()
            },
            settings: MysqlSettings {
                // The server writes queries and bodies so, whatever the session's mode is.
                mode: SqlMode::default(),
                multi_statements: false,
                parameters: false,
                ..settings
            },
            numbers: HashMap::default(),
            next: FIRST_USER_OID,
            sum: 0,
            rows: 0,
            early: Vec::new(),
            views: Vec::new(),
        }
    }

    /// Takes one row of [`COLUMNS`] cells.
    ///
    /// # Errors
    /// It has another shape than was asked for.
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
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        self.sum = self.sum.wrapping_add(hasher.hash_one(fields));
        self.rows += 1;
        let [kind, a, b, c, d] = fields;
        let folded = |name: String| {
            if self.settings.lower_case_tables {
                name.to_lowercase()
            } else {
                name
            }
        };
        match kind {
            "r" => {
                let (schema, name) = (folded(text(a)?), folded(text(b)?));
                let number = self.next;
                self.next = self.next.checked_add(1).ok_or(ReadError::Row)?;
                self.catalogue.add_relation(number, &schema, &name);
                self.numbers.insert((schema, name), number);
            }
            "a" | "h" => {
                let column = ColumnEntry {
                    number: c.parse().map_err(|_| ReadError::Row)?,
                    // The server compares columns' names without regard to case.
                    name: text(d)?.to_lowercase(),
                    type_oid: 0,
                    generated: false,
                    hidden: kind == "h",
                };
                self.early.push((folded(text(a)?), folded(text(b)?), column));
            }
            "v" => self.views.push((folded(text(a)?), folded(text(b)?), text(c)?)),
            "f" => {
                let (schema, name, kind, body) = (text(a)?, text(b)?, text(c)?, text(d)?);
                let number = self.next;
                self.next = self.next.checked_add(1).ok_or(ReadError::Row)?;
                let known = if body.is_empty() {
                    // This user may not know it.
                    "u".to_owned()
                } else if kind == "FUNCTION" {
                    format!("sCREATE FUNCTION f() RETURNS TEXT {body}")
                } else {
                    format!("sCREATE PROCEDURE f() {body}")
                };
                // Routines' names are compared without regard to case.
                self.catalogue
                    .routines
                    .add(number, &schema, &name.to_lowercase(), &known)
                    .ok_or(ReadError::Row)?;
            }
            _ => return Err(ReadError::Row),
        }
        Ok(())
    }

    /// What tells this schema from another, once every row is taken.
    pub fn mark(&self) -> Mark {
        Mark::current(format!("{}.{}", self.rows, self.sum))
    }

    /// The catalogue, once every row is taken.
    pub fn finish(mut self, analyzer: &Analyzer) -> Catalogue {
        let reading = Reading::Mysql(self.settings);
        self.catalogue.mark = self.mark();
        for (schema, name, column) in self.early {
            if let Some(number) = self.numbers.get(&(schema, name)) {
                self.catalogue.add_column(*number, column);
            }
        }
        self.catalogue.settle();
        for (schema, name, query) in self.views {
            let Some(number) = self.numbers.get(&(schema, name)).copied() else {
                continue;
            };
            let analysis = reading.analyse(analyzer, query.as_bytes());
            let mut uses = Vec::new();
            for relation in analysis.relations() {
                uses.extend(self.catalogue.resolve_anywhere(relation).map(|used| (used, 0)));
            }
            self.catalogue.dependencies.insert(number, uses);
            self.catalogue.definitions.insert(number, query);
        }
        self.catalogue.routines.analyse(analyzer, &reading);
        self.catalogue.reading = reading;
        self.catalogue
    }
}

/// A text that came in hexadecimal.
pub(crate) fn text(hex: &str) -> Result<String, ReadError> {
    let digits = hex.as_bytes();
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => {
                let digit = |digit: &u8| char::from(*digit).to_digit(16);
                u8::try_from(digit(high)? << 4 | digit(low)?).ok()
            }
            _ => None,
        })
        .collect();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(ReadError::Row)
}
