//! One statement, one decision: the policy's, and what masking itself needs to hold.

use std::sync::Arc;

use interdict_policy::{Decision, Request, ResultWatch, Verdict};
use interdict_record::Micros;
use interdict_sql::{Access, Analysis, Control, Effect, Effects, Gap, Statement};

use super::Engine;
use super::refusal::{REFUSED, Refusal, SYNTAX};
use crate::catalogue::MaskMap;

/// What is to become of a statement.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) decision: Decision,
    /// Set if it is refused.
    pub(super) refusal: Option<Refusal>,
    /// A masked value may be within its reach.
    pub(super) sensitive: bool,
    /// An output column without an origin could carry a masked value.
    pub(super) carries: bool,
    /// Every output column is to be masked.
    pub(super) mask_all: bool,
    /// Rules about the size of the result.
    pub(super) watch: Option<ResultWatch>,
}

/// The rule's name where masking itself refuses.
const MASKING: &str = "interdict:masking";
/// The rule's name where a default of the product refuses.
const DEFAULT: &str = "interdict:default";

/// What is refused unless a rule allows it.
const REFUSED_BY_DEFAULT: [Effect; 3] = [Effect::ServerFile, Effect::Program, Effect::Replication];

/// The planner's statistics: they hold values of every column.
const STATISTICS: [&str; 5] = [
    "pg_stats",
    "pg_statistic",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
    "pg_statistic_ext_data",
];

/// Encodings in which a byte of ASCII may be part of another character, so that quotes can't be trusted.
const UNSAFE_ENCODINGS: [&str; 7] = ["SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004"];

impl Engine {
    /// Judges every statement of a text. The first that is refused decides for all.
    pub(super) fn judge(
        &self,
        analysis: &Analysis,
        text: &str,
        parameters: &[Option<String>],
        map: Option<&MaskMap>,
    ) -> Vec<Judgement> {
        analysis
            .statements
            .iter()
            .map(|statement| {
                let part = text.get(statement.range.clone()).unwrap_or(text);
                self.judge_one(statement, part, parameters, map)
            })
            .collect()
    }

    fn judge_one(
        &self,
        statement: &Statement,
        text: &str,
        parameters: &[Option<String>],
        map: Option<&MaskMap>,
    ) -> Judgement {
        let reach = map.map(|map| self.reach(statement, map, 0)).unwrap_or_default();
        let masked = match map {
            Some(map) if reach.sensitive => map.masked_of(statement.relations.iter()),
            _ => Vec::new(),
        };
        let request = Request {
            identity: &self.context.identity,
            service: &self.context.service,
            protocol: "postgres",
            database: &self.key.database,
            db_user: &self.startup.user,
            application: &self.startup.application,
            kind: statement.kind,
            effects: statement.effects,
            relations: &statement.relations,
            masked_columns: &masked,
            parameters,
            text,
            complete: statement.complete(),
            gaps: &statement.gaps,
        };
        let (decision, watch) = self.effective.judge(&request);
        let mask_all = decision.mask_all;
        let mut judgement = Judgement {
            refusal: None,
            sensitive: reach.sensitive || mask_all,
            carries: reach.carries,
            mask_all,
            watch,
            decision,
        };
        refuse_if_denied(&mut judgement, &statement.gaps);
        if judgement.refusal.is_none() {
            guard_defaults(&mut judgement, statement.effects);
        }
        if judgement.refusal.is_none() {
            self.guard_masks(&mut judgement, statement);
        }
        judgement
    }

    /// What masks need so that they hold. The masking of derived values is not built yet, so these refuse more than
    /// will be needed.
    fn guard_masks(&self, judgement: &mut Judgement, statement: &Statement) {
        let own = match &statement.control {
            Control::Set(setting) => Some(setting),
            _ => None,
        };
        for setting in own.into_iter().chain(&statement.settings) {
            self.guard_setting(judgement, &setting.name, setting.value.as_deref());
        }
        let statistics = statement
            .relations
            .iter()
            .find(|relation| STATISTICS.contains(&relation.name.as_str()));
        if let Some(relation) = statistics.filter(|_| self.effective.masks_columns()) {
            judgement.refuse(
                MASKING,
                format!(
                    "{} holds samples of columns, masked ones among them",
                    relation.name
                ),
                "sizes and row counts are in pg_class and pg_stat_user_tables".to_owned(),
            );
            return;
        }
        if !judgement.sensitive || judgement.mask_all || !self.effective.masks_columns() {
            return;
        }
        if statement.stores_what_it_reads && judgement.carries {
            judgement.refuse(
                MASKING,
                "the statement would store masked columns where their masks do not follow".to_owned(),
                "name only columns that are not masked".to_owned(),
            );
        } else if statement.effects.contains(Effect::Alter) {
            judgement.refuse(
                MASKING,
                "the statement would change a relation whose columns are masked".to_owned(),
                "schema changes of masked relations are made by an operator, outside the proxy".to_owned(),
            );
        } else if statement.effects.contains(Effect::CopyOut) && judgement.carries {
            judgement.refuse(
                MASKING,
                "COPY of masked columns is refused".to_owned(),
                "read them with SELECT, which masks them, or name only other columns: COPY table (column, …) TO STDOUT".to_owned(),
            );
        }
    }

