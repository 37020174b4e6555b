//! Certificates for one service, made when a client first asks for them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use quick_cache::sync::Cache;
use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    SanType,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::certificate::{BACKDATED, named, serial};
use super::{Authority, AuthorityError, Names};
use crate::tls::client::Shown;
use crate::tls::provider;

const LIFE: Duration = Duration::from_hours(7 * 24);

/// Certificates that are kept for one service: its names times the addresses that clients use.
const KEPT: usize = 1024;

/// The name that a client asks for, and the address that it connected to.
type Key = (Option<Box<str>>, Option<IpAddr>);

/// The certificates of one service.
pub(in crate::tls) struct Leaves {
    authority: Arc<Authority>,
    names: Names,
    unknown: UnknownName,
    made: Cache<Key, Leaf>,
}

/// What becomes of a client that asks for a name which the service does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownName {
    /// The handshake is refused.
    Refuse,
    /// It is shown the service's own names, as one that asks for none: whoever verifies refuses them, whoever does not (most
    /// clients of databases, unless told to) goes on.
    ShowOwn,
}

#[derive(Clone)]
struct Leaf {
    shown: Shown,
    /// From then on another is made.
    stale: SystemTime,
}

impl Leaves {
    pub(in crate::tls) fn new(authority: Arc<Authority>, names: Names, unknown: UnknownName) -> Self {
        Self {
            authority,
            names,
            unknown,
            made: Cache::new(KEPT),
        }
    }

    pub(in crate::tls) fn has_name(&self, name: &str) -> bool {
        self.names.has_name(name)
    }

    /// The certificate for a client that asks for `sni` at `destination`; `None` if the service has no such name
    /// and that is refused.
    pub(in crate::tls) fn leaf(
        &self,
        sni: Option<&str>,
        destination: IpAddr,
    ) -> Result<Option<Shown>, AuthorityError> {
        let sni = match sni {
            Some(name) if !self.names.has_name(name) => match self.unknown {
                UnknownName::Refuse => return Ok(None),
                UnknownName::ShowOwn => None,
            },
            known => known,
        };
        // An address that the authority may not sign for would spoil the whole certificate.
        let address = Some(destination.to_canonical()).filter(|address| self.names.has_address(*address));
        let key: Key = (sni.map(Box::from), address);
        let now = SystemTime::now();
        if let Some(leaf) = self.made.get(&key).filter(|leaf| now < leaf.stale) {
            return Ok(Some(leaf.shown));
        }
        // Two that come at once may both make one: either is as good.
        let leaf = self.make(sni, address, now)?;
        self.made.insert(key, leaf.clone());
        Ok(Some(leaf.shown))
    }

    fn make(
        &self,
        sni: Option<&str>,
        address: Option<IpAddr>,
        now: SystemTime,
    ) -> Result<Leaf, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        // Not a name of the service: some clients take a common name for one.
        params.distinguished_name = named("interdict: a protected service");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial()?);
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + LIFE).into();
        let mut add = |name: &str| -> Result<(), AuthorityError> {
            params.subject_alt_names.push(SanType::DnsName(name.try_into()?));
            Ok(())
        };
        match sni {
            Some(name) => add(name)?,
            // A client that names nobody may verify any of the service's names.
            None => self.names.dns().try_for_each(add)?,
        }
        params.subject_alt_names.extend(address.map(SanType::IpAddress));
        let made = params.signed_by(&key, &self.authority.issuer)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let key = CertifiedKey::new(
            vec![made.der().clone()],
            provider().key_provider.load_private_key(key)?,
        );
        Ok(Leaf {
            shown: Shown::new(key),
            stale: now + LIFE / 2,
        })
    }
}
