//! From a policy file's text to a policy, or to everything that is wrong with it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use interdict_masking::{Detection, Keys, Mask};
use jiff::{Span, SpanRelativeTo};

use crate::applies::{Applies, IdentityGlob, NameGlob};
use crate::condition::Condition;
use crate::diagnostic::Diagnostic;
use crate::digest::digest;
use crate::document::{AppliesDocument, Default_, Document, HoldDocument, MaskDocument, RuleDocument, Then};
use crate::pattern::Pattern;
use crate::place::{At, Place, within};
use crate::policy::{ColumnRule, JsonRule, Policy, Rule};
use crate::request::{Decision, HoldSpec, Verdict};
use crate::strict::List;

mod parse;
mod tests_section;

/// A hold is meant for a person who is at work.
const LONGEST_HOLD: Duration = Duration::from_hours(7 * 24);

/// Where the keys of keyed masks come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeySource<'a> {
    /// Keyed masks stay unbound, and so redact.
    Offline,
    /// A key that is not there is an error.
    Keys(&'a Keys),
}

/// Compiles one file.
pub(crate) fn compile(path: &Path, text: &str, keys: KeySource<'_>) -> Result<Policy, Vec<Diagnostic>> {
    let mut compiler = Compiler {
        path,
        text,
        keys,
        diagnostics: Vec::new(),
    };
    let policy = parse::document(text).map(|document| compiler.policy(&document));
    match policy {
        Ok(policy) if compiler.diagnostics.is_empty() => Ok(policy),
        Ok(_) => {
            compiler.diagnostics.sort();
            compiler.diagnostics.dedup();
            Err(compiler.diagnostics)
        }
        Err((place, message)) => {
            compiler.report(place, message);
            Err(compiler.diagnostics)
        }
    }
}

