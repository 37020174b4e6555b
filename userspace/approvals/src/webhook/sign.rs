//! Signatures: HMAC-SHA256 (RFC 2104) over a version, the time and the body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How far a request's time may be from ours, in seconds.
pub(super) const WINDOW: i64 = 300;

/// `v1=` and hexadecimal digits, of `v1:TIME:BODY`; Slack has `v0` for `v1`.
pub(super) fn sign(version: &str, secret: &[u8], time: &str, body: &[u8]) -> Option<String> {
    let digest = mac(version, secret, time, body)?.finalize().into_bytes();
    Some(format!("{version}={}", hex::encode(digest)))
}

/// Whether a signature is right, in a time that does not depend on where it is wrong.
pub(super) fn holds(version: &str, secret: &[u8], time: &str, body: &[u8], signature: &str) -> bool {
    let digits = signature
        .strip_prefix(version)
        .and_then(|rest| rest.strip_prefix('='));
    let Some(bytes) = digits.and_then(bytes) else {
        return false;
    };
    mac(version, secret, time, body).is_some_and(|mac| mac.verify_slice(&bytes).is_ok())
}

/// Whether a time is near ours.
pub(super) fn is_now(time: &str, now: i64) -> bool {
    time.parse::<i64>()
        .is_ok_and(|time| now.saturating_sub(time).abs() <= WINDOW)
}

fn mac(version: &str, secret: &[u8], time: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{version}:{time}:").as_bytes());
    mac.update(body);
    Some(mac)
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slacks_own_example() {
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let secret = b"8f742231b10e8888abcd99yyyzzz85a5";
        assert_eq!(sign("v0", secret, "1531420618", body).as_deref(), Some(signature));
        assert!(holds("v0", secret, "1531420618", body, signature));
        for (time, body, signature) in [
            ("1531420619", &body[..], signature),
            ("1531420618", &body[1..], signature),
            (
                "1531420618",
                body,
                "v1=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            ),
            ("1531420618", body, "v0=a2114d57"),
            ("1531420618", body, "v0="),
            ("1531420618", body, "v0=é"),
            ("1531420618", body, ""),
        ] {
            assert!(!holds("v0", secret, time, body, signature), "{signature}");
        }
    }

    #[test]
    fn old_and_future_times_are_none() {
        for (time, near) in [
            ("1000", true),
            ("1300", true),
            ("700", true),
            ("699", false),
            ("1301", false),
        ] {
            assert_eq!(is_now(time, 1000), near, "{time}");
        }
        assert!(!is_now("", 1000) && !is_now("now", 1000) && !is_now("-9223372036854775808", 1000));
    }
}
