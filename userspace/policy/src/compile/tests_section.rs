//! The `tests` of a policy.

use interdict_api::{Profile, Written};

use crate::document::{ExpectedDecision, RuleDocument, TestDocument};
use crate::place::At;
use crate::request::{Decision, Identity};
use crate::testing::{Test, origin};
use crate::words::{nearest, one_of};

use super::Compiler;

impl Compiler<'_> {
    pub(super) fn tests(&mut self, tests: &[At<TestDocument>], rules: &[RuleDocument]) -> Vec<Test> {
        tests.iter().map(|test| self.test(test, rules)).collect()
    }

    fn test(&mut self, test: &At<TestDocument>, rules: &[RuleDocument]) -> Test {
        let place = test.place();
        let TestDocument {
            statement,
            profile,
            service,
            database,
            user,
            application,
            identity,
            parameters,
            rows,
            bytes,
            columns,
            expect,
        } = &**test;
        if statement.trim().is_empty() {
            self.report(statement.place(), "the statement is empty");
        }
        let http = profile.as_ref().and_then(|profile| {
            let parsed = profile.parse::<Profile>();
            let written = Written::parse(statement);
            match (parsed, written) {
                (Ok(profile), Ok(written)) => Some((profile, written)),
                (Err(error), _) => {
                    self.report(profile.place(), error.to_string());
                    None
                }
                (_, Err(expected)) => {
                    self.report(statement.place(), expected);
                    None
                }
            }
        });
        if http.is_some() && (columns.is_some() || expect.masked.is_some()) {
            self.report(
                place,
                "what is masked of an answer is not known without it: leave out `columns` and `masked`",
            );
        }
        let columns = columns.as_ref().map(|columns| {
            let mut origins = Vec::new();
            for column in columns.iter() {
                match origin(column) {
                    Some(origin) => origins.push(origin),
                    None => {
                        self.report(
                            column.place(),
                            "expected a column of the result as [schema.]table.column",
                        );
                    }
                }
            }
            origins
        });
        if let Some(rule) = &expect.rule {
            self.expected_rule(rule, rules);
        }
        let passes = matches!(*expect.decision, ExpectedDecision::Allow | ExpectedDecision::Mask);
        if let Some(masked) = &expect.masked {
            if !passes {
                self.report(
                    masked.place(),
                    "nothing is masked of a statement that does not pass; remove `masked`",
                );
            } else if masked.is_empty() && *expect.decision == ExpectedDecision::Mask {
                self.report(masked.place(), "`decision: mask` expects something to be masked");
            }
        }
        Test {
            line: place.line,
            column: place.column,
            statement: statement.to_string(),
            http,
            service: service.clone(),
            database: database.clone().unwrap_or_else(|| "test".to_owned()),
            user: user.clone().unwrap_or_else(|| "test".to_owned()),
            application: application.clone().unwrap_or_default(),
            identity: identity.clone().map(|mut facts| {
                let name = facts.remove("name").unwrap_or_else(|| "test".to_owned());
                Identity { name, facts }
            }),
            parameters: parameters.to_vec(),
            rows: *rows,
            bytes: *bytes,
            columns,
            decision: *expect.decision,
            masked: expect.masked.as_ref().map(|masked| masked.to_vec()),
            rule: expect.rule.as_ref().map(|rule| rule.to_string()),
        }
    }

    fn expected_rule(&mut self, rule: &At<String>, rules: &[RuleDocument]) {
        let own = [Decision::DEFAULT, Decision::UNCERTAIN];
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).chain(own).collect();
        if names.contains(&rule.as_str()) {
            return;
        }
        let expected = match nearest(rule, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected {}", one_of(names)),
        };
        self.report(
            rule.place(),
            format!("the policy has no rule `{}`; {expected}", rule.as_str()),
        );
    }
}
