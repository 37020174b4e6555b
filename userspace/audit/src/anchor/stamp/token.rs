//! Requests and tokens of RFC 3161, in DER. What a token says is read here; that the authority signed it is for a program with
//! the authority's certificate to say (`openssl ts -verify`).

use der::asn1::AnyRef;
use der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};
use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::value::Hash;

/// Object identifiers, as they stand in DER: id-sha256, id-signedData (RFC 5652), id-ct-TSTInfo (RFC 3161, section 2.4.2).
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];

/// What everything in a `[0]` is within.
const FIRST: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber(0),
};

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// SHA-256 of what was stamped.
    pub(crate) digest: Hash,
    /// When, by the authority's clock.
    pub(crate) at: Timestamp,
    nonce: Vec<u8>,
}

/// A `TimeStampReq` for a SHA-256, which asks for the authority's certificate in the answer.
pub(crate) fn request(digest: &Hash, nonce: [u8; 8]) -> Vec<u8> {
    // SEQUENCE { version 1, messageImprint SEQUENCE { SEQUENCE { id-sha256, NULL }, OCTET STRING }, nonce, certReq TRUE }
    let mut request = vec![0x30, 0x43, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09];
    request.extend_from_slice(SHA256);
    request.extend_from_slice(&[0x05, 0x00, 0x04, 0x20]);
    request.extend_from_slice(digest);
    request.extend_from_slice(&[0x02, 0x08]);
    request.extend_from_slice(&positive(nonce));
    request.extend_from_slice(&[0x01, 0x01, 0xff]);
    request
}

/// The same number of bytes whatever they are: neither negative nor with zeros in front, which DER leaves out.
fn positive(mut nonce: [u8; 8]) -> [u8; 8] {
    if let Some(first) = nonce.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    nonce
}

/// The token in a `TimeStampResp`, if it is what was asked for.
pub(crate) fn granted(answer: &[u8], digest: &Hash, nonce: [u8; 8]) -> Result<(Vec<u8>, Token), String> {
    let mut answer = Parts::of(whole(answer, "an answer")?, Tag::Sequence, "an answer")?;
    let mut status = Parts::of(answer.any("a status")?, Tag::Sequence, "a status")?;
    match status.next(Tag::Integer, "a status")? {
        // With or without changes that we did not ask for: what counts is looked at below.
        [0 | 1] => {}
        status_is => {
            let said = status.0.next().map(|said| text(said.value()));
            return Err(format!(
                "the authority refuses: status {} {}",
                status_is.last().copied().unwrap_or_default(),
                said.unwrap_or_default()
            ));
        }
    }
    let bytes = answer.any("a token")?.to_der().map_err(unreadable)?;
    let token = read(&bytes)?;
    if token.digest != *digest {
        return Err("the authority stamped something else".to_owned());
    }
    if token.nonce != positive(nonce) {
        return Err("the answer is not one to this request: its nonce is another".to_owned());
    }
    Ok((bytes, token))
}

/// Reads a token.
pub(crate) fn read(bytes: &[u8]) -> Result<Token, String> {
    let mut content = Parts::of(whole(bytes, "a token")?, Tag::Sequence, "a token")?;
    if content.next(Tag::ObjectIdentifier, "a kind")? != SIGNED_DATA {
        return Err("it is not signed data".to_owned());
    }
    let signed = content.inside(FIRST, "signed data")?;
    let mut signed = Parts::of(signed, Tag::Sequence, "signed data")?;
    signed.next(Tag::Integer, "a version")?;
    signed.next(Tag::Set, "digest algorithms")?;
    let mut content = Parts::of(signed.any("content")?, Tag::Sequence, "content")?;
    if content.next(Tag::ObjectIdentifier, "a kind of content")? != TST_INFO {
        return Err("what is signed is no time stamp".to_owned());
    }
    let info = content.inside(FIRST, "content")?;
    if info.tag() != Tag::OctetString {
        return Err("its content is none".to_owned());
    }
    info_of(info.value())
}

