//! From a parsed statement to what is said of it.

mod change;
mod expression;
mod query;

use std::collections::BTreeSet;
use std::ops::Range;

pub(super) use change::bases;
pub(super) use query::names;

use super::ast::{Around, Command, Name, Set, Statement as Parsed};
use super::settings::MysqlSettings;
use crate::control::Control;
use crate::effect::{Effect, Effects};
use crate::facts::Facts;
use crate::statement::{Access, Gap, Setting, Statement, Variables};

/// What a way through a statement gathers.
struct Walker {
    facts: Facts,
    settings: MysqlSettings,
    /// Names of common table expressions in sight.
    expressions: Vec<String>,
    read: BTreeSet<String>,
    written: BTreeSet<String>,
}

/// What is known of a statement's outside.
struct Outline {
    kind: &'static str,
    control: Control,
    returns: bool,
}

pub(super) fn analyse(
    parsed: &Parsed,
    range: Range<usize>,
    settings: MysqlSettings,
    hints_set: bool,
) -> Statement {
    let mut walker = Walker::new(settings);
    if hints_set {
        walker.facts.does(Effect::Settings);
    }
    let outline = walker.statement(parsed);
    walker.finish(outline, range)
}

/// A statement that can't be parsed, with what its words say.
pub(super) fn unknown(outline: &Command, range: Range<usize>, gap: Gap) -> Statement {
    let mut statement = Statement::unknown(range, gap);
    statement.kind = outline.kind;
    statement.effects = outline.effects;
    statement
}

impl Walker {
    fn new(settings: MysqlSettings) -> Self {
        Self {
            facts: Facts::default(),
            settings,
            expressions: Vec::new(),
            read: BTreeSet::new(),
            written: BTreeSet::new(),
        }
    }

    fn finish(self, outline: Outline, range: Range<usize>) -> Statement {
        let Self {
            facts, read, written, ..
        } = self;
        let mut references = facts.references();
        // The server folds names beyond ASCII in ways of its own: such a name may mean any column.
        references.wide |= references.columns.iter().any(|name| !name.is_ascii());
        Statement {
            kind: outline.kind,
            effects: facts.effects,
            stores_what_it_reads: facts.stores(),
            references,
            relations: facts.relations.into_vec(),
            functions: facts.functions.into_vec(),
            settings: facts.settings,
            variables: Variables {
                read: read.into_iter().collect(),
                written: written.into_iter().collect(),
            },
            range,
            control: outline.control,
            returns_rows_of_relations: outline.returns,
            gaps: facts.gaps.into_vec(),
        }
    }

    fn statement(&mut self, parsed: &Parsed) -> Outline {
        let outline = |kind, returns| Outline {
            kind,
            control: Control::None,
            returns,
        };
        match parsed {
            Parsed::Query(query) => {
                self.query(query);
                let kind = match query.body {
                    super::ast::Body::Values(_) => "values",
                    _ => "select",
                };
                outline(kind, query.into.is_none())
            }
            Parsed::Insert(insert) => {
                self.insert(insert);
                let kind = if insert.replace { "replace" } else { "insert" };
                outline(kind, !insert.returning.is_empty())
            }
            Parsed::Update(update) => {
                self.update(update);
                outline("update", !update.returning.is_empty())
            }
            Parsed::Delete(delete) => {
                self.delete(delete);
                outline("delete", !delete.returning.is_empty())
            }
            Parsed::Set(sets) => {
                for set in sets {
                    self.set(set);
                }
                outline("set", false)
            }
            Parsed::Around { outer, inner, how } => self.around(outer, inner, *how),
            Parsed::Block { outer, statements } => {
                self.command(outer);
                self.facts.sink = true;
                let mut returns = false;
                for statement in statements {
                    let inner = self.statement(statement);
                    returns |= inner.returns;
                }
                let kind = match outer.kind {
                    "create" => "create",
                    "alter" => "alter",
                    _ => "block",
                };
                outline(kind, returns && kind == "block")
            }
            Parsed::CreateTable { outer, query, .. } => {
                self.command(outer);
                if let Some(query) = query {
                    self.facts.sink = true;
                    self.query(query);
                }
                outline("create", false)
            }
            Parsed::CreateView { outer, query, .. } => {
                self.command(outer);
                self.facts.sink = true;
                self.query(query);
                outline(outer.kind, false)
            }
            Parsed::Command(command) => {
                self.command(command);
                Outline {
                    kind: command.kind,
                    control: command.control.clone(),
                    returns: command.returns,
                }
            }
        }
    }

