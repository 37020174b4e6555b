use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Answers by path; remembers the requests' heads.
struct Site {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

async fn site(answers: impl FnOnce(&str) -> BTreeMap<&'static str, String>) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = answers(&url);
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            seen.lock().unwrap().push(head);
            let answer = match answers.get(path.as_str()) {
                Some(body) if body.starts_with("HTTP/") => body.clone(),
                Some(body) => format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                ),
                None => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
            };
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Site { url, heads }
}

async fn fetch(issuer: &str, url: Option<&str>, bearer: Option<&Path>) -> Result<String, String> {
    let published = Published::new(Handle::current(), issuer, url, None, bearer).unwrap();
    tokio::task::spawn_blocking(move || published.fetch())
        .await
        .unwrap()
}

fn description(issuer: &str, keys: &str) -> String {
    serde_json::json!({ "issuer": issuer, "jwks_uri": keys }).to_string()
}

#[tokio::test]
async fn keys_are_where_the_issuers_description_says() {
    let site = site(|url| {
        BTreeMap::from([
            (
                "/a/.well-known/openid-configuration",
                description(&format!("{url}/a"), &format!("{url}/keys")),
            ),
            ("/keys", "{\"keys\":[]}".to_owned()),
        ])
    })
    .await;
    let fetched = fetch(&format!("{}/a", site.url), None, None).await;
    assert_eq!(fetched.as_deref(), Ok("{\"keys\":[]}"));
    let fetched = fetch(
        "https://another.example",
        Some(&format!("{}/keys", site.url)),
        None,
    )
    .await;
    assert_eq!(
        fetched.as_deref(),
        Ok("{\"keys\":[]}"),
        "the settings may name the keys themselves"
    );
}

#[tokio::test]
async fn what_is_not_the_issuers_is_not_taken() {
    let site = site(|url| {
        BTreeMap::from([
            (
                "/other/.well-known/openid-configuration",
                description(&format!("{url}/a"), &format!("{url}/keys")),
            ),
            (
                "/plain/.well-known/openid-configuration",
                description(&format!("{url}/plain"), "http://keys.example/keys"),
            ),
            ("/odd/.well-known/openid-configuration", "[]".to_owned()),
            (
                "/moved/.well-known/openid-configuration",
                format!("HTTP/1.1 302 Found\r\nlocation: {url}/keys\r\ncontent-length: 0\r\n\r\n"),
            ),
            (
                "/large/.well-known/openid-configuration",
                format!("{{\"x\":\"{}\"}}", "x".repeat(LARGEST)),
            ),
        ])
    })
    .await;
    for (path, expected) in [
        ("other", "describes the issuer"),
        ("plain", "has no `https`"),
        ("odd", "no description"),
        ("moved", "status 302"),
        ("large", "longer than 1 MiB"),
        ("missing", "status 404"),
    ] {
        let error = fetch(&format!("{}/{path}", site.url), None, None)
            .await
            .unwrap_err();
        assert!(error.contains(expected), "{path}: {error}");
    }
    let error = fetch("http://127.0.0.1:1", None, None).await.unwrap_err();
    assert!(error.contains("asking http://127.0.0.1:1/"), "{error}");
}

#[tokio::test]
async fn the_daemons_own_token_is_shown_to_the_named_host_alone() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "t0ken\n").unwrap();
    let elsewhere = site(|_| BTreeMap::from([("/keys", "{}".to_owned())])).await;
    let keys = format!("{}/keys", elsewhere.url);
    let site =
        site(move |url| BTreeMap::from([("/.well-known/openid-configuration", description(url, &keys))]))
            .await;
    fetch(&site.url, None, Some(file.path())).await.unwrap();
    let shows = |site: &Site| {
        site.heads
            .lock()
            .unwrap()
            .iter()
            .any(|head| head.contains("Bearer t0ken"))
    };
    assert_eq!((shows(&site), shows(&elsewhere)), (true, false));
}

#[test]
fn plaintext_is_for_this_host_alone() {
    for (url, safe) in [
        ("https://keys.example/a", true),
        ("http://127.0.0.1:8080/a", true),
        ("http://[::1]:8080/a", true),
        ("http://localhost/a", true),
        ("http://keys.example/a", false),
        ("http://127.0.0.1.example/a", false),
        ("ftp://127.0.0.1/a", false),
        ("/keys", false),
    ] {
        assert_eq!(is_safe(&url.parse().unwrap()), safe, "{url}");
    }
}
