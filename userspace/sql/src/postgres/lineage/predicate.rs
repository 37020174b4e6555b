//! Conditions and comparisons: what a client learns without being shown a value.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::{Tracer, name};
use crate::lineage::trace::{is_value, joined};
use crate::lineage::{Flow, How, Operand};

impl<'a> Tracer<'a, '_> {
    /// An expression that decides which rows come, or which of several things is done.
    pub(super) fn condition(&mut self, node: &'a pb::Node) {
        match node.node.as_ref() {
            Some(N::BoolExpr(x)) => x.args.iter().for_each(|part| self.condition(part)),
            Some(N::BooleanTest(x)) => {
                if let Some(part) = x.arg.as_deref() {
                    self.condition(part);
                }
            }
            _ => {
                let flow = self.expression(node);
                self.decides(&flow);
            }
        }
    }

    pub(super) fn operator(&mut self, x: &'a pb::AExpr) -> Flow {
        use pb::AExprKind as Kind;
        let (Some(kind), left, right) = (
            Kind::try_from(x.kind).ok(),
            x.lexpr.as_deref(),
            x.rexpr.as_deref(),
        ) else {
            self.lose("an operator of another form");
            return Flow::CLEAN;
        };
        let parts = name::parts(&x.name);
        let symbol = parts.last().copied().unwrap_or_default();
        let equals = matches!(symbol, "=" | "<>" | "!=");
        let flow = match (kind, left, right) {
            (Kind::AexprOp, Some(left), Some(right)) if equals => self.equality(left, right),
            (Kind::AexprDistinct | Kind::AexprNotDistinct, Some(left), Some(right)) => {
                self.equality(left, right)
            }
            (Kind::AexprIn, Some(left), Some(right)) => self.membership(left, right),
            (Kind::AexprOpAny | Kind::AexprOpAll, Some(left), Some(right)) if equals => self.any(left, right),
            (Kind::AexprNullif, Some(left), Some(right)) => {
                // NULL where they are equal.
                let equal = self.equality(left, right);
                self.decides(&equal);
                self.expression(left)
            }
            (
                Kind::AexprLike
                | Kind::AexprIlike
                | Kind::AexprBetween
                | Kind::AexprNotBetween
                | Kind::AexprBetweenSym
                | Kind::AexprNotBetweenSym,
                ..,
            ) => self.both(left, right).through(How::Computed),
            (Kind::AexprSimilar, ..) => self.pattern(left, right),
            (Kind::AexprOp | Kind::AexprOpAny | Kind::AexprOpAll, ..) => match symbol {
                "<" | "<=" | ">" | ">=" | "~~" | "!~~" | "~~*" | "!~~*" | "^@" => {
                    self.both(left, right).through(How::Computed)
                }
                "~" | "!~" | "~*" | "!~*" => self.pattern(left, right),
                "||" if kind == Kind::AexprOp => self.concatenation(left, right),
                _ => {
                    // Whether it can be computed shows as an error.
                    let flow = self.both(left, right);
                    if flow.shows() {
                        self.decides(&flow);
                    }
                    flow.through(How::Computed)
                }
            },
            _ => {
                let flow = self.both(left, right);
                self.decides(&flow);
                flow.through(How::Computed)
            }
        };
        match self.schema.operators(symbol) {
            Some(routines) => {
                let arguments = self.both(left, right);
                let used = self.uses(symbol, routines, arguments);
                [flow, used].into_iter().collect()
            }
            None => flow,
        }
    }

    fn both(&mut self, left: Option<&'a pb::Node>, right: Option<&'a pb::Node>) -> Flow {
        let left = self.maybe(left);
        let right = self.maybe(right);
        [left, right].into_iter().collect()
    }

    /// A match with a pattern: one that is made of a column fails where it is none.
    fn pattern(&mut self, left: Option<&'a pb::Node>, right: Option<&'a pb::Node>) -> Flow {
        let subject = self.maybe(left);
        let pattern = self.maybe(right);
        if pattern.shows() {
            self.decides(&pattern);
        }
        [subject, pattern]
            .into_iter()
            .collect::<Flow>()
            .through(How::Computed)
    }

    fn concatenation(&mut self, left: Option<&'a pb::Node>, right: Option<&'a pb::Node>) -> Flow {
        let known = [left, right]
            .into_iter()
            .flatten()
            .any(|node| fixed(node).is_some());
        let flow = self.both(left, right);
        let strict = known && flow.most().is_some_and(|how| how < How::Computed);
        flow.through(if strict { How::Strict } else { How::Computed })
    }

    /// Whether two values are equal.
    pub(super) fn equality(&mut self, left: &'a pb::Node, right: &'a pb::Node) -> Flow {
        if let (Some(N::RowExpr(left)), Some(N::RowExpr(right))) = (left.node.as_ref(), right.node.as_ref())
            && left.args.len() == right.args.len()
        {
            let pairs = left.args.iter().zip(&right.args);
            return pairs.map(|(left, right)| self.equality(left, right)).collect();
        }
        let flows = [self.expression(left), self.expression(right)];
        let [one, other] = &flows;
        let with = match (one.shows(), other.shows()) {
            (true, true) if is_value(one) && is_value(other) => Some(Vec::new()),
            (true, false) if is_value(one) => fixed(right),
            (false, true) if is_value(other) => fixed(left),
            _ => None,
        };
        self.compared(&flows, with)
    }

    fn membership(&mut self, left: &'a pb::Node, list: &'a pb::Node) -> Flow {
        let Some(N::List(list)) = list.node.as_ref() else {
            self.lose("a list of another form");
            return Flow::CLEAN;
        };
        list.items.iter().map(|item| self.equality(left, item)).collect()
    }

    /// Whether a value is among those of an array.
    fn any(&mut self, left: &'a pb::Node, array: &'a pb::Node) -> Flow {
        if let Some(N::AArrayExpr(list)) = uncast(array).node.as_ref() {
            return list
                .elements
                .iter()
                .map(|item| self.equality(left, item))
                .collect();
        }
        let flows = [self.expression(left), self.expression(array)];
        let [one, other] = &flows;
        let with = if one.shows() && !other.shows() && is_value(one) {
            fixed(array).map(|operands| operands.into_iter().map(Operand::array).collect())
        } else {
            None
        };
        self.compared(&flows, with)
    }
}

