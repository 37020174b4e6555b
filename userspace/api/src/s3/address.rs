//! Which bucket and key a request is about.

use crate::analysis::Analysis;
use crate::call::Call;

/// What a request addresses. No bucket: the service itself.
pub(super) struct Address {
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
}

/// Reads host and path. Amazon's hosts can begin with the bucket; any other host is taken to be the service's.
pub(super) fn of(call: &Call<'_>, analysis: &mut Analysis) -> Address {
    let host = name(call.host);
    let bucket = if host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn") {
        match amazon(&host) {
            Ok(bucket) => bucket,
            Err(what) => {
                analysis.unknown(what);
                None
            }
        }
    } else {
        if maybe_bucket(&host) {
            analysis.unknown("the host may begin with a bucket's name; address buckets by path");
        }
        None
    };
    let Some(path) = call.path.strip_prefix('/') else {
        analysis.unknown("its target is not a path");
        return Address { bucket, key: None };
    };
    if bucket.is_none() && path.split('/').next() == Some("minio") {
        analysis.unknown("MinIO has its own administration where a bucket `minio` would be");
    }
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if bucket.is_some() {
        return Address {
            bucket,
            key: text(path),
        };
    }
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    if bucket.is_empty() && !path.is_empty() {
        analysis.unknown("the path has no bucket before its key");
    }
    if !bucket.is_ascii() || bucket.contains(|c: char| c.is_ascii_control() || "\\;% ".contains(c)) {
        analysis.unknown("the path begins with what is no bucket's name");
    }
    Address {
        bucket: text(bucket),
        key: text(key),
    }
}

/// The bucket and the key of `x-amz-copy-source`, which is percent-encoded. An access point stands with its whole ARN.
pub(super) fn source(header: &str) -> Option<(String, String)> {
    let path = header.split_once('?').map_or(header, |(path, _)| path);
    let path = decode(path)?;
    if path.starts_with("arn:") {
        let (point, key) = path.split_once("/object/")?;
        return (!key.is_empty()).then(|| (point.to_owned(), key.to_owned()));
    }
    let (bucket, key) = path.strip_prefix('/').unwrap_or(&path).split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then(|| (bucket.to_owned(), key.to_owned()))
}

/// The host in lower case, without port and without the dot of a full name.
fn name(host: &str) -> String {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => host,
    };
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

fn is_s3(label: &str) -> bool {
    label == "s3" || label.starts_with("s3-") || label.starts_with("s3express-")
}

fn amazon(host: &str) -> Result<Option<String>, &'static str> {
    let labels: Vec<&str> = host.split('.').collect();
    let at = labels
        .iter()
        .rposition(|label| is_s3(label))
        .ok_or("the host is none of S3")?;
    let (before, after) = labels.split_at(at);
    let service = after.first().copied().unwrap_or_default();
    if ["s3-control", "s3-website", "s3express-control"]
        .iter()
        .any(|other| service.starts_with(other))
    {
        return Err("the host is of another API than that of buckets and objects");
    }
    let bucket = match before.iter().position(|label| label.starts_with("vpce-")) {
        None => before,
        // An interface endpoint: `[bucket.]bucket.vpce-….s3`, where the second `bucket` is a word.
        Some(vpce) => match before.get(..vpce) {
            Some([bucket @ .., "bucket" | "accesspoint"]) => bucket,
            _ => return Err("the host is of another API than that of buckets and objects"),
        },
    };
    Ok((!bucket.is_empty()).then(|| bucket.join(".")))
}

/// Whether a server that is not Amazon's may take the first label for a bucket.
fn maybe_bucket(host: &str) -> bool {
    let mut labels = host.split('.').skip(1);
    let cluster = host.split('.').any(|label| label == "svc");
    !cluster && labels.any(is_s3)
}

fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        out.push((digit()? * 16 + digit()?) as u8);
    }
    String::from_utf8(out).ok()
}
