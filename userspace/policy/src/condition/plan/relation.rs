//! Tests of one relation.

use cel::common::ast::{Expr, IdedExpr, operators};
use interdict_sql::Relation;

use super::TextTest;
use crate::condition::literal;

/// What a condition asks of one relation.
#[derive(Debug)]
pub(in crate::condition) enum RelationTest {
    And(Box<RelationTest>, Box<RelationTest>),
    Not(Box<RelationTest>),
    Or(Box<RelationTest>, Box<RelationTest>),
    Text { of: Field, is: TextTest },
}

#[derive(Clone, Copy, Debug)]
pub(in crate::condition) enum Field {
    Access,
    Name,
    Schema,
}

impl RelationTest {
    /// The native form of a test, if it is about constants only.
    pub(super) fn of(test: &IdedExpr, variable: &str) -> Option<Self> {
        let Expr::Call(call) = &test.expr else { return None };
        let name = call.func_name.as_str();
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [a, b]) => {
                let (a, b) = (Box::new(Self::of(a, variable)?), Box::new(Self::of(b, variable)?));
                Some(if name == operators::LOGICAL_AND {
                    Self::And(a, b)
                } else {
                    Self::Or(a, b)
                })
            }
            (operators::LOGICAL_NOT, [inner]) => Some(Self::Not(Box::new(Self::of(inner, variable)?))),
            _ => {
                let (subject, is) = TextTest::of(call)?;
                let test = Self::Text {
                    of: Field::of(subject, variable)?,
                    is,
                };
                Some(if name == operators::NOT_EQUALS {
                    Self::Not(Box::new(test))
                } else {
                    test
                })
            }
        }
    }

    pub(super) fn holds(&self, relation: &Relation) -> bool {
        match self {
            Self::And(a, b) => a.holds(relation) && b.holds(relation),
            Self::Not(inner) => !inner.holds(relation),
            Self::Or(a, b) => a.holds(relation) || b.holds(relation),
            Self::Text { of, is } => is.holds(match of {
                Field::Access => relation.access.as_str(),
                Field::Name => &relation.name,
                // As the variable has it.
                Field::Schema => relation.schema.as_deref().unwrap_or(""),
            }),
        }
    }
}

impl Field {
    fn of(expression: &IdedExpr, variable: &str) -> Option<Self> {
        let Expr::Select(select) = &expression.expr else {
            return None;
        };
        if select.test || literal::name(&select.operand) != Some(variable) {
            return None;
        }
        match select.field.as_str() {
            "access" => Some(Self::Access),
            "name" => Some(Self::Name),
            "schema" => Some(Self::Schema),
            _ => None,
        }
    }
}
