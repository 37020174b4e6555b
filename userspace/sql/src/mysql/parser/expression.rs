//! Expressions, with the precedence that MySQL gives its operators.

use super::{Parsed, Parser, fold};
use crate::mysql::ast::{Call, Expr, Is, Name};
use crate::mysql::token::Kind;

/// The level of what binds tighter than every operator between two values.
const TIGHTEST: u8 = 12;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.nested(|parser| parser.level(0))
    }

    pub(super) fn expressions(&mut self) -> Parsed<Vec<Expr>> {
        self.list(Self::expression)
    }

    /// Operators of one level and what binds tighter.
    fn level(&mut self, level: u8) -> Parsed<Expr> {
        match level {
            3 => return self.negation(),
            4 => return self.comparison(),
            TIGHTEST => return self.unary(),
            _ => {}
        }
        let first = self.level(level + 1)?;
        let mut rest = Vec::new();
        while let Some(operator) = self.operator(level) {
            rest.push((operator, self.level(level + 1)?));
        }
        Ok(chain(first, rest))
    }

    /// A value without comparisons.
    pub(super) fn values_of_bits(&mut self) -> Parsed<Expr> {
        self.level(5)
    }

    /// Takes an operator of a level, if one is next.
    fn operator(&mut self, level: u8) -> Option<&'static str> {
        let concat = self.settings.mode.pipes_as_concat;
        let (symbols, words): (&[&'static str], &[&'static str]) = match level {
            0 if concat => (&[], &["or"]),
            0 => (&["||"], &["or"]),
            1 => (&[], &["xor"]),
            2 => (&["&&"], &["and"]),
            5 => (&["|"], &[]),
            6 => (&["&"], &[]),
            7 => (&["<<", ">>"], &[]),
            8 => (&["+", "-"], &[]),
            9 => (&["*", "/", "%"], &["div", "mod"]),
            10 => (&["^"], &[]),
            11 if concat => (&["||"], &[]),
            _ => (&[], &[]),
        };
        let symbol = symbols.iter().find(|symbol| self.symbol(symbol)).copied();
        if symbol.is_some() {
            self.at += 1;
            return Some(match symbol {
                Some("||") if level == 0 => "or",
                Some("&&") => "and",
                Some("||") => "concat",
                other => other.unwrap_or_default(),
            });
        }
        self.take_any(words)
    }

    fn negation(&mut self) -> Parsed<Expr> {
        if self.is("not") && !self.settings.mode.high_not_precedence {
            self.at += 1;
            let operand = self.nested(|parser| parser.level(3))?;
            return Ok(unary("not", operand));
        }
        self.level(4)
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        const OPERATORS: [&str; 8] = ["=", "<=>", "<>", "!=", "<=", ">=", "<", ">"];
        let mut left = self.predicate()?;
        loop {
            if self.take("is") {
                let negated = self.take("not");
                let what = match self.take_any(&["null", "true", "false", "unknown", "json"]) {
                    Some("null" | "unknown") => Is::Null,
                    Some("true") => Is::True,
                    Some("false") => Is::False,
                    // `IS JSON [VALUE|ARRAY|OBJECT|SCALAR]` is not MySQL's.
                    _ => return Err(self.unexpected()),
                };
                left = Expr::Is {
                    operand: Box::new(left),
                    what,
                    negated,
                };
                continue;
            }
            let Some(operator) = OPERATORS.into_iter().find(|operator| self.symbol(operator)) else {
                return Ok(left);
            };
            self.at += 1;
            let right = if self.is_any(&["all", "any", "some"]) && self.symbol_ahead(1, "(") {
                self.at += 2;
                let query = self.query()?;
                self.expect_symbol(")")?;
                Expr::Quantified(Box::new(query))
            } else {
                self.predicate()?
            };
            left = match left {
                Expr::Chain { first, mut rest } if is_comparison(&rest) => {
                    rest.push((operator, right));
                    Expr::Chain { first, rest }
                }
                left => chain(left, vec![(operator, right)]),
            };
        }
    }

    fn predicate(&mut self) -> Parsed<Expr> {
        let mut left = self.level(5)?;
        loop {
            let start = self.at;
            let negated = self.take("not");
            let made = self.test(left)?;
            left = match made {
                Ok(tested) if negated => unary("not", tested),
                Ok(tested) => tested,
                Err(left) => {
                    self.at = start;
                    return Ok(left);
                }
            };
        }
    }

    /// A test of `left`, if one comes next; otherwise `left` itself.
    fn test(&mut self, left: Expr) -> Parsed<Result<Expr, Expr>> {
        if self.take("in") {
            let operand = Box::new(left);
            if !self.symbol("(") {
                // `a IN b`: not the server's.
                return Err(self.unexpected());
            }
            return Ok(Ok(match self.nested(Self::parenthesis)? {
                Expr::Query(query) => Expr::In {
                    operand,
                    list: vec![Expr::Quantified(query)],
                },
                Expr::Row(list) => Expr::In { operand, list },
                one => Expr::In {
                    operand,
                    list: vec![one],
                },
            }));
        }
        if self.take("between") {
            let low = self.level(5)?;
            self.expect("and")?;
            let high = self.predicate_of_between()?;
            return Ok(Ok(Expr::Between {
                parts: Box::new([left, low, high]),
            }));
        }
        if let Some(operator) = self.take_any(&["like", "regexp", "rlike"]) {
            let mut parts = vec![left, self.level(5)?];
            if self.take("escape") {
                let level = if self.settings.maria() { 5 } else { TIGHTEST };
                parts.push(self.level(level)?);
            }
            return Ok(Ok(Expr::Like { operator, parts }));
        }
        if self.take_all(&["sounds", "like"]) {
            let parts = vec![left, self.level(5)?];
            return Ok(Ok(Expr::Like {
                operator: "sounds",
                parts,
            }));
        }
        if self.is("member") && (self.is_word(self.ahead(1), "of") || self.symbol_ahead(1, "(")) {
            self.at += 1;
            self.take("of");
            self.expect_symbol("(")?;
            let array = self.expression()?;
            self.expect_symbol(")")?;
            return Ok(Ok(Expr::Like {
                operator: "member",
                parts: vec![left, array],
            }));
        }
        Ok(Err(left))
    }

    fn predicate_of_between(&mut self) -> Parsed<Expr> {
        self.nested(Self::predicate)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let operator = match self.token().kind {
            Kind::Symbol("-") => "-",
            Kind::Symbol("+") => "+",
            Kind::Symbol("~") => "~",
            Kind::Symbol("!") => "!",
            Kind::Word if self.is("binary") => "binary",
            Kind::Word if self.is("not") && self.settings.mode.high_not_precedence => "not",
            _ => return self.postfix(),
        };
        self.at += 1;
        let operand = self.nested(Self::unary)?;
        Ok(unary(operator, operand))
    }

    fn postfix(&mut self) -> Parsed<Expr> {
        let mut value = self.primary()?;
        loop {
            if self.take("collate") {
                if self.token().kind == Kind::Text {
                    self.text()?;
                } else {
                    self.any_name()?;
                }
                value = Expr::Same(Box::new(value));
            } else if self.symbol("->") || self.symbol("->>") {
                let unquotes = self.symbol("->>");
                self.at += 1;
                let path = Expr::Literal(self.text()?);
                value = own_call("json_extract", vec![value, path]);
                if unquotes {
                    value = own_call("json_unquote", vec![value]);
                }
            } else {
                return Ok(value);
            }
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.token();
        match token.kind {
            Kind::Text => self.text().map(Expr::Literal),
            Kind::Bits => {
                self.at += 1;
                let written = String::from_utf8_lossy(token.bytes(self.text)).into_owned();
                Ok(Expr::Literal(written))
            }
            Kind::Number { .. } => {
                self.at += 1;
                let written = String::from_utf8_lossy(token.bytes(self.text)).into_owned();
                Ok(Expr::Number(written))
            }
            Kind::Parameter => {
                self.at += 1;
                self.parameters += 1;
                Ok(Expr::Parameter(self.parameters))
            }
            Kind::Variable => self.variable(),
            Kind::Symbol("(") => self.nested(Self::parenthesis),
            Kind::Symbol("@@") => self.system_variable(),
            Kind::Symbol("\\N") => {
                self.at += 1;
                Ok(Expr::Null)
            }
            Kind::Symbol("{") => {
                self.at += 1;
                self.any_name()?;
                let value = self.expression()?;
                self.expect_symbol("}")?;
                Ok(value)
            }
            Kind::Word => self.word(),
            Kind::Name => self.name_or_call(),
            _ => Err(self.unexpected()),
        }
    }

    fn variable(&mut self) -> Parsed<Expr> {
        let name = self.variable_name()?;
        if self.take_symbol(":=") {
            let value = Box::new(self.expression()?);
            return Ok(Expr::Assign { name, value });
        }
        Ok(Expr::Variable(name))
    }

    /// A user variable; their names don't differ by case.
    pub(super) fn variable_name(&mut self) -> Parsed<String> {
        let token = self.token();
        if token.kind != Kind::Variable {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(fold(&token.value(self.text, self.settings)))
    }

    fn system_variable(&mut self) -> Parsed<Expr> {
        self.at += 1;
        let mut parts = vec![fold(&self.any_name()?)];
        while self.take_symbol(".") {
            parts.push(fold(&self.any_name()?));
        }
        let scope = ["global", "session", "local", "persist", "persist_only"];
        if parts.len() > 1 && parts.first().is_some_and(|part| scope.contains(&part.as_str())) {
            parts.remove(0);
        }
        Ok(Expr::SystemVariable(parts.join(".")))
    }

    /// What stands in parentheses: a query, a value, a row.
    pub(super) fn parenthesis(&mut self) -> Parsed<Expr> {
        self.expect_symbol("(")?;
        if self.starts_query() {
            let query = self.query()?;
            self.expect_symbol(")")?;
            return Ok(Expr::Query(Box::new(query)));
        }
        let first = self.expression()?;
        if let Expr::Query(query) = first {
            // `((SELECT …) UNION SELECT …)`
            let query = if self.continues_query() {
                Box::new(self.query_from(*query)?)
            } else {
                query
            };
            return self.row(Expr::Query(query));
        }
        self.row(first)
    }

    fn row(&mut self, first: Expr) -> Parsed<Expr> {
        if !self.symbol(",") {
            self.expect_symbol(")")?;
            return Ok(first);
        }
        let mut all = vec![first];
        while self.take_symbol(",") {
            all.push(self.expression()?);
        }
        self.expect_symbol(")")?;
        Ok(Expr::Row(all))
    }

    /// A name: a column, or a routine that is called.
    pub(super) fn name_or_call(&mut self) -> Parsed<Expr> {
        let token = self.token();
        let first = self.any_name()?;
        // `_utf8mb4'…'`
        if first.starts_with('_')
            && token.kind == Kind::Word
            && matches!(self.token().kind, Kind::Text | Kind::Bits)
            && crate::mysql::words::is_charset(first.get(1..).unwrap_or_default())
        {
            return self.primary();
        }
        if self.symbol("(") {
            let name = Name {
                schema: None,
                name: fold(&first),
            };
            let stored =
                token.kind == Kind::Name || (!token.called && crate::mysql::words::must_touch(&name.name));
            return self.call(name, stored);
        }
        if !self.symbol(".") {
            return Ok(Expr::Column {
                schema: None,
                table: None,
                name: fold(&first),
            });
        }
        self.at += 1;
        if self.take_symbol("*") {
            return Ok(Expr::Star {
                table: Some(self.table_part(first)),
            });
        }
        let second = self.any_name()?;
        if self.symbol("(") {
            let name = Name {
                schema: Some(self.table_part(first)),
                name: fold(&second),
            };
            return self.call(name, true);
        }
        if !self.take_symbol(".") {
            return Ok(Expr::Column {
                schema: None,
                table: Some(self.table_part(first)),
                name: fold(&second),
            });
        }
        let table = Some(self.table_part(second));
        if self.take_symbol("*") {
            return Ok(Expr::Star { table });
        }
        let name = fold(&self.any_name()?);
        Ok(Expr::Column {
            schema: Some(self.table_part(first)),
            table,
            name,
        })
    }
}

fn unary(operator: &'static str, operand: Expr) -> Expr {
    match (operator, operand) {
        ("-", Expr::Number(digits)) => Expr::Number(format!("-{digits}")),
        ("+", operand) => operand,
        (operator, operand) => Expr::Unary {
            operator,
            operand: Box::new(operand),
        },
    }
}

fn chain(first: Expr, rest: Vec<(&'static str, Expr)>) -> Expr {
    if rest.is_empty() {
        return first;
    }
    Expr::Chain {
        first: Box::new(first),
        rest,
    }
}

fn is_comparison(rest: &[(&'static str, Expr)]) -> bool {
    rest.first()
        .is_some_and(|(operator, _)| matches!(*operator, "=" | "<=>" | "<>" | "!=" | "<=" | ">=" | "<" | ">"))
}

/// A call of one of the server's own functions.
pub(super) fn own_call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Call(Box::new(Call {
        name: Name {
            schema: None,
            name: name.to_owned(),
        },
        stored: false,
        arguments,
        distinct: false,
        order: Vec::new(),
        window: None,
    }))
}
