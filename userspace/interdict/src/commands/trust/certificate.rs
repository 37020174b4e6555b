//! The authority's certificate, as far as stores need to know it.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha1::{Digest as _, Sha1};

/// The authority's certificate.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
    pub(super) pem: String,
    pub(super) fingerprint: String,
    /// The subject's name, encoded: every certificate of this authority has it.
    subject: Vec<u8>,
}

/// How a list of certificates stands to the authority's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// The very certificate.
    Now,
    /// An earlier one of the same authority.
    Before,
    No,
}

impl Certificate {
    /// From PEM; `None` for what is no certificate.
    pub(super) fn new(text: &str) -> Option<Self> {
        let der = in_pem(text.as_bytes()).next()?;
        let subject = subject(&der)?.to_vec();
        let pem = text.trim_end();
        Some(Self {
            pem: format!("{pem}\n"),
            fingerprint: interdict_proxy::fingerprint(&der),
            subject,
            der,
        })
    }

    /// Looks for it among certificates.
    pub(super) fn among(&self, certificates: impl Iterator<Item = Vec<u8>>) -> Listed {
        let mut listed = Listed::No;
        for der in certificates {
            if der == self.der {
                return Listed::Now;
            }
            if subject(&der) == Some(&self.subject) {
                listed = Listed::Before;
            }
        }
        listed
    }

    /// The name by which OpenSSL finds it in a directory: the first four bytes of the SHA-1 of the subject in canonical form,
    /// each attribute as UTF-8 in lower case without needless blanks (X509_NAME_hash).
    pub(super) fn hash(&self) -> Option<String> {
        let (name, _) = content(&self.subject, 0x30)?;
        let mut canonical = Vec::new();
        let mut rest = name;
        while !rest.is_empty() {
            let (set, after) = content(rest, 0x31)?;
            let (attribute, _) = content(set, 0x30)?;
            let (_, value) = content(attribute, 0x06)?;
            let kind = attribute.get(..attribute.len().checked_sub(value.len())?)?;
            let text = [0x0c, 0x13].iter().find_map(|tag| content(value, *tag))?.0;
            let text = std::str::from_utf8(text).ok()?;
            let text = text
                .split_ascii_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .to_ascii_lowercase();
            let value = wrapped(0x0c, text.as_bytes())?;
            canonical.extend(wrapped(0x31, &wrapped(0x30, &[kind, &value].concat())?)?);
            rest = after;
        }
        let digest = Sha1::digest(&canonical);
        let first: Vec<u8> = digest.iter().take(4).rev().copied().collect();
        Some(hex::encode(first))
    }
}

/// The certificates of a list in PEM form, whatever stands between them.
pub(super) fn in_pem(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    CertificateDer::pem_slice_iter(text)
        .filter_map(Result::ok)
        .map(|certificate| certificate.to_vec())
}

/// A certificate's subject with its tag and length.
fn subject(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = content(der, 0x30)?;
    let (body, _) = content(certificate, 0x30)?;
    // version [0], serialNumber, signature, issuer, validity, subject (RFC 5280 4.1)
    let (_, mut rest) = content(body, 0xa0)?;
    for tag in [0x02, 0x30, 0x30, 0x30] {
        (_, rest) = content(rest, tag)?;
    }
    let (_, after) = content(rest, 0x30)?;
    rest.get(..rest.len().checked_sub(after.len())?)
}

/// What an element with this tag holds, and what follows it (X.690 8.1).
fn content(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        let length = bytes.iter().try_fold(0_usize, |length, byte| {
            length.checked_mul(256)?.checked_add(usize::from(*byte))
        })?;
        (length, rest)
    };
    rest.split_at_checked(length).filter(|_| *first == tag)
}

/// A short element.
fn wrapped(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(content.len()).ok()?;
    let mut bytes = vec![tag];
    if length >= 0x80 {
        bytes.push(0x81);
    }
    bytes.push(length);
    bytes.extend_from_slice(content);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::trust::tests::{authority, openssl};

    #[test]
    fn openssl_names_it_the_same() {
        for host in ["node-7", "Node 7  of   Two", "knoten-ä"] {
            let (_directory, path, certificate) = authority(host, "db.internal");
            let hash = openssl(&["x509", "-noout", "-subject_hash", "-in"], &path);
            assert_eq!(certificate.hash().as_deref(), Some(hash.trim()), "{host}");
        }
    }

    #[test]
    fn it_is_told_from_an_earlier_one_and_from_others() {
        let (directory, _, now) = authority("node-7", "db.internal");
        let (_other_directory, _, other) = authority("node-8", "db.internal");
        let before = now.der.clone();
        let (_, now) = crate::commands::trust::tests::again(&directory, "node-7", "api.internal");
        assert_ne!(before, now.der);
        let among = |list: &[&Vec<u8>]| now.among(list.iter().map(|der| (*der).clone()));
        assert_eq!(among(&[&other.der]), Listed::No);
        assert_eq!(among(&[&before, &other.der]), Listed::Before);
        assert_eq!(among(&[&before, &other.der, &now.der]), Listed::Now);
        assert_eq!(
            now.among([b"rubbish".to_vec(), vec![0x30, 0x84]].into_iter()),
            Listed::No
        );
    }
}
