//! Expressions: columns, variables, calls, queries inside.

use super::Walker;
use crate::effect::Effect;
use crate::mysql::ast::{Call, Expr, Window};
use crate::mysql::function;

impl Walker {
    pub(super) fn expressions(&mut self, all: &[Expr]) {
        for expression in all {
            self.expression(expression);
        }
    }

    pub(super) fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Literal(_)
            | Expr::Number(_)
            | Expr::Null
            | Expr::Parameter(_)
            | Expr::SystemVariable(_)
            | Expr::Default => {}
            Expr::Column { name, .. } | Expr::Inserted(name) => self.facts.columns.insert(name.clone()),
            Expr::Star { .. } => self.facts.wide = true,
            Expr::Variable(name) => {
                self.read.insert(name.clone());
            }
            Expr::Assign { name, value } => {
                self.written.insert(name.clone());
                self.facts.sink = true;
                self.expression(value);
            }
            Expr::Unary { operand, .. }
            | Expr::Is { operand, .. }
            | Expr::Cast { operand, .. }
            | Expr::Same(operand)
            | Expr::Interval(operand) => self.expression(operand),
            Expr::Chain { first, rest } => {
                self.expression(first);
                for (_, part) in rest {
                    self.expression(part);
                }
            }
            Expr::In { operand, list } => {
                self.expression(operand);
                self.expressions(list);
            }
            Expr::Between { parts } => self.expressions(&**parts),
            Expr::Like { parts, .. } => self.expressions(parts),
            Expr::Case {
                operand,
                branches,
                otherwise,
            } => {
                for part in operand.iter().chain(otherwise) {
                    self.expression(part);
                }
                for (test, value) in branches {
                    self.expression(test);
                    self.expression(value);
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::Row(all) => self.expressions(all),
            Expr::Query(query) | Expr::Exists(query) | Expr::Quantified(query) => self.query(query),
            Expr::Match { columns, against } => {
                self.expressions(columns);
                self.expression(against);
            }
        }
    }

    fn call(&mut self, call: &Call) {
        let name = match &call.name.schema {
            Some(schema) => format!("{schema}.{}", call.name.name),
            None => call.name.name.clone(),
        };
        let own = !call.stored && function::is_shipped(&name, self.settings.flavour);
        if own {
            self.facts.effects = self.facts.effects.union(function::effects(&name));
            self.facts.sink |= function::keeps(&name, call.arguments.len());
        } else {
            self.facts.does(Effect::Call);
        }
        // `count(*)` means no column.
        let counts = name == "count" && matches!(call.arguments.as_slice(), [Expr::Star { table: None }]);
        self.facts.functions.insert(name);
        if !counts {
            self.expressions(&call.arguments);
        }
        self.expressions(&call.order);
        if let Some(window) = &call.window {
            self.window(window);
        }
    }

    pub(super) fn window(&mut self, window: &Window) {
        self.expressions(&window.partition);
        self.expressions(&window.order);
        self.expressions(&window.frame);
    }
}
