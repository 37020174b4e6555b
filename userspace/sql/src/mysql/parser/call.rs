//! Calls of functions, and the words that are values without being names.

use super::expression::own_call;
use super::{Parsed, Parser, fold};
use crate::mysql::ast::{Call, Expr, Name, Window};
use crate::mysql::token::Kind;
use crate::mysql::words;

impl Parser<'_> {
    /// A word where a value must stand.
    pub(super) fn word(&mut self) -> Parsed<Expr> {
        let token = self.token();
        let word = fold(&token.value(self.text, self.settings));
        let bracket = self.symbol_ahead(1, "(");
        let literal = self.ahead(1).kind == Kind::Text;
        match word.as_str() {
            "null" => Ok(self.constant(Expr::Null)),
            "true" => Ok(self.constant(Expr::Number("1".to_owned()))),
            "false" => Ok(self.constant(Expr::Number("0".to_owned()))),
            "default" => {
                self.at += 1;
                if self.symbol("(") {
                    self.skip_brackets()?;
                }
                Ok(Expr::Default)
            }
            "ignore" if self.settings.maria() => Ok(self.constant(Expr::Default)),
            "case" => self.nested(Self::case),
            "exists" if bracket => {
                self.at += 2;
                let query = self.query()?;
                self.expect_symbol(")")?;
                Ok(Expr::Exists(Box::new(query)))
            }
            "cast" if bracket => self.cast(),
            "convert" if bracket => self.convert(),
            "interval" => self.nested(Self::interval),
            "match" => self.match_against(),
            "row" if bracket => {
                self.at += 1;
                Ok(Expr::Row(self.bracketed(Self::expression)?))
            }
            "values" | "value" if bracket => {
                self.at += 2;
                let mut name = fold(&self.any_name()?);
                while self.take_symbol(".") {
                    name = fold(&self.any_name()?);
                }
                self.expect_symbol(")")?;
                Ok(Expr::Inserted(name))
            }
            "date" | "time" | "timestamp" if literal => {
                self.at += 1;
                let operand = Box::new(Expr::Literal(self.text()?));
                Ok(Expr::Cast { operand, to: word })
            }
            "extract" | "trim" | "position" | "timestampadd" | "timestampdiff" | "get_format"
            | "weight_string"
                if bracket =>
            {
                self.nested(|parser| parser.odd_call(&word))
            }
            "next" | "previous"
                if self.is_word(self.ahead(1), "value") && self.is_word(self.ahead(2), "for") =>
            {
                self.at += 3;
                self.table_name()?;
                Ok(own_call("nextval", Vec::new()))
            }
            _ if bracket => self.name_or_call(),
            _ if words::is_value(&word) => {
                self.at += 1;
                Ok(own_call(&word, Vec::new()))
            }
            _ if self.is_reserved(token) => Err(self.unexpected()),
            _ => self.name_or_call(),
        }
    }

    /// Takes a word that stands for a value.
    fn constant(&mut self, value: Expr) -> Expr {
        self.at += 1;
        value
    }

    fn case(&mut self) -> Parsed<Expr> {
        self.at += 1;
        let operand = if self.is("when") {
            None
        } else {
            Some(Box::new(self.expression()?))
        };
        let mut branches = Vec::new();
        while self.take("when") {
            let test = self.expression()?;
            self.expect("then")?;
            branches.push((test, self.expression()?));
        }
        let otherwise = if self.take("else") {
            Some(Box::new(self.expression()?))
        } else {
            None
        };
        self.expect("end")?;
        Ok(Expr::Case {
            operand,
            branches,
            otherwise,
        })
    }

    fn cast(&mut self) -> Parsed<Expr> {
        self.at += 2;
        let operand = Box::new(self.expression()?);
        if self.take_all(&["at", "time", "zone"]) {
            self.take("interval");
            self.text()?;
        }
        self.expect("as")?;
        let to = self.data_type()?;
        self.take("array");
        self.expect_symbol(")")?;
        Ok(Expr::Cast { operand, to })
    }

    fn convert(&mut self) -> Parsed<Expr> {
        self.at += 2;
        let operand = Box::new(self.expression()?);
        let value = if self.take("using") {
            let to = fold(&self.any_name()?);
            Expr::Cast { operand, to }
        } else {
            self.expect_symbol(",")?;
            let to = self.data_type()?;
            Expr::Cast { operand, to }
        };
        self.expect_symbol(")")?;
        Ok(value)
    }

    /// A type, by its first word; what follows it to a comma or parenthesis only shapes it.
    pub(super) fn data_type(&mut self) -> Parsed<String> {
        let first = fold(&self.any_name()?);
        loop {
            if self.symbol("(") {
                self.skip_brackets()?;
            } else if self.is("array") || !matches!(self.token().kind, Kind::Word | Kind::Text) {
                return Ok(first);
            } else {
                self.at += 1;
            }
        }
    }

    /// `INTERVAL 1 DAY`, `INTERVAL(a, b, …)`.
    fn interval(&mut self) -> Parsed<Expr> {
        self.at += 1;
        if self.symbol("(") && self.lists() {
            let arguments = self.bracketed(Self::expression)?;
            return Ok(own_call("interval", arguments));
        }
        let value = self.expression()?;
        let unit = self.any_name()?;
        if !words::is_unit(&unit) {
            return Err(self.unexpected());
        }
        Ok(Expr::Interval(Box::new(value)))
    }

    /// Whether the parenthesis that comes next holds a list.
    fn lists(&self) -> bool {
        let mut open = 0_usize;
        for by in 0.. {
            match self.ahead(by).kind {
                Kind::Symbol("(") => open += 1,
                Kind::Symbol(")") if open <= 1 => return false,
                Kind::Symbol(")") => open -= 1,
                Kind::Symbol(",") if open == 1 => return true,
                Kind::End | Kind::Bad => return false,
                _ => {}
            }
        }
        false
    }

    fn match_against(&mut self) -> Parsed<Expr> {
        self.at += 1;
        let columns = if self.symbol("(") {
            self.bracketed(Self::expression)?
        } else {
            self.list(Self::name_or_call)?
        };
        self.expect("against")?;
        self.expect_symbol("(")?;
        let against = Box::new(self.nested(Self::bit_expression)?);
        self.take_all(&["in", "natural", "language", "mode"]);
        self.take_all(&["in", "boolean", "mode"]);
        self.take_all(&["with", "query", "expansion"]);
        self.expect_symbol(")")?;
        Ok(Expr::Match { columns, against })
    }

    /// Functions whose arguments have words between them.
    fn odd_call(&mut self, word: &str) -> Parsed<Expr> {
        self.at += 2;
        let mut arguments = Vec::new();
        match word {
            "extract" => {
                self.any_name()?;
                self.expect("from")?;
                arguments.push(self.expression()?);
            }
            "trim" => {
                let sided = self.take_any(&["leading", "trailing", "both"]).is_some();
                if !(sided && self.is("from")) {
                    arguments.push(self.expression()?);
                }
                if self.take("from") {
                    // The subject first.
                    arguments.insert(0, self.expression()?);
                }
            }
            "position" => {
                arguments.push(self.bit_expression()?);
                self.expect("in")?;
                arguments.push(self.expression()?);
            }
            "timestampadd" | "timestampdiff" => {
                self.any_name()?;
                self.expect_symbol(",")?;
                arguments = self.expressions()?;
            }
            "get_format" => {
                self.any_name()?;
                self.expect_symbol(",")?;
                arguments.push(self.expression()?);
            }
            _ => {
                arguments = self.expressions()?;
                if self.take("as") {
                    self.data_type()?;
                }
                if self.take("level") {
                    while !self.symbol(")") && !self.ended() {
                        self.at += 1;
                    }
                }
            }
        }
        self.expect_symbol(")")?;
        Ok(own_call(word, arguments))
    }

    /// What may stand where a keyword ends a value that has no comparisons in it.
    fn bit_expression(&mut self) -> Parsed<Expr> {
        self.nested(Self::values_of_bits)
    }

    /// A call; its parenthesis is next.
    pub(super) fn call(&mut self, name: Name, stored: bool) -> Parsed<Expr> {
        let mut call = Call {
            name,
            stored,
            arguments: Vec::new(),
            distinct: false,
            order: Vec::new(),
            window: None,
        };
        self.nested(|parser| parser.arguments(&mut call))?;
        if self.take_all(&["within", "group"]) {
            self.expect_symbol("(")?;
            self.order_by(&mut call.order)?;
            self.expect_symbol(")")?;
        }
        if self.is("from") && (self.is_word(self.ahead(1), "first") || self.is_word(self.ahead(1), "last")) {
            self.at += 2;
        }
        if self.are(&["respect", "nulls"]) || self.are(&["ignore", "nulls"]) {
            self.at += 2;
        }
        if self.take("over") {
            call.window = Some(if self.symbol("(") {
                self.window()?
            } else {
                self.any_name()?;
                Window::default()
            });
        }
        Ok(Expr::Call(Box::new(call)))
    }

    fn arguments(&mut self, call: &mut Call) -> Parsed<()> {
        self.expect_symbol("(")?;
        if self.take("distinct") {
            call.distinct = true;
        } else {
            self.take("all");
        }
        if self.symbol("*") && self.symbol_ahead(1, ")") {
            self.at += 2;
            call.arguments.push(Expr::Star { table: None });
            return Ok(());
        }
        if self.take_symbol(")") {
            return Ok(());
        }
        loop {
            call.arguments.push(self.expression()?);
            self.trimmings(call)?;
            if self.take_symbol(")") {
                return Ok(());
            }
            if self.take("for") || self.take("from") {
                continue;
            }
            self.expect_symbol(",")?;
        }
    }

    /// What follows an argument without a comma.
    fn trimmings(&mut self, call: &mut Call) -> Parsed<()> {
        loop {
            if self.take("using") {
                self.any_name()?;
            } else if self.are(&["order", "by"]) {
                self.order_by(&mut call.order)?;
            } else if self.take("separator") {
                call.arguments.push(self.primary_constant()?);
            } else if self.take("limit") {
                call.arguments.extend(self.expressions()?);
                if self.take("offset") {
                    call.arguments.push(self.expression()?);
                }
            } else if self.take("returning") {
                self.data_type()?;
            } else if self.take("as") {
                if self.token().kind == Kind::Text {
                    self.text()?;
                } else {
                    self.data_type()?;
                    self.more_type()?;
                }
            } else if self.is_any(&["null", "error"]) && self.is_word(self.ahead(1), "on") {
                self.at += 2;
                self.any_name()?;
            } else if self.take("default") {
                call.arguments.push(self.expression()?);
                self.expect("on")?;
                self.any_name()?;
            } else if self.named_argument() {
                self.at += 1;
            } else {
                return Ok(());
            }
        }
    }

    /// What is left of a type behind its parentheses.
    fn more_type(&mut self) -> Parsed<()> {
        while !self.symbol(",") && !self.symbol(")") {
            if self.symbol("(") {
                self.skip_brackets()?;
            } else if matches!(self.token().kind, Kind::Word) {
                self.at += 1;
            } else {
                return Err(self.unexpected());
            }
        }
        Ok(())
    }

    /// Whether an argument's own name stands here without `AS`: it ends the argument.
    fn named_argument(&self) -> bool {
        let token = self.token();
        let name = matches!(token.kind, Kind::Name | Kind::Text)
            || (token.kind == Kind::Word && !self.is_reserved(token));
        name && (self.symbol_ahead(1, ",") || self.symbol_ahead(1, ")"))
    }

    fn primary_constant(&mut self) -> Parsed<Expr> {
        if self.token().kind == Kind::Text {
            return self.text().map(Expr::Literal);
        }
        self.expression()
    }

    /// `(PARTITION BY … ORDER BY … ROWS …)`.
    pub(super) fn window(&mut self) -> Parsed<Window> {
        self.expect_symbol("(")?;
        let mut window = Window::default();
        if !self.is_any(&["partition", "order", "rows", "range", "groups"]) && !self.symbol(")") {
            self.any_name()?;
        }
        if self.take_all(&["partition", "by"]) {
            window.partition = self.expressions()?;
        }
        if self.are(&["order", "by"]) {
            self.order_by(&mut window.order)?;
        }
        if self.take_any(&["rows", "range", "groups"]).is_some() {
            self.take("between");
            loop {
                if !(self.take_all(&["unbounded", "preceding"])
                    || self.take_all(&["unbounded", "following"])
                    || self.take_all(&["current", "row"]))
                {
                    window.frame.push(self.bit_expression()?);
                    if self.take_any(&["preceding", "following"]).is_none() {
                        return Err(self.unexpected());
                    }
                }
                if !self.take("and") {
                    break;
                }
            }
            if self.take("exclude") {
                while !self.symbol(")") && !self.ended() {
                    self.at += 1;
                }
            }
        }
        self.expect_symbol(")")?;
        Ok(window)
    }

    /// `ORDER BY …`, which comes next.
    pub(super) fn order_by(&mut self, order: &mut Vec<Expr>) -> Parsed<()> {
        if !self.take_all(&["order", "by"]) {
            return Err(self.unexpected());
        }
        loop {
            order.push(self.expression()?);
            self.take_any(&["asc", "desc"]);
            if !self.take_symbol(",") {
                return Ok(());
            }
        }
    }
}
