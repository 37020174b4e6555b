//! Calls: what a function's result shows of its arguments.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::total;
use super::{Tracer, name};
use crate::effect::Effect;
use crate::lineage::Flow;
use crate::lineage::total::Argument;
use crate::postgres::{call::CARRIES, function};

impl<'a> Tracer<'a, '_> {
    pub(super) fn call(&mut self, x: &'a pb::FuncCall) -> Flow {
        if let Some(filter) = x.agg_filter.as_deref() {
            self.condition(filter);
        }
        let flows: Vec<_> = x.args.iter().map(|arg| self.expression(arg)).collect();
        if x.agg_within_group {
            for by in &x.agg_order {
                if let Some(N::SortBy(by)) = by.node.as_ref() {
                    let flow = self.maybe(by.node.as_deref());
                    self.decides(&flow);
                }
            }
        } else {
            self.order(&x.agg_order, &[]);
        }
        if let Some(window) = x.over.as_deref() {
            self.window(window);
        }
        if x.agg_distinct {
            for flow in &flows {
                self.groups(flow);
            }
        }
        let parts = name::parts(&x.funcname);
        let Some((schema, function)) = name::qualified(&parts) else {
            self.lose("a call without a name");
            return Flow::CLEAN;
        };
        self.apply(schema, function, &flows)
    }

    /// What a function of that name makes of arguments that show so much.
    pub(super) fn apply(&mut self, schema: Option<&str>, function: &str, arguments: &[Flow]) -> Flow {
        let all: Flow = arguments.iter().cloned().collect();
        let own = match schema {
            None | Some("pg_catalog" | "information_schema") => function::ships(function),
            Some(_) => false,
        };
        let mut result = Flow::CLEAN;
        match self.schema.routines(schema, function) {
            Some(routines) => result = self.uses(function, routines, all.clone()),
            None if !own => self.lose(format!("what {function} does is not known")),
            None => {}
        }
        if let Some(class) = function::listed(function, arguments.len()) {
            if !all.is_clean() && class.effects.intersects(CARRIES) {
                self.lose(format!("{function} carries its arguments elsewhere"));
            }
            if class.runs_text || class.effects.contains(Effect::Call) {
                self.lose(format!("{function} runs what it is told"));
            }
        }
        if own {
            let known = total::lookup(function, arguments.len());
            let arguments: Vec<_> = arguments
                .iter()
                .map(|flow| Argument {
                    flow,
                    null: false,
                    unknown: false,
                })
                .collect();
            result.merge(&self.shipped(function, known, &arguments, all));
        }
        result
    }
}
