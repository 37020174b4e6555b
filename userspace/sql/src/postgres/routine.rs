//! Routines: functions, procedures, anonymous blocks, triggers, rules.

use std::mem;

use pg_query::{NodeEnum as N, protobuf as pb};

use super::name;
use super::text::Tokens;
use super::walk::{Outline, Walker};
use crate::effect::Effect;
use crate::statement::{Access, Gap};

impl<'a> Walker<'a> {
    /// `DO`. What a block reads can leave it as a notice or an error.
    pub(super) fn do_block(&mut self, x: &'a pb::DoStmt) -> Outline {
        let pb::DoStmt { args } = x;
        self.does(Effect::Code);
        self.facts.sink = true;
        let body = option(args, "as").and_then(name::text);
        let languages: Vec<_> = languages(args).collect();
        match (languages.as_slice(), body) {
            ([] | ["plpgsql"], Some(body)) => self.plpgsql_block(body),
            ([.., language], _) => self.facts.gap(Gap::Language((*language).to_owned())),
            ([], None) => self.facts.gap(Gap::Body("there is none".to_owned())),
        }
        Outline::plain("do")
    }

    pub(super) fn call_procedure(&mut self, x: &'a pb::CallStmt) -> Outline {
        let pb::CallStmt {
            funccall,
            funcexpr,
            outargs,
        } = x;
        self.does(Effect::Call);
        if let Some(call) = funccall {
            self.call(call);
        }
        if funcexpr.is_some() {
            self.unknown("FuncExpr");
        }
        self.nodes(outargs);
        Outline::plain("call").returning(true)
    }

    /// What the body does counts as done: when it is called, nothing shows it any more.
    pub(super) fn create_function(&mut self, x: &'a pb::CreateFunctionStmt) -> Outline {
        let pb::CreateFunctionStmt {
            is_procedure: _,
            replace: _,
            funcname: _,
            parameters,
            return_type,
            options,
            sql_body,
        } = x;
        self.all(&[Effect::Create, Effect::Code]);
        self.facts.sink = true;
        self.nodes(parameters);
        self.maybe_type(return_type.as_ref());
        self.nodes(options);
        // The body would be read with another setting than the one in force here.
        let strings =
            name::options(options).filter_map(|option| match option.arg.as_deref()?.node.as_ref()? {
                N::VariableSetStmt(set) if option.defname == "set" => Some(set),
                _ => None,
            });
        if strings
            .into_iter()
            .any(|set| set.name.eq_ignore_ascii_case("standard_conforming_strings"))
        {
            self.facts
                .gap(Gap::Body("standard_conforming_strings is set for it".to_owned()));
        }
        if let Some(support) = option(options, "support") {
            match support.node.as_ref() {
                Some(N::List(list)) => self.function_named(&list.items),
                _ => self.unknown("SUPPORT"),
            }
        }
        let outer = mem::replace(&mut self.embedded, true);
        let returns = return_type
            .as_ref()
            .and_then(|of| name::parts(&of.names).last().copied());
        self.body(options, sql_body.as_deref(), returns);
        self.embedded = outer;
        Outline::plain("create")
    }

    fn body(&mut self, options: &'a [pb::Node], sql_body: Option<&'a pb::Node>, returns: Option<&str>) {
        let languages: Vec<_> = languages(options).collect();
        let texts = match option(options, "as").and_then(|body| body.node.as_ref()) {
            Some(N::List(list)) => name::parts(&list.items),
            Some(N::String(text)) => vec![text.sval.as_str()],
            _ => Vec::new(),
        };
        match (languages.as_slice(), texts.as_slice(), sql_body) {
            ([] | ["sql"], [], Some(body)) => self.node(body),
            (["sql"], [text], None) => self.sql_body(text),
            (["plpgsql"], [text], None) => self.plpgsql_function(text, returns),
            (["c"], ..) => {
                self.does(Effect::Program);
                self.facts.gap(Gap::Language("c".to_owned()));
            }
            ([language], ..) => self.facts.gap(Gap::Language((*language).to_owned())),
            _ => self.facts.gap(Gap::Body("it is not given in one way".to_owned())),
        }
    }

    /// A body that is a text of SQL statements.
    pub(super) fn sql_body(&mut self, text: &str) {
        self.sql_text(text, pg_query::ParserOptions::DEFAULT);
    }

