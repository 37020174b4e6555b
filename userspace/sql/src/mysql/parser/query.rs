//! Queries.

use super::{Parsed, Parser, fold};
use crate::mysql::ast::{Body, CommonTable, Expr, Into, Item, Query, Select, Statement, With};
use crate::mysql::token::Kind;
use crate::statement::Gap;

const SET_OPERATIONS: [&str; 3] = ["union", "except", "intersect"];

/// Words between `SELECT` and its first column that change nothing here.
const OPTIONS: [&str; 10] = [
    "all",
    "distinct",
    "distinctrow",
    "high_priority",
    "straight_join",
    "sql_small_result",
    "sql_big_result",
    "sql_buffer_result",
    "sql_calc_found_rows",
    "sql_no_cache",
];

impl Parser<'_> {
    /// Whether a query begins here without a parenthesis.
    pub(super) fn starts_query(&self) -> bool {
        self.is("select")
            || self.is("with")
            || (self.is("values") && (self.symbol_ahead(1, "(") || self.is_word(self.ahead(1), "row")))
            || (self.is("table") && !self.settings.maria())
    }

    /// Whether what comes next goes on with a query that has just ended.
    pub(super) fn continues_query(&self) -> bool {
        self.is_any(&SET_OPERATIONS)
            || self.is_any(&["order", "limit", "into", "for", "lock", "offset", "fetch"])
    }

    pub(super) fn query_statement(&mut self) -> Parsed<Statement> {
        if self.is("with") {
            let with = self.with()?;
            if self.is("update") {
                return self.update(Some(with));
            }
            if self.is("delete") {
                return self.delete(Some(with));
            }
            let mut query = self.query()?;
            if let Some(inner) = query.with.take() {
                // The outer one sees what the inner one does not hide.
                let nested = Query {
                    with: Some(inner),
                    ..query
                };
                query = Query {
                    body: Body::Operation {
                        first: Box::new(nested),
                        rest: Vec::new(),
                    },
                    ..Query::default()
                };
            }
            query.with = Some(with);
            return Ok(Statement::Query(query));
        }
        self.query().map(Statement::Query)
    }

    pub(super) fn query(&mut self) -> Parsed<Query> {
        self.nested(|parser| {
            let with = if parser.is("with") {
                Some(parser.with()?)
            } else {
                None
            };
            let first = parser.term()?;
            let mut query = parser.query_from(first)?;
            if let Some(with) = with {
                if query.with.is_some() {
                    query = Query {
                        body: Body::Operation {
                            first: Box::new(query),
                            rest: Vec::new(),
                        },
                        ..Query::default()
                    };
                }
                query.with = Some(with);
            }
            Ok(query)
        })
    }

    /// Set operations and the clauses behind them, of a query whose first part is known.
    pub(super) fn query_from(&mut self, first: Query) -> Parsed<Query> {
        let mut rest = Vec::new();
        while self.take_any(&SET_OPERATIONS).is_some() {
            let all = self.take("all");
            if !all {
                self.take("distinct");
            }
            rest.push((all, self.term()?));
        }
        let clauses = self.is_any(&["order", "limit", "offset", "fetch", "for", "lock", "into"]);
        let closed = !first.order.is_empty() || !first.limit.is_empty() || first.with.is_some();
        let mut query = if rest.is_empty() && !(clauses && closed) {
            first
        } else {
            Query {
                body: Body::Operation {
                    first: Box::new(first),
                    rest,
                },
                ..Query::default()
            }
        };
        self.clauses(&mut query)?;
        Ok(query)
    }

    fn clauses(&mut self, query: &mut Query) -> Parsed<()> {
        loop {
            if self.are(&["order", "by"]) {
                self.order_by(&mut query.order)?;
            } else if self.is("limit") {
                self.limit(&mut query.limit)?;
            } else if self.take("offset") {
                query.limit.push(self.expression()?);
                self.take_any(&["row", "rows"]);
            } else if self.take("fetch") {
                self.take_any(&["first", "next"]);
                if !self.is_any(&["row", "rows"]) {
                    query.limit.push(self.expression()?);
                }
                self.take_any(&["row", "rows"]);
                if !self.take("only") && !self.take_all(&["with", "ties"]) {
                    return Err(self.unexpected());
                }
            } else if self.is("into") {
                if query.into.is_some() {
                    return Err(self.unexpected());
                }
                query.into = Some(self.into()?);
            } else if self.take_all(&["lock", "in", "share", "mode"]) {
                query.locks = true;
                self.waiting();
            } else if self.are(&["for", "update"]) || self.are(&["for", "share"]) {
                self.at += 2;
                query.locks = true;
                if self.take("of") {
                    self.table_names()?;
                }
                self.waiting();
            } else if self.is("procedure") {
                return Err(Gap::Unparsable("PROCEDURE ANALYSE is not read".to_owned()));
            } else {
                return Ok(());
            }
        }
    }

    fn waiting(&mut self) {
        if self.take("wait") {
            self.at += 1;
        }
        self.take("nowait");
        self.take_all(&["skip", "locked"]);
    }

    /// `LIMIT n`, `LIMIT a, b`, `LIMIT a OFFSET b`, MariaDB's `ROWS EXAMINED`.
    pub(super) fn limit(&mut self, limit: &mut Vec<Expr>) -> Parsed<()> {
        self.expect("limit")?;
        if !self.is("rows") {
            limit.extend(self.expressions()?);
            if self.take("offset") {
                limit.push(self.expression()?);
            }
        }
        if self.take_all(&["rows", "examined"]) {
            limit.push(self.expression()?);
        }
        Ok(())
    }

    /// Where the rows go.
    fn into(&mut self) -> Parsed<Into> {
        self.expect("into")?;
        if self.take_any(&["outfile", "dumpfile"]).is_some() {
            self.text()?;
            self.file_options()?;
            return Ok(Into::File);
        }
        let names = self.list(|parser| {
            if parser.token().kind == Kind::Variable {
                return parser.variable_name().map(|name| format!("@{name}"));
            }
            let mut name = fold(&parser.raw_name()?);
            if parser.take_symbol(".") {
                name = format!("{name}.{}", fold(&parser.any_name()?));
            }
            Ok(name)
        })?;
        Ok(Into::Variables(names))
    }

    /// How fields and lines of a file are cut.
    pub(super) fn file_options(&mut self) -> Parsed<()> {
        if self.take_all(&["character", "set"]) || self.take("charset") {
            self.at += 1;
        }
        loop {
            if self
                .take_any(&[
                    "fields",
                    "columns",
                    "lines",
                    "terminated",
                    "optionally",
                    "enclosed",
                    "escaped",
                    "starting",
                    "by",
                ])
                .is_some()
            {
                continue;
            }
            if !matches!(self.token().kind, Kind::Text | Kind::Bits) {
                return Ok(());
            }
            self.at += 1;
        }
    }

    /// One side of a set operation.
    fn term(&mut self) -> Parsed<Query> {
        if self.symbol("(") {
            return self.nested(|parser| {
                parser.at += 1;
                let query = parser.query()?;
                parser.expect_symbol(")")?;
                // What stands behind the parenthesis is not of the same query.
                Ok(
                    if query.order.is_empty() && query.limit.is_empty() && query.into.is_none() {
                        query
                    } else {
                        Query {
                            body: Body::Operation {
                                first: Box::new(query),
                                rest: Vec::new(),
                            },
                            ..Query::default()
                        }
                    },
                )
            });
        }
        if self.take("select") {
            return self.select();
        }
        let mut query = Query::default();
        if self.take("values") {
            let rows = self.list(|parser| {
                parser.take("row");
                parser.bracketed(Self::expression)
            })?;
            query.body = Body::Values(rows);
            return Ok(query);
        }
        if self.take("table") {
            query.body = Body::Table(self.table_name()?);
            return Ok(query);
        }
        Err(self.unexpected())
    }

    fn select(&mut self) -> Parsed<Query> {
        let mut query = Query::default();
        let mut select = Select::default();
        while let Some(option) = self.take_any(&OPTIONS).or_else(|| self.take_any(&["sql_cache"])) {
            select.distinct |= option.starts_with("distinct");
        }
        select.items = self.items()?;
        if self.is("into") {
            query.into = Some(self.into()?);
        }
        if self.take("from") {
            if self.is("dual") {
                self.at += 1;
            } else {
                select.from = self.tables()?;
            }
        }
        if self.take("where") {
            select.condition = Some(self.expression()?);
        }
        if self.take_all(&["group", "by"]) {
            if self.is("rollup") && self.symbol_ahead(1, "(") {
                self.at += 1;
                select.group = self.bracketed(Self::expression)?;
                select.rollup = true;
            } else {
                select.group = self.list(|parser| {
                    let by = parser.expression()?;
                    parser.take_any(&["asc", "desc"]);
                    Ok(by)
                })?;
            }
            if self.take_all(&["with", "rollup"]) {
                select.rollup = true;
            }
        }
        if self.take("having") {
            select.having = Some(self.expression()?);
        }
        if self.take("window") {
            select.windows = self.list(|parser| {
                parser.any_name()?;
                parser.expect("as")?;
                parser.window()
            })?;
        }
        if self.take("qualify") {
            select.qualify = Some(self.expression()?);
        }
        query.body = Body::Select(Box::new(select));
        Ok(query)
    }

    /// A list of output columns.
    pub(super) fn items(&mut self) -> Parsed<Vec<Item>> {
        self.list(|parser| {
            if parser.take_symbol("*") {
                return Ok(Item {
                    expression: Expr::Star { table: None },
                    alias: None,
                });
            }
            let expression = parser.expression()?;
            let alias = parser.alias()?;
            Ok(Item { expression, alias })
        })
    }

    /// A column's other name.
    fn alias(&mut self) -> Parsed<Option<String>> {
        let named = self.take("as");
        let token = self.token();
        match token.kind {
            Kind::Text => self.text().map(|text| Some(fold(&text))),
            Kind::Name => self.any_name().map(|name| Some(fold(&name))),
            Kind::Word if !self.is_reserved(token) => self.any_name().map(|name| Some(fold(&name))),
            _ if named => Err(self.unexpected()),
            _ => Ok(None),
        }
    }

    pub(super) fn with(&mut self) -> Parsed<With> {
        self.expect("with")?;
        let recursive = self.take("recursive");
        let expressions = self.list(|parser| {
            let name = parser.raw_name()?;
            let columns = if parser.symbol("(") {
                parser.bracketed(Self::column_name)?
            } else {
                Vec::new()
            };
            parser.expect("as")?;
            parser.expect_symbol("(")?;
            let query = parser.query()?;
            parser.expect_symbol(")")?;
            if parser.take("cycle") {
                parser.list(Self::column_name)?;
                parser.expect("restrict")?;
            }
            Ok(CommonTable {
                name: parser.table_part(name),
                columns,
                query,
            })
        })?;
        Ok(With {
            recursive,
            expressions,
        })
    }
}
