//! Conditions and comparisons: what a client learns without being shown a value.

use super::Tracer;
use crate::lineage::scope::blend;
use crate::lineage::trace::{is_value, joined};
use crate::lineage::{Flow, How, Operand};
use crate::mysql::ast::Expr;

impl Tracer<'_> {
    /// An expression that decides which rows come, or which of several things is done.
    pub(super) fn condition(&mut self, expression: &Expr) {
        match expression {
            Expr::Chain { first, rest } if logical(rest) => {
                self.condition(first);
                for (_, part) in rest {
                    self.condition(part);
                }
            }
            Expr::Unary {
                operator: "not" | "!",
                operand,
            } => self.condition(operand),
            expression => {
                let flow = self.expression(expression);
                self.decides(&flow);
            }
        }
    }

    pub(super) fn chain(&mut self, first: &Expr, rest: &[(&'static str, Expr)]) -> Flow {
        if let [(operator, second)] = rest {
            match *operator {
                "=" | "<=>" | "<>" | "!=" => return self.equality(first, second),
                "<" | "<=" | ">" | ">=" => return self.order_of(first, second),
                "concat" => return self.concatenation(first, rest),
                _ => {}
            }
        }
        if logical(rest) {
            let mut flow = self.truth(first);
            for (_, part) in rest {
                flow.merge(&self.truth(part));
            }
            // It decides whether what follows is evaluated.
            self.decides(&flow);
            return flow.through(How::Computed);
        }
        if rest.iter().all(|(operator, _)| *operator == "concat") {
            return self.concatenation(first, rest);
        }
        let mut flow = self.expression(first);
        for (_, part) in rest {
            flow.merge(&self.expression(part));
        }
        // Arithmetic: a text that is no number is quoted in a warning, too large a number in an error.
        self.may_fail(&flow);
        flow.through(How::Computed)
    }

    /// An operand of AND, OR, NOT.
    pub(super) fn truth(&mut self, expression: &Expr) -> Flow {
        let flow = self.expression(expression);
        if flow.most().is_some_and(|how| how > How::Compared) && !is_test(expression) {
            self.decides(&flow);
        }
        flow
    }

    fn concatenation(&mut self, first: &Expr, rest: &[(&'static str, Expr)]) -> Flow {
        let parts: Vec<&Expr> = std::iter::once(first)
            .chain(rest.iter().map(|(_, part)| part))
            .collect();
        let flows: Vec<Flow> = parts.iter().map(|part| self.expression(part)).collect();
        let shown = flows.iter().filter(|flow| flow.shows()).count();
        let known = parts
            .iter()
            .zip(&flows)
            .all(|(part, flow)| flow.shows() || fixed(part).is_some());
        let all: Flow = flows.into_iter().collect();
        let strict = known && shown == 1 && all.most() < Some(How::Computed);
        all.through(if strict { How::Strict } else { How::Computed })
    }

    /// `<` and the like: a text that is compared with a number is converted, and a warning quotes it.
    fn order_of(&mut self, left: &Expr, right: &Expr) -> Flow {
        let flows = [self.expression(left), self.expression(right)];
        self.conversion(&flows, [left, right]);
        flows.into_iter().collect::<Flow>().through(How::Computed)
    }

    /// Whether two values are equal.
    pub(super) fn equality(&mut self, left: &Expr, right: &Expr) -> Flow {
        if let (Expr::Row(left), Expr::Row(right)) = (left, right)
            && left.len() == right.len()
        {
            let pairs = left.iter().zip(right);
            return pairs.map(|(left, right)| self.equality(left, right)).collect();
        }
        let flows = [self.expression(left), self.expression(right)];
        let [one, other] = &flows;
        let with = match (one.shows(), other.shows()) {
            (true, true) if is_value(one) && is_value(other) => Some(Vec::new()),
            (true, false) if is_value(one) => fixed(right).filter(|_| self.fits(one, right)),
            (false, true) if is_value(other) => fixed(left).filter(|_| self.fits(other, left)),
            _ => None,
        };
        if with.is_none() {
            self.conversion(&flows, [left, right]);
        }
        self.compared(&flows, with)
    }

    /// Whether comparing columns with a constant converts none of them.
    fn fits(&self, flow: &Flow, constant: &Expr) -> bool {
        is_string(constant) || self.no_text(flow)
    }

    /// Notes what a comparison may say in a warning.
    fn conversion(&mut self, flows: &[Flow; 2], sides: [&Expr; 2]) {
        let [one, other] = flows;
        let [left, right] = sides;
        for (flow, side) in [(one, right), (other, left)] {
            let strings = fixed(side).is_some() && is_string(side);
            if flow.shows() && !strings && !self.no_text(flow) && !matches!(side, Expr::Null) {
                self.decides(flow);
            }
        }
    }

    pub(super) fn membership(&mut self, operand: &Expr, list: &[Expr]) -> Flow {
        list.iter()
            .map(|item| match item {
                Expr::Quantified(query) => {
                    let columns = self.query(query);
                    let result: Flow = columns.iter().map(|column| column.flow.clone()).collect();
                    let test = self.expression(operand);
                    self.quantified(test, result)
                }
                item => self.equality(operand, item),
            })
            .collect()
    }

    /// A value among those of a query.
    pub(super) fn quantified(&mut self, test: Flow, result: Flow) -> Flow {
        let both = [test, result];
        if !both.iter().any(|flow| flow.most() > Some(How::Same)) && both.iter().all(Flow::shows) {
            return both.into_iter().collect::<Flow>().compared();
        }
        let all: Flow = both.into_iter().collect();
        self.may_fail(&all);
        all.through(How::Computed)
    }

    /// LIKE and the like.
    pub(super) fn pattern(&mut self, operator: &str, parts: &[Expr]) -> Flow {
        let mut flows = parts.iter().map(|part| self.expression(part)).collect::<Vec<_>>();
        let subject = if flows.is_empty() {
            Flow::CLEAN
        } else {
            flows.remove(0)
        };
        for pattern in &flows {
            // One that is made of a column fails where it is none.
            self.may_fail(pattern);
        }
        if operator == "member" {
            self.may_fail(&subject);
        }
        flows.push(subject);
        flows.into_iter().collect::<Flow>().through(How::Computed)
    }

    /// The value of one of several branches.
    pub(super) fn branches<'a>(&mut self, branches: impl IntoIterator<Item = &'a Expr>) -> Flow {
        let branches = branches
            .into_iter()
            .filter(|branch| !matches!(branch, Expr::Null));
        let flows: Vec<_> = branches.map(|branch| self.expression(branch)).collect();
        blend(flows)
    }
}

/// Whether a chain is one of AND, OR, XOR.
fn logical(rest: &[(&'static str, Expr)]) -> bool {
    rest.first()
        .is_some_and(|(operator, _)| matches!(*operator, "and" | "or" | "xor"))
}

/// Whether an expression gives true or false, so that nothing is converted to one.
fn is_test(expression: &Expr) -> bool {
    match expression {
        Expr::Chain { rest, .. } => rest.first().is_some_and(|(operator, _)| {
            matches!(
                *operator,
                "and" | "or" | "xor" | "=" | "<=>" | "<>" | "!=" | "<" | "<=" | ">" | ">="
            )
        }),
        Expr::Is { .. }
        | Expr::In { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::Exists(_)
        | Expr::Unary {
            operator: "not" | "!",
            ..
        } => true,
        _ => false,
    }
}

/// Whether a constant is characters, and not a number or a date.
fn is_string(expression: &Expr) -> bool {
    match expression {
        Expr::Literal(_) | Expr::Parameter(_) => true,
        Expr::Same(inner) => is_string(inner),
        Expr::Cast { to, .. } => {
            matches!(to.as_str(), "char" | "nchar" | "varchar" | "binary") || to.starts_with("utf8")
        }
        Expr::Call(call) => {
            !call.stored && matches!(call.name.name.as_str(), "lower" | "upper" | "concat" | "trim")
        }
        Expr::Unary {
            operator: "binary",
            operand,
        } => is_string(operand),
        _ => false,
    }
}

/// The client's own values that an expression is made of; `None` if it is made of anything else.
pub(super) fn fixed(expression: &Expr) -> Option<Vec<Operand>> {
    match expression {
        Expr::Literal(text) | Expr::Number(text) => Some(vec![Operand::Literal(text.clone())]),
        Expr::Null => Some(Vec::new()),
        Expr::Parameter(number) => Some(vec![Operand::Parameter(*number)]),
        Expr::Same(inner) | Expr::Cast { operand: inner, .. } | Expr::Unary { operand: inner, .. } => {
            fixed(inner)
        }
        Expr::Call(call) if !call.stored && call.name.schema.is_none() => {
            match (call.name.name.as_str(), call.arguments.as_slice()) {
                ("lower" | "upper" | "lcase" | "ucase" | "trim", [only]) => fixed(only),
                ("concat", all) => together(all.iter()),
                ("now" | "curdate" | "current_date" | "current_timestamp", []) => Some(Vec::new()),
                _ => None,
            }
        }
        Expr::Chain { first, rest } if !logical(rest) => {
            together(std::iter::once(&**first).chain(rest.iter().map(|(_, part)| part)))
        }
        _ => None,
    }
}

/// Constants put together.
fn together<'a>(parts: impl Iterator<Item = &'a Expr>) -> Option<Vec<Operand>> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(fixed(part)?);
    }
    Some(joined(all))
}
