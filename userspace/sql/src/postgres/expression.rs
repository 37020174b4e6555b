//! Expressions, but for calls.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::walk::Walker;
use super::{function, name};

impl<'a> Walker<'a> {
    pub(super) fn array(&mut self, x: &'a pb::AArrayExpr) {
        let pb::AArrayExpr {
            elements,
            list_start: _,
            list_end: _,
            location: _,
        } = x;
        self.nodes(elements);
    }

    pub(super) fn operator(&mut self, x: &'a pb::AExpr) {
        let pb::AExpr {
            kind: _,
            name: _,
            lexpr,
            rexpr,
            rexpr_list_start: _,
            rexpr_list_end: _,
            location: _,
        } = x;
        self.maybe(lexpr.as_deref());
        self.maybe(rexpr.as_deref());
        if let (Some(left), Some(right)) = (lexpr.as_deref(), rexpr.as_deref()) {
            self.compared(left, right);
        }
    }

    /// What a column is compared with, or put together with by an operator: no row is met for its value alone (see
    /// [`super::condition::truth`]).
    fn compared(&mut self, left: &pb::Node, right: &pb::Node) {
        for (column, with) in [(left, right), (right, left)] {
            if matches!(column.node, Some(N::ColumnRef(_))) {
                match &with.node {
                    Some(N::List(list)) => self.ignores(&list.items),
                    _ => self.ignores([with]),
                }
            }
        }
    }

    pub(super) fn indices(&mut self, x: &'a pb::AIndices) {
        let pb::AIndices {
            is_slice: _,
            lidx,
            uidx,
        } = x;
        self.maybe(lidx.as_deref());
        self.maybe(uidx.as_deref());
    }

    /// `(…).name` is a field, or a call of the function `name`: the server tries both.
    pub(super) fn indirection(&mut self, x: &'a pb::AIndirection) {
        let pb::AIndirection { arg, indirection } = x;
        self.maybe(arg.as_deref());
        self.nodes(indirection);
        self.facts.wide |= indirection
            .iter()
            .any(|step| matches!(step.node, Some(N::AStar(_))));
        for field in name::parts(indirection) {
            self.facts.columns.insert(field.to_owned());
        }
        // What drivers write to unfold index keys.
        let expanded = matches!(arg.as_deref().and_then(|arg| arg.node.as_ref()),
            Some(N::FuncCall(call)) if name::parts(&call.funcname) == ["information_schema", "_pg_expandarray"]);
        for field in name::parts(indirection) {
            if !(expanded && ["n", "x"].contains(&field)) {
                self.function(None, field, 1);
            }
        }
    }

    pub(super) fn bool_expr(&mut self, x: &'a pb::BoolExpr) {
        let pb::BoolExpr {
            xpr: _,
            boolop: _,
            args,
            location: _,
        } = x;
        self.nodes(args);
    }

    pub(super) fn boolean_test(&mut self, x: &'a pb::BooleanTest) {
        let pb::BooleanTest {
            xpr: _,
            arg,
            booltesttype: _,
            location: _,
        } = x;
        self.maybe(arg.as_deref());
    }

    pub(super) fn case(&mut self, x: &'a pb::CaseExpr) {
        let pb::CaseExpr {
            xpr: _,
            casetype: _,
            casecollid: _,
            arg,
            args,
            defresult,
            location: _,
        } = x;
        self.maybe(arg.as_deref());
        self.nodes(args);
        self.maybe(defresult.as_deref());
    }

    pub(super) fn case_when(&mut self, x: &'a pb::CaseWhen) {
        let pb::CaseWhen {
            xpr: _,
            expr,
            result,
            location: _,
        } = x;
        self.maybe(expr.as_deref());
        self.maybe(result.as_deref());
    }

    pub(super) fn coalesce(&mut self, x: &'a pb::CoalesceExpr) {
        let pb::CoalesceExpr {
            xpr: _,
            coalescetype: _,
            coalescecollid: _,
            args,
            location: _,
        } = x;
        self.nodes(args);
    }

    pub(super) fn collate(&mut self, x: &'a pb::CollateClause) {
        let pb::CollateClause {
            arg,
            collname: _,
            location: _,
        } = x;
        self.maybe(arg.as_deref());
    }

    /// `t.name` is a column of `t`, or a call of the function `name` with a row of `t`.
    pub(super) fn column(&mut self, x: &'a pb::ColumnRef) {
        let pb::ColumnRef { fields, location: _ } = x;
        self.columns.push(x);
        match fields.last().and_then(name::text) {
            Some(column) => self.facts.columns.insert(column.to_owned()),
            // A star, or something that has no name.
            None => self.facts.wide = true,
        }
        if let [_, .., last] = fields.as_slice()
            && let Some(field) = name::text(last)
            && function::listed(field, 1).is_some()
        {
            self.function(None, field, 1);
        }
    }

