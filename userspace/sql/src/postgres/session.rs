//! Statements about the session: settings, transactions, cursors, prepared statements, plans, notifications.

use pg_query::{NodeEnum as N, protobuf as pb};

use super::name;
use super::walk::{Outline, Walker};
use crate::control::{Control, Discard};
use crate::effect::{Effect, Effects};
use crate::facts::Facts;
use crate::statement::{Access, Relation, Setting};

/// What does not happen when a statement is only planned. Functions may still run, so what they do stays.
const UNPLANNED: Effects = Effects::of(&[
    Effect::Write,
    Effect::Insert,
    Effect::Update,
    Effect::UpdateWithoutWhere,
    Effect::Delete,
    Effect::DeleteWithoutWhere,
    Effect::Create,
    Effect::Cursor,
]);

/// Settings whose values are lists of names, which the server quotes.
const NAME_LISTS: [&str; 5] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
];

impl<'a> Walker<'a> {
    pub(super) fn set(&mut self, x: &'a pb::VariableSetStmt) -> Outline {
        let pb::VariableSetStmt {
            kind,
            name,
            args,
            jumble_args: _,
            is_local,
            location: _,
        } = x;
        self.nodes(args);
        let name = name.to_ascii_lowercase();
        // What puts the session's first role back gains nothing. `SET ROLE NONE` does: it leaves a role given at login.
        let back = matches!(
            pb::VariableSetKind::try_from(*kind),
            Ok(pb::VariableSetKind::VarSetDefault | pb::VariableSetKind::VarReset)
        );
        if !back {
            self.role_setting(&name);
        }
        let set = |value| {
            Control::Set(Setting {
                name: name.clone(),
                value,
                local: *is_local,
                global: false,
            })
        };
        let outline = match pb::VariableSetKind::try_from(*kind) {
            Ok(pb::VariableSetKind::VarSetValue) => Outline::controls("set", set(setting(&name, args))),
            Ok(pb::VariableSetKind::VarSetDefault | pb::VariableSetKind::VarSetCurrent) => {
                Outline::controls("set", set(None))
            }
            Ok(pb::VariableSetKind::VarSetMulti) if name.starts_with("transaction") => {
                self.does(Effect::Transaction);
                return Outline::plain("set");
            }
            Ok(pb::VariableSetKind::VarSetMulti) => Outline::plain("set"),
            Ok(pb::VariableSetKind::VarReset) => Outline::controls("reset", Control::Reset { name }),
            Ok(pb::VariableSetKind::VarResetAll) => Outline::controls("reset", Control::ResetAll),
            Ok(pb::VariableSetKind::Undefined) | Err(_) => {
                self.unknown("VariableSetStmt");
                Outline::plain("set")
            }
        };
        self.does(Effect::Settings);
        outline
    }

    /// A change of settings that are kept for later sessions.
    pub(super) fn set_for_others(
        &mut self,
        x: Option<&'a pb::VariableSetStmt>,
        effects: &[Effect],
    ) -> Outline {
        if let Some(x) = x {
            self.set(x);
        }
        self.all(effects);
        Outline::plain("alter")
    }

    pub(super) fn show_setting(&mut self, x: &'a pb::VariableShowStmt) -> Outline {
        let pb::VariableShowStmt { name: _ } = x;
        self.does(Effect::Read);
        Outline::plain("show").returning(true)
    }