    /// Settings that change what a statement's text means are not changed under a policy.
    fn guard_setting(&self, judgement: &mut Judgement, name: &str, value: Option<&str>) {
        if !self.effective.needs_analysis() {
            return;
        }
        let value = value.unwrap_or_default();
        let off = matches!(
            value.to_ascii_lowercase().as_str(),
            "off" | "false" | "no" | "0" | "f" | "n"
        );
        let unsafe_encoding = UNSAFE_ENCODINGS
            .iter()
            .any(|encoding| value.eq_ignore_ascii_case(encoding));
        let refused = match name.to_ascii_lowercase().as_str() {
            "standard_conforming_strings" => off,
            "client_encoding" | "names" => unsafe_encoding,
            _ => false,
        };
        if refused {
            judgement.refuse(
                DEFAULT,
                format!("{name} = {value} would make statements unreadable for the policy"),
                "leave the setting as it is; UTF8 and standard strings serve every client".to_owned(),
            );
        }
    }

    /// Whether a masked value is within a statement's reach, and whether columns without an origin could carry one.
    fn reach(&self, statement: &Statement, map: &MaskMap, depth: u8) -> Reach {
        let spoken = match &statement.control {
            Control::Execute { name } | Control::Fetch { name, .. } => Some(name),
            _ => None,
        };
        if let Some(name) = spoken {
            let known = self.lookup_spoken(name);
            // What a name stands for may itself be an EXECUTE; PostgreSQL has no recursion here, so a few steps suffice.
            if known.is_empty() || depth > 4 {
                return Reach {
                    sensitive: true,
                    carries: true,
                };
            }
            let statements = known.iter().flat_map(|analysis| &analysis.statements);
            return statements.fold(Reach::default(), |reach, inner| {
                reach.or(self.reach(inner, map, depth + 1))
            });
        }
        let mut reach = Reach::default();
        for relation in &statement.relations {
            let by_name = map.is_sensitive(relation);
            let by_pattern = !map.knows(relation)
                && relation.access != Access::Define
                && self.effective.may_mask_relation(
                    &self.key.database,
                    relation.schema.as_deref(),
                    &relation.name,
                );
            if by_name || by_pattern {
                reach.sensitive = true;
                reach.carries |= by_pattern || map.is_derived(relation);
            }
        }
        reach.carries |= reach.sensitive
            && map
                .masked_names()
                .iter()
                .any(|name| statement.references.may_mean(name));
        reach
    }

    /// Everything that a name may stand for: what was prepared or declared in SQL, and by the protocol.
    fn lookup_spoken(&self, name: &str) -> Vec<Arc<Analysis>> {
        let mut known = self.spoken.get(name).cloned().unwrap_or_default();
        known.extend(
            self.names
                .statement(name.as_bytes())
                .map(|prepared| Arc::clone(&prepared.analysis)),
        );
        known
    }

    /// A replication connection begins only if a rule allows it.
    pub(super) fn open_replication(&mut self, now: Micros, out: &mut crate::Output) {
        let mut effects = Effects::default();
        effects.insert(Effect::Replication);
        let judgement = self.judge_bare("replication", effects, "replication start-up");
        let refusal = judgement.refusal.clone();
        self.record_bare(
            "replication",
            "replication start-up",
            effects,
            &judgement,
            now,
            out,
        );
        if let Some(refusal) = refusal {
            self.cut(&refusal, crate::EndReason::Refused, out);
        } else {
            out.to_server.extend_from_slice(&self.startup.message);
        }
    }

