//! Coming in, and who is in.

pub(crate) mod certificate;
pub(crate) mod limit;
pub(crate) mod oidc;
pub(crate) mod pages;
pub(crate) mod sessions;
pub(crate) mod tickets;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::{Kind, Refusal};

/// A secret that nobody guesses: 256 bits, as text for addresses and cookies.
pub(crate) fn secret() -> Result<String, Refusal> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|_| Refusal::new(Kind::Failed, "the system gives no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a secret: who reads memory or a log does not come in, and finding one takes the same time for every guess.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
