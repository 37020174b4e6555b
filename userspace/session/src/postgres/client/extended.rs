//! The extended protocol: a statement is named, bound and run by messages of their own.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_record::Micros;
use interdict_sql::{Analysis, Effects};
use interdict_wire::postgres::frontend::{Bind, Message, Target};

use super::Step;
use crate::output::Output;
use crate::postgres::Engine;
use crate::postgres::names::{Change, Portal, Prepared};
use crate::postgres::parameters::parameters;
use crate::postgres::pending::Pending;
use crate::postgres::sight::Sight;
use crate::session::Asked;

impl Engine {
    pub(super) fn parse(
        &mut self,
        message: &[u8],
        name: Bytes,
        text: Bytes,
        types: Vec<u32>,
        now: Micros,
        out: &mut Output,
    ) -> Step {
        if self.must_settle(out) {
            return Step::Wait;
        }
        self.refresh_policy(now);
        let analysis = self.session.shared.analyzer.postgres(&text, &self.settings);
        let shown = String::from_utf8_lossy(&text).into_owned();
        if let Some(error) = self.foreseen_error.take() {
            self.record_foreseen(&analysis, &shown, &[], &error, now, out);
            self.skipping = true;
            self.answer(BytesMut::from(&error[..]), false, out);
            return Step::Done;
        }
        let map = match self.sight(&analysis, now, out) {
            Sight::Known(map) => map,
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, false, now, out),
        };
        let mut judgements = self.judge(&analysis, &shown, &[], map.as_deref());
        if self.session.effective.decides_on_parameters() {
            // What the policy says needs the values, which come with Bind; what masking says does not.
            for judgement in &mut judgements {
                judgement.forget_rules();
            }
        }
        match self.trace(&mut judgements, &analysis, &text, &types, out) {
            Sight::Known(_) => {}
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, false, now, out),
        }
        if self.must_look_again(&judgements, &analysis, now, out) {
            return Step::Wait;
        }
        if let Some(refused) = judgements.iter().find(|judgement| judgement.refusal.is_some()) {
            self.session
                .record_refused(&Asked::new(&analysis, 0, &shown, &[]), refused, now, out);
            if let Some(refusal) = &refused.refusal {
                self.refuse_extended(refusal, out);
            }
            return Step::Done;
        }
        let sensitive = judgements.iter().any(|judgement| judgement.sensitive);
        let change = Change::Prepare(
            name,
            Arc::new(Prepared {
                text,
                analysis,
                parameter_types: types,
            }),
        );
        self.names.expect(&change);
        self.send(message, Pending::Parse { change, sensitive }, out);
        Step::Done
    }

    pub(super) fn bind(&mut self, message: &[u8], bind: &Bind<'_>, body: &Bytes, out: &mut Output) {
        let statement = self
            .names
            .statement(bind.statement)
            .cloned()
            .unwrap_or_else(|| self.unknown());
        let sensitive = self.may_be_sensitive(&statement.analysis);
        let name = Bytes::copy_from_slice(bind.portal);
        self.described.remove(&name);
        self.session.begin_portions(portal_result(&name));
        let portal = Arc::new(Portal {
            statement,
            bind: body.clone(),
        });
        let change = Change::Bind(name, portal);
        self.names.expect(&change);
        self.send(message, Pending::Bind { change, sensitive }, out);
    }

    pub(super) fn execute(&mut self, message: &[u8], name: &[u8], now: Micros, out: &mut Output) -> Step {
        if self.must_settle(out) {
            return Step::Wait;
        }
        self.refresh_policy(now);
        let portal = self.names.portal(name).cloned();
        let statement = portal
            .as_ref()
            .map_or_else(|| self.unknown(), |portal| Arc::clone(&portal.statement));
        let analysis = Arc::clone(&statement.analysis);
        let shown = String::from_utf8_lossy(&statement.text);
        let parameters = portal.as_deref().map(parameters).unwrap_or_default();
        if let Some(error) = self.foreseen_error.take() {
            self.record_foreseen(&analysis, &shown, &parameters, &error, now, out);
            self.skipping = true;
            self.answer(BytesMut::from(&error[..]), false, out);
            return Step::Done;
        }
        let map = match self.sight(&analysis, now, out) {
            Sight::Known(map) => map,
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, false, now, out),
        };
        let mut judgements = self.judge(&analysis, &shown, &parameters, map.as_deref());
        let copies = match self.trace(
            &mut judgements,
            &analysis,
            &statement.text,
            &statement.parameter_types,
            out,
        ) {
            Sight::Known(copies) => copies,
            Sight::Wait => return Step::Wait,
            Sight::FailedTransaction => return self.refuse_failed(&analysis, &shown, false, now, out),
        };
        if self.must_look_again(&judgements, &analysis, now, out) {
            return Step::Wait;
        }
        self.session
            .guard_values(&mut judgements, &analysis, &shown, &parameters, now, out);
        if parameters.is_empty()
            && !self.session.has_ruling()
            && self.must_plan(&judgements, &analysis, &shown, now, out)
        {
            return Step::Wait;
        }
        let values = portal.as_deref().map(Portal::values).unwrap_or_default();
        let sent: [&[u8]; 2] = [&statement.text, values];
        if self
            .session
            .must_wait(&mut judgements, &analysis, &shown, &parameters, &sent, now, out)
        {
            return Self::wait_for_person(out);
        }
        self.session.end_hold();
        let asked = Asked::new(&analysis, 0, &shown, &parameters);
        if let Some(refused) = judgements.iter().find(|judgement| judgement.refusal.is_some()) {
            self.session.record_refused(&asked, refused, now, out);
            if let Some(refusal) = &refused.refusal {
                self.refuse_extended(refusal, out);
            }
            return Step::Done;
        }
        // An empty statement has no judgement: the server answers EmptyQueryResponse.
        let judgement = judgements
            .into_iter()
            .next()
            .unwrap_or_else(|| self.session.judge_bare("empty", Effects::default(), ""));
        let returns_rows = analysis
            .statements
            .first()
            .is_none_or(|statement| statement.returns_rows_of_relations);
        let portal = Bytes::copy_from_slice(name);
        let described = !self.described.insert(portal.clone()) && !judgement.carrying.mask_all;
        if (self.session.watches_results() || judgement.carrying.mask_all) && returns_rows && !described {
            if (Message::Describe {
                target: Target::Portal,
                name,
            })
            .write(&mut out.to_server)
            .is_err()
            {
                self.desynchronised("client", &"a portal's name is too long", out);
                return Step::Done;
            }
            self.pending.push_back(Pending::DescribePortal {
                portal: portal.clone(),
                ours: true,
                carrying: Some(judgement.carrying.clone()),
            });
        }
        let copied = copies.into_iter().next().flatten();
        let mut run = Box::new(self.begin(&asked, judgement, copied, &analysis, now, out));
        if run.portion.is_none() {
            self.continue_result(&mut run, portal_result(&portal));
        }
        self.session.note_spoken(&analysis, &shown);
        self.send(message, Pending::Execute { portal, run }, out);
        self.executed = true;
        Step::Done
    }

    /// Whether a statement's error texts could quote masked values.
    fn may_be_sensitive(&self, analysis: &Analysis) -> bool {
        match self.session.held_map() {
            Some(map) => {
                !analysis.complete() || analysis.relations().any(|relation| map.is_sensitive(relation))
            }
            None => self.session.effective.masks_columns(),
        }
    }

    /// A statement or portal of which the engine has not seen the text.
    fn unknown(&self) -> Arc<Prepared> {
        // A NUL byte can't be part of a statement, so the analysis says that it knows nothing.
        let analysis = self.session.shared.analyzer.postgres(b"\0", &self.settings);
        Arc::new(Prepared {
            text: Bytes::new(),
            analysis,
            parameter_types: Vec::new(),
        })
    }
}

/// What the result of a portal is counted under.
fn portal_result(portal: &[u8]) -> String {
    format!("portal {}", String::from_utf8_lossy(portal))
}
