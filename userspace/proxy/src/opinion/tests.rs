use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::*;

/// A service that gives every request on every connection the same answer, and counts connections.
struct Service {
    url: String,
    connections: Arc<AtomicUsize>,
    asked: Arc<std::sync::Mutex<String>>,
}

fn service(answer: &str) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (connections, asked) = (Arc::<AtomicUsize>::default(), Arc::default());
    let service = Service {
        url,
        connections: Arc::clone(&connections),
        asked: Arc::clone(&asked),
    };
    let answer = answer.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            connections.fetch_add(1, Ordering::Relaxed);
            let (answer, asked) = (answer.clone(), Arc::clone(&asked));
            std::thread::spawn(move || {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    request.extend_from_slice(&buffer[..count]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        continue;
                    };
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: "))
                        .map_or(0, |length| length.parse::<usize>().unwrap());
                    if body.len() < length {
                        continue;
                    }
                    *asked.lock().unwrap() = text;
                    request.clear();
                    if answer.is_empty() {
                        continue;
                    }
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    service
}

fn answered(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn opinion(url: &str, timeout: u64) -> Opinion {
    Opinion {
        policy: "p".into(),
        url: url.to_owned(),
        entities: vec!["PERSON".to_owned()],
        threshold: 0.5,
        language: "en".to_owned(),
        timeout: Duration::from_millis(timeout),
        on_failure: interdict_policy::OnFailure::Deny,
        mask: interdict_masking::Mask::Redact,
    }
}

async fn ask(opinions: &Opinions, opinion: Opinion, texts: &[&str]) -> Result<Vec<Vec<Finding>>, String> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    opinions.ask(opinion, texts.into()).await
}

#[tokio::test]
async fn the_question_is_an_analyzers_and_connections_are_kept() {
    let found = r#"[[{"analysis_explanation": null, "end": 3, "entity_type": "PERSON", "score": 0.85, "start": 0}], []]"#;
    let service = service(&answered("200 OK", found));
    let opinions = Opinions::new(Handle::current()).unwrap();
    for _ in 0..3 {
        let found = ask(
            &opinions,
            opinion(&format!("{}/dlp", service.url), 2000),
            &["Ada", "é"],
        )
        .await;
        let ada = Finding {
            range: 0..3,
            kind: "PERSON".to_owned(),
        };
        assert_eq!(found.unwrap(), [vec![ada], vec![]]);
    }
    assert_eq!(service.connections.load(Ordering::Relaxed), 1);
    let asked = service.asked.lock().unwrap().clone();
    assert!(asked.starts_with("POST /dlp/analyze HTTP/1.1\r\n"), "{asked}");
    let body: serde_json::Value = serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
    let expected = serde_json::json!({
        "text": ["Ada", "é"], "language": "en", "score_threshold": 0.5, "entities": ["PERSON"]
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure_that_quotes_nothing() {
    let opinions = Opinions::new(Handle::current()).unwrap();
    for (answer, why) in [
        (
            answered("500 X", r#"{"error": "Ada"}"#),
            "the service answered with status 500",
        ),
        (
            answered("200 OK", r#"{"error": "Ada"}"#),
            "the service's answer has another form than an analyzer's",
        ),
        (
            answered("200 OK", r#"[{"entity_type": "PERSON", "start": 0, "end": 1}]"#),
            "the service's answer has another form than an analyzer's",
        ),
        (
            answered(
                "200 OK",
                r#"[[{"entity_type": "PERSON", "start": -1, "end": 1}]]"#,
            ),
            "the service's answer has another form than an analyzer's",
        ),
        (answered("302 Found", ""), "the service answered with status 302"),
    ] {
        let service = service(&answer);
        let found = ask(&opinions, opinion(&service.url, 2000), &["Ada"]).await;
        assert_eq!(found.unwrap_err(), why);
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let found = ask(&opinions, opinion(&format!("http://{closed}"), 2000), &["Ada"]).await;
    assert_eq!(found.unwrap_err(), "the service could not be reached");
}

#[tokio::test]
async fn a_service_that_says_nothing_is_waited_for_no_longer_than_is_said() {
    let service = service("");
    let opinions = Opinions::new(Handle::current()).unwrap();
    let began = Instant::now();
    let found = ask(&opinions, opinion(&service.url, 100), &["Ada"]).await;
    assert_eq!(found.unwrap_err(), "it took longer than 100 ms");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