fn uncast(node: &pb::Node) -> &pb::Node {
    match node.node.as_ref() {
        Some(N::TypeCast(cast)) => cast.arg.as_deref().map_or(node, uncast),
        _ => node,
    }
}

/// The client's own values that an expression is made of; `None` if it is made of anything else.
pub(super) fn fixed(node: &pb::Node) -> Option<Vec<Operand>> {
    match node.node.as_ref()? {
        N::AConst(constant) => Some(
            name::constant(constant)
                .map(Operand::Literal)
                .into_iter()
                .collect(),
        ),
        N::ParamRef(parameter) => Some(vec![Operand::Parameter(
            usize::try_from(parameter.number).unwrap_or_default(),
        )]),
        N::SqlvalueFunction(_) => Some(Vec::new()),
        N::TypeCast(cast) => fixed(cast.arg.as_deref()?),
        N::CollateClause(x) => fixed(x.arg.as_deref()?),
        N::FuncCall(call) if matches!(name::parts(&call.funcname).last(), Some(&("lower" | "upper"))) => {
            match call.args.as_slice() {
                [only] => fixed(only),
                _ => None,
            }
        }
        // Arithmetic and concatenation of constants are a constant; one that a parameter takes part in counts as it.
        N::AExpr(x) if x.kind == pb::AExprKind::AexprOp as i32 => {
            let left = x.lexpr.as_deref().map_or(Some(Vec::new()), fixed)?;
            let right = fixed(x.rexpr.as_deref()?)?;
            Some(joined(left.into_iter().chain(right).collect()))
        }
        _ => None,
    }
}
