//! Rules about a result, asked while it streams.

use interdict_sql::{Effects, Relation};

use crate::condition::{Counts, Scope, Variable, Variables};
use crate::effective::{Effective, Step, failed, ruled};
use crate::grant::Granted;
use crate::request::{Decision, HttpRequest, Identity, Request, Verdict};

/// The rules about a result that could still decide over one statement.
///
/// The pump compares its counts with [`Self::next_rows`] and [`Self::next_bytes`] and calls [`Self::check`] when one is
/// reached; before the row that would pass it is sent, so that what a rule refuses has not left yet.
#[derive(Debug)]
pub struct ResultWatch {
    effective: Effective,
    steps: Vec<Step>,
    request: Retained,
    /// The most rows that the grant allows under which the statement runs.
    most: Option<u64>,
    next_rows: u64,
    next_bytes: u64,
}

impl ResultWatch {
    pub(crate) fn new(
        effective: Effective,
        steps: Vec<Step>,
        grant: Option<&Granted>,
        request: &Request<'_>,
    ) -> Self {
        let rules = steps.iter().filter_map(|step| effective.rule(*step));
        let variables = rules.fold(Variables::default(), |all, (_, rule)| {
            all.union(rule.condition.variables())
        });
        let mut watch = Self {
            request: Retained::new(request, variables),
            effective,
            steps,
            most: grant.and_then(|granted| granted.grant().rows),
            next_rows: 0,
            next_bytes: 0,
        };
        watch.plan(0, 0);
        watch
    }

    /// Ask when so many rows are about to have been sent; [`u64::MAX`]: never.
    pub fn next_rows(&self) -> u64 {
        self.next_rows
    }

    /// Ask when so many bytes are about to have been sent; [`u64::MAX`]: never.
    pub fn next_bytes(&self) -> u64 {
        self.next_bytes
    }

    /// Whether a rule could make the result wait for a person.
    pub fn may_hold(&self) -> bool {
        let mut rules = self.steps.iter().filter_map(|step| self.effective.rule(*step));
        rules.any(|(_, rule)| matches!(rule.verdict, Verdict::Hold(_)))
    }

    /// Forgets the rules that would make the result wait: a person has let it go on.
    pub fn forget_holds(&mut self) {
        let effective = &self.effective;
        self.steps.retain(|step| {
            let rule = effective.rule(*step);
            !rule.is_some_and(|(_, rule)| matches!(rule.verdict, Verdict::Hold(_)))
        });
        self.plan(0, 0);
    }

    /// Whether a count has reached a point at which to ask.
    pub fn due(&self, rows: u64, bytes: u64) -> bool {
        rows >= self.next_rows || bytes >= self.next_bytes
    }

    /// The decision about a result that has come to so many rows and bytes; `None`: it goes on.
    ///
    /// After a decision the rule that made it, and those after it, are done: if the result goes on (a hold that was
    /// approved), only rules before it are asked again.
    pub fn check(&mut self, rows: u64, bytes: u64) -> Option<Decision> {
        let mut decided = None;
        {
            let request = self.request.as_request();
            let mut scope = Scope::with_counts(&request, Counts { rows, bytes });
            for (index, step) in self.steps.iter().enumerate() {
                let Some((policy, rule)) = self.effective.rule(*step) else {
                    continue;
                };
                match rule.condition.evaluate(&mut scope) {
                    Ok(false) => {}
                    // It shadows the rules after it, for as long as it is true.
                    Ok(true) if rule.verdict == Verdict::Allow => break,
                    Ok(true) => {
                        decided = Some((index, ruled(policy, rule)));
                        break;
                    }
                    Err(failure) => {
                        decided = Some((index, failed(policy, rule, &failure)));
                        break;
                    }
                }
            }
        }
        let mut decision = decided.map(|(index, decision)| {
            self.steps.truncate(index);
            decision
        });
        if let Some(most) = self.most.filter(|most| rows > *most) {
            decision = Some(Decision {
                verdict: Verdict::Deny,
                rule: Some(Decision::GRANT.into()),
                message: Some(format!("the grant is for {most} rows at most")),
                ..Decision::allow()
            });
        }
        self.plan(rows, bytes);
        decision
    }

    fn plan(&mut self, rows: u64, bytes: u64) {
        let changes = || {
            self.steps
                .iter()
                .filter_map(|step| self.effective.rule(*step))
                .filter_map(|(_, rule)| rule.condition.changes())
        };
        let next_rows = changes().map(|changes| changes.rows_after(rows)).min();
        let next_bytes = changes().map(|changes| changes.bytes_after(bytes)).min();
        let most = self.most.map(|most| most.saturating_add(1));
        self.next_rows = next_rows.into_iter().chain(most).min().unwrap_or(u64::MAX);
        self.next_bytes = next_bytes.unwrap_or(u64::MAX);
    }
}

/// What the watched conditions need of a request once it is gone.
#[derive(Debug, Default)]
struct Retained {
    identity: Identity,
    service: String,
    protocol: String,
    database: String,
    db_user: String,
    application: String,
    kind: String,
    effects: Effects,
    relations: Vec<Relation>,
    masked_columns: Vec<String>,
    http: Option<HttpRequest>,
    parameters: Vec<Option<String>>,
    text: String,
    complete: bool,
}

impl Retained {
    /// Copies only what `used` names: most conditions about a result are about nothing else.
    fn new(request: &Request<'_>, used: Variables) -> Self {
        let text = |variable, value: &str| {
            if used.contains(variable) {
                value.to_owned()
            } else {
                String::new()
            }
        };
        let relations = used.contains(Variable::Relations) || used.contains(Variable::Tables);
        Self {
            identity: if used.contains(Variable::Identity) {
                request.identity.clone()
            } else {
                Identity::default()
            },
            service: text(Variable::Service, request.service),
            protocol: text(Variable::Protocol, request.protocol),
            database: text(Variable::Database, request.database),
            db_user: text(Variable::User, request.db_user),
            application: text(Variable::Application, request.application),
            kind: text(Variable::Kind, request.kind),
            effects: request.effects,
            relations: if relations {
                request.relations.to_vec()
            } else {
                Vec::new()
            },
            masked_columns: if used.contains(Variable::MaskedColumns) {
                request.masked_columns.to_vec()
            } else {
                Vec::new()
            },
            http: request.http.filter(|_| used.contains(Variable::Http)).cloned(),
            parameters: if used.contains(Variable::Parameters) {
                request.parameters.to_vec()
            } else {
                Vec::new()
            },
            text: text(Variable::Statement, request.text),
            complete: request.complete,
        }
    }

    fn as_request(&self) -> Request<'_> {
        Request {
            identity: &self.identity,
            service: &self.service,
            protocol: &self.protocol,
            database: &self.database,
            db_user: &self.db_user,
            application: &self.application,
            kind: &self.kind,
            effects: self.effects,
            relations: &self.relations,
            masked_columns: &self.masked_columns,
            http: self.http.as_ref(),
            parameters: &self.parameters,
            text: &self.text,
            complete: self.complete,
            gaps: &[],
            grants: &[],
        }
    }
}

#[cfg(test)]
mod tests;
