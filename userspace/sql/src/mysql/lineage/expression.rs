//! What the value of an expression shows.

use super::Tracer;
use crate::lineage::scope::whole;
use crate::lineage::{Flow, How};
use crate::mysql::ast::{Expr, Is};

impl Tracer<'_> {
    pub(super) fn expression(&mut self, expression: &Expr) -> Flow {
        if !self.step() {
            return Flow::CLEAN;
        }
        match expression {
            Expr::Literal(_) | Expr::Number(_) | Expr::Null | Expr::Parameter(_) | Expr::Default => {
                Flow::CLEAN
            }
            Expr::SystemVariable(name) => self.schema.variable(&format!("@{name}")),
            Expr::Column { table, name, .. } => self.column(table.as_deref(), name),
            Expr::Star { table } => {
                if let Some(columns) = table.as_deref().and_then(|table| self.rows(table)) {
                    return whole(&columns);
                }
                let level = self.levels.last().map(|level| level.sources.as_slice());
                let sources = level.unwrap_or_default().iter();
                sources.map(|source| whole(&source.columns)).collect()
            }
            Expr::Variable(name) => self.variable(name),
            Expr::Assign { name, value } => {
                let flow = self.expression(value);
                self.takes(name, &flow);
                flow
            }
            Expr::Unary { operator, operand } => self.unary(operator, operand),
            Expr::Chain { first, rest } => self.chain(first, rest),
            Expr::Is { operand, what, .. } => {
                let flow = self.expression(operand);
                match what {
                    Is::Null => match flow.most() {
                        Some(How::Same | How::Strict) => Flow::CLEAN,
                        _ => flow.through(How::Computed),
                    },
                    Is::True | Is::False => {
                        self.may_fail(&flow);
                        flow.through(How::Computed)
                    }
                }
            }
            Expr::In { operand, list } => self.membership(operand, list),
            Expr::Between { parts } => {
                let [value, low, high] = &**parts;
                let test = ("<=", low.clone());
                let mut flow = self.chain(value, &[test]);
                flow.merge(&self.chain(value, &[("<=", high.clone())]));
                flow.through(How::Computed)
            }
            Expr::Like { operator, parts } => self.pattern(operator, parts),
            Expr::Case {
                operand,
                branches,
                otherwise,
            } => {
                for (test, _) in branches {
                    match operand {
                        Some(subject) => {
                            let flow = self.equality(subject, test);
                            self.decides(&flow);
                        }
                        None => self.condition(test),
                    }
                }
                let values = branches.iter().map(|(_, value)| value);
                self.branches(values.chain(otherwise.as_deref()))
            }
            Expr::Call(call) => self.call(call),
            Expr::Cast { operand, to } => self.cast(operand, to),
            Expr::Same(inner) => self.expression(inner),
            Expr::Interval(inner) => {
                let flow = self.expression(inner);
                self.may_fail(&flow);
                flow.through(How::Computed)
            }
            Expr::Row(all) => self.all(all).through(How::Computed),
            Expr::Query(query) => {
                let columns = self.query(query);
                let result: Flow = columns.iter().map(|column| column.flow.clone()).collect();
                if columns.len() == 1 && columns.iter().all(|column| !column.many) {
                    result
                } else {
                    result.through(How::Computed)
                }
            }
            Expr::Exists(query) => {
                // What decides whether there are rows was noted on the way.
                self.query(query);
                Flow::CLEAN
            }
            Expr::Quantified(query) => {
                let columns = self.query(query);
                let result: Flow = columns.iter().map(|column| column.flow.clone()).collect();
                self.may_fail(&result);
                result.through(How::Computed)
            }
            Expr::Match { columns, against } => {
                let mut flow = self.all(columns);
                flow.merge(&self.expression(against));
                flow.through(How::Computed)
            }
            Expr::Inserted(name) => {
                let known = self.inserted.iter().filter(|column| column.may_be(name));
                known.map(|column| column.flow.clone()).collect()
            }
        }
    }

    pub(super) fn all(&mut self, all: &[Expr]) -> Flow {
        all.iter().map(|one| self.expression(one)).collect()
    }

    fn unary(&mut self, operator: &str, operand: &Expr) -> Flow {
        match operator {
            "binary" => self.expression(operand).through(How::Strict),
            "not" | "!" => self.truth(operand).through(How::Computed),
            _ => {
                let flow = self.expression(operand);
                self.may_fail(&flow);
                flow.through(How::Computed)
            }
        }
    }

    fn cast(&mut self, operand: &Expr, to: &str) -> Flow {
        let flow = self.expression(operand);
        if !flow.shows() {
            return flow;
        }
        let characters = matches!(
            to,
            "char" | "character" | "nchar" | "varchar" | "binary" | "national" | "text"
        ) || to.starts_with("utf8");
        if characters {
            return flow.through(How::Strict);
        }
        if matches!(to, "date" | "datetime") && self.no_text(&flow) {
            return flow.through(How::Strict);
        }
        // Whether the value has the form that the type wants shows in a warning or an error that quotes it.
        self.decides(&flow);
        flow.through(How::Computed)
    }
}
