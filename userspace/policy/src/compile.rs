//! From a policy file's text to a policy, or to everything that is wrong with it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use interdict_masking::{Detection, Keys, Mask, MaskError};
use jiff::{Span, SpanRelativeTo};

use crate::applies::{Applies, IdentityGlob, NameGlob};
use crate::condition::Condition;
use crate::diagnostic::Diagnostic;
use crate::digest::digest;
use crate::document::{
    AppliesDocument, Default_, Document, HoldDocument, MaskDocument, Mode, ProbesDocument, RuleDocument, Then,
};
use crate::pattern::Pattern;
use crate::place::{At, Place, within};
use crate::policy::{ColumnRule, JsonRule, Policy, ProbeBudget, Rule};
use crate::request::{Decision, HoldSpec, Verdict};
use crate::strict::List;

mod opinion;
mod parse;
mod subjects;
mod tests_section;

/// A hold is meant for a person who is at work.
const LONGEST_HOLD: Duration = Duration::from_hours(7 * 24);

/// Where the keys of keyed masks come from.
#[derive(Clone, Copy, Debug)]
pub enum KeySource<'a> {
    /// Nothing is known of keys. Keyed masks stay unbound, and so redact: for tests, which look at no values.
    Offline,
    /// Only the keys' names are known; another name is an error. Keyed masks redact: for checks and explanations.
    Names(&'a BTreeSet<String>),
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
            mode,
            applies,
            default,
            uncertain,
            mask,
            subjects,
            predicates,
            probes,
            lengths,
            rules,
            unknown_content,
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
            dry_run: *mode == Mode::DryRun,
            applies,
            denies_by_default: *default == Default_::Deny,
            uncertain: *uncertain,
            columns: Vec::new(),
            json: Vec::new(),
            detectors: Vec::new(),
            opinions: Vec::new(),
            subjects: Vec::new(),
            predicates: *predicates,
            probes: self.probes(probes),
            lengths: *lengths,
            rules: Vec::new(),
            literals: record.literals,
            unknown_content: *unknown_content,
            tests: Vec::new(),
        };
        for entry in mask.iter() {
            self.mask(entry, &mut policy);
        }
        for entry in subjects.iter() {
            let rules = self.subjects(entry);
            policy.subjects.extend(rules);
        }
        policy.rules = self.rules(rules);
        policy.tests = self.tests(tests, rules);
        policy
    }

    fn probes(&mut self, probes: &ProbesDocument) -> ProbeBudget {
        let standard = ProbeBudget::default();
        let per = match probes.per.as_ref().map(|per| (per, duration(per))) {
            Some((_, Ok(per))) => per,
            Some((text, Err(error))) => {
                self.report(text.place(), error);
                standard.per
            }
            None => standard.per,
        };
        ProbeBudget {
            distinct: probes.distinct.unwrap_or(standard.distinct),
            per,
        }
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
            opinion,
            with,
            predicates,
        } = &**entry;
        let mask = self.bound(with);
        let given = [
            columns.as_ref().map(|given| ("columns", given.place())),
            detect.as_ref().map(|given| ("detect", given.place())),
            opinion.as_ref().map(|given| ("opinion", given.place())),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (None, _) => self.report(
                entry.place(),
                "a mask names nothing; expected `columns`, `detect` or `opinion`",
            ),
            (Some((first, _)), Some((second, place))) => self.report(
                place,
                format!("`{first}` and `{second}` are given together; expected one of them an entry"),
            ),
            (Some(_), None) => {}
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
                        predicates: *predicates,
                    });
                }
                Pattern::Json(pattern) => policy.json.push(JsonRule { pattern, mask }),
            }
        }
        let detectors = self.each(detect.as_ref(), "detect", |spec| {
            let entry = (spec.clone(), mask.clone());
            Detection::new(std::slice::from_ref(&entry))
                .map(|_| entry)
                .map_err(|error| {
                    // Of a pattern's error, the drawing is left out.
                    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
                })
        });
        policy.detectors.extend(detectors);
        if let Some(opinion) = opinion {
            let opinion = self.opinion(opinion, &mask, policy);
            policy.opinions.push(opinion);
        }
    }

    fn bound(&mut self, with: &At<Mask>) -> Mask {
        let mask = Mask::clone(with);
        let bound = match (self.keys, mask.unbound_key()) {
            (KeySource::Keys(keys), _) => mask.bind(keys),
            (KeySource::Names(names), Some(name)) if !names.contains(name) => Err(MaskError::UnknownKey {
                name: name.to_owned(),
            }),
            (KeySource::Names(_) | KeySource::Offline, _) => Ok(mask),
        };
        bound.unwrap_or_else(|error| {
            self.report(with.place(), error.to_string());
            Mask::Redact
        })
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
            quorum,
            plan,
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
        let quorum = match quorum {
            None => 1,
            Some(quorum) if (1..=16).contains(&**quorum) => **quorum,
            Some(quorum) => {
                self.report(
                    quorum.place(),
                    format!("`{}` is out of range; expected 1 to 16 people", **quorum),
                );
                1
            }
        };
        HoldSpec {
            approvers,
            timeout,
            mode: *mode,
            quorum,
            plan: *plan,
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
