//! Descriptions of results, and what is planned from them.

use std::sync::Arc;

use interdict_policy::{Decision, Verdict};
use interdict_record::Micros;
use interdict_wire::postgres::backend::{Message, RowDescription};

use super::Show;
use crate::output::Output;
use crate::postgres::form;
use crate::postgres::opinion::Shown;
use crate::postgres::pending::Pending;
use crate::postgres::result::{Plan, PlanInput};
use crate::postgres::{Engine, front_run};
use crate::refusal::{Kind, Refusal};
use crate::session::{Carrying, MASKING};

impl Engine {
    fn plan(
        &mut self,
        description: RowDescription<'_>,
        carrying: &Carrying,
        out: &mut Output,
    ) -> Option<Arc<Shown>> {
        let map = self
            .session
            .held_map()
            .filter(|_| self.session.effective.masks_columns());
        if self.session.effective.masks_columns() && map.is_none() && !carrying.mask_all {
            // Nothing was within reach of masks when it was judged, and now masks are in force.
            self.give_up(changed("the policy changed while the statement ran"), out);
            return None;
        }
        let effective = self.session.effective.clone();
        let input = PlanInput {
            map: map.as_ref(),
            detection: effective.detection(),
            carrying,
            bearers: self.session.bearers(),
        };
        // What others are asked about is made ready for each result.
        let alone = effective.opinions().is_empty();
        if alone && let Some(shown) = self.planned.find(description, &input) {
            return Some(Arc::clone(shown));
        }
        match Plan::new(description, &input) {
            Ok(plan) => {
                let shown = Arc::new(self.shown(plan, description));
                if alone {
                    self.planned.keep(description, input, &shown);
                }
                Some(shown)
            }
            Err(untraceable) => {
                self.session.schema_changed();
                let what = format!(
                    "output column \"{}\" can't be traced to columns that may be shown",
                    untraceable.label
                );
                self.give_up(changed(&what), out);
                None
            }
        }
    }

    /// Refuses a result when its statement already runs: nothing more of it is shown.
    fn give_up(&mut self, refusal: Refusal, out: &mut Output) {
        out.to_client.extend_from_slice(&form::error(&refusal));
        if let Some(run) = front_run(&mut self.pending) {
            let decision = Decision {
                verdict: Verdict::Deny,
                rule: Some(MASKING.into()),
                message: Some(refusal.message.clone()),
                ..Decision::allow()
            };
            run.stopped = Some((decision, refusal));
        }
        self.muted = true;
    }

    pub(super) fn row_description(
        &mut self,
        description: RowDescription<'_>,
        now: Micros,
        out: &mut Output,
    ) -> Show {
        match self.pending.front() {
            Some(Pending::DescribeStatement) => {
                self.pending.pop_front();
                Show::Pass
            }
            Some(Pending::DescribePortal {
                portal,
                ours,
                carrying,
            }) => {
                let (portal, ours, carrying) = (portal.clone(), *ours, carrying.clone());
                self.pending.pop_front();
                if let Some(carrying) = carrying
                    && let Some(plan) = self.plan(description, &carrying, out)
                {
                    self.plans.insert(portal, plan);
                }
                if ours || self.muted {
                    Show::Hide
                } else {
                    Show::Pass
                }
            }
            Some(Pending::Query { runs, .. }) => {
                let Some(run) = runs.front() else {
                    self.desynchronised("server", &"a result without a statement", out);
                    return Show::Hide;
                };
                let (planned, carrying) = (run.planned, run.carrying.clone());
                let plan = if planned {
                    self.plan(description, &carrying, out)
                } else {
                    None
                };
                if let Some(run) = front_run(&mut self.pending) {
                    run.tally.first_byte_at.get_or_insert(now);
                    if plan.is_none() {
                        run.tally.columns = labels(description);
                    }
                    run.plan = plan;
                }
                if self.muted { Show::Hide } else { Show::Pass }
            }
            _ => {
                self.desynchronised("server", &"RowDescription where it was not expected", out);
                Show::Hide
            }
        }
    }

    pub(super) fn described(&mut self, message: &Message<'_>) -> Show {
        match (self.pending.front(), message) {
            (Some(Pending::DescribeStatement), Message::NoData) => {
                self.pending.pop_front();
                Show::Pass
            }
            (Some(Pending::DescribePortal { ours, portal, .. }), Message::NoData) => {
                let ours = *ours;
                let portal = portal.clone();
                self.pending.pop_front();
                self.plans
                    .insert(portal, Arc::new(Shown::by_plan_alone(Plan::nothing())));
                if ours { Show::Hide } else { Show::Pass }
            }
            _ => Show::Pass,
        }
    }
}

pub(super) fn changed(what: &str) -> Refusal {
    Refusal::new(
        Kind::Refused,
        format!("interdict: {what}, so its result is not shown"),
        Some("repeat the statement".to_owned()),
    )
}

fn labels(description: RowDescription<'_>) -> Vec<interdict_record::Column> {
    description
        .iter()
        .map(|field| interdict_record::Column {
            label: String::from_utf8_lossy(field.name).into_owned(),
            ..interdict_record::Column::default()
        })
        .collect()
}
