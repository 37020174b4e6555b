//! Conditions: CEL, checked and compiled when a policy is loaded.

use cel::common::ast::IdedExpr;

mod change;
mod check;
mod literal;
mod plan;
mod scope;
mod variable;

pub(crate) use change::Changes;
pub(crate) use scope::{Counts, Failure, Scope};
pub(crate) use variable::{Variable, Variables};

use plan::Plan;

/// A condition that can be evaluated.
#[derive(Debug)]
pub(crate) struct Condition {
    text: String,
    plan: Plan,
    variables: Variables,
    /// Set if the condition mentions `result`.
    changes: Option<Changes>,
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// In characters from the start of the condition.
    pub(crate) offset: usize,
    pub(crate) message: String,
}

impl Condition {
    pub(crate) fn new(text: &str) -> Result<Self, Vec<Problem>> {
        let (expression, source) = parse(text)?;
        let check::Findings { variables, problems } = check::check(&expression);
        if !problems.is_empty() {
            return Err(problems
                .into_iter()
                .map(|(node, message)| {
                    let offset = source.offset_for(node).map_or(0, |(start, _)| start as usize);
                    Problem { offset, message }
                })
                .collect());
        }
        let plan = Plan::new(expression);
        let changes = variables.contains(Variable::Result).then(|| Changes::of(&plan));
        Ok(Self {
            text: text.to_owned(),
            plan,
            variables,
            changes,
        })
    }

    /// As the policy has it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn variables(&self) -> Variables {
        self.variables
    }

    /// Set if the condition is about a result, and so is evaluated while one streams.
    pub(crate) fn changes(&self) -> Option<&Changes> {
        self.changes.as_ref()
    }

    pub(crate) fn evaluate(&self, scope: &mut Scope<'_>) -> Result<bool, Failure> {
        self.plan.evaluate(scope)
    }
}

fn parse(text: &str) -> Result<(IdedExpr, cel::common::ast::SourceInfo), Vec<Problem>> {
    if text.trim().is_empty() {
        let message =
            "the condition is empty; expected a CEL expression such as `\"drop\" in effects`".to_owned();
        return Err(vec![Problem { offset: 0, message }]);
    }
    scope::LANGUAGE
        .parser()
        .parse_with_source_info(text)
        .map_err(|errors| {
            errors
                .errors
                .into_iter()
                .map(|error| Problem {
                    offset: offset(text, error.pos),
                    message: format!("not CEL: {}", error.msg),
                })
                .collect()
        })
}

/// The parser counts lines from 1; columns from 1 too.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let before: usize = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(|line| line.chars().count())
        .sum();
    before + usize::try_from(column).unwrap_or(1).saturating_sub(1)
}

#[cfg(test)]
mod tests;
