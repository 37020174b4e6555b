//! Who shows a certificate.

use interdict_approvals::Person;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::pages::VIA;

/// A certificate that the settings' authority signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) digest: [u8; 32],
    /// The common name of its subject.
    pub(crate) name: String,
    email: Option<String>,
}

impl Certificate {
    /// `None`: it names nobody.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let name = certificate
            .subject()
            .iter_common_name()
            .next()?
            .as_str()
            .ok()?
            .to_owned();
        let plain = !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control);
        let email = certificate
            .subject()
            .iter_email()
            .next()
            .and_then(|email| email.as_str().ok())
            .map(str::to_owned);
        plain.then(|| Self {
            digest: Sha256::digest(der).into(),
            name,
            email,
        })
    }

    pub(crate) fn person(&self) -> Person {
        Person {
            name: format!("cert:{}", self.name),
            subject: Some(format!("cert:{}", self.name)),
            email: self.email.clone(),
            via: VIA.to_owned(),
            ..Person::default()
        }
    }
}