    /// SQL inside a routine, in the form that the options say.
    pub(super) fn sql_text(&mut self, text: &str, form: pg_query::ParserOptions) {
        let Some(nesting) = self.deeper() else {
            self.facts.gap(Gap::TooDeep);
            return;
        };
        if text.contains('\0') {
            self.facts.gap(Gap::NotText);
            return;
        }
        let tokens = Tokens::scan(text, self.settings);
        let tree = match super::parse(text, form | self.settings.options(), tokens.as_ref()) {
            Ok(tree) => tree,
            Err(Gap::Unparsable(message)) => {
                self.facts.gap(Gap::Body(message));
                return;
            }
            Err(gap) => {
                self.facts.gap(gap);
                return;
            }
        };
        let mut facts = Vec::with_capacity(tree.stmts.len());
        for raw in &tree.stmts {
            let mut walker = Walker::new(self.settings, nesting);
            walker.embedded = true;
            match raw.stmt.as_deref() {
                Some(statement) => {
                    walker.statement(statement);
                }
                None => walker.unknown("an empty statement"),
            }
            facts.push(walker.facts);
        }
        for facts in facts {
            self.facts.absorb(facts);
        }
    }

    /// `x := expression`, inside a block.
    pub(super) fn assign(&mut self, x: &'a pb::PlAssignStmt) -> Outline {
        let pb::PlAssignStmt {
            name: _,
            indirection,
            nnames: _,
            val,
            location: _,
        } = x;
        self.nodes(indirection);
        if let Some(value) = val {
            self.select(value);
        }
        Outline::plain("assign")
    }

    pub(super) fn alter_function(&mut self, x: &'a pb::AlterFunctionStmt) -> Outline {
        let pb::AlterFunctionStmt {
            objtype: _,
            func,
            actions,
        } = x;
        if let Some(function) = func {
            self.object_with_args(function);
        }
        self.optioned("alter", actions, &[Effect::Alter, Effect::Code])
    }

    pub(super) fn parameter(&mut self, x: &'a pb::FunctionParameter) {
        let pb::FunctionParameter {
            name: _,
            arg_type,
            mode: _,
            defexpr,
            location: _,
        } = x;
        self.maybe_type(arg_type.as_ref());
        self.maybe(defexpr.as_deref());
    }

    /// A trigger hands the rows of its table to a function.
    pub(super) fn create_trigger(&mut self, x: &'a pb::CreateTrigStmt) -> Outline {
        let pb::CreateTrigStmt {
            replace: _,
            isconstraint: _,
            trigname: _,
            relation,
            funcname,
            args,
            row: _,
            timing: _,
            events: _,
            columns: _,
            when_clause,
            transition_rels,
            deferrable: _,
            initdeferred: _,
            constrrel,
        } = x;
        if let Some(relation) = relation {
            self.relation(relation, Access::Define);
            self.exposes(relation);
        }
        self.maybe_relation(constrrel.as_ref(), Access::Define);
        self.nodes(args);
        self.maybe(when_clause.as_deref());
        self.nodes(transition_rels);
        self.handled("create", funcname, &[Effect::Create, Effect::Code])
    }

    pub(super) fn create_event_trigger(&mut self, x: &'a pb::CreateEventTrigStmt) -> Outline {
        let pb::CreateEventTrigStmt {
            trigname: _,
            eventname: _,
            whenclause,
            funcname,
        } = x;
        self.nodes(whenclause);
        self.handled("create", funcname, &[Effect::Create, Effect::Code])
    }

    pub(super) fn create_language(&mut self, x: &'a pb::CreatePLangStmt) -> Outline {
        let pb::CreatePLangStmt {
            replace: _,
            plname: _,
            plhandler,
            plinline,
            plvalidator,
            pltrusted: _,
        } = x;
        for function in [plhandler, plinline, plvalidator] {
            self.function_named(function);
        }
        self.done("create", &[Effect::Create, Effect::Code])
    }

    /// A rule runs its actions in other statements' place, with the rows that they meet.
    pub(super) fn create_rule(&mut self, x: &'a pb::RuleStmt) -> Outline {
        let pb::RuleStmt {
            relation,
            rulename: _,
            where_clause,
            event: _,
            instead: _,
            actions,
            replace: _,
        } = x;
        self.facts.sink = true;
        let columns = self.columns.len();
        self.maybe(where_clause.as_deref());
        let outer = mem::replace(&mut self.embedded, true);
        self.nodes(actions);
        self.embedded = outer;
        if let Some(relation) = relation {
            self.relation(relation, Access::Define);
            if self.columns.len() > columns {
                self.exposes(relation);
            }
        }
        self.done("create", &[Effect::Create, Effect::Code])
    }
}

fn option<'a>(options: &'a [pb::Node], name: &str) -> Option<&'a pb::Node> {
    name::options(options)
        .find(|option| option.defname == name)?
        .arg
        .as_deref()
}

fn languages(options: &[pb::Node]) -> impl Iterator<Item = &str> {
    name::options(options)
        .filter(|option| option.defname == "language")
        .filter_map(|option| option.arg.as_deref().and_then(name::text))
}
