//! Calls of functions.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::walk::Walker;
use super::{function, name};
use crate::effect::{Effect, Effects};
use crate::statement::{Gap, Setting};

/// Effects that carry an argument to where another statement or session can find it.
pub(super) const CARRIES: Effects = Effects::of(&[
    Effect::Alter,
    Effect::LargeObject,
    Effect::Lock,
    Effect::Notify,
    Effect::Program,
    Effect::Replication,
    Effect::Settings,
    Effect::Write,
]);

impl<'a> Walker<'a> {
    pub(super) fn call(&mut self, x: &'a pb::FuncCall) {
        let pb::FuncCall {
            funcname,
            args,
            agg_order,
            agg_filter,
            over,
            agg_within_group: _,
            agg_star: _,
            agg_distinct: _,
            func_variadic: _,
            funcformat: _,
            location: _,
        } = x;
        self.nodes(args);
        self.nodes(agg_order);
        self.maybe(agg_filter.as_deref());
        if let Some(window) = over {
            self.window(window);
        }
        let parts = name::parts(funcname);
        if let Some((schema, name)) = name::qualified(&parts) {
            self.function(schema, name, args.len());
            if name == "set_config" {
                self.set_config(args);
            }
        }
    }

    /// Notes a function and what calling it does.
    pub(super) fn function(&mut self, schema: Option<&str>, name: &str, arguments: usize) {
        let written = schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
        if let Some(class) = function::classify(schema, name, arguments) {
            self.facts.effects = self.facts.effects.union(class.effects);
            self.facts.sink |= class.effects.intersects(CARRIES);
            if class.runs_text {
                self.facts.gap(Gap::SqlAsText(written.clone()));
            }
        }
        self.facts.functions.insert(written);
    }

    /// Notes a function that is named, to be called at some later time.
    pub(super) fn function_named(&mut self, names: &[pb::Node]) {
        let parts = name::parts(names);
        if let Some((schema, name)) = name::qualified(&parts) {
            // How many arguments it will get is not known: the worse case.
            self.function(schema, name, 2);
        }
    }

    fn set_config(&mut self, args: &[pb::Node]) {
        let named = |wanted: &str, position: usize| {
            let by_name = args.iter().find_map(|arg| match arg.node.as_ref()? {
                N::NamedArgExpr(arg) if arg.name == wanted => arg.arg.as_deref(),
                _ => None,
            });
            let by_position = args
                .get(position)
                .filter(|arg| !matches!(arg.node.as_ref(), Some(N::NamedArgExpr(_))));
            by_name.or(by_position).and_then(name::literal)
        };
        let Some(setting) = named("setting_name", 0) else {
            // pg_dump sets one by a name that it reads from pg_settings, to a list. A list is no boolean, no encoding and
            // no role: whatever setting that is, it changes neither what texts mean nor who the session acts as.
            match named("new_value", 1) {
                Some(value) if value.contains(',') => {
                    self.facts.settings.push(Setting {
                        name: "*".to_owned(),
                        value: Some(value),
                        local: false,
                        global: false,
                    });
                }
                _ => self.facts.gap(Gap::ComputedSetting),
            }
            return;
        };
        let setting = setting.to_ascii_lowercase();
        self.role_setting(&setting);
        let local = named("is_local", 2).is_some_and(|local| ["true", "t"].contains(&local.as_str()));
        self.facts.settings.push(Setting {
            name: setting,
            value: named("new_value", 1),
            local,
            global: false,
        });
    }

    /// Settings that decide who the session acts as.
    pub(super) fn role_setting(&mut self, name: &str) {
        if ["role", "session_authorization"].contains(&name) {
            self.does(Effect::RoleChange);
        }
    }
}
