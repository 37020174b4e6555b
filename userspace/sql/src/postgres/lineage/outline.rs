//! What a query's parts are, without looking into them.

use pg_query::{NodeEnum as N, protobuf as pb};

use crate::postgres::name;

/// The table that a query fills; the clause stands in the leftmost part of a set operation.
pub(super) fn target(x: &pb::SelectStmt) -> Option<&pb::IntoClause> {
    match (x.into_clause.as_deref(), x.larg.as_deref()) {
        (Some(into), _) => Some(into),
        (None, Some(left)) => target(left),
        (None, None) => None,
    }
}

/// The name that the server gives an output column, where that is simple enough to be certain (`FigureColname`).
pub(super) fn column_name(target: &pb::ResTarget) -> Option<String> {
    if !target.name.is_empty() {
        return Some(target.name.clone());
    }
    expression_name(target.val.as_deref()?)
}

fn expression_name(node: &pb::Node) -> Option<String> {
    match node.node.as_ref()? {
        N::ColumnRef(column) => name::text(column.fields.last()?).map(str::to_owned),
        N::FuncCall(call) => name::parts(&call.funcname).last().map(|name| (*name).to_owned()),
        N::AIndirection(x) => match x.indirection.iter().rev().find_map(name::text) {
            Some(field) => Some(field.to_owned()),
            None => expression_name(x.arg.as_deref()?),
        },
        // A cast of something nameless takes the type's name.
        N::TypeCast(cast) => expression_name(cast.arg.as_deref()?).filter(|name| name != UNNAMED),
        N::CollateClause(x) => expression_name(x.arg.as_deref()?),
        N::AConst(_) | N::ParamRef(_) | N::AExpr(_) | N::BoolExpr(_) | N::NullTest(_) => {
            Some(UNNAMED.to_owned())
        }
        _ => None,
    }
}

const UNNAMED: &str = "?column?";

/// The integer that an `ORDER BY 2` or `GROUP BY 1` is.
pub(super) fn position(node: &pb::Node) -> Option<usize> {
    let N::AConst(constant) = node.node.as_ref()? else {
        return None;
    };
    match constant.val.as_ref()? {
        pb::a_const::Val::Ival(number) => usize::try_from(number.ival).ok()?.checked_sub(1),
        _ => None,
    }
}

/// The name that stands alone as an expression.
pub(super) fn bare_name(node: &pb::Node) -> Option<&str> {
    match node.node.as_ref()? {
        N::ColumnRef(column) => match column.fields.as_slice() {
            [only] => name::text(only),
            _ => None,
        },
        _ => None,
    }
}

/// Whether it is NULL, casts aside.
pub(super) fn is_null(node: &pb::Node) -> bool {
    match node.node.as_ref() {
        Some(N::AConst(constant)) => constant.isnull,
        Some(N::TypeCast(cast)) => cast.arg.as_deref().is_some_and(is_null),
        _ => false,
    }
}
