//! What the value of an expression shows.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::scope::whole;
use super::select::blend;
use super::{Tracer, name, outline};
use crate::lineage::{Flow, How};
use crate::postgres::walk::Walker;

impl<'a> Tracer<'a, '_> {
    pub(super) fn expression(&mut self, node: &'a pb::Node) -> Flow {
        if !self.step() {
            return Flow::CLEAN;
        }
        let Some(kind) = node.node.as_ref() else {
            return Flow::CLEAN;
        };
        match kind {
            N::AConst(_)
            | N::ParamRef(_)
            | N::SetToDefault(_)
            | N::SqlvalueFunction(_)
            | N::CurrentOfExpr(_)
            | N::GroupingFunc(_)
            | N::MergeSupportFunc(_)
            | N::String(_)
            | N::Integer(_) => Flow::CLEAN,
            N::ColumnRef(x) => self.column(x),
            N::AExpr(x) => self.operator(x),
            N::BoolExpr(x) => self.bool_expr(x),
            N::NullTest(x) => self.null_test(x),
            N::BooleanTest(x) => self.maybe(x.arg.as_deref()),
            N::TypeCast(x) => self.cast(x),
            N::CollateClause(x) => self.maybe(x.arg.as_deref()),
            N::FuncCall(x) => self.call(x),
            N::NamedArgExpr(x) => self.maybe(x.arg.as_deref()),
            N::CaseExpr(x) => self.case(x),
            N::CoalesceExpr(x) => self.coalesce(x),
            N::MinMaxExpr(x) => self.all(&x.args).through(How::Computed),
            N::RowExpr(x) => self.all(&x.args).through(How::Computed),
            N::AArrayExpr(x) => self.all(&x.elements).through(How::Computed),
            N::List(x) => self.all(&x.items).through(How::Computed),
            N::AIndirection(x) => self.indirection(x),
            N::SubLink(x) => self.sub_link(x),
            _ => self.loosely(node),
        }
    }

    pub(super) fn maybe(&mut self, node: Option<&'a pb::Node>) -> Flow {
        node.map(|node| self.expression(node)).unwrap_or_default()
    }

    pub(super) fn all(&mut self, nodes: &'a [pb::Node]) -> Flow {
        nodes.iter().map(|node| self.expression(node)).collect()
    }

    fn column(&mut self, x: &'a pb::ColumnRef) -> Flow {
        let last = x.fields.len().checked_sub(1).and_then(|at| x.fields.get(at));
        let before = x.fields.len().checked_sub(2).and_then(|at| x.fields.get(at));
        match (
            before.and_then(name::text),
            last.and_then(|last| last.node.as_ref()),
        ) {
            (None, Some(N::String(column))) => self.unqualified(&column.sval),
            (Some(rows), Some(N::String(column))) => self.qualified(rows, &column.sval),
            (None, Some(N::AStar(_))) => {
                let sources = self
                    .levels
                    .last()
                    .map(|level| level.sources.as_slice())
                    .unwrap_or_default();
                sources.iter().map(|source| whole(&source.columns)).collect()
            }
            (Some(rows), Some(N::AStar(_))) => match self.rows(rows) {
                Some(columns) => whole(&columns),
                None => self.unqualified(rows).through(How::Computed),
            },
            _ => {
                self.lose("a column reference of another form");
                Flow::CLEAN
            }
        }
    }

    /// An `AND` or `OR` decides whether what follows in it is evaluated.
    fn bool_expr(&mut self, x: &'a pb::BoolExpr) -> Flow {
        let flow = self.all(&x.args);
        if x.args.len() > 1 {
            self.decides(&flow);
        }
        flow.through(How::Computed)
    }

    fn null_test(&mut self, x: &'a pb::NullTest) -> Flow {
        let flow = self.maybe(x.arg.as_deref());
        match flow.most() {
            Some(How::Same | How::Strict) => Flow::CLEAN,
            _ => flow.through(How::Computed),
        }
    }

    fn cast(&mut self, x: &'a pb::TypeCast) -> Flow {
        let flow = self.maybe(x.arg.as_deref());
        if !flow.shows() {
            return flow;
        }
        let Some(to) = x.type_name.as_ref() else {
            return flow.through(How::Computed);
        };
        let names = name::parts(&to.names);
        let own = matches!(names.as_slice(), [_] | ["pg_catalog", _]);
        let target = names.last().copied().unwrap_or_default();
        if own && to.array_bounds.is_empty() && !to.setof {
            match target {
                "text" | "varchar" if to.typmods.is_empty() => return flow,
                // These cut: one character of a value is not the value.
                "varchar" | "bpchar" | "char" | "name" => return flow.through(How::Strict),
                _ => {}
            }
        }
        // Whether the value has the form that the type wants shows as an error.
        self.decides(&flow);
        flow.through(How::Computed)
    }

    fn case(&mut self, x: &'a pb::CaseExpr) -> Flow {
        let mut branches = Vec::new();
        for when in &x.args {
            let Some(N::CaseWhen(when)) = when.node.as_ref() else {
                self.lose("a CASE of another form");
                continue;
            };
            if let Some(test) = when.expr.as_deref() {
                match x.arg.as_deref() {
                    Some(subject) => {
                        let flow = self.equality(subject, test);
                        self.decides(&flow);
                    }
                    None => self.condition(test),
                }
            }
            branches.extend(when.result.as_deref());
        }
        branches.extend(x.defresult.as_deref());
        self.branches(branches)
    }

    fn coalesce(&mut self, x: &'a pb::CoalesceExpr) -> Flow {
        if let Some((_, before)) = x.args.split_last() {
            for node in before {
                // That it is NULL decides whether the next is evaluated.
                let flow = self.expression(node);
                if flow.most() == Some(How::Computed) {
                    self.decides(&flow);
                }
            }
        }
        self.branches(x.args.iter().collect())
    }

    fn branches(&mut self, nodes: Vec<&'a pb::Node>) -> Flow {
        let nodes = nodes.into_iter().filter(|node| !outline::is_null(node));
        let flows: Vec<_> = nodes.map(|node| self.expression(node)).collect();
        blend(flows)
    }

    fn indirection(&mut self, x: &'a pb::AIndirection) -> Flow {
        let Some(subject) = x.arg.as_deref() else {
            return Flow::CLEAN;
        };
        // `(t).column`
        if let (Some(rows), Some(field)) = (
            outline::bare_name(subject),
            x.indirection.first().and_then(name::text),
        ) && let Some(columns) = self.rows(rows)
        {
            let flow = self.member(&columns, field);
            return if x.indirection.len() == 1 {
                flow
            } else {
                flow.through(How::Computed)
            };
        }
        let mut flow = self.expression(subject);
        for step in &x.indirection {
            match step.node.as_ref() {
                Some(N::AIndices(indices)) => {
                    flow.merge(&self.maybe(indices.lidx.as_deref()));
                    flow.merge(&self.maybe(indices.uidx.as_deref()));
                }
                Some(N::String(field)) => {
                    if let Some(routines) = self.schema.routines(None, &field.sval) {
                        flow = self.uses(&field.sval, routines, flow);
                    }
                }
                Some(N::AStar(_)) => {}
                _ => self.lose("an indirection of another form"),
            }
        }
        flow.through(How::Computed)
    }

    fn sub_link(&mut self, x: &'a pb::SubLink) -> Flow {
        let columns = self.inner(x.subselect.as_deref());
        let result: Flow = columns.iter().map(|column| column.flow.clone()).collect();
        match pb::SubLinkType::try_from(x.sub_link_type) {
            // What decides whether there are rows was noted on the way.
            Ok(pb::SubLinkType::ExistsSublink) => Flow::CLEAN,
            Ok(pb::SubLinkType::ExprSublink) if columns.len() == 1 => result,
            Ok(pb::SubLinkType::AnySublink | pb::SubLinkType::AllSublink) => {
                let test = self.maybe(x.testexpr.as_deref());
                let operator = name::parts(&x.oper_name);
                let equality = matches!(operator.last(), None | Some(&("=" | "<>" | "!=")));
                let both = [test, result];
                if equality
                    && !both.iter().any(|flow| flow.most() > Some(How::Same))
                    && both.iter().all(Flow::shows)
                {
                    return both.into_iter().collect::<Flow>().compared();
                }
                both.into_iter().collect::<Flow>().through(How::Computed)
            }
            _ => result.through(How::Computed),
        }
    }

    /// An expression of a kind that is not told apart here: it shows all columns in it, and may fail by their values.
    fn loosely(&mut self, node: &'a pb::Node) -> Flow {
        let mut walker = Walker::new(crate::PostgresSettings::default(), 0);
        walker.node(node);
        if walker.facts.relations.keys().next().is_some() || walker.facts.reads > 0 {
            self.lose("a sub-query inside an expression that is not traced");
        }
        let columns = walker.columns;
        let flow: Flow = columns.into_iter().map(|column| self.column(column)).collect();
        for function in walker.facts.functions.keys() {
            if let Some(routines) = self
                .schema
                .routines(None, function.rsplit('.').next().unwrap_or(function))
            {
                self.uses(function, routines, flow.clone());
            }
        }
        self.decides(&flow);
        flow.through(How::Computed)
    }
}
