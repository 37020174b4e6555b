//! What binds a SCRAM login to its TLS connection: `tls-server-end-point` (RFC 5929), a hash of the server's certificate.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

use crate::stream::Stream;

/// The hash; `None` without TLS, or if the certificate is signed in a way whose hash is not known.
pub(crate) fn end_point(stream: &Stream) -> Option<Vec<u8>> {
    let certificate = stream.peer_certificate()?;
    let of = hash(certificate)?;
    Some(digest(of, certificate).as_ref().to_vec())
}

/// The hash of the certificate's signature; for MD5 and SHA-1 it is SHA-256.
fn hash(certificate: &[u8]) -> Option<&'static Algorithm> {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { algorithm OBJECT IDENTIFIER, … }, … }
    let (body, _) = element(certificate, 0x30)?;
    let (_, rest) = element(body, 0x30)?;
    let (algorithm, _) = element(rest, 0x30)?;
    let (oid, _) = element(algorithm, 0x06)?;
    Some(match oid {
        // RSA: 1.2.840.113549.1.1.n
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
            4 | 5 | 11 => &SHA256,
            12 => &SHA384,
            13 => &SHA512,
            _ => return None,
        },
        // ECDSA: 1.2.840.10045.4.1, 1.2.840.10045.4.3.n
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => &SHA256,
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] => match last {
            2 => &SHA256,
            3 => &SHA384,
            4 => &SHA512,
            _ => return None,
        },
        _ => return None,
    })
}

/// The content of the DER element at the front, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = bytes.iter().try_fold(0_usize, |length, byte| {
            length.checked_mul(256)?.checked_add(usize::from(*byte))
        })?;
        (length, rest)
    };
    (found == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        if content.len() < 0x80 {
            out.push(content.len() as u8);
        } else {
            out.extend_from_slice(&[0x82, (content.len() >> 8) as u8, content.len() as u8]);
        }
        out.extend_from_slice(content);
        out
    }

    #[test]
    fn the_signatures_hash_is_taken() {
        for (oid, length) in [
            (
                &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 11][..],
                Some(32),
            ),
            (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 5], Some(32)),
            (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 12], Some(48)),
            (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 4], Some(64)),
            // Ed25519 has none.
            (&[0x2b, 0x65, 0x70], None),
        ] {
            let algorithm = der(0x30, &der(0x06, oid));
            let certificate = der(
                0x30,
                &[der(0x30, &[7; 300]), algorithm, der(0x03, &[0; 64])].concat(),
            );
            assert_eq!(hash(&certificate).map(Algorithm::output_len), length);
            for cut in 0..certificate.len() {
                assert!(hash(&certificate[..cut]).is_none());
            }
        }
    }
}
