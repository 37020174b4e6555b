//! Which columns a result has, as far as that can be told from a text alone.

use std::fmt;

use interdict_sql::{Access, Analysis, Relation, Statement};

/// A column of a result and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
    pub(crate) column: String,
    /// What the client sees it called.
    pub(crate) label: String,
}

/// `schema.table.column`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// Reads `[schema.]table.column`.
pub(crate) fn origin(text: &str) -> Option<Origin> {
    let parts: Vec<&str> = text.split('.').collect();
    if parts
        .iter()
        .any(|part| part.trim().is_empty() || part.trim() != *part)
    {
        return None;
    }
    let (schema, table, column) = match parts.as_slice() {
        [table, column] => (None, table, column),
        [schema, table, column] => (Some((*schema).to_owned()), table, column),
        _ => return None,
    };
    let column = (*column).to_owned();
    Some(Origin {
        schema,
        table: (*table).to_owned(),
        label: column.clone(),
        column,
    })
}

/// The columns that a statement names, of every relation that it names: which relation has which is for a catalogue.
pub(super) fn referenced(statement: &Statement) -> impl Iterator<Item = Origin> {
    statement.relations.iter().flat_map(|relation| {
        statement.references.columns.iter().map(|column| Origin {
            schema: relation.schema.clone(),
            table: relation.name.clone(),
            column: column.clone(),
            label: column.clone(),
        })
    })
}

/// The columns of `SELECT a, t.b AS c FROM t …`; `None` for anything that is not that plain.
pub(super) fn of_result(text: &str, analysis: &Analysis) -> Option<Vec<Origin>> {
    let [statement] = analysis.statements.as_slice() else {
        return None;
    };
    let [
        Relation {
            schema,
            name,
            access: Access::Read,
        },
    ] = statement.relations.as_slice()
    else {
        return None;
    };
    if statement.kind != "select" || !analysis.complete() {
        return None;
    }
    let mut tokens = Tokens(analysis.part(0, text));
    if tokens.next()? != Token::Word("select".to_owned()) {
        return None;
    }
    let mut origins = Vec::new();
    loop {
        let (column, mut next) = item_column(&mut tokens)?;
        let mut label = column.clone();
        if next == Token::Word("as".to_owned()) {
            label = tokens.next()?.name()?;
            next = tokens.next()?;
        } else if let Some(name) = next.clone().name().filter(|name| name != "from") {
            label = name;
            next = tokens.next()?;
        }
        origins.push(Origin {
            schema: schema.clone(),
            table: name.clone(),
            column,
            label,
        });
        match next {
            Token::Mark(',') => {}
            Token::Word(word) if word == "from" => break,
            _ => return None,
        }
    }
    // From a sub-query or a function nothing is said about a column's name.
    tokens.next()?.name()?;
    // The columns of a set operation have no origin.
    for token in tokens {
        if matches!(&token, Token::Word(word) if ["union", "intersect", "except"].contains(&word.as_str())) {
            return None;
        }
    }
    Some(origins)
}

/// A column, however qualified, and the token after it.
fn item_column(tokens: &mut Tokens<'_>) -> Option<(String, Token)> {
    let first = tokens.next()?;
    let mut column = match first {
        Token::Word(word) if VALUES.contains(&word.as_str()) => return None,
        other => other.name()?,
    };
    loop {
        let next = tokens.next()?;
        if next != Token::Mark('.') {
            return Some((column, next));
        }
        column = tokens.next()?.name()?;
    }
}

/// Words that are not columns where a column could stand, or that make more of what follows.
const VALUES: &[&str] = &[
    "all",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "distinct",
    "false",
    "localtime",
    "localtimestamp",
    "null",
    "session_user",
    "system_user",
    "true",
    "user",
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Unquoted, in lower case.
    Word(String),
    Quoted(String),
    Mark(char),
}

impl Token {
    fn name(self) -> Option<String> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            Self::Mark(_) => None,
        }
    }
}

struct Tokens<'a>(&'a str);

impl Tokens<'_> {
    fn take(&mut self, bytes: usize) -> &str {
        let (taken, rest) = self.0.split_at_checked(bytes).unwrap_or((self.0, ""));
        self.0 = rest;
        taken
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.0 = self.0.trim_start();
            if self.0.starts_with("--") {
                self.take(self.0.find('\n').unwrap_or(self.0.len()));
            } else if self.0.starts_with("/*") {
                self.take(self.0.find("*/").map_or(self.0.len(), |end| end + 2));
            } else {
                break;
            }
        }
        let first = self.0.chars().next()?;
        if first == '"' {
            self.take(1);
            let mut name = String::new();
            loop {
                let end = self.0.find('"').unwrap_or(self.0.len());
                name.push_str(self.take(end));
                self.take(1);
                if !self.0.starts_with('"') {
                    return Some(Token::Quoted(name));
                }
                name.push_str(self.take(1));
            }
        }
        let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
        if first.is_alphabetic() || first == '_' || !first.is_ascii() {
            let end = self.0.find(|c: char| !in_word(c)).unwrap_or(self.0.len());
            return Some(Token::Word(self.take(end).to_ascii_lowercase()));
        }
        self.take(first.len_utf8());
        Some(Token::Mark(first))
    }
}

#[cfg(test)]
mod tests {
    use interdict_sql::{Analyzer, PostgresSettings};

    use super::*;

    fn derived(text: &str) -> Option<String> {
        let analysis = Analyzer::new(1 << 16).postgres(text.as_bytes(), &PostgresSettings::default());
        let origins = of_result(text, &analysis)?;
        Some(
            origins
                .iter()
                .map(|origin| format!("{origin}>{}", origin.label))
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    #[test]
    fn plain_columns_of_one_table_are_told() {
        let table = [
            ("SELECT ssn FROM patients", "patients.ssn>ssn"),
            (
                "select SSN, p.name as n FROM public.Patients p where id = 'x from y'",
                "public.patients.ssn>ssn public.patients.name>n",
            ),
            (
                "SELECT \"SSN\" \"The \"\"N\"\"\" FROM patients;",
                "patients.SSN>The \"N\"",
            ),
            (
                "SELECT /* , mrn */ ssn -- x\n x FROM patients LIMIT 3",
                "patients.ssn>x",
            ),
            (
                "SELECT public.patients.ssn FROM public.patients",
                "public.patients.ssn>ssn",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(derived(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_not_guessed_at() {
        let texts = [
            "SELECT * FROM patients",
            "SELECT p.* FROM patients p",
            "SELECT upper(ssn) FROM patients",
            "SELECT ssn || 'x' FROM patients",
            "SELECT ssn::text FROM patients",
            "SELECT p.ssn FROM patients p JOIN visits v ON true",
            "SELECT ssn FROM patients UNION SELECT mrn FROM patients",
            "SELECT x FROM (SELECT ssn AS x FROM patients) q",
            "SELECT DISTINCT ON (id) ssn FROM patients",
            "SELECT current_user FROM patients",
            "WITH q AS (SELECT mrn AS ssn FROM patients) SELECT ssn FROM q",
            "SELECT ssn FROM patients; SELECT mrn FROM patients",
            "UPDATE patients SET name = '' RETURNING ssn",
            "SELECT 1",
            "SELEC",
        ];
        for text in texts {
            assert_eq!(derived(text), None, "{text}");
        }
    }
}
