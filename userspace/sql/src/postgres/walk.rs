//! The walk over a parse tree: what it knows on its way, and what it gathers.

use std::collections::HashMap;
use std::mem;
use std::ops::Range;

use pg_query::{NodeEnum as N, protobuf as pb};

use super::{PostgresSettings, function, name};
use crate::control::Control;
use crate::effect::Effect;
use crate::facts::Facts;
use crate::statement::{Access, Gap, Statement, Variables};

/// Routine bodies inside routine bodies that are followed.
const NESTING: u8 = 8;

/// What the walk over one statement knows and gathers.
pub(super) struct Walker<'a> {
    pub(super) facts: Facts,
    /// Every column reference seen, in order: marks taken before and after a sub-tree tell which are in it.
    pub(super) columns: Vec<&'a pb::ColumnRef>,
    /// `WHERE CURRENT OF` seen.
    pub(super) cursors: usize,
    /// Names of common table expressions that are visible, with how many of each.
    visible: HashMap<&'a str, usize>,
    /// Whether the rows that the statement at hand returns flow into another.
    pub(super) embedded: bool,
    /// The text of the statement, where it can be parsed again on its own.
    pub(super) source: Option<&'a str>,
    pub(super) settings: PostgresSettings,
    /// How many routine bodies surround the text.
    pub(super) nesting: u8,
    /// Where constants are that nothing looks at, in bytes.
    ignored: Vec<i32>,
}

/// What a statement is, besides the facts that its walk gathers.
pub(super) struct Outline {
    pub(super) kind: &'static str,
    pub(super) control: Control,
    /// Whether rows come back to the client.
    pub(super) returns: bool,
}

impl Outline {
    /// A statement that returns nothing and leaves the session as it is.
    pub(super) fn plain(kind: &'static str) -> Self {
        Self {
            kind,
            control: Control::None,
            returns: false,
        }
    }

    pub(super) fn controls(kind: &'static str, control: Control) -> Self {
        Self {
            kind,
            control,
            returns: false,
        }
    }

    pub(super) fn returning(mut self, returns: bool) -> Self {
        self.returns = returns;
        self
    }
}

/// Analyses a statement of a text. Also gives where constants are that the analysis does not depend on.
pub(super) fn top(
    text: &str,
    raw: &pb::RawStmt,
    range: Range<usize>,
    settings: PostgresSettings,
) -> (Statement, Vec<i32>) {
    let pb::RawStmt {
        stmt,
        stmt_location: _,
        stmt_len: _,
    } = raw;
    let Some(stmt) = stmt else {
        return (Statement::unknown(range, Gap::Internal), Vec::new());
    };
    let mut walker = Walker::new(settings, 0);
    walker.source = text.get(range.clone());
    let outline = walker.statement(stmt);
    let ignored = mem::take(&mut walker.ignored);
    (walker.finish(outline, range), ignored)
}

impl<'a> Walker<'a> {
    pub(super) fn new(settings: PostgresSettings, nesting: u8) -> Self {
        Self {
            facts: Facts::default(),
            columns: Vec::new(),
            cursors: 0,
            visible: HashMap::new(),
            embedded: false,
            source: None,
            settings,
            nesting,
            ignored: Vec::new(),
        }
    }

    /// With facts from elsewhere.
    pub(super) fn with_facts(facts: Facts, settings: PostgresSettings) -> Self {
        Self {
            facts,
            ..Self::new(settings, 0)
        }
    }

    pub(super) fn finish(self, outline: Outline, range: Range<usize>) -> Statement {
        let stores_what_it_reads = self.facts.stores();
        let references = self.facts.references();
        let Facts {
            effects,
            relations,
            functions,
            gaps,
            settings,
            columns: _,
            aliases: _,
            wide: _,
            reads: _,
            sink: _,
            exposes: _,
        } = self.facts;
        Statement {
            kind: outline.kind,
            effects,
            relations: relations.into_vec(),
            functions: functions.into_vec(),
            references,
            settings,
            variables: Variables::default(),
            range,
            control: outline.control,
            returns_rows_of_relations: outline.returns,
            stores_what_it_reads,
            gaps: gaps.into_vec(),
        }
    }

