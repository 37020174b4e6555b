//! What is known of a whole text.

use crate::effect::{Effect, Effects};
use crate::statement::{Gap, Relation, Statement};

/// The analysis of one text: its statements, and whether anything in it escaped the analysis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// The statements in order; none if the text holds only space, comments and semicolons.
    pub statements: Vec<Statement>,
    /// Why the analysis is not complete, over all statements; empty if it is.
    pub gaps: Vec<Gap>,
    /// A hash of the parse tree without its constants, 16 hexadecimal digits. Texts that differ in a relation, its
    /// schema, a column or a function differ in it. The body of a `DO` or of a function is a constant like any other, so
    /// it does not stand for what such a statement does. `None` if the text can't be parsed or is too deep to walk.
    pub fingerprint: Option<String>,
    /// The text with every constant replaced by `$n` and every comment by a space, also if it can't be parsed. `None`
    /// if even its tokens can't be told apart.
    pub normalised: Option<String>,
    /// Whether it may change the catalogue.
    pub ddl: bool,
    /// Bytes of the text that was analysed. Others that differ from it in constants only may share the analysis.
    pub(crate) length: usize,
    /// What those have in common.
    pub(crate) template: Option<Box<[u8]>>,
}

impl Analysis {
    /// Gathers what its statements say.
    pub(crate) fn of(statements: Vec<Statement>) -> Self {
        const DDL: Effects = Effects::of(&[Effect::Create, Effect::Alter, Effect::Drop, Effect::Code]);
        let gaps = statements
            .iter()
            .flat_map(|statement| statement.gaps.iter().cloned())
            .collect();
        let ddl = statements
            .iter()
            .any(|statement| statement.effects.intersects(DDL));
        Self {
            statements,
            gaps,
            fingerprint: None,
            normalised: None,
            ddl,
            length: 0,
            template: None,
        }
    }

    /// What all texts have in common that share the analysis, marks in the places of constants that don't matter: they stand where a
    /// column is compared with them or becomes them, and where rows are counted, so that the results of all have the same
    /// columns. `None`: it is one text's own.
    pub fn template(&self) -> Option<&[u8]> {
        self.template.as_deref()
    }

    /// The `index`th statement's part of the text that the analysis was asked for.
    pub fn part<'a>(&self, index: usize, text: &'a str) -> &'a str {
        let Some(Statement { range, .. }) = self.statements.get(index) else {
            return text;
        };
        // What is shared has one statement, and no constant before or behind it.
        let behind = self.length.saturating_sub(range.end);
        let end = match self.statements.as_slice() {
            [_] => text.len().saturating_sub(behind),
            _ => range.end,
        };
        text.get(range.start..end).unwrap_or(text)
    }

    /// Whether everything that the text does is known.
    pub fn complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// The effects of all statements together.
    pub fn effects(&self) -> Effects {
        self.statements
            .iter()
            .fold(Effects::NONE, |all, statement| all.union(statement.effects))
    }

    /// The statement's kind; `multi` if there are several, `empty` if there is none.
    pub fn kind(&self) -> &'static str {
        match self.statements.as_slice() {
            [] => "empty",
            [statement] => statement.kind,
            _ => "multi",
        }
    }

    /// The relations of all statements, in order; one that two statements use comes twice.
    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.statements.iter().flat_map(|statement| &statement.relations)
    }
}
