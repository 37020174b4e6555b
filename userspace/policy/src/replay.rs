//! What a policy would have made of statements that were recorded.
//!
//! What a statement does (effects, relations, whether all of it was understood) is taken from the record, so that texts of which literals were
//! withheld are judged as they were.

use std::sync::Arc;

use interdict_api::{Profile, Written};
use interdict_sql::{Access, Effect, Effects, Relation};

use crate::effective::Effective;
use crate::grant::{Grant, Granted};
use crate::request::{Decision, HttpRequest, Identity, Request, Verdict};
use crate::set::PolicySet;

/// A statement of the audit, with what is known of its session.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Who asked, facts as far as the audit has them.
    pub identity: Identity,
    /// The service's name.
    pub service: String,
    /// `postgres`, `mysql`, `http` or `opaque`.
    pub protocol: String,
    /// The session's database.
    pub database: String,
    /// The session's user towards the service.
    pub db_user: String,
    /// What the client called itself.
    pub application: String,
    /// The leading verb.
    pub kind: String,
    /// The text as it was kept.
    pub text: String,
    /// Its values as they were kept.
    pub parameters: Vec<Option<String>>,
    /// What it did.
    pub effects: Vec<String>,
    /// What it touched: `[schema.]name`, and `read`, `write` or `define`.
    pub relations: Vec<(String, String)>,
    /// Whether all that it did was understood.
    pub complete: bool,
    /// What came of it.
    pub rows: u64,
    /// Likewise.
    pub bytes: u64,
    /// The origin (`schema.table.column`) and the mask of each output column.
    pub columns: Vec<(Option<String>, Option<String>)>,
    /// A grant let it pass.
    pub granted: bool,
}

/// What a policy makes of a [`Recorded`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// `allow`, `deny`, `hold` or `mask-all`.
    pub decision: &'static str,
    /// The rule that says so.
    pub rule: Option<String>,
    /// The masks of output columns whose origin is known: origin and mask.
    pub masks: Vec<(String, Option<String>)>,
}

impl PolicySet {
    /// Judges a statement of the audit.
    pub fn replay(&self, recorded: &Recorded) -> Replayed {
        let effective = self.effective(&recorded.service, &recorded.identity);
        let effects = Effect::ALL
            .into_iter()
            .filter(|effect| recorded.effects.iter().any(|name| name == effect.as_str()));
        let relations: Vec<Relation> = recorded.relations.iter().map(relation).collect();
        let masks: Vec<_> = recorded
            .columns
            .iter()
            .filter_map(|(origin, _)| origin.as_ref())
            .map(|origin| (origin.clone(), mask(&effective, &recorded.database, origin)))
            .collect();
        let masked: Vec<String> = masks
            .iter()
            .filter(|(_, mask)| mask.is_some())
            .map(|(origin, _)| origin.clone())
            .collect();
        let grants: Vec<Arc<Granted>> = recorded.granted.then(anything).flatten().into_iter().collect();
        let http = http(recorded);
        let request = Request {
            identity: &recorded.identity,
            service: &recorded.service,
            protocol: &recorded.protocol,
            database: &recorded.database,
            db_user: &recorded.db_user,
            application: &recorded.application,
            kind: &recorded.kind,
            effects: effects.fold(Effects::default(), |mut all, effect| {
                all.insert(effect);
                all
            }),
            relations: &relations,
            masked_columns: &masked,
            http: http.as_ref(),
            parameters: &recorded.parameters,
            text: &recorded.text,
            complete: recorded.complete,
            gaps: &[],
            grants: &grants,
        };
        let decision = decide(&effective, &request, recorded);
        Replayed {
            decision: decision.verdict.word(),
            rule: decision.rule.map(|rule| rule.to_string()),
            masks,
        }
    }
}

/// The decision about a statement with a result of that size.
fn decide(effective: &Effective, request: &Request<'_>, recorded: &Recorded) -> Decision {
    let (decision, watch) = effective.judge(request);
    let Some(mut watch) = watch else { return decision };
    loop {
        let rows = watch.next_rows().min(recorded.rows);
        let bytes = watch.next_bytes().min(recorded.bytes);
        if !watch.due(rows, bytes) {
            return decision;
        }
        match watch.check(rows, bytes) {
            Some(changed) if changed.verdict != Verdict::Allow => return changed,
            _ => {}
        }
    }
}