    pub(super) fn transaction(&mut self, x: &'a pb::TransactionStmt) -> Outline {
        use pb::TransactionStmtKind as Kind;
        let pb::TransactionStmt {
            kind,
            options: _,
            savepoint_name,
            gid: _,
            chain,
            location: _,
        } = x;
        self.does(Effect::Transaction);
        let (chain, name) = (*chain, savepoint_name.clone());
        match Kind::try_from(*kind) {
            Ok(Kind::TransStmtBegin | Kind::TransStmtStart) => Outline::controls("begin", Control::Begin),
            Ok(Kind::TransStmtCommit) => Outline::controls("commit", Control::Commit { chain }),
            Ok(Kind::TransStmtRollback) => Outline::controls("rollback", Control::Rollback { chain }),
            Ok(Kind::TransStmtSavepoint) => Outline::controls("savepoint", Control::Savepoint { name }),
            Ok(Kind::TransStmtRelease) => Outline::controls("release", Control::Release { name }),
            Ok(Kind::TransStmtRollbackTo) => Outline::controls("rollback", Control::RollbackTo { name }),
            Ok(Kind::TransStmtPrepare) => Outline::controls("prepare", Control::PrepareTransaction),
            Ok(Kind::TransStmtCommitPrepared) => Outline::controls("commit", Control::FinishPrepared),
            Ok(Kind::TransStmtRollbackPrepared) => Outline::controls("rollback", Control::FinishPrepared),
            Ok(Kind::Undefined) | Err(_) => {
                self.unknown("TransactionStmt");
                Outline::plain("unknown")
            }
        }
    }

    pub(super) fn discard(&mut self, x: &'a pb::DiscardStmt) -> Outline {
        let pb::DiscardStmt { target } = x;
        self.does(Effect::Session);
        let what = match pb::DiscardMode::try_from(*target) {
            Ok(pb::DiscardMode::DiscardAll) => {
                // The session becomes its first role again, with the settings it began with: it gains nothing.
                self.does(Effect::Settings);
                Discard::All
            }
            Ok(pb::DiscardMode::DiscardPlans) => Discard::Plans,
            Ok(pb::DiscardMode::DiscardSequences) => Discard::Sequences,
            Ok(pb::DiscardMode::DiscardTemp) => Discard::Temporary,
            Ok(pb::DiscardMode::Undefined) | Err(_) => {
                self.unknown("DiscardStmt");
                Discard::All
            }
        };
        Outline::controls("discard", Control::Discard(what))
    }

    pub(super) fn prepare(&mut self, x: &'a pb::PrepareStmt) -> Outline {
        let pb::PrepareStmt {
            name,
            argtypes,
            query,
        } = x;
        self.nodes(argtypes);
        let Some(query) = query.as_deref() else {
            self.unknown("PrepareStmt");
            return Outline::plain("prepare");
        };
        let (walker, outline) = self.inner(query);
        let statement = Box::new(walker.finish(outline, 0..0));
        self.maybe(Some(query));
        self.does(Effect::Prepare);
        Outline::controls(
            "prepare",
            Control::Prepare {
                name: name.clone(),
                statement,
            },
        )
    }

    pub(super) fn execute(&mut self, x: &'a pb::ExecuteStmt) -> Outline {
        let pb::ExecuteStmt { name, params } = x;
        self.nodes(params);
        self.does(Effect::Execute);
        Outline::controls("execute", Control::Execute { name: name.clone() }).returning(true)
    }

    pub(super) fn deallocate(&mut self, x: &'a pb::DeallocateStmt) -> Outline {
        let pb::DeallocateStmt {
            name,
            isall,
            location: _,
        } = x;
        self.does(Effect::Prepare);
        Outline::controls(
            "deallocate",
            Control::Deallocate {
                name: (!isall).then(|| name.clone()),
            },
        )
    }

    pub(super) fn declare(&mut self, x: &'a pb::DeclareCursorStmt) -> Outline {
        /// `CURSOR_OPT_BINARY` and `CURSOR_OPT_HOLD` of the server's `parsenodes.h`.
        const BINARY: i32 = 0x0001;
        const HOLD: i32 = 0x0020;
        let pb::DeclareCursorStmt {
            portalname,
            options,
            query,
        } = x;
        let Some(query) = query.as_deref() else {
            self.unknown("DeclareCursorStmt");
            return Outline::plain("declare");
        };
        let (walker, outline) = self.inner(query);
        let statement = Box::new(walker.finish(outline, 0..0));
        self.maybe(Some(query));
        self.does(Effect::Cursor);
        let (binary, hold) = (options & BINARY != 0, options & HOLD != 0);
        let control = Control::DeclareCursor {
            name: portalname.clone(),
            hold,
            binary,
            statement,
        };
        Outline::controls("declare", control)
    }