    fn around(&mut self, outer: &Command, inner: &Parsed, how: Around) -> Outline {
        self.command(outer);
        match how {
            Around::Settings => {
                let inner = self.statement(inner);
                Outline {
                    kind: inner.kind,
                    control: inner.control,
                    returns: inner.returns,
                }
            }
            Around::Immediate => {
                let inner = self.statement(inner);
                Outline {
                    kind: outer.kind,
                    control: inner.control,
                    returns: inner.returns,
                }
            }
            Around::Explain { runs } => {
                let mut own = Self::new(self.settings);
                own.statement(inner);
                if !runs {
                    own.plan();
                }
                self.absorb(own);
                Outline {
                    kind: outer.kind,
                    control: Control::None,
                    returns: true,
                }
            }
            Around::Prepare if outer.kind == "prepare" => {
                let mut own = Self::new(self.settings);
                let outline = own.statement(inner);
                let name = match &outer.control {
                    Control::PrepareText { name } => name.clone(),
                    _ => String::new(),
                };
                let mut copy = Self::new(self.settings);
                copy.statement(inner);
                self.absorb(copy);
                let statement = Box::new(own.finish(outline, 0..0));
                Outline {
                    kind: outer.kind,
                    control: Control::Prepare { name, statement },
                    returns: false,
                }
            }
            Around::Prepare => {
                // A body: what it reads may go anywhere.
                self.facts.sink = true;
                self.statement(inner);
                Outline {
                    kind: outer.kind,
                    control: Control::None,
                    returns: false,
                }
            }
        }
    }

    /// What is only planned changes nothing: its targets are read.
    fn plan(&mut self) {
        const CHANGES: Effects = Effects::of(&[
            Effect::Write,
            Effect::Insert,
            Effect::Update,
            Effect::UpdateWithoutWhere,
            Effect::Delete,
            Effect::DeleteWithoutWhere,
        ]);
        let facts = std::mem::take(&mut self.facts);
        let mut planned = Facts {
            effects: facts.effects.without(CHANGES),
            wide: facts.wide,
            reads: facts.reads,
            ..Facts::default()
        };
        planned.effects.insert(Effect::Read);
        for relation in facts.relations.into_vec() {
            planned.relation(relation.schema.as_deref(), &relation.name, Access::Read);
            planned.reads += 1;
        }
        let kept = Facts {
            functions: facts.functions,
            gaps: facts.gaps,
            columns: facts.columns,
            aliases: facts.aliases,
            settings: facts.settings,
            ..Facts::default()
        };
        planned.absorb(kept);
        self.facts = planned;
        self.written.clear();
    }

    fn absorb(&mut self, other: Self) {
        self.facts.absorb(other.facts);
        self.read.extend(other.read);
        self.written.extend(other.written);
    }

    fn command(&mut self, command: &Command) {
        self.facts.effects = self.facts.effects.union(command.effects);
        for (name, access) in &command.relations {
            self.relation(name, *access);
        }
        self.facts.wide |= command.wide;
        self.facts.exposes |= command.exposes;
        self.facts.sink |= command.effects.contains(Effect::Write) || !command.writes.is_empty();
        for expression in &command.expressions {
            self.expression(expression);
        }
        for query in &command.queries {
            self.query(query);
        }
        for setting in &command.settings {
            self.setting(setting);
        }
        self.written.extend(command.writes.iter().cloned());
        for gap in &command.gaps {
            self.facts.gap(gap.clone());
        }
    }

    fn relation(&mut self, name: &Name, access: Access) {
        if access == Access::Read {
            self.facts.reads += 1;
        }
        self.facts.relation(name.schema.as_deref(), &name.name, access);
    }

    fn set(&mut self, set: &Set) {
        match set {
            Set::Variable { name, value } => {
                if let Some(name) = name.strip_prefix('@') {
                    self.written.insert(name.to_owned());
                }
                self.facts.sink = true;
                self.expression(value);
            }
            Set::System { setting, value } => {
                self.setting(setting);
                self.facts.sink = true;
                if setting.value.is_none() {
                    self.expression(value);
                    if matches!(
                        setting.name.as_str(),
                        "sql_mode" | "character_set_client" | "character_set_connection"
                    ) && !matches!(value, super::ast::Expr::Default)
                    {
                        self.facts.gap(Gap::ComputedSetting);
                    }
                }
            }
            Set::Fixed(setting) => self.setting(setting),
        }
    }

    fn setting(&mut self, setting: &Setting) {
        self.facts.does(Effect::Settings);
        if setting.global {
            self.facts.does(Effect::Alter);
        }
        self.facts.settings.push(setting.clone());
    }
}