/// A `TSTInfo`.
fn info_of(bytes: &[u8]) -> Result<Token, String> {
    let mut info = Parts::of(whole(bytes, "a time stamp")?, Tag::Sequence, "a time stamp")?;
    if info.next(Tag::Integer, "a version")? != [1] {
        return Err("its version is not 1".to_owned());
    }
    info.next(Tag::ObjectIdentifier, "a policy")?;
    let mut imprint = Parts::of(info.any("an imprint")?, Tag::Sequence, "an imprint")?;
    let mut algorithm = Parts::of(imprint.any("an algorithm")?, Tag::Sequence, "an algorithm")?;
    if algorithm.next(Tag::ObjectIdentifier, "an algorithm")? != SHA256 {
        return Err("it stamps another digest than SHA-256".to_owned());
    }
    let digest = imprint.next(Tag::OctetString, "a digest")?;
    let digest = digest.try_into().map_err(|_| "its digest is no SHA-256")?;
    info.next(Tag::Integer, "a serial number")?;
    let at = time(info.next(Tag::GeneralizedTime, "a time")?)?;
    // Of what may follow, this alone is a number.
    let nonce = info.0.find(|part| part.tag() == Tag::Integer);
    Ok(Token {
        digest,
        at,
        nonce: nonce.map_or_else(Vec::new, |nonce| nonce.value().to_vec()),
    })
}

/// `20261122100102Z`, or with fractions of a second, which DER elsewhere does not have.
fn time(bytes: &[u8]) -> Result<Timestamp, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "its time is none")?;
    let wrong = || format!("its time is none: {}", text.escape_debug());
    let digits = text.strip_suffix('Z').ok_or_else(wrong)?;
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if seconds.len() != 14 || fraction.is_empty() || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let at = DateTime::strptime("%Y%m%d%H%M%S", seconds).map_err(|_| wrong())?;
    let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let at = at
        .with()
        .subsec_nanosecond(nanos.parse().map_err(|_| wrong())?)
        .build()
        .and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC));
    at.map(|at| at.timestamp()).map_err(|_| wrong())
}

/// One element, and nothing behind it.
fn whole<'a>(bytes: &'a [u8], what: &str) -> Result<AnyRef<'a>, String> {
    AnyRef::from_der(bytes).map_err(|error| format!("it is not {what}: {error}"))
}

fn unreadable(error: der::Error) -> String {
    format!("it can't be read: {error}")
}

/// What people may read in `PKIFreeText`.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown = text.chars().filter(|letter| !letter.is_control());
    shown.take(200).collect()
}

/// The elements within one, one after the other.
struct Parts<'a>(std::vec::IntoIter<AnyRef<'a>>);

impl<'a> Parts<'a> {
    fn of(element: AnyRef<'a>, tag: Tag, what: &str) -> Result<Self, String> {
        if element.tag() != tag {
            return Err(format!("it is not {what}"));
        }
        let mut reader = SliceReader::new(element.value()).map_err(unreadable)?;
        let mut parts = Vec::new();
        while !reader.is_finished() {
            parts.push(AnyRef::decode(&mut reader).map_err(unreadable)?);
        }
        Ok(Self(parts.into_iter()))
    }

    fn any(&mut self, what: &str) -> Result<AnyRef<'a>, String> {
        self.0.next().ok_or_else(|| format!("{what} is missing"))
    }

    fn next(&mut self, tag: Tag, what: &str) -> Result<&'a [u8], String> {
        let part = self.any(what)?;
        if part.tag() == tag {
            Ok(part.value())
        } else {
            Err(format!("{what} is missing"))
        }
    }

    /// The one element that the next one is around.
    fn inside(&mut self, tag: Tag, what: &str) -> Result<AnyRef<'a>, String> {
        whole(self.next(tag, what)?, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_fractions() {
        for (text, expected) in [
            ("20261122100102Z", Some("2026-11-22T10:01:02Z")),
            ("20261122100102.5Z", Some("2026-11-22T10:01:02.5Z")),
            (
                "20261122100102.1234567891Z",
                Some("2026-11-22T10:01:02.123456789Z"),
            ),
            ("20261122100102", None),
            ("20261122100102.Z", None),
            ("20261122100102.-1Z", None),
            ("20261322100102Z", None),
            ("202611221001Z", None),
        ] {
            let read = time(text.as_bytes()).ok().map(|at| at.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
