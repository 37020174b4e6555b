//! What stands in `FROM`.

use super::{Parsed, Parser};
use crate::mysql::ast::{Join, Joined, Query, Table};
use crate::mysql::token::Kind;

impl Parser<'_> {
    /// Tables with commas between them.
    pub(super) fn tables(&mut self) -> Parsed<Vec<Joined>> {
        self.list(Self::joined)
    }

    fn joined(&mut self) -> Parsed<Joined> {
        let first = self.factor()?;
        self.joins(first)
    }

    /// What is joined to a table.
    fn joins(&mut self, first: Table) -> Parsed<Joined> {
        let mut rest = Vec::new();
        // `a JOIN b JOIN c ON … ON …`: conditions may come late; each belongs to one of those that have none.
        loop {
            let natural = self.take("natural");
            let side = self.take_any(&["inner", "cross", "left", "right", "full"]);
            if matches!(side, Some("left" | "right" | "full")) {
                self.take("outer");
            }
            let joins = self.take("join") || (side.is_none() && self.take("straight_join"));
            if !joins {
                if natural || side.is_some() {
                    return Err(self.unexpected());
                }
                let conflict = self.are(&["on", "duplicate", "key"]);
                if !conflict && !rest.is_empty() && self.is_any(&["on", "using"]) {
                    self.late_condition(&mut rest)?;
                    continue;
                }
                return Ok(Joined { first, rest });
            }
            let table = self.factor()?;
            let mut join = Join {
                table,
                natural,
                using: Vec::new(),
                on: None,
                right: side == Some("right"),
            };
            self.condition(&mut join)?;
            rest.push(join);
        }
    }

    fn condition(&mut self, join: &mut Join) -> Parsed<()> {
        if self.are(&["on", "duplicate", "key"]) || join.natural {
            return Ok(());
        }
        if self.take("on") {
            join.on = Some(self.expression()?);
        } else if self.take("using") {
            join.using = self.bracketed(Self::column_name)?;
        }
        Ok(())
    }

    fn late_condition(&mut self, joins: &mut [Join]) -> Parsed<()> {
        let open = joins
            .iter()
            .rposition(|join| join.on.is_none() && join.using.is_empty() && !join.natural);
        let Some(join) = open.and_then(|open| joins.get_mut(open)) else {
            return Err(self.unexpected());
        };
        if self.is("using") {
            // Which columns are shared depends on what stands between.
            return Err(self.unexpected());
        }
        self.expect("on")?;
        join.on = Some(self.expression()?);
        Ok(())
    }

    fn factor(&mut self) -> Parsed<Table> {
        self.nested(|parser| {
            if parser.symbol("(") {
                parser.at += 1;
                return parser.bracket(false);
            }
            if parser.take("lateral") {
                parser.expect_symbol("(")?;
                return parser.bracket(true);
            }
            if parser.is("json_table") && parser.symbol_ahead(1, "(") {
                return parser.json_table();
            }
            // `{ OJ … }`
            if parser.take_symbol("{") {
                parser.any_name()?;
                let joined = parser.joined()?;
                parser.expect_symbol("}")?;
                return Ok(Table::Nested(vec![joined]));
            }
            parser.base()
        })
    }

    /// A table, with what belongs to it.
    pub(super) fn base(&mut self) -> Parsed<Table> {
        let name = self.table_name()?;
        let mut times = Vec::new();
        if self.is("partition") && self.symbol_ahead(1, "(") {
            self.at += 1;
            self.bracketed(Self::any_name)?;
        }
        if self.is("for") && self.is_any_at(1, &["system_time", "portion"]) {
            self.at += 1;
            if self.take("portion") {
                self.expect("of")?;
                self.any_name()?;
                self.expect("from")?;
                times.push(self.values_of_bits()?);
                self.expect("to")?;
                times.push(self.values_of_bits()?);
            } else {
                self.at += 1;
                self.system_time(&mut times)?;
            }
        }
        let alias = self.table_alias()?;
        if self.take("tablesample") {
            self.any_name()?;
            times.extend(self.bracketed(Self::expression)?);
        }
        self.index_hints()?;
        Ok(Table::Base { name, alias, times })
    }

    fn is_any_at(&self, ahead: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(self.ahead(ahead), word))
    }

    fn system_time(&mut self, times: &mut Vec<crate::mysql::ast::Expr>) -> Parsed<()> {
        if self.take("all") {
            return Ok(());
        }
        if self.take_all(&["as", "of"]) {
            self.point(times)
        } else if self.take("from") {
            self.point(times)?;
            self.expect("to")?;
            self.point(times)
        } else {
            self.expect("between")?;
            self.point(times)?;
            self.expect("and")?;
            self.point(times)
        }
    }

    fn point(&mut self, times: &mut Vec<crate::mysql::ast::Expr>) -> Parsed<()> {
        self.take("transaction");
        times.push(self.values_of_bits()?);
        Ok(())
    }

    /// What a parenthesis in `FROM` holds, which is open.
    fn bracket(&mut self, lateral: bool) -> Parsed<Table> {
        if self.starts_query() {
            let query = self.query()?;
            self.expect_symbol(")")?;
            return self.derived(query, lateral);
        }
        if self.symbol("(") {
            let inner = self.factor()?;
            // `((SELECT …) UNION SELECT …) t`
            if let Table::Derived {
                query,
                alias: None,
                columns,
                lateral: inner_lateral,
            } = inner
            {
                if self.symbol(")") || self.continues_query() {
                    let query = self.query_from(*query)?;
                    self.expect_symbol(")")?;
                    return self.derived(query, lateral);
                }
                let inner = Table::Derived {
                    query,
                    alias: None,
                    columns,
                    lateral: inner_lateral,
                };
                return self.nested_tables(inner);
            }
            return self.nested_tables(inner);
        }
        let first = self.factor()?;
        self.nested_tables(first)
    }

    fn nested_tables(&mut self, first: Table) -> Parsed<Table> {
        let mut all = vec![self.joins(first)?];
        while self.take_symbol(",") {
            all.push(self.joined()?);
        }
        self.expect_symbol(")")?;
        Ok(Table::Nested(all))
    }

    fn derived(&mut self, query: Query, lateral: bool) -> Parsed<Table> {
        let alias = self.table_alias()?;
        let columns = if alias.is_some() && self.symbol("(") {
            self.bracketed(Self::column_name)?
        } else {
            Vec::new()
        };
        Ok(Table::Derived {
            query: Box::new(query),
            alias,
            columns,
            lateral,
        })
    }

    pub(super) fn table_alias(&mut self) -> Parsed<Option<String>> {
        let named = self.take("as") || self.take_symbol("=");
        let token = self.token();
        let window = self.is("window") && self.is_any_at(2, &["as"]) && self.symbol_ahead(3, "(");
        let free = match token.kind {
            Kind::Name => true,
            Kind::Word if window => false,
            Kind::Word => !self.is_reserved(token),
            _ => false,
        };
        if !free {
            return if named { Err(self.unexpected()) } else { Ok(None) };
        }
        let name = self.any_name()?;
        Ok(Some(self.table_part(name)))
    }

    fn index_hints(&mut self) -> Parsed<()> {
        while self.is_any(&["use", "force", "ignore"]) && self.is_any_at(1, &["index", "key"]) {
            self.at += 2;
            if self.take("for") && self.take_any(&["join"]).is_none() {
                self.at += 2;
            }
            self.bracketed(Self::any_name)?;
        }
        Ok(())
    }

    /// `JSON_TABLE(document, path COLUMNS (…)) alias`.
    fn json_table(&mut self) -> Parsed<Table> {
        self.at += 2;
        let document = Box::new(self.expression()?);
        self.expect_symbol(",")?;
        self.text()?;
        let mut columns = Vec::new();
        self.json_columns(&mut columns)?;
        self.expect_symbol(")")?;
        let alias = self.table_alias()?;
        Ok(Table::Json {
            document,
            columns,
            alias,
        })
    }

    fn json_columns(&mut self, columns: &mut Vec<String>) -> Parsed<()> {
        self.expect("columns")?;
        self.expect_symbol("(")?;
        loop {
            if self.take("nested") {
                self.take("path");
                self.text()?;
                self.nested(|parser| parser.json_columns(columns))?;
            } else {
                columns.push(self.column_name()?);
                // Type, path, what to do with what is missing: constants.
                while !self.symbol(",") && !self.symbol(")") {
                    if self.symbol("(") {
                        self.skip_brackets()?;
                    } else if matches!(self.token().kind, Kind::End | Kind::Bad) {
                        return Err(self.unexpected());
                    } else {
                        self.at += 1;
                    }
                }
            }
            if !self.take_symbol(",") {
                return self.expect_symbol(")");
            }
        }
    }
}
