//! What masks need so that they hold: conditions, copies, settings.

use interdict_masking::Mask;
use interdict_policy::Predicates;
use interdict_sql::lineage::{ColumnId, How, Lineage, Stored};
use interdict_sql::{Control, CopyTarget, Effect, Effects, Statement};

use super::Session;
use super::judge::{DEFAULT, Judgement, MASKING};
use crate::catalogue::MaskMap;

/// What evaluates conditions on rows.
const ROWS: Effects = Effects::of(&[Effect::Read, Effect::Write]);

/// Where the hint sends who wants more.
const OPERATOR: &str = "an operator can change it in the policy";

impl Session {
    /// Refuses what would let masked values out, or let them be asked for.
    pub(super) fn guard_masks(
        &self,
        judgement: &mut Judgement,
        statement: &Statement,
        map: Option<&MaskMap>,
    ) {
        self.guard_settings(judgement, statement);
        let statistics = statement
            .relations
            .iter()
            .find(|relation| self.dialect.is_statistics(relation));
        if let Some(relation) = statistics.filter(|_| self.effective.masks_columns()) {
            judgement.refuse(
                MASKING,
                format!(
                    "{} holds samples of columns, masked ones among them",
                    relation.name
                ),
                self.dialect.instead_of_statistics().to_owned(),
            );
            return;
        }
        let Some(map) = map.filter(|_| judgement.sensitive && self.effective.masks_columns()) else {
            return;
        };
        let changes_definition = statement.effects.contains(Effect::Alter)
            || (statement.kind == "create" && judgement.carrying.carries && !statement.stores_what_it_reads);
        if changes_definition {
            judgement.refuse(
                MASKING,
                "the statement would change a relation whose columns are masked".to_owned(),
                "schema changes of masked relations are made by an operator, outside the proxy".to_owned(),
            );
            return;
        }
        let Some(lineage) = judgement.carrying.lineage.clone() else {
            return;
        };
        match &lineage.gap {
            None => {
                guard_conditions(judgement, &lineage, map);
                if judgement.refusal.is_none() {
                    guard_stores(judgement, statement, &lineage, map);
                }
            }
            Some(why) => self.guard_untraced(judgement, statement, why),
        }
    }

    /// A statement that can't be followed.
    fn guard_untraced(&self, judgement: &mut Judgement, statement: &Statement, why: &str) {
        judgement.doubtful = true;
        if statement.stores_what_it_reads {
            judgement.refuse(
                MASKING,
                format!("the statement would store masked columns where their masks do not follow ({why})"),
                "name only columns that are not masked".to_owned(),
            );
        } else if judgement.carrying.mask_all {
            // Whatever comes back is masked.
        } else if statement.effects.contains(Effect::CopyOut) {
            judgement.refuse(
                MASKING,
                format!("what this COPY would send of masked columns can't be followed ({why})"),
                "name the columns, of one table: COPY table (column, …) TO STDOUT".to_owned(),
            );
        } else if statement.effects.intersects(ROWS) && self.effective.predicates() != Predicates::Allow {
            judgement.untraced = Some(why.to_owned());
        }
    }

    /// Settings that change what a statement's text means are not changed under a policy.
    fn guard_settings(&self, judgement: &mut Judgement, statement: &Statement) {
        if !self.effective.needs_analysis() {
            return;
        }
        let own = match &statement.control {
            Control::Set(setting) => Some(setting),
            _ => None,
        };
        for setting in own.into_iter().chain(&statement.settings) {
            // What only the server can tell (`SET character_set_client = @saved`) it is asked afterwards.
            let Some(value) = setting.value.as_deref() else {
                continue;
            };
            if self.dialect.misleads(&setting.name, value) {
                judgement.refuse(
                    DEFAULT,
                    format!(
                        "{} = {value} would make statements unreadable for the policy",
                        setting.name
                    ),
                    "leave the setting as it is; UTF8 and standard strings serve every client".to_owned(),
                );
            }
        }
    }
}