    pub(super) fn fetch(&mut self, x: &'a pb::FetchStmt) -> Outline {
        let pb::FetchStmt {
            direction: _,
            how_many: _,
            portalname,
            ismove,
        } = x;
        self.does(Effect::Cursor);
        if !ismove {
            self.does(Effect::Read);
        }
        let control = Control::Fetch {
            name: portalname.clone(),
            moves: *ismove,
        };
        Outline::controls(if *ismove { "move" } else { "fetch" }, control).returning(!ismove)
    }

    pub(super) fn close(&mut self, x: &'a pb::ClosePortalStmt) -> Outline {
        let pb::ClosePortalStmt { portalname } = x;
        self.does(Effect::Cursor);
        let name = (!portalname.is_empty()).then(|| portalname.clone());
        Outline::controls("close", Control::CloseCursor { name })
    }

    /// With `ANALYZE` the statement runs; without, its relations are only planned on, which shows their statistics.
    pub(super) fn explain(&mut self, x: &'a pb::ExplainStmt) -> Outline {
        let pb::ExplainStmt { query, options } = x;
        self.nodes(options);
        let Some(query) = query.as_deref() else {
            self.unknown("ExplainStmt");
            return Outline::plain("explain");
        };
        let runs = name::options(options)
            .any(|option| option.defname.eq_ignore_ascii_case("analyze") && name::enabled(option));
        let (walker, outline) = self.inner(query);
        let control = match outline.control {
            execute @ Control::Execute { .. } => execute,
            _ => Control::None,
        };
        if runs {
            self.facts.absorb(walker.facts);
        } else {
            let Facts {
                effects,
                relations,
                functions,
                gaps,
                settings,
                columns,
                aliases,
                wide,
                reads,
                sink: _,
                exposes: _,
            } = walker.facts;
            let effects = effects.without(UNPLANNED);
            let mut planned = Facts {
                effects,
                functions,
                gaps,
                settings,
                columns,
                aliases,
                wide,
                reads,
                ..Facts::default()
            };
            for relation in relations.into_vec() {
                planned.does(Effect::Read);
                planned.relations.insert(Relation {
                    access: Access::Read,
                    ..relation
                });
            }
            self.facts.absorb(planned);
        }
        self.does(Effect::Explain);
        Outline::controls("explain", control).returning(true)
    }

    pub(super) fn notify(&mut self, x: &'a pb::NotifyStmt) -> Outline {
        let pb::NotifyStmt {
            conditionname: _,
            payload: _,
            payload_location: _,
        } = x;
        self.done("notify", &[Effect::Notify])
    }

    pub(super) fn constraints(&mut self, x: &'a pb::ConstraintsSetStmt) -> Outline {
        // What it names are constraints.
        let pb::ConstraintsSetStmt {
            constraints: _,
            deferred: _,
        } = x;
        self.done("set", &[Effect::Transaction])
    }

    /// A statement that needs nothing but its effects said.
    pub(super) fn done(&mut self, kind: &'static str, effects: &[Effect]) -> Outline {
        self.all(effects);
        Outline::plain(kind)
    }
}

/// A setting's new value as the server would flatten it; `None` if it is not a constant.
fn setting(name: &str, args: &[pb::Node]) -> Option<String> {
    let names = NAME_LISTS.contains(&name);
    let quote = |value: String| if names { quoted(&value) } else { value };
    let values: Option<Vec<_>> = args.iter().map(|arg| plain(arg).map(quote)).collect();
    values.map(|values| values.join(", "))
}

fn plain(arg: &pb::Node) -> Option<String> {
    match arg.node.as_ref()? {
        N::TypeCast(cast) => plain(cast.arg.as_deref()?),
        N::AConst(_) | N::String(_) | N::Integer(_) | N::Float(_) => name::value(arg),
        _ => None,
    }
}

fn quoted(name: &str) -> String {
    let plain = |(position, byte): (usize, u8)| match byte {
        b'a'..=b'z' | b'_' => true,
        b'0'..=b'9' => position > 0,
        _ => false,
    };
    if !name.is_empty() && name.bytes().enumerate().all(plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
