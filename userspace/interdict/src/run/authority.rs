//! The host's certificate authority, for services that have no certificate of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use interdict_proxy::{Authority, Made, Names, certificate_path, fingerprint};
use interdict_record::Record;

use crate::record::detailed;
use crate::settings::{Destination, Endpoint, Protocol, Service, Settings};

/// Reads or makes it, if a service needs it; what is to be told of that.
pub(super) fn open(settings: &Settings) -> anyhow::Result<(Option<Arc<Authority>>, Vec<Record>)> {
    let Some(directory) = &settings.authority else {
        return Ok((None, Vec::new()));
    };
    let mut names = Names::default();
    let served = settings.services.iter().filter(|service| serves(service));
    let count = served.map(|service| names.extend(&self::names(service))).count();
    if count == 0 {
        return Ok((None, Vec::new()));
    }
    let host = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "an unnamed host".to_owned());
    let (authority, made) =
        Authority::open(directory, &names, &host).context("the host's certificate authority")?;
    let message = match made {
        Made::Nothing => None,
        Made::All => Some(
            "a certificate authority was made for this host: clients that verify certificates need `interdict trust install`",
        ),
        Made::CertificateAgain => Some(
            "the authority's certificate was made again, as the protected names changed or it was about to expire: stores \
             that have the one before it need `interdict trust install` again",
        ),
    };
    let told = message.map(|message| {
        let path = certificate_path(directory).display().to_string();
        let fingerprint = fingerprint(authority.certificate());
        tracing::warn!(certificate = path, fingerprint, "{message}");
        let detail = BTreeMap::from([
            ("certificate".to_owned(), path),
            ("fingerprint".to_owned(), fingerprint),
        ]);
        detailed("authority_made", "daemon", message, detail)
    });
    Ok((Some(Arc::new(authority)), told.into_iter().collect()))
}

/// Whether the authority makes certificates for a service.
pub(super) fn serves(service: &Service) -> bool {
    service.tls.is_none() && service.protocol != Protocol::Opaque
}

/// What a service goes by: where clients believe to reach it.
pub(super) fn names(service: &Service) -> Names {
    let mut names = Names::default();
    for destination in &service.destinations {
        match destination {
            Destination::Address(address) => names.insert_address(address.ip()),
            Destination::Network { address, prefix, .. } => names.insert_network(*address, *prefix),
            Destination::Name { name, .. } => names.insert_name(name),
            Destination::Unix(_) => {}
        }
    }
    match &service.upstream.address {
        Some(Endpoint::Address(address)) => names.insert_address(address.ip()),
        Some(Endpoint::Name { name, .. }) => names.insert_name(name),
        None => {}
    }
    if let Some(listen) = service.listen.filter(|listen| !listen.ip().is_unspecified()) {
        names.insert_address(listen.ip());
    }
    names
}
