//! Services of the settings as the data path needs them.

use std::sync::Arc;

use anyhow::Context as _;
use interdict_proxy::{Address, ServerTls, Service, UpstreamTls, UpstreamTlsMode};
use interdict_session::Limits;

use crate::settings::{self, Endpoint, Settings, TlsMode};

/// Every service, in the order of the settings.
pub(super) fn build(settings: &Settings) -> anyhow::Result<Vec<Arc<Service>>> {
    settings
        .services
        .iter()
        .map(|service| Ok(Arc::new(one(service)?)))
        .collect()
}

fn one(service: &settings::Service) -> anyhow::Result<Service> {
    let upstream = &service.upstream;
    let mode = match upstream.tls {
        None => UpstreamTlsMode::VerifyIfOffered,
        Some(TlsMode::Disable) => UpstreamTlsMode::Disable,
        Some(TlsMode::Prefer) => UpstreamTlsMode::Prefer,
        Some(TlsMode::Require) => UpstreamTlsMode::Require,
        Some(TlsMode::VerifyFull) => UpstreamTlsMode::VerifyFull,
    };
    let identity = upstream
        .identity
        .as_ref()
        .map(|(certificate, key)| (certificate.as_path(), key.as_path()));
    let limits = Limits::default();
    Ok(Service {
        name: service.name.clone(),
        upstream: upstream.address.as_ref().map(|endpoint| match endpoint {
            Endpoint::Address(address) => Address::Ip(*address),
            Endpoint::Name { name, port } => Address::Name(name.clone(), *port),
        }),
        upstream_tls: UpstreamTls::new(mode, upstream.ca.as_deref(), identity)
            .with_context(|| format!("service {}: TLS towards it", service.name))?,
        client_tls: match &service.tls {
            Some(tls) => Some(
                ServerTls::load(&tls.certificate, &tls.key)
                    .with_context(|| format!("service {}: TLS towards clients", service.name))?,
            ),
            None => None,
        },
        limits: Limits {
            message: service.limits.message.unwrap_or(limits.message),
            pipeline: service.limits.pipeline.unwrap_or(limits.pipeline),
        },
    })
}
