//! DynamoDB's expressions: which attributes decide, and against which values.
//!
//! The grammar is that of condition and update expressions; a text that it doesn't accept is a gap.

mod token;

use crate::json::Json;
use interdict_sql::Gap;

use super::value;
use token::Token;

/// How deep parentheses may be nested.
const DEPTH: usize = 64;

/// An attribute that decides something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) column: String,
    pub(super) equality: bool,
    pub(super) values: Vec<String>,
}

/// What the placeholders of an expression stand for.
#[derive(Clone, Copy)]
pub(super) struct Placeholders<'j> {
    pub(super) names: Option<&'j Json<'j>>,
    pub(super) values: Option<&'j Json<'j>>,
}

/// The attributes that a key, filter or condition expression tests. Whether one exists and of which type it is does not count.
pub(super) fn condition(text: &str, placeholders: Placeholders<'_>) -> Result<Vec<Test>, Gap> {
    let mut parser = Parser::new(text, placeholders)?;
    parser.any_of()?;
    parser.end()?;
    Ok(parser.tests)
}

/// The attributes whose values an update expression puts elsewhere. Each counts as one that decides.
pub(super) fn update(text: &str, placeholders: Placeholders<'_>) -> Result<Vec<Test>, Gap> {
    let mut parser = Parser::new(text, placeholders)?;
    while parser.at < parser.tokens.len() {
        let clause = parser.word()?.to_ascii_uppercase();
        loop {
            let target = parser.path()?;
            match clause.as_str() {
                "SET" => {
                    parser.expect("=")?;
                    parser.assigned()?;
                }
                "ADD" | "DELETE" => {
                    let value = parser.operand()?;
                    parser.copied(&value);
                }
                "REMOVE" => drop(target),
                _ => return Err(unreadable()),
            }
            if !parser.take(",") {
                break;
            }
        }
    }
    Ok(parser.tests)
}

enum Operand {
    Path(String),
    /// The size of an attribute.
    Size(String),
    Value(Vec<String>),
}

struct Parser<'t, 'j> {
    tokens: Vec<Token<'t>>,
    at: usize,
    depth: usize,
    placeholders: Placeholders<'j>,
    tests: Vec<Test>,
}

impl<'t, 'j> Parser<'t, 'j> {
    fn new(text: &'t str, placeholders: Placeholders<'j>) -> Result<Self, Gap> {
        Ok(Self {
            tokens: token::cut(text).ok_or_else(unreadable)?,
            at: 0,
            depth: 0,
            placeholders,
            tests: Vec::new(),
        })
    }

    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Result<Token<'t>, Gap> {
        let token = self.peek().ok_or_else(unreadable)?;
        self.at += 1;
        Ok(token)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.peek() == Some(Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Gap> {
        self.take(sign).then_some(()).ok_or_else(unreadable)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn word(&mut self) -> Result<&'t str, Gap> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            _ => Err(unreadable()),
        }
    }