    /// Analyses a statement inside another on its own: what it does is the outer one's to take or leave.
    pub(super) fn inner(&self, node: &'a pb::Node) -> (Walker<'a>, Outline) {
        let mut walker = Walker::new(self.settings, self.nesting);
        let outline = walker.statement(node);
        (walker, outline)
    }

    /// One level deeper into routine bodies; `None` if that is too deep.
    pub(super) fn deeper(&self) -> Option<u8> {
        (self.nesting < NESTING).then(|| self.nesting.saturating_add(1))
    }

    pub(super) fn does(&mut self, effect: Effect) {
        self.facts.does(effect);
    }

    pub(super) fn all(&mut self, effects: &[Effect]) {
        self.facts.effects.extend(effects.iter().copied());
    }

    /// Whatever value the constants among these nodes have, the statement does the same. Only said where no part of the walk reads them; a cast or
    /// an expression around a constant is none.
    pub(super) fn ignores<'n>(&mut self, nodes: impl IntoIterator<Item = &'n pb::Node>) {
        for node in nodes {
            if let Some(N::AConst(constant)) = &node.node {
                self.ignored.push(constant.location);
            }
        }
    }

    pub(super) fn nodes(&mut self, nodes: &'a [pb::Node]) {
        for node in nodes {
            self.node(node);
        }
    }

    pub(super) fn maybe(&mut self, node: Option<&'a pb::Node>) {
        if let Some(node) = node {
            self.node(node);
        }
    }

    /// A relation whose rows flow into the statement, unless it is the name of a common table expression.
    pub(super) fn read(&mut self, relation: &'a pb::RangeVar) {
        if relation.schemaname.is_empty() && self.visible.contains_key(relation.relname.as_str()) {
            return;
        }
        if function::shows_files(&relation.relname) {
            self.does(Effect::ServerFile);
        }
        self.flows(relation);
    }

    /// A relation that certainly is one and whose rows flow into the statement.
    pub(super) fn flows(&mut self, relation: &pb::RangeVar) {
        self.does(Effect::Read);
        self.facts.reads = self.facts.reads.saturating_add(1);
        self.relation(relation, Access::Read);
    }

    /// A relation whose rows become reachable in another way.
    pub(super) fn exposes(&mut self, relation: &pb::RangeVar) {
        self.does(Effect::Read);
        self.facts.exposes = true;
        self.relation(relation, Access::Read);
    }

    pub(super) fn relation(&mut self, relation: &pb::RangeVar, access: Access) {
        self.alias(relation.alias.as_ref());
        self.facts
            .relation(name::schema(relation), &relation.relname, access);
    }

    /// Another name for rows; column names behind it stand for columns by their position.
    pub(super) fn alias(&mut self, alias: Option<&pb::Alias>) {
        if let Some(pb::Alias { aliasname, colnames }) = alias {
            self.facts.aliases.insert(aliasname.clone());
            self.facts.wide |= !colnames.is_empty();
        }
    }

    pub(super) fn maybe_relation(&mut self, relation: Option<&pb::RangeVar>, access: Access) {
        if let Some(relation) = relation {
            self.relation(relation, access);
        }
    }

    /// A relation that is named by its dotted parts.
    pub(super) fn named(&mut self, parts: &[&str], access: Access) {
        if let Some((schema, name)) = name::qualified(parts) {
            self.facts.relation(schema, name, access);
        }
    }

    /// Makes a name stand for a common table expression.
    pub(super) fn show(&mut self, name: &'a str) {
        let count = self.visible.entry(name).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes it back.
    pub(super) fn hide(&mut self, name: &'a str) {
        if let Some(count) = self.visible.get_mut(name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.visible.remove(name);
            }
        }
    }

    pub(super) fn unknown(&mut self, node: &'static str) {
        self.facts.gap(Gap::UnknownNode(node));
    }
}
