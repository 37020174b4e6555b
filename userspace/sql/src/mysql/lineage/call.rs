//! Calls: what a function's result shows of its arguments.

use super::Tracer;
use super::predicate::fixed;
use super::total;
use crate::lineage::total::Argument;
use crate::lineage::{Flow, How};
use crate::mysql::ast::{Call, Expr};
use crate::mysql::function;

impl Tracer<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Flow {
        let name = call.name.name.as_str();
        let own = !call.stored && call.name.schema.is_none() && function::is_shipped(name, self.flavour);
        if own {
            match (name, call.arguments.as_slice()) {
                ("if", [test, yes, no]) => {
                    self.condition(test);
                    return self.branches([yes, no]);
                }
                ("nvl2", [test, yes, no]) => {
                    let flow = self.expression(test);
                    if flow.most() == Some(How::Computed) {
                        self.decides(&flow);
                    }
                    return self.branches([yes, no]);
                }
                ("nullif", [value, other]) => {
                    // NULL where they are equal.
                    let equal = self.equality(value, other);
                    self.decides(&equal);
                    return self.expression(value);
                }
                ("isnull", [value]) => {
                    let flow = self.expression(value);
                    return match flow.most() {
                        Some(How::Same | How::Strict) => Flow::CLEAN,
                        _ => flow.through(How::Computed),
                    };
                }
                ("count", [Expr::Star { table: None }]) => {
                    self.surroundings(call, &[]);
                    return Flow::CLEAN;
                }
                _ => {}
            }
        }
        let flows: Vec<Flow> = call.arguments.iter().map(|one| self.expression(one)).collect();
        self.surroundings(call, &flows);
        let all: Flow = flows.iter().cloned().collect();
        if own {
            if function::keeps(name, flows.len()) && all.shows() {
                self.lose(format!("{name} keeps its arguments"));
            }
            let known = total::lookup(name, flows.len());
            let arguments: Vec<_> = call
                .arguments
                .iter()
                .zip(&flows)
                .map(|(argument, flow)| Argument {
                    flow,
                    null: matches!(argument, Expr::Null),
                    unknown: !flow.shows() && fixed(argument).is_none(),
                })
                .collect();
            return self.shipped(name, known, &arguments, all);
        }
        let schema = call.name.schema.as_deref().or(self.session.database.as_deref());
        let Some(routines) = self.schema.routines(schema, name) else {
            self.lose(format!("what {name} does is not known"));
            return Flow::CLEAN;
        };
        self.uses(name, routines, all)
    }

    /// Order, window and DISTINCT of an aggregate.
    fn surroundings(&mut self, call: &Call, flows: &[Flow]) {
        for by in &call.order {
            let flow = self.expression(by);
            self.decides(&flow);
        }
        if let Some(window) = &call.window {
            self.window(window);
        }
        if call.distinct {
            for flow in flows {
                self.groups(flow);
            }
        }
    }
}