    pub(super) fn current_of(&mut self, x: &'a pb::CurrentOfExpr) {
        let pb::CurrentOfExpr {
            xpr: _,
            cvarno: _,
            cursor_name: _,
            cursor_param: _,
        } = x;
        self.cursors = self.cursors.saturating_add(1);
    }

    pub(super) fn grouping_func(&mut self, x: &'a pb::GroupingFunc) {
        let pb::GroupingFunc {
            xpr: _,
            args,
            refs: _,
            agglevelsup: _,
            location: _,
        } = x;
        self.nodes(args);
    }

    pub(super) fn grouping_set(&mut self, x: &'a pb::GroupingSet) {
        let pb::GroupingSet {
            kind: _,
            content,
            location: _,
        } = x;
        self.nodes(content);
    }

    pub(super) fn min_max(&mut self, x: &'a pb::MinMaxExpr) {
        let pb::MinMaxExpr {
            xpr: _,
            minmaxtype: _,
            minmaxcollid: _,
            inputcollid: _,
            op: _,
            args,
            location: _,
        } = x;
        self.nodes(args);
    }

    pub(super) fn multi_assign(&mut self, x: &'a pb::MultiAssignRef) {
        let pb::MultiAssignRef {
            source,
            colno,
            ncolumns: _,
        } = x;
        // Every column of `(a, b) = (…)` holds the same source; the first stands for all.
        if *colno <= 1 {
            self.maybe(source.as_deref());
        }
    }

    pub(super) fn named_arg(&mut self, x: &'a pb::NamedArgExpr) {
        let pb::NamedArgExpr {
            xpr: _,
            arg,
            name: _,
            argnumber: _,
            location: _,
        } = x;
        self.maybe(arg.as_deref());
    }

    pub(super) fn null_test(&mut self, x: &'a pb::NullTest) {
        let pb::NullTest {
            xpr: _,
            arg,
            nulltesttype: _,
            argisrow: _,
            location: _,
        } = x;
        self.maybe(arg.as_deref());
    }

    pub(super) fn target(&mut self, x: &'a pb::ResTarget) {
        let pb::ResTarget {
            name: _,
            indirection,
            val,
            location: _,
        } = x;
        self.nodes(indirection);
        self.maybe(val.as_deref());
    }

    pub(super) fn row(&mut self, x: &'a pb::RowExpr) {
        let pb::RowExpr {
            xpr: _,
            args,
            row_typeid: _,
            row_format: _,
            colnames: _,
            location: _,
        } = x;
        self.nodes(args);
    }

    pub(super) fn sort_by(&mut self, x: &'a pb::SortBy) {
        let pb::SortBy {
            node,
            sortby_dir: _,
            sortby_nulls: _,
            use_op: _,
            location: _,
        } = x;
        self.maybe(node.as_deref());
    }

    pub(super) fn sub_link(&mut self, x: &'a pb::SubLink) {
        let pb::SubLink {
            xpr: _,
            sub_link_type: _,
            sub_link_id: _,
            testexpr,
            oper_name: _,
            subselect,
            location: _,
        } = x;
        self.maybe(testexpr.as_deref());
        self.maybe(subselect.as_deref());
    }

    pub(super) fn type_cast(&mut self, x: &'a pb::TypeCast) {
        let pb::TypeCast {
            arg,
            type_name,
            location: _,
        } = x;
        self.maybe(arg.as_deref());
        self.maybe_type(type_name.as_ref());
    }

    pub(super) fn type_name(&mut self, x: &'a pb::TypeName) {
        let pb::TypeName {
            names: _,
            type_oid: _,
            setof: _,
            pct_type: _,
            typmods,
            typemod: _,
            array_bounds: _,
            location: _,
        } = x;
        self.nodes(typmods);
    }

    pub(super) fn maybe_type(&mut self, x: Option<&'a pb::TypeName>) {
        if let Some(x) = x {
            self.type_name(x);
        }
    }

    pub(super) fn window(&mut self, x: &'a pb::WindowDef) {
        let pb::WindowDef {
            name: _,
            refname: _,
            partition_clause,
            order_clause,
            frame_options: _,
            start_offset,
            end_offset,
            location: _,
        } = x;
        self.nodes(partition_clause);
        self.nodes(order_clause);
        self.maybe(start_offset.as_deref());
        self.maybe(end_offset.as_deref());
    }

    pub(super) fn xml(&mut self, x: &'a pb::XmlExpr) {
        let pb::XmlExpr {
            xpr: _,
            op: _,
            name: _,
            named_args,
            arg_names: _,
            args,
            xmloption: _,
            indent: _,
            r#type: _,
            typmod: _,
            location: _,
        } = x;
        self.nodes(named_args);
        self.nodes(args);
    }

    pub(super) fn xml_serialize(&mut self, x: &'a pb::XmlSerialize) {
        let pb::XmlSerialize {
            xmloption: _,
            expr,
            type_name,
            indent: _,
            location: _,
        } = x;
        self.maybe(expr.as_deref());
        self.maybe_type(type_name.as_ref());
    }
}
