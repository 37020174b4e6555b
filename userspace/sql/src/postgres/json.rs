//! SQL/JSON expressions.

use pg_query::protobuf as pb;

use super::walk::Walker;

impl<'a> Walker<'a> {
    pub(super) fn json_agg(&mut self, x: &'a pb::JsonAggConstructor) {
        let pb::JsonAggConstructor {
            output,
            agg_filter,
            agg_order,
            over,
            location: _,
        } = x;
        self.maybe_output(output.as_ref());
        self.maybe(agg_filter.as_deref());
        self.nodes(agg_order);
        if let Some(window) = over {
            self.window(window);
        }
    }

    pub(super) fn json_argument(&mut self, x: &'a pb::JsonArgument) {
        let pb::JsonArgument { val, name: _ } = x;
        self.maybe_value(val.as_deref());
    }

    pub(super) fn json_array_agg(&mut self, x: &'a pb::JsonArrayAgg) {
        let pb::JsonArrayAgg {
            constructor,
            arg,
            absent_on_null: _,
        } = x;
        if let Some(constructor) = constructor {
            self.json_agg(constructor);
        }
        self.maybe_value(arg.as_deref());
    }

    pub(super) fn json_array(&mut self, x: &'a pb::JsonArrayConstructor) {
        let pb::JsonArrayConstructor {
            exprs,
            output,
            absent_on_null: _,
            location: _,
        } = x;
        self.nodes(exprs);
        self.maybe_output(output.as_ref());
    }

    pub(super) fn json_array_query(&mut self, x: &'a pb::JsonArrayQueryConstructor) {
        let pb::JsonArrayQueryConstructor {
            query,
            output,
            format: _,
            absent_on_null: _,
            location: _,
        } = x;
        self.maybe(query.as_deref());
        self.maybe_output(output.as_ref());
    }

    pub(super) fn json_behavior(&mut self, x: &'a pb::JsonBehavior) {
        let pb::JsonBehavior {
            btype: _,
            expr,
            coerce: _,
            location: _,
        } = x;
        self.maybe(expr.as_deref());
    }

    fn maybe_behavior(&mut self, x: Option<&'a pb::JsonBehavior>) {
        if let Some(x) = x {
            self.json_behavior(x);
        }
    }

    pub(super) fn json_func(&mut self, x: &'a pb::JsonFuncExpr) {
        let pb::JsonFuncExpr {
            op: _,
            column_name: _,
            context_item,
            pathspec,
            passing,
            output,
            on_empty,
            on_error,
            wrapper: _,
            quotes: _,
            location: _,
        } = x;
        self.maybe_value(context_item.as_deref());
        self.maybe(pathspec.as_deref());
        self.nodes(passing);
        self.maybe_output(output.as_ref());
        self.maybe_behavior(on_empty.as_deref());
        self.maybe_behavior(on_error.as_deref());
    }

    pub(super) fn json_is(&mut self, x: &'a pb::JsonIsPredicate) {
        let pb::JsonIsPredicate {
            expr,
            format: _,
            item_type: _,
            unique_keys: _,
            location: _,
        } = x;
        self.maybe(expr.as_deref());
    }

    pub(super) fn json_key_value(&mut self, x: &'a pb::JsonKeyValue) {
        let pb::JsonKeyValue { key, value } = x;
        self.maybe(key.as_deref());
        self.maybe_value(value.as_deref());
    }

    pub(super) fn json_object_agg(&mut self, x: &'a pb::JsonObjectAgg) {
        let pb::JsonObjectAgg {
            constructor,
            arg,
            absent_on_null: _,
            unique: _,
        } = x;
        if let Some(constructor) = constructor {
            self.json_agg(constructor);
        }
        if let Some(arg) = arg {
            self.json_key_value(arg);
        }
    }

    pub(super) fn json_object(&mut self, x: &'a pb::JsonObjectConstructor) {
        let pb::JsonObjectConstructor {
            exprs,
            output,
            absent_on_null: _,
            unique: _,
            location: _,
        } = x;
        self.nodes(exprs);
        self.maybe_output(output.as_ref());
    }

    pub(super) fn json_output(&mut self, x: &'a pb::JsonOutput) {
        let pb::JsonOutput {
            type_name,
            returning: _,
        } = x;
        self.maybe_type(type_name.as_ref());
    }

    fn maybe_output(&mut self, x: Option<&'a pb::JsonOutput>) {
        if let Some(x) = x {
            self.json_output(x);
        }
    }

    pub(super) fn json_parse(&mut self, x: &'a pb::JsonParseExpr) {
        let pb::JsonParseExpr {
            expr,
            output,
            unique_keys: _,
            location: _,
        } = x;
        self.maybe_value(expr.as_deref());
        self.maybe_output(output.as_ref());
    }

    pub(super) fn json_scalar(&mut self, x: &'a pb::JsonScalarExpr) {
        let pb::JsonScalarExpr {
            expr,
            output,
            location: _,
        } = x;
        self.maybe(expr.as_deref());
        self.maybe_output(output.as_ref());
    }

    pub(super) fn json_serialize(&mut self, x: &'a pb::JsonSerializeExpr) {
        let pb::JsonSerializeExpr {
            expr,
            output,
            location: _,
        } = x;
        self.maybe_value(expr.as_deref());
        self.maybe_output(output.as_ref());
    }

    pub(super) fn json_table(&mut self, x: &'a pb::JsonTable) {
        let pb::JsonTable {
            context_item,
            pathspec,
            passing,
            columns,
            on_error,
            alias: _,
            lateral: _,
            location: _,
        } = x;
        self.maybe_value(context_item.as_deref());
        self.maybe_path(pathspec.as_deref());
        self.nodes(passing);
        self.nodes(columns);
        self.maybe_behavior(on_error.as_deref());
    }

    pub(super) fn json_table_column(&mut self, x: &'a pb::JsonTableColumn) {
        let pb::JsonTableColumn {
            coltype: _,
            name: _,
            type_name,
            pathspec,
            format: _,
            wrapper: _,
            quotes: _,
            columns,
            on_empty,
            on_error,
            location: _,
        } = x;
        self.maybe_type(type_name.as_ref());
        self.maybe_path(pathspec.as_deref());
        self.nodes(columns);
        self.maybe_behavior(on_empty.as_deref());
        self.maybe_behavior(on_error.as_deref());
    }

    pub(super) fn json_path(&mut self, x: &'a pb::JsonTablePathSpec) {
        let pb::JsonTablePathSpec {
            string,
            name: _,
            name_location: _,
            location: _,
        } = x;
        self.maybe(string.as_deref());
    }

    fn maybe_path(&mut self, x: Option<&'a pb::JsonTablePathSpec>) {
        if let Some(x) = x {
            self.json_path(x);
        }
    }

    pub(super) fn json_value(&mut self, x: &'a pb::JsonValueExpr) {
        let pb::JsonValueExpr {
            raw_expr,
            formatted_expr,
            format: _,
        } = x;
        self.maybe(raw_expr.as_deref());
        self.maybe(formatted_expr.as_deref());
    }

    fn maybe_value(&mut self, x: Option<&'a pb::JsonValueExpr>) {
        if let Some(x) = x {
            self.json_value(x);
        }
    }
}
