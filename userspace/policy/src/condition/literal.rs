//! Constants within a condition.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

/// A string written out.
pub(super) fn text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Strings written out as a list.
pub(super) fn texts(expression: &IdedExpr) -> Option<Vec<&str>> {
    match &expression.expr {
        Expr::List(list) => list.elements.iter().map(text).collect(),
        _ => None,
    }
}

/// An integer written out.
pub(super) fn integer(expression: &IdedExpr) -> Option<i64> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Int(value)) => Some(*value.inner()),
        Expr::Literal(LiteralValue::UInt(value)) => i64::try_from(*value.inner()).ok(),
        _ => None,
    }
}

/// A name.
pub(super) fn name(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Ident(name) => Some(name),
        _ => None,
    }
}
