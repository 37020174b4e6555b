//! The console: where it listens, and what it asks of the daemon.

mod issuer;

use std::sync::Arc;

use anyhow::Context as _;
use interdict_approvals::{Approval, Listed, NewGrant, Person, Say};
use interdict_console::{
    Answer, Config, Console, Kind, Office, PolicyInForce, Quarantined, Question, Refusal, Status,
};
use interdict_policy::Explanation;
use interdict_record::LedgerEntry;
use interdict_session::Shared;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::issuer::Known;
use super::office;
use super::operator::Operator;
use crate::admin::{self, Handler as _, RefusalKind};
use crate::explain::{self, Asked};
use crate::settings::{Service, Settings};

/// Listens where the settings have a console.
pub(super) async fn open(
    settings: &Settings,
    operator: &Arc<Operator>,
    shared: &Arc<Shared>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let Some(console) = &settings.admin.console else {
        return Ok(());
    };
    let tls = console.tls.as_ref().map(|tls| {
        let required = console.oidc.is_none();
        Config::tls(&tls.certificate, &tls.key, tls.client_ca.as_deref(), required)
    });
    let issuer = console.oidc.as_ref().map(Known::new).transpose();
    let config = Config {
        listen: console.listen,
        public: console.url.clone(),
        tls: tls.transpose().context("admin.console.tls")?,
        certificates: console.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()),
        issuer: issuer
            .context("admin.console.oidc")?
            .map(|known| Arc::new(known) as Arc<dyn interdict_console::Issuer>),
        roles: console.roles.clone(),
        lifetimes: console.lifetimes,
    };
    let desk = Daemon {
        operator: Arc::clone(operator),
        shared: Arc::clone(shared),
        services: settings.services.clone(),
    };
    let listener = TcpListener::bind(console.listen).await;
    let listener = listener.with_context(|| format!("listening on {} (`admin.console`)", console.listen))?;
    tracing::info!(url = config.url(), "the console listens");
    let console = Arc::new(Console::new(config, Arc::new(desk), &settings.audit.directory));
    operator.open_console(&console);
    tasks.spawn(interdict_console::serve(listener, console));
    Ok(())
}

/// The daemon, as the console asks it.
struct Daemon {
    operator: Arc<Operator>,
    shared: Arc<Shared>,
    services: Vec<Service>,
}

fn refusal(refusal: admin::Refusal) -> Refusal {
    let kind = match refusal.kind {
        RefusalKind::NotFound | RefusalKind::UnknownWorkload => Kind::NotFound,
        RefusalKind::NotPermitted => Kind::NotPermitted,
        RefusalKind::Invalid | RefusalKind::TooLate | RefusalKind::NotQuarantined => Kind::Invalid,
        RefusalKind::Unavailable => Kind::Unavailable,
        _ => Kind::Failed,
    };
    Refusal::new(kind, refusal.message)
}

fn refused(refused: &interdict_approvals::Refused) -> Refusal {
    refusal(office::refusal(refused))
}

