//! What pages are made of besides HTML. The address has the content's hash, so that browsers may keep it.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("../assets/console.css");
const SCRIPT: &str = include_str!("../assets/console.js");
const ICON: &str = include_str!("../assets/icon.svg");

fn hashed(name: &str, extension: &str, content: &str) -> String {
    let digest = Sha256::digest(content);
    let hash = digest.iter().take(6).fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("/assets/{name}-{hash}.{extension}")
}

pub(crate) static STYLE_AT: LazyLock<String> = LazyLock::new(|| hashed("console", "css", STYLE));
pub(crate) static SCRIPT_AT: LazyLock<String> = LazyLock::new(|| hashed("console", "js", SCRIPT));
pub(crate) static ICON_AT: LazyLock<String> = LazyLock::new(|| hashed("icon", "svg", ICON));

pub(crate) async fn asset(uri: http::Uri) -> Response {
    let (kind, content) = match uri.path() {
        path if path == *STYLE_AT => ("text/css; charset=utf-8", STYLE),
        path if path == *SCRIPT_AT => ("text/javascript; charset=utf-8", SCRIPT),
        path if path == *ICON_AT => ("image/svg+xml", ICON),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    // Nothing of the record is in it.
    let keep = "public, max-age=31536000, immutable";
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, keep)], content).into_response()
}