    /// Judges something that has no statement text.
    pub(super) fn judge_bare(&self, kind: &str, effects: Effects, text: &str) -> Judgement {
        let request = Request {
            identity: &self.context.identity,
            service: &self.context.service,
            protocol: "postgres",
            database: &self.key.database,
            db_user: &self.startup.user,
            application: &self.startup.application,
            kind,
            effects,
            relations: &[],
            masked_columns: &[],
            parameters: &[],
            text,
            complete: true,
            gaps: &[],
        };
        let decision = self.effective.decide(&request);
        let mut judgement = Judgement {
            decision,
            refusal: None,
            sensitive: false,
            carries: false,
            mask_all: false,
            watch: None,
        };
        refuse_if_denied(&mut judgement, &[]);
        if judgement.refusal.is_none() {
            guard_defaults(&mut judgement, effects);
        }
        judgement
    }
}

/// Turns the policy's answer into a refusal, if it is one.
fn refuse_if_denied(judgement: &mut Judgement, gaps: &[Gap]) {
    let decision = &judgement.decision;
    let rule = decision.rule.as_deref().unwrap_or("default");
    let message = decision.message.as_deref().unwrap_or("the statement is refused");
    judgement.refusal = match &decision.verdict {
        Verdict::Allow | Verdict::MaskAll => None,
        Verdict::Deny => {
            let syntax = gaps.iter().find(|gap| matches!(gap, Gap::Unparsable(_)));
            Some(match syntax.filter(|_| rule == Decision::UNCERTAIN) {
                Some(gap) => Refusal::new(
                    SYNTAX,
                    format!("interdict: {gap}"),
                    Some("the statement was not sent; correct it".to_owned()),
                ),
                None => Refusal::new(
                    REFUSED,
                    format!("interdict: {message} (rule {rule})"),
                    decision.hint.clone(),
                ),
            })
        }
        Verdict::Hold(_) => Some(Refusal::new(
            REFUSED,
            format!(
                "interdict: {message} (rule {rule}): it needs a human's approval, and nobody can be asked yet"
            ),
            decision.hint.clone().or_else(|| {
                Some("narrow the statement so that the rule does not apply, or ask an operator".to_owned())
            }),
        )),
    };
}

/// What the product refuses unless a rule allows it.
fn guard_defaults(judgement: &mut Judgement, effects: Effects) {
    let allowed = judgement.decision.verdict == Verdict::Allow && judgement.decision.rule.is_some();
    if let Some(effect) = REFUSED_BY_DEFAULT
        .iter()
        .find(|effect| effects.contains(**effect))
        .filter(|_| !allowed)
    {
        judgement.refuse(
            DEFAULT,
            format!(
                "the effect {} is refused unless a rule allows it",
                effect.as_str()
            ),
            format!(
                "a policy may allow it: when: '\"{}\" in effects', then: allow",
                effect.as_str()
            ),
        );
    }
}

impl Judgement {
    /// Of the engine's own questions.
    pub(super) fn own() -> Self {
        let mut decision = Decision::allow();
        decision.rule = Some("interdict".into());
        Self {
            decision,
            refusal: None,
            sensitive: false,
            carries: false,
            mask_all: false,
            watch: None,
        }
    }

    /// Forgets a refusal by a rule, but not one that masking or a default of the product needs.
    pub(super) fn forget_rules(&mut self) {
        if self
            .decision
            .rule
            .as_deref()
            .is_none_or(|rule| !rule.starts_with("interdict:"))
        {
            self.refusal = None;
        }
    }

    /// Refuses in the product's own name.
    pub(super) fn refuse(&mut self, rule: &str, message: String, hint: String) {
        self.refusal = Some(Refusal::new(REFUSED, format!("interdict: {message}"), Some(hint)));
        self.decision.verdict = Verdict::Deny;
        self.decision.rule = Some(rule.into());
        self.decision.message = Some(message);
    }

    /// Refuses because an output column can't be traced.
    pub(super) fn refuse_column(&mut self, label: &str) {
        self.refuse(
            MASKING,
            format!("output column \"{label}\" is computed from a relation with masked columns and can't be traced"),
            "select masked columns as they are (they come back masked) and compute only from other columns".to_owned(),
        );
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    sensitive: bool,
    carries: bool,
}

impl Reach {
    fn or(self, other: Self) -> Self {
        Self {
            sensitive: self.sensitive || other.sensitive,
            carries: self.carries || other.carries,
        }
    }
}