impl Office for Daemon {
    fn status(&self) -> Answer<'_, Status> {
        Box::pin(async {
            let status = self.operator.status().await.map_err(refusal)?;
            let health = self.operator.audit.health();
            Ok(Status {
                release: status.release,
                ready: status.ready,
                mode: status.mode,
                uptime: status.uptime_seconds,
                sessions: status.sessions,
                waiting: status.approvals,
                workloads: status.workloads,
                services: status.services,
                attention: status.attention,
                journal: health
                    .journal
                    .map(|why| format!("the journal can't be written, statements are refused: {why}")),
                segments: health
                    .segments
                    .map(|why| format!("segments can't be sealed: {why}")),
            })
        })
    }

    fn ledger(&self) -> Answer<'_, Vec<LedgerEntry>> {
        Box::pin(async { self.operator.ledger().await.map_err(refusal) })
    }

    fn quarantined(&self) -> Answer<'_, Vec<Quarantined>> {
        Box::pin(async {
            let list = self.operator.quarantine_list().await.map_err(refusal)?;
            let one = |one: admin::Quarantined| Quarantined {
                workload: one.workload,
                since: one.since,
                by: one.by,
            };
            Ok(list.into_iter().map(one).collect())
        })
    }

    fn quarantine<'a>(&'a self, person: &'a Person, workload: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let cut = self.operator.put_aside(person.into(), workload).await;
            cut.map(drop).map_err(refusal)
        })
    }

    fn lift<'a>(&'a self, person: &'a Person, workload: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let lifted = self.operator.let_back(person.into(), workload).await;
            lifted.map_err(refusal)
        })
    }

    fn approvals(&self, past: bool) -> Vec<Approval> {
        self.operator.office.desk.list(past)
    }

    fn approval(&self, id: Uuid) -> Result<Approval, Refusal> {
        let found = self.operator.office.desk.find(&id.to_string());
        found.map_err(|error| refused(&error))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.operator.office.desk.changes()
    }

    fn decide<'a>(&'a self, person: &'a Person, id: Uuid, say: Say) -> Answer<'a, Approval> {
        Box::pin(async move {
            office::check_grant(&say).map_err(refusal)?;
            tracing::info!(person = person.name, approval = %id, approve = say.approve, "somebody decides in the console");
            let approval = self.operator.office.desk.say(&id.to_string(), person, say).await;
            approval
                .map(|approval| (*approval).clone())
                .map_err(|error| refused(&error))
        })
    }

    fn grants(&self, all: bool) -> Answer<'_, Vec<Listed>> {
        Box::pin(async move { Ok(self.operator.office.grants.list(all).await) })
    }

    fn mint<'a>(&'a self, person: &'a Person, grant: NewGrant) -> Answer<'a, Listed> {
        Box::pin(async move {
            let minted = self.operator.office.grants.create(grant, person).await;
            minted.map_err(|error| refused(&error))
        })
    }

    fn revoke<'a>(&'a self, person: &'a Person, id: Uuid, reason: &'a str) -> Answer<'a, Listed> {
        Box::pin(async move {
            let grants = &self.operator.office.grants;
            let revoked = grants.revoke(&id.to_string(), person, reason).await;
            revoked.map_err(|error| refused(&error))
        })
    }

    fn review<'a>(&'a self, person: &'a Person, id: Uuid, reason: &'a str) -> Answer<'a, Listed> {
        Box::pin(async move {
            let grants = &self.operator.office.grants;
            let reviewed = grants.review(&id.to_string(), person, reason).await;
            reviewed.map_err(|error| refused(&error))
        })
    }

    fn policies(&self) -> Vec<PolicyInForce> {
        let policies = self.shared.policies.load();
        let sources = policies.sources().map(|source| PolicyInForce {
            name: source.name.to_owned(),
            path: source.path.display().to_string(),
            digest: source.digest.to_owned(),
            text: source.text.to_owned(),
        });
        sources.collect()
    }

    fn services(&self) -> Vec<String> {
        self.services.iter().map(|service| service.name.clone()).collect()
    }

    fn explain(&self, question: &Question) -> Result<Explanation, Refusal> {
        let known = self.services.iter().find(|one| one.name == question.service);
        let known = known.ok_or_else(|| {
            let names = self.services().join(", ");
            Refusal::new(
                Kind::NotFound,
                format!(
                    "there is no service `{}`: expected one of {names}",
                    question.service
                ),
            )
        })?;
        let asked = Asked {
            service: &question.service,
            protocol: known.protocol,
            profile: &known.profile,
            identity: question.identity.clone(),
            database: &question.database,
            user: &question.user,
            statement: &question.statement,
        };
        explain::explain(&self.shared.policies.load(), asked)
            .map_err(|error| Refusal::new(Kind::Invalid, format!("{error:#}")))
    }

    fn note<'a>(&'a self, person: &'a Person, kind: &'a str, message: String) -> Answer<'a, ()> {
        Box::pin(async move {
            self.operator
                .record(kind, person, message, "")
                .await
                .map_err(refusal)
        })
    }
}
