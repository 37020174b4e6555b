//! Which columns and values of bodies are masked, and which masks a grant lifts.

use interdict_masking::Mask;
use uuid::Uuid;

use super::Effective;
use crate::document::{Lengths, Predicates};
use crate::policy::{ColumnRule, Policy};

/// The mask of one column.
#[derive(Clone, Copy, Debug)]
pub struct ColumnMask<'a> {
    /// What is shown instead.
    pub mask: &'a Mask,
    /// `policy:pattern`, for the audit.
    pub rule: &'a str,
    /// What conditions on the column may say.
    pub predicates: Predicates,
    /// Whether the length of its values may be known.
    pub shows_length: bool,
}

impl Effective {
    /// The grant that lifts the masks of a column, if one does: then detectors don't look at it either.
    pub fn lifted(&self, database: &str, schema: &str, table: &str, column: &str) -> Option<Uuid> {
        let mut grants = self.0.lifted.iter();
        let granted = grants.find(|granted| granted.shows(database, schema, table, column))?;
        Some(granted.grant().id)
    }

    /// Whether any mask is lifted.
    pub fn lifts_masks(&self) -> bool {
        !self.0.lifted.is_empty()
    }

    fn lifts_as_named(&self, pattern: &str) -> bool {
        self.0
            .lifted
            .iter()
            .any(|granted| granted.shows_as_named(pattern))
    }

    /// Whether there is any mask for columns.
    pub fn masks_columns(&self) -> bool {
        self.0.policies.iter().any(|policy| !policy.columns.is_empty())
    }

    /// Whether any column pattern could name a column of this relation; without a schema, of any relation of that name.
    /// A pattern such as `*.ssn` could name a column of every relation outside the server's own catalogues: whether it
    /// does is for the catalogue to say.
    pub fn may_mask_relation(&self, database: &str, schema: Option<&str>, table: &str) -> bool {
        let mut columns = self.0.policies.iter().flat_map(|policy| &policy.columns);
        columns.any(|rule| rule.pattern.could_match(database, schema, table))
    }

    /// The mask of a column, by the first entry that names it.
    pub fn column_mask(
        &self,
        database: &str,
        schema: &str,
        table: &str,
        column: &str,
    ) -> Option<ColumnMask<'_>> {
        if self.lifted(database, schema, table, column).is_some() {
            return None;
        }
        self.find_mask(|rule| rule.pattern.matches(database, schema, table, column))
    }

    /// [`Self::column_mask`] where the schema is not known: any that a pattern names may be meant.
    pub(crate) fn column_mask_anywhere(
        &self,
        database: &str,
        schema: Option<&str>,
        table: &str,
        column: &str,
    ) -> Option<ColumnMask<'_>> {
        self.find_mask(|rule| {
            rule.pattern.matches_name(column) && rule.pattern.could_match(database, schema, table)
        })
    }

    fn find_mask(&self, names: impl Fn(&ColumnRule) -> bool) -> Option<ColumnMask<'_>> {
        self.0.policies.iter().find_map(|policy| {
            let rule = policy.columns.iter().find(|rule| names(rule))?;
            Some(rule.of(policy))
        })
    }

    /// The masks that could be meant by columns of this relation, in their order: each with its column as the policy has it, a
    /// name or a glob.
    pub fn columns_of(
        &self,
        database: &str,
        schema: Option<&str>,
        table: &str,
    ) -> impl Iterator<Item = (&str, ColumnMask<'_>)> {
        let rules = self
            .0
            .policies
            .iter()
            .flat_map(|policy| policy.columns.iter().map(move |rule| (policy, rule)));
        rules
            .filter(move |(_, rule)| {
                rule.pattern.could_match(database, schema, table) && !self.lifts_as_named(rule.pattern.text())
            })
            .map(|(policy, rule)| (rule.pattern.column(), rule.of(policy)))
    }

    /// The masks of columns of any relation (`*.ssn`), in their order, each with its column as the policy has it: they hold for
    /// what an API calls so, too.
    pub fn columns_anywhere(&self) -> impl Iterator<Item = (&str, ColumnMask<'_>)> {
        let rules = self
            .0
            .policies
            .iter()
            .flat_map(|policy| policy.columns.iter().map(move |rule| (policy, rule)));
        rules
            .filter(|(_, rule)| rule.pattern.is_anywhere() && !self.lifts_as_named(rule.pattern.text()))
            .map(|(policy, rule)| (rule.pattern.column(), rule.of(policy)))
    }

    /// Masks for values in JSON bodies: the pattern as the policy has it, and its mask.
    pub fn json_masks(&self) -> impl Iterator<Item = (&str, &Mask)> {
        let rules = self.0.policies.iter().flat_map(|policy| &policy.json);
        rules
            .filter(|rule| !self.lifts_as_named(rule.pattern.text()))
            .map(|rule| (rule.pattern.text(), &*rule.mask))
    }
}

impl ColumnRule {
    fn of<'a>(&'a self, policy: &Policy) -> ColumnMask<'a> {
        ColumnMask {
            mask: &self.mask,
            rule: &self.label,
            predicates: self.predicates.unwrap_or(policy.predicates),
            shows_length: policy.lengths == Lengths::Allow,
        }
    }
}
