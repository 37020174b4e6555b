//! Whether a condition narrows which rows a statement meets.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::name;

/// What a condition is for every row alike.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Always,
    Never,
    Unknown,
}

impl Truth {
    fn of(known: bool) -> Self {
        if known { Self::Always } else { Self::Never }
    }

    fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// Evaluates what needs no row: constants, their comparisons, a column compared with itself.
pub(super) fn truth(node: &pb::Node) -> Truth {
    let Some(node) = node.node.as_ref() else {
        return Truth::Unknown;
    };
    match node {
        N::AConst(constant) => match name::constant(constant).as_deref() {
            Some("true") => Truth::Always,
            Some("false") => Truth::Never,
            _ => Truth::Unknown,
        },
        N::TypeCast(cast) if is_boolean(cast.type_name.as_ref()) => cast
            .arg
            .as_deref()
            .and_then(name::literal)
            .map_or(Truth::Unknown, |word| boolean(&word)),
        N::BoolExpr(expression) => combination(expression),
        N::BooleanTest(test) => {
            let inner = test.arg.as_deref().map_or(Truth::Unknown, truth);
            match pb::BoolTestType::try_from(test.booltesttype) {
                Ok(pb::BoolTestType::IsTrue | pb::BoolTestType::IsNotFalse) => inner,
                Ok(pb::BoolTestType::IsFalse | pb::BoolTestType::IsNotTrue) => inner.not(),
                _ => Truth::Unknown,
            }
        }
        N::NullTest(test) => {
            let Some(N::AConst(constant)) = test.arg.as_deref().and_then(|arg| arg.node.as_ref()) else {
                return Truth::Unknown;
            };
            match pb::NullTestType::try_from(test.nulltesttype) {
                Ok(pb::NullTestType::IsNull) => Truth::of(constant.isnull),
                Ok(pb::NullTestType::IsNotNull) => Truth::of(!constant.isnull),
                _ => Truth::Unknown,
            }
        }
        N::AExpr(expression) => comparison(expression),
        _ => Truth::Unknown,
    }
}

fn combination(expression: &pb::BoolExpr) -> Truth {
    let mut all = expression.args.iter().map(truth);
    match pb::BoolExprType::try_from(expression.boolop) {
        Ok(pb::BoolExprType::NotExpr) => all.next().map_or(Truth::Unknown, Truth::not),
        Ok(pb::BoolExprType::AndExpr) => all.fold(Truth::Always, |sum, next| match (sum, next) {
            (Truth::Never, _) | (_, Truth::Never) => Truth::Never,
            (Truth::Always, Truth::Always) => Truth::Always,
            _ => Truth::Unknown,
        }),
        Ok(pb::BoolExprType::OrExpr) => all.fold(Truth::Never, |sum, next| match (sum, next) {
            (Truth::Always, _) | (_, Truth::Always) => Truth::Always,
            (Truth::Never, Truth::Never) => Truth::Never,
            _ => Truth::Unknown,
        }),
        _ => Truth::Unknown,
    }
}

fn comparison(expression: &pb::AExpr) -> Truth {
    let (Some(left), Some(right)) = (expression.lexpr.as_deref(), expression.rexpr.as_deref()) else {
        return Truth::Unknown;
    };
    let distinct = match pb::AExprKind::try_from(expression.kind) {
        Ok(pb::AExprKind::AexprDistinct) => Some("<>"),
        Ok(pb::AExprKind::AexprNotDistinct) => Some("="),
        Ok(pb::AExprKind::AexprOp) => None,
        _ => return Truth::Unknown,
    };
    let parts = name::parts(&expression.name);
    let Some(operator) = distinct.or_else(|| parts.last().copied()) else {
        return Truth::Unknown;
    };
    // A column compared with itself is true for every row where it has a value.
    if let (Some(N::ColumnRef(left)), Some(N::ColumnRef(right))) = (left.node.as_ref(), right.node.as_ref()) {
        let reflexive = ["=", "<=", ">="].contains(&operator);
        return if reflexive && left.fields == right.fields {
            Truth::Always
        } else {
            Truth::Unknown
        };
    }
    // `Never` must be certain, and only whole numbers compare the same way whatever their types.
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return match operator {
            "=" => Truth::of(left == right),
            "<>" | "!=" => Truth::of(left != right),
            "<" => Truth::of(left < right),
            "<=" => Truth::of(left <= right),
            ">" => Truth::of(left > right),
            ">=" => Truth::of(left >= right),
            _ => Truth::Unknown,
        };
    }
    let same =
        name::literal(left).is_some_and(|left| name::literal(right).is_some_and(|right| left == right));
    if same && operator == "=" {
        Truth::Always
    } else {
        Truth::Unknown
    }
}

fn integer(node: &pb::Node) -> Option<i32> {
    let N::AConst(constant) = node.node.as_ref()? else {
        return None;
    };
    match constant.val.as_ref()? {
        pb::a_const::Val::Ival(integer) => Some(integer.ival),
        _ => None,
    }
}

fn is_boolean(of: Option<&pb::TypeName>) -> bool {
    of.is_some_and(|of| of.array_bounds.is_empty() && name::parts(&of.names).last() == Some(&"bool"))
}

fn boolean(word: &str) -> Truth {
    match word.trim().to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "on" | "1" => Truth::Always,
        "f" | "false" | "n" | "no" | "off" | "0" => Truth::Never,
        _ => Truth::Unknown,
    }
}