/// Conditions on masked columns, as far as the policy lets them ask.
fn guard_conditions(judgement: &mut Judgement, lineage: &Lineage, map: &MaskMap) {
    let refused = lineage
        .conditions
        .iter()
        .find(|condition| match map.predicates(condition.column) {
            Predicates::Allow => false,
            Predicates::Equality => !condition.equality,
            Predicates::Deny => true,
        });
    let Some(refused) = refused else { return };
    let label = map.label(refused.column);
    let (message, hint) = match map.predicates(refused.column) {
        Predicates::Deny => (
            format!(
                "{label} is masked and may not decide which rows come, in what order, or whether a statement fails"
            ),
            format!(
                "IS NULL, IS NOT NULL, count, GROUP BY and DISTINCT of the column itself are allowed; {OPERATOR} (predicates: equality)"
            ),
        ),
        _ => (
            format!(
                "{label} is masked: a condition on it may only compare it for equality with a value, and nothing that can \
                 fail may be computed from it"
            ),
            format!(
                "allowed: column = value, IN (…), IS NULL, count, GROUP BY; sort and filter by other columns; {OPERATOR} (predicates: allow)"
            ),
        ),
    };
    judgement.refuse(MASKING, message, hint);
}

/// What a statement stores of masked columns: it may stay where a mask covers it.
fn guard_stores(judgement: &mut Judgement, statement: &Statement, lineage: &Lineage, map: &MaskMap) {
    for stored in &lineage.stores {
        if let Some(column) = uncovered(stored, map) {
            judgement.refuse(
                MASKING,
                format!(
                    "the statement would store {} in {}, where its mask does not follow",
                    map.label(column),
                    place(stored)
                ),
                "leave masked columns out, or store values that you have".to_owned(),
            );
            return;
        }
    }
    for (variable, flow) in &lineage.variables {
        if let Some(column) = flow.shown().next() {
            judgement.refuse(
                MASKING,
                format!(
                    "the statement would keep {} in @{variable}, where its mask does not follow",
                    map.label(column)
                ),
                "select the column itself, or use it within one statement".to_owned(),
            );
            return;
        }
    }
    let far = match &statement.control {
        Control::Copy(copy) => !copy.from && copy.target != CopyTarget::Stdout,
        _ => false,
    };
    let shown = lineage
        .outputs
        .iter()
        .flat_map(|output| output.flow.shown())
        .next();
    if let Some(column) = shown.filter(|_| far) {
        judgement.refuse(
            MASKING,
            format!(
                "the statement would store {} outside the database",
                map.label(column)
            ),
            "copy to STDOUT, where it comes back masked, or leave the column out".to_owned(),
        );
    }
}

fn place(stored: &Stored) -> String {
    match (&stored.column, &stored.new) {
        (_, true) => format!("the new relation {}", stored.relation),
        (Some(column), false) => format!("{}.{column}", stored.relation),
        (None, false) => stored.relation.clone(),
    }
}

/// A column whose value would show where it is stored.
fn uncovered(stored: &Stored, map: &MaskMap) -> Option<ColumnId> {
    let targets = map.targets(stored);
    stored.flow.iter().find_map(|(column, how)| {
        if how == How::Compared {
            // What equality says may be kept where it may be asked.
            return (map.predicates(column) == Predicates::Deny).then_some(column);
        }
        let covered = !stored.new
            && !targets.is_empty()
            && targets.iter().all(|target| match map.masked(*target) {
                // Its own place, or one where nothing of a value shows.
                Some(masked) => (*target == column && how == How::Same) || !reads_value(&masked.mask),
                None => false,
            });
        (!covered).then_some(column)
    })
}

/// Whether a mask shows something of a value.
fn reads_value(mask: &Mask) -> bool {
    !matches!(mask, Mask::Redact | Mask::Null | Mask::Fixed(_))
}