/// The mask of `schema.table.column`.
fn mask(effective: &Effective, database: &str, origin: &str) -> Option<String> {
    let mut parts = origin.rsplitn(3, '.');
    let (column, table) = (parts.next()?, parts.next()?);
    let schema = parts.next().unwrap_or_default();
    let found = effective.column_mask(database, schema, table, column)?;
    Some(found.mask.to_string())
}

fn relation((name, access): &(String, String)) -> Relation {
    let (schema, name) = match name.rsplit_once('.') {
        Some((schema, name)) => (Some(schema.to_owned()), name),
        None => (None, name.as_str()),
    };
    Relation {
        schema,
        name: name.to_owned(),
        access: match access.as_str() {
            "write" => Access::Write,
            "define" => Access::Define,
            _ => Access::Read,
        },
    }
}

/// What conditions see of a request; its headers are not kept.
fn http(recorded: &Recorded) -> Option<HttpRequest> {
    if recorded.protocol != "http" {
        return None;
    }
    let written = Written::parse(&recorded.text).ok()?;
    let analysis = written.analyse(&Profile::Plain).into_iter().next()?;
    Some(HttpRequest::of(&written, &analysis))
}

/// A grant that stands for the one that was there.
fn anything() -> Option<Arc<Granted>> {
    let grant = Grant {
        identities: vec!["*".to_owned()],
        services: vec!["*".to_owned()],
        effects: Effect::ALL
            .iter()
            .map(|effect| effect.as_str().to_owned())
            .collect(),
        ends_at: i64::MAX,
        reason: "replayed".to_owned(),
        ..Grant::default()
    };
    Granted::new(grant).ok().map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::set;

    const POLICY: &str = "name: p
mask:
  - columns: ['patients.ssn']
    with: redact
rules:
  - name: no-deletes
    when: '\"delete\" in effects'
    then: deny
  - name: bulk
    when: 'result.rows > 10'
    then: { hold: { approvers: ['group:dpo'] } }
  - name: drafts
    when: 'protocol == \"http\" && http.path.startsWith(\"/drafts\")'
    then: deny
";

    fn recorded(change: impl FnOnce(&mut Recorded)) -> Recorded {
        let mut recorded = Recorded {
            service: "clinic".to_owned(),
            protocol: "postgres".to_owned(),
            kind: "select".to_owned(),
            effects: vec!["read".to_owned()],
            relations: vec![("public.patients".to_owned(), "read".to_owned())],
            complete: true,
            ..Recorded::default()
        };
        change(&mut recorded);
        recorded
    }

    #[test]
    fn what_was_recorded_is_judged_again() {
        let set = set(&[POLICY]);
        let told = |change: fn(&mut Recorded)| {
            let replayed = set.replay(&recorded(change));
            (replayed.decision, replayed.rule.unwrap_or_default())
        };
        assert_eq!(told(|_| ()), ("allow", String::new()));
        let deletes = |recorded: &mut Recorded| recorded.effects.push("delete".to_owned());
        assert_eq!(told(deletes), ("deny", "no-deletes".to_owned()));
        assert_eq!(told(|recorded| recorded.rows = 10), ("allow", String::new()));
        assert_eq!(told(|recorded| recorded.rows = 11), ("hold", "bulk".to_owned()));
        assert_eq!(
            told(|recorded| {
                recorded.rows = 11;
                recorded.granted = true;
            })
            .0,
            "allow",
            "the grant was for it"
        );
        assert_eq!(
            told(|recorded| recorded.complete = false),
            ("deny", "uncertain".to_owned())
        );
        assert_eq!(
            told(|recorded| {
                "http".clone_into(&mut recorded.protocol);
                "GET https://api/drafts/1".clone_into(&mut recorded.text);
            }),
            ("deny", "drafts".to_owned())
        );
    }

    #[test]
    fn masks_are_those_of_the_new_policy() {
        let replayed = set(&[POLICY]).replay(&recorded(|recorded| {
            recorded.columns = vec![
                (Some("public.patients.ssn".to_owned()), None),
                (Some("public.patients.name".to_owned()), Some("redact".to_owned())),
                (None, None),
            ];
        }));
        assert_eq!(
            replayed.masks,
            [
                ("public.patients.ssn".to_owned(), Some("redact".to_owned())),
                ("public.patients.name".to_owned(), None)
            ]
        );
    }
}
