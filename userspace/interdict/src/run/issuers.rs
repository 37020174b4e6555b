//! Issuers of tokens: their keys, by the web or as files, and how long they were out of reach.

mod web;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use interdict_audit::Audit;
use interdict_identity::{Concerns, KeySource, Oidc, Provider, TokenSource};
use tokio::runtime::Handle;

use self::web::Published;
pub(super) use self::web::{is_safe, secure};
use crate::record::{event, told};
use crate::settings::{Issuer, IssuerKeys, Settings, TokenPlace};

/// How often keys are fetched when that goes well.
const REFRESH: Duration = Duration::from_mins(30);
/// How often when it does not.
const RETRY: Duration = Duration::from_mins(1);

/// The issuers of the settings; `None` if there is none. `runtime` fetches their keys.
pub(super) fn build(settings: &Settings, runtime: &Handle) -> anyhow::Result<Option<Arc<Oidc>>> {
    let one = |issuer: &Issuer| {
        provider(issuer, runtime).with_context(|| format!("identity.oidc: the issuer {}", issuer.name))
    };
    let providers: Vec<Provider> = settings
        .identity
        .oidc
        .iter()
        .map(one)
        .collect::<anyhow::Result<_>>()?;
    Ok((!providers.is_empty()).then(|| Arc::new(Oidc::new(providers))))
}

fn provider(issuer: &Issuer, runtime: &Handle) -> anyhow::Result<Provider> {
    Ok(Provider {
        name: issuer.name.clone(),
        issuer: issuer.iss.clone(),
        audience: issuer.audience.clone(),
        keys: match &issuer.keys {
            IssuerKeys::File(path) => KeySource::File(path.clone()),
            IssuerKeys::Fetched { url, ca, bearer } => KeySource::Fetched(Arc::new(Published::new(
                runtime.clone(),
                &issuer.iss,
                url.as_deref(),
                ca.as_deref(),
                bearer.as_deref(),
            )?)),
        },
        token: match &issuer.token {
            TokenPlace::Workload(path) => TokenSource::Workload(path.clone()),
            TokenPlace::Host(path) => TokenSource::File(path.clone()),
        },
        required: issuer.required,
        concerns: Concerns {
            workloads: issuer.workloads.clone(),
            services: issuer.services.clone(),
        },
    })
}

/// Has keys fetched before somebody waits for them, and tells which can't be had.
pub(super) async fn keep(oidc: Arc<Oidc>, audit: Arc<Audit>) {
    let mut missing = BTreeSet::new();
    loop {
        let refreshed = Arc::clone(&oidc);
        let Ok(failed) = tokio::task::spawn_blocking(move || refreshed.refresh()).await else {
            return;
        };
        let mut records = Vec::new();
        for (name, why) in &failed {
            if !missing.contains(name) {
                let message = format!(
                    "the keys of the issuer {name} can't be had; those that are known are believed for a day: {why}"
                );
                records.push(told("issuer_unreachable", message, [("issuer", name.clone())]));
            }
        }
        let now: BTreeSet<String> = failed.into_iter().map(|(name, _)| name).collect();
        for name in missing.difference(&now) {
            let message = format!("the keys of the issuer {name} can be had again");
            records.push(event("issuer_reachable", "daemon", message));
        }
        missing = now;
        if !records.is_empty()
            && let Err(error) = audit.append(records).await
        {
            tracing::error!(%error, "what became of issuers' keys is not on the record");
        }
        tokio::time::sleep(if missing.is_empty() { REFRESH } else { RETRY }).await;
    }
}
