use bytes::Bytes;

use super::target::{Authority, Target};
use super::{Headers, HttpError, RequestHead, Version};

/// How the end of a body is told: RFC 9112, section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is none: nothing says that there is, or the status or the request's method says that there is not.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks, then perhaps trailers.
    Chunked,
    /// All until the connection is closed. Responses only.
    UntilClose,
}

/// The fields that no program may take away because Connection names them.
const END_TO_END: [&str; 8] = [
    "Content-Length",
    "Transfer-Encoding",
    "Host",
    "Authorization",
    "Cookie",
    "Set-Cookie",
    "Content-Type",
    "Content-Encoding",
];

impl Framing {
    /// Writes it into the fields: Content-Length or Transfer-Encoding, or neither.
    pub fn set(self, headers: &mut Headers) {
        let field = match self {
            Self::Length(length) => Some(("Content-Length", Bytes::from(length.to_string()))),
            Self::Chunked => Some(("Transfer-Encoding", Bytes::from_static(b"chunked"))),
            Self::None | Self::UntilClose => None,
        };
        for name in ["Content-Length", "Transfer-Encoding"] {
            if field.as_ref().is_none_or(|(kept, _)| *kept != name) {
                headers.remove(name);
            }
        }
        if let Some((name, value)) = field {
            let set = headers.set(name, value);
            debug_assert!(set.is_ok(), "digits and tokens are values");
        }
    }

    /// What the fields of a message say; [`Framing::None`] if nothing. Responses without a body are the caller's to know.
    fn said(version: Version, headers: &Headers) -> Result<Self, HttpError> {
        let length = length(headers)?;
        let mut codings = headers.get_all("Transfer-Encoding");
        let Some(coding) = codings.next() else {
            return Ok(length.map_or(Self::None, Self::Length));
        };
        if codings.next().is_some() {
            return Err(HttpError::CodingRepeated);
        }
        if length.is_some() {
            return Err(HttpError::LengthAndCoding);
        }
        if version == Version::Http10 {
            return Err(HttpError::CodingInHttp10);
        }
        // The name of a coding may be in any case by the RFC. Everybody writes it so; what does not is not trusted.
        if coding != "chunked" {
            return Err(HttpError::CodingNotChunked);
        }
        Ok(Self::Chunked)
    }

    /// How the body of a request is framed.
    pub(super) fn of_request(head: &RequestHead) -> Result<Self, HttpError> {
        let said = Self::said(head.version, &head.headers)?;
        let bodiless = head.method == "CONNECT" || head.method == "TRACE";
        if bodiless && !matches!(said, Self::None | Self::Length(0)) {
            return Err(HttpError::RequestWithoutBody);
        }
        Ok(said)
    }

    /// How the body of a final response is framed: to HEAD (`head`) there is none.
    pub(super) fn of_response(
        version: Version,
        status: u16,
        head: bool,
        headers: &Headers,
    ) -> Result<Self, HttpError> {
        let said = Self::said(version, headers)?;
        match (status, said) {
            (204, Self::None | Self::Length(0)) | (304, _) => Ok(Self::None),
            (204, _) => Err(HttpError::NoContentBody),
            _ if head => Ok(Self::None),
            (_, Self::None) => Ok(Self::UntilClose),
            (_, said) => Ok(said),
        }
    }
}

fn length(headers: &Headers) -> Result<Option<u64>, HttpError> {
    let mut lengths = headers
        .get_all("Content-Length")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(super::grammar::trim);
    let Some(first) = lengths.next() else {
        return Ok(None);
    };
    if let Some(second) = lengths.next() {
        let equal = second == first && lengths.all(|other| other == first);
        return Err(if equal {
            HttpError::LengthRepeated
        } else {
            HttpError::LengthsDiffer
        });
    }
    if first.is_empty() || !first.iter().all(u8::is_ascii_digit) {
        return Err(HttpError::LengthNotDigits);
    }
    first
        .iter()
        .try_fold(0_u64, |sum, digit| {
            sum.checked_mul(10)?.checked_add(u64::from(*digit - b'0'))
        })
        .map(Some)
        .ok_or(HttpError::LengthOverflow)
}

/// What must hold of the fields of any head.
pub(super) fn check_fields(headers: &Headers) -> Result<(), HttpError> {
    for (name, _) in headers.iter() {
        if name.contains(&b'_')
            && let Some(meant) = ["Content-Length", "Transfer-Encoding"].into_iter().find(|meant| {
                meant.len() == name.len()
                    && meant.bytes().zip(name).all(|(meant, found)| {
                        meant.eq_ignore_ascii_case(found) || (meant == b'-' && *found == b'_')
                    })
            })
        {
            return Err(HttpError::Lookalike(meant));
        }
    }
    for option in headers.tokens("Connection") {
        if let Some(named) = END_TO_END
            .into_iter()
            .find(|named| named.as_bytes().eq_ignore_ascii_case(option))
        {
            return Err(HttpError::ConnectionNames(named));
        }
    }
    Ok(())
}

/// What must hold of the target and the Host of a request: RFC 9112, section 3.2.
pub(super) fn check_host(head: &RequestHead) -> Result<(), HttpError> {
    let target = head.target()?;
    let mut hosts = head.headers.get_all("Host");
    let Some(host) = hosts.next() else {
        return match head.version {
            Version::Http10 => Ok(()),
            Version::Http11 => Err(HttpError::HostMissing),
        };
    };
    if hosts.next().is_some() {
        return Err(HttpError::HostRepeated);
    }
    let host = str::from_utf8(host)
        .ok()
        .and_then(Authority::parse)
        .ok_or(HttpError::HostInvalid)?;
    let same = match target {
        Target::Origin(_) | Target::Asterisk => true,
        Target::Absolute {
            scheme, authority, ..
        } => authority.same(&host, Some(scheme.default_port())),
        // Some clients leave the port out of Host.
        Target::Authority(authority) => {
            authority.host.eq_ignore_ascii_case(host.host)
                && host.port.is_none_or(|port| authority.port == Some(port))
        }
    };
    if same { Ok(()) } else { Err(HttpError::HostDiffers) }
}
