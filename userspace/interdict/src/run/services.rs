//! Services of the settings as the data path needs them.

use std::sync::Arc;

use anyhow::Context as _;
use interdict_proxy::{
    Address, Authority, ClientTls, Protocol, Service, UnknownName, UpstreamTls, UpstreamTlsMode,
};
use interdict_session::Limits;

use super::{authority, credentials};
use crate::settings::{self, Endpoint, Settings, TlsMode};

/// Every service, in the order of the settings. `authority` makes the certificates of those that have none of their own.
pub(super) fn build(
    settings: &Settings,
    authority: Option<&Arc<Authority>>,
) -> anyhow::Result<Vec<Arc<Service>>> {
    settings
        .services
        .iter()
        .map(|service| Ok(Arc::new(one(service, authority)?)))
        .collect()
}

fn one(service: &settings::Service, authority: Option<&Arc<Authority>>) -> anyhow::Result<Service> {
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
        protocol: match service.protocol {
            settings::Protocol::Postgres => Protocol::Postgres,
            settings::Protocol::Mysql => Protocol::Mysql,
            settings::Protocol::Opaque => Protocol::Opaque,
            settings::Protocol::Http => Protocol::Http,
        },
        upstream: upstream.address.as_ref().map(|endpoint| match endpoint {
            Endpoint::Address(address) => Address::Ip(*address),
            Endpoint::Name { name, port } => Address::Name(name.clone(), *port),
        }),
        upstream_tls: UpstreamTls::new(mode, upstream.ca.as_deref(), identity)
            .with_context(|| format!("service {}: TLS towards it", service.name))?,
        client_tls: client_tls(service, authority)
            .with_context(|| format!("service {}: TLS towards clients", service.name))?,
        opaque_if_untrusting: service.untrusting == settings::Untrusting::Opaque,
        profile: Arc::clone(&service.profile),
        catalogue: service
            .catalogue
            .as_ref()
            .map(|login| credentials::login(login, service, "the password of its catalogue's login"))
            .transpose()?,
        credentials: credentials::build(service)?,
        warm: upstream.warm.unwrap_or(0),
        limits: Limits {
            message: service.limits.message.unwrap_or(limits.message),
            pipeline: service.limits.pipeline.unwrap_or(limits.pipeline),
        },
    })
}

/// The service's own certificate, else the authority's, else none.
fn client_tls(
    service: &settings::Service,
    authority: Option<&Arc<Authority>>,
) -> anyhow::Result<Option<ClientTls>> {
    if let Some(tls) = &service.tls {
        return Ok(Some(ClientTls::load(&tls.certificate, &tls.key)?));
    }
    match authority {
        Some(authority) if authority::serves(service) => {
            let names = authority::names(service);
            // To a server of HTTP the name says what is asked for; to a database it says nothing, and few clients verify it.
            let unknown = match service.protocol {
                settings::Protocol::Http => UnknownName::Refuse,
                _ => UnknownName::ShowOwn,
            };
            let tls = ClientTls::of_authority(Arc::clone(authority), names, unknown)?;
            Ok(Some(tls))
        }
        _ => Ok(None),
    }
}
