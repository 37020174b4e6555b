//! The authority's certificate: how it is made, and what is read of one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _, SerialNumber,
};
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

use super::{AuthorityError, Names};

const DAY: Duration = Duration::from_hours(24);
const LIFE: Duration = DAY.saturating_mul(3653);
/// It is made again when no more than this is left, so that operators have time to install it.
const LEFT: Duration = DAY.saturating_mul(90);
/// How far clocks of hosts and containers may be apart.
pub(super) const BACKDATED: Duration = Duration::from_hours(1);

/// The authority's name without the host's.
const SUBJECT: &str = "interdict authority on ";

/// The most bytes a common name has (RFC 5280, ub-common-name).
const LONGEST_NAME: usize = 64;

/// Stands for "no name at all" where only addresses are protected: no host is below it (RFC 6761 6.4), and a list that is
/// left out would allow every name (RFC 5280 4.2.1.10).
const NO_NAME: &str = "invalid";

/// What an authority's certificate says.
pub(super) struct Known {
    pub(super) subject: String,
    pub(super) names: Names,
    ends: SystemTime,
}

impl Known {
    pub(super) fn lasts(&self, now: SystemTime) -> bool {
        self.ends.duration_since(now).is_ok_and(|left| left > LEFT)
    }
}

pub(super) fn subject(host: &str) -> String {
    let mut subject = format!("{SUBJECT}{host}");
    while subject.len() > LONGEST_NAME {
        subject.pop();
    }
    subject
}

/// A certificate authority that may sign for `names` alone.
pub(super) fn params(
    subject: &str,
    names: &Names,
    now: SystemTime,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(subject);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(constraints(names));
    params.serial_number = Some(serial()?);
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + LIFE).into();
    Ok(params)
}

pub(super) fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// A number that no other certificate has: stores refuse two of one issuer with the same.
pub(super) fn serial() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0; 16];
    super::super::provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
    // Positive and without a zero in front, as it is to be encoded.
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

fn constraints(names: &Names) -> NameConstraints {
    let mut permitted: Vec<_> = names
        .dns()
        .map(|name| GeneralSubtree::DnsName(name.to_owned()))
        .collect();
    if permitted.is_empty() {
        permitted.push(GeneralSubtree::DnsName(NO_NAME.to_owned()));
    }
    let networks = names
        .networks()
        .map(|(address, prefix)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix)));
    permitted.extend(networks);
    let excluded = if names.networks().next().is_none() {
        [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ]
        .map(|all| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(all, 0)))
        .into()
    } else {
        Vec::new()
    };
    NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: excluded,
    }
}

/// Reads a certificate that [`params`] made. The error says what it is instead, and what to do.
pub(super) fn read(der: &[u8], key: &KeyPair) -> Result<Known, String> {
    let foreign = |what: &str| {
        format!(
            "{what}: it was not made here; move the directory away (or name another with `authority.directory`), then \
             run `interdict trust install` for the authority that is made in its place"
        )
    };
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| foreign(&format!("{error}")))?;
    if certificate.public_key().raw != key.subject_public_key_info() {
        return Err(foreign("the certificate is for another key than authority.key"));
    }
    let subject = certificate
        .subject()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok())
        .filter(|name| name.starts_with(SUBJECT))
        .ok_or_else(|| foreign("the certificate is not that of an authority of interdict"))?
        .to_owned();
    let constraints = certificate
        .extensions()
        .iter()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::NameConstraints(constraints) if extension.critical => Some(constraints),
            _ => None,
        })
        .ok_or_else(|| foreign("the certificate is good for any name"))?;
    let mut names = Names::default();
    for subtree in constraints.permitted_subtrees.iter().flatten() {
        match &subtree.base {
            GeneralName::DNSName(NO_NAME) => {}
            GeneralName::DNSName(name) => names.insert_name(name),
            GeneralName::IPAddress(bytes) => {
                let (address, prefix) =
                    network(bytes).ok_or_else(|| foreign("a constraint of the certificate is no network"))?;
                names.insert_network(address, prefix);
            }
            _ => {
                return Err(foreign(
                    "the certificate is good for more than names and addresses",
                ));
            }
        }
    }
    let ends = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
    Ok(Known {
        subject,
        names,
        ends: SystemTime::UNIX_EPOCH + Duration::from_secs(ends),
    })
}

/// Address and mask, as RFC 5280 4.2.1.10 has them.
fn network(bytes: &[u8]) -> Option<(IpAddr, u8)> {
    let (address, mask) = bytes.split_at(bytes.len() / 2);
    let prefix = mask.iter().map(|byte| byte.leading_ones()).sum::<u32>();
    let address = match address.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
        _ => return None,
    };
    Some((address, u8::try_from(prefix).ok()?))
}