struct Compiler<'a> {
    path: &'a Path,
    text: &'a str,
    keys: KeySource<'a>,
    diagnostics: Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn report(&mut self, place: Place, message: impl Into<String>) {
        let Place { line, column } = place;
        self.diagnostics.push(Diagnostic {
            path: self.path.to_owned(),
            line,
            column,
            message: message.into(),
        });
    }

    fn policy(&mut self, document: &Document) -> Policy {
        let Document {
            name,
            applies,
            default,
            uncertain,
            mask,
            predicates,
            rules,
            record,
            tests,
        } = document;
        self.name(name, "a policy's name");
        let applies = self.applies(applies);
        let mut policy = Policy {
            name: name.as_str().into(),
            place: name.place(),
            path: self.path.to_owned(),
            digest: digest(self.text).into(),
            text: self.text.into(),
            applies,
            denies_by_default: *default == Default_::Deny,
            uncertain: *uncertain,
            columns: Vec::new(),
            json: Vec::new(),
            detectors: Vec::new(),
            predicates: *predicates,
            rules: Vec::new(),
            literals: record.literals,
            tests: Vec::new(),
        };
        for entry in mask.iter() {
            self.mask(entry, &mut policy);
        }
        policy.rules = self.rules(rules);
        policy.tests = self.tests(tests, rules);
        policy
    }

    fn name(&mut self, name: &At<String>, what: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(plain) {
            self.report(
                name.place(),
                format!("{what} is made of letters, digits, `-`, `_` and `.`"),
            );
        }
    }

    /// Parses every element of a list that must not be empty.
    fn each<T, U>(
        &mut self,
        list: Option<&At<List<At<T>>>>,
        what: &str,
        parse: impl Fn(&T) -> Result<U, String>,
    ) -> Vec<U> {
        let Some(list) = list else { return Vec::new() };
        if list.is_empty() {
            self.report(
                list.place(),
                format!("`{what}` is empty; expected at least one entry"),
            );
        }
        let mut parsed = Vec::new();
        for element in list.iter() {
            match parse(element) {
                Ok(element) => parsed.push(element),
                Err(message) => self.report(element.place(), message),
            }
        }
        parsed
    }

    fn applies(&mut self, applies: &AppliesDocument) -> Applies {
        Applies {
            services: self.each(applies.services.as_ref(), "services", |text| {
                NameGlob::parse(text)
            }),
            identities: self.each(applies.identities.as_ref(), "identities", |text| {
                IdentityGlob::parse(text)
            }),
        }
    }

    fn mask(&mut self, entry: &At<MaskDocument>, policy: &mut Policy) {
        let MaskDocument {
            columns,
            detect,
            with,
        } = &**entry;
        let mask = self.bound(with);
        match (columns, detect) {
            (None, None) => self.report(
                entry.place(),
                "a mask names nothing; expected `columns` or `detect`",
            ),
            (Some(_), Some(second)) => {
                self.report(
                    second.place(),
                    "`columns` and `detect` are given together; expected one of them an entry",
                );
            }
            _ => {}
        }
        for pattern in self.each(columns.as_ref(), "columns", |text| Pattern::parse(text)) {
            let mask = Arc::new(mask.clone());
            match pattern {
                Pattern::Column(pattern) => {
                    let label = format!("{}:{}", policy.name, pattern.text()).into();
                    policy.columns.push(ColumnRule {
                        pattern: *pattern,
                        mask,
                        label,
                    });
                }
                Pattern::Json(pattern) => policy.json.push(JsonRule { pattern, mask }),
            }
        }
        // Without its key a mask shows nothing of a value.
        let shown = if mask.unbound_key().is_some() {
            Mask::Redact
        } else {
            mask
        };
        let detectors = self.each(detect.as_ref(), "detect", |spec| {
            let entry = (spec.clone(), shown.clone());
            Detection::new(std::slice::from_ref(&entry))
                .map(|_| entry)
                .map_err(|error| {
                    // Of a pattern's error, the drawing is left out.
                    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
                })
        });
        policy.detectors.extend(detectors);
    }

    fn bound(&mut self, with: &At<Mask>) -> Mask {
        let mask = Mask::clone(with);
        match self.keys {
            KeySource::Offline => mask,
            KeySource::Keys(keys) => match mask.bind(keys) {
                Ok(bound) => bound,
                Err(error) => {
                    self.report(with.place(), error.to_string());
                    Mask::Redact
                }
            },
        }
    }

    fn rules(&mut self, rules: &[RuleDocument]) -> Vec<Rule> {
        let mut seen: HashMap<&str, Place> = HashMap::new();
        let mut compiled = Vec::new();
        for rule in rules {
            let RuleDocument {
                name,
                when,
                then,
                message,
                hint,
            } = rule;
            self.name(name, "a rule's name");
            if [Decision::DEFAULT, Decision::UNCERTAIN].contains(&name.as_str()) {
                self.report(
                    name.place(),
                    format!("`{}` is what decisions without a rule are called", name.as_str()),
                );
            }
            if let Some(first) = seen.insert(name, name.place()) {
                let name_text = name.as_str();
                self.report(
                    name.place(),
                    format!(
                        "there is a rule `{name_text}` on line {} already; names are unique within a policy",
                        first.line
                    ),
                );
            }
            let verdict = match then {
                Then::Allow => Verdict::Allow,
                Then::Deny => Verdict::Deny,
                Then::Hold(hold) => Verdict::Hold(Arc::new(self.hold(hold))),
            };
            if let Some(condition) = self.condition(when) {
                compiled.push(Rule {
                    name: name.as_str().into(),
                    condition,
                    verdict,
                    message: message.clone(),
                    hint: hint.clone(),
                });
            }
        }
        compiled
    }

    fn condition(&mut self, when: &At<String>) -> Option<Condition> {
        match Condition::new(when) {
            Ok(condition) => Some(condition),
            Err(problems) => {
                for problem in problems {
                    self.report(within(self.text, when, problem.offset), problem.message);
                }
                None
            }
        }
    }

    fn hold(&mut self, hold: &HoldDocument) -> HoldSpec {
        let HoldDocument {
            approvers,
            timeout,
            mode,
        } = hold;
        let approvers = self.each(Some(approvers), "approvers", |name: &String| {
            if name.is_empty() || name.contains(char::is_whitespace) {
                Err("expected an approver, such as `group:compliance` or `user:alice`".to_owned())
            } else {
                Ok(name.clone())
            }
        });
        let timeout = match timeout {
            None => HoldSpec::TIMEOUT,
            Some(text) => match duration(text) {
                Ok(timeout) => timeout,
                Err(message) => {
                    self.report(text.place(), message);
                    HoldSpec::TIMEOUT
                }
            },
        };
        HoldSpec {
            approvers,
            timeout,
            mode: *mode,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let days = SpanRelativeTo::days_are_24_hours();
    let parsed = text.parse::<Span>().and_then(|span| span.to_duration(days)).ok();
    match parsed.and_then(|parsed| Duration::try_from(parsed).ok()) {
        Some(duration) if !duration.is_zero() && duration <= LONGEST_HOLD => Ok(duration),
        Some(_) => Err(format!(
            "`{text}` is out of range; expected more than nothing and at most 7d"
        )),
        None => Err(format!(
            "`{text}` is not a duration; expected such as `90s`, `5m` or `1h 30m`"
        )),
    }
}

#[cfg(test)]
mod tests;