    fn end(&self) -> Result<(), Gap> {
        (self.at == self.tokens.len())
            .then_some(())
            .ok_or_else(unreadable)
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Gap>) -> Result<T, Gap> {
        if self.depth == DEPTH {
            return Err(Gap::TooDeep);
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn any_of(&mut self) -> Result<(), Gap> {
        self.all_of()?;
        while self.keyword("OR") {
            self.all_of()?;
        }
        Ok(())
    }

    fn all_of(&mut self) -> Result<(), Gap> {
        self.one()?;
        while self.keyword("AND") {
            self.one()?;
        }
        Ok(())
    }

    fn one(&mut self) -> Result<(), Gap> {
        while self.keyword("NOT") {}
        if self.peek() == Some(Token::Sign("(")) {
            return self.deeper(|parser| {
                parser.expect("(")?;
                parser.any_of()?;
                parser.expect(")")
            });
        }
        if let Some(Token::Word(
            name @ ("attribute_exists"
            | "attribute_not_exists"
            | "attribute_type"
            | "begins_with"
            | "contains"),
        )) = self.peek()
            && self.tokens.get(self.at + 1) == Some(&Token::Sign("("))
        {
            self.at += 2;
            self.function(name)?;
            return self.expect(")");
        }
        self.comparison()
    }

    fn function(&mut self, name: &str) -> Result<(), Gap> {
        if name.starts_with("attribute_") {
            self.path()?;
            if name == "attribute_type" {
                self.expect(",")?;
                self.operand()?;
            }
            return Ok(());
        }
        let subject = self.operand()?;
        self.expect(",")?;
        let object = self.operand()?;
        self.test(&[subject, object], false);
        Ok(())
    }

    fn comparison(&mut self) -> Result<(), Gap> {
        let mut operands = vec![self.operand()?];
        let mut equality = false;
        if self.keyword("BETWEEN") {
            operands.push(self.operand()?);
            if !self.keyword("AND") {
                return Err(unreadable());
            }
            operands.push(self.operand()?);
        } else if self.keyword("IN") {
            equality = true;
            self.expect("(")?;
            operands.push(self.operand()?);
            while self.take(",") {
                operands.push(self.operand()?);
            }
            self.expect(")")?;
        } else {
            match self.next()? {
                Token::Sign("=") => equality = true,
                Token::Sign("<" | "<=" | ">" | ">=" | "<>") => {}
                _ => return Err(unreadable()),
            }
            operands.push(self.operand()?);
        }
        self.test(&operands, equality);
        Ok(())
    }

    /// One attribute and constants besides is a test of it against them; anything else tells more than that.
    fn test(&mut self, operands: &[Operand], equality: bool) {
        let mut columns = Vec::new();
        let (mut exact, mut values) = (equality, Vec::new());
        for operand in operands {
            match operand {
                Operand::Path(column) => columns.push(column),
                Operand::Size(column) => {
                    exact = false;
                    columns.push(column);
                }
                Operand::Value(held) if held.len() == 1 => values.extend(held.iter().cloned()),
                Operand::Value(held) => {
                    exact = false;
                    values.extend(held.iter().cloned());
                }
            }
        }
        exact &= columns.len() == 1;
        for column in columns {
            self.tests.push(Test {
                column: column.clone(),
                equality: exact,
                values: values.clone(),
            });
        }
    }

    fn copied(&mut self, operand: &Operand) {
        if let Operand::Path(_) | Operand::Size(_) = operand {
            self.test(std::slice::from_ref(operand), false);
        }
    }

    /// The right side of `SET`.
    fn assigned(&mut self) -> Result<(), Gap> {
        self.term()?;
        if self.take("+") || self.take("-") {
            self.term()?;
        }
        Ok(())
    }

    fn term(&mut self) -> Result<(), Gap> {
        if self.peek() == Some(Token::Sign("(")) {
            return self.deeper(|parser| {
                parser.expect("(")?;
                parser.assigned()?;
                parser.expect(")")
            });
        }
        if let Some(Token::Word(name @ ("if_not_exists" | "list_append"))) = self.peek()
            && self.tokens.get(self.at + 1) == Some(&Token::Sign("("))
        {
            return self.deeper(|parser| {
                parser.at += 2;
                if name == "if_not_exists" {
                    let path = parser.path()?;
                    parser.copied(&Operand::Path(path));
                } else {
                    parser.term()?;
                }
                parser.expect(",")?;
                parser.term()?;
                parser.expect(")")
            });
        }
        let operand = self.operand()?;
        self.copied(&operand);
        Ok(())
    }

    fn operand(&mut self) -> Result<Operand, Gap> {
        match self.peek() {
            Some(Token::Value(name)) => {
                self.at += 1;
                let all = self.placeholders.values.ok_or_else(unreadable)?;
                let held = all.get(name).ok_or_else(unreadable)?;
                Ok(Operand::Value(value::texts(held)))
            }
            Some(Token::Word("size")) if self.tokens.get(self.at + 1) == Some(&Token::Sign("(")) => {
                self.at += 2;
                let path = self.path()?;
                self.expect(")")?;
                Ok(Operand::Size(path))
            }
            Some(Token::Sign("(")) => self.deeper(|parser| {
                parser.expect("(")?;
                let operand = parser.operand()?;
                parser.expect(")")?;
                Ok(operand)
            }),
            _ => self.path().map(Operand::Path),
        }
    }

    /// The outermost attribute of a path.
    fn path(&mut self) -> Result<String, Gap> {
        let column = self.name()?;
        loop {
            if self.take(".") {
                self.name()?;
            } else if self.take("[") {
                match self.next()? {
                    Token::Number => self.expect("]")?,
                    _ => return Err(unreadable()),
                }
            } else {
                return Ok(column);
            }
        }
    }

    fn name(&mut self) -> Result<String, Gap> {
        match self.next()? {
            Token::Word(word) => Ok(word.to_owned()),
            Token::Name(name) => {
                let all = self.placeholders.names.ok_or_else(unreadable)?;
                all.text_of(name).map(str::to_owned).ok_or_else(unreadable)
            }
            _ => Err(unreadable()),
        }
    }
}

fn unreadable() -> Gap {
    Gap::Unreadable("an expression of DynamoDB")
}

#[cfg(test)]
mod tests;
