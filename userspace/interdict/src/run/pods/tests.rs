//! Against a server that speaks the API's list and watch.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};

use super::*;

fn pod(uid: &str, namespace: &str, labels: &str, annotations: &str, version: u32) -> String {
    format!(
        r#"{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{{"name":"p-{uid}","namespace":"{namespace}","uid":"{uid}","resourceVersion":"{version}","labels":{labels},"annotations":{annotations}}}}}"#
    )
}

/// Answers one connection after the other: lists have one pod, watches what comes by `events`.
async fn serve(
    listener: TcpListener,
    requests: mpsc::UnboundedSender<String>,
    events: broadcast::Sender<String>,
) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (requests, mut events) = (requests.clone(), events.subscribe());
        tokio::spawn(async move {
            let request = head(&mut stream).await;
            requests.send(request.clone()).unwrap();
            let start = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
            stream.write_all(start.as_bytes()).await.unwrap();
            if !request.contains("watch=") {
                let item = pod(
                    "11111111-1111-1111-1111-111111111111",
                    "research",
                    r#"{"role":"agent"}"#,
                    "{}",
                    5,
                );
                let list = format!(
                    r#"{{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{{"resourceVersion":"5"}},"items":[{item}]}}"#
                );
                stream.write_all(list.as_bytes()).await.unwrap();
                return;
            }
            while let Ok(event) = events.recv().await {
                if stream.write_all(format!("{event}\n").as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn pods_are_listed_and_watched() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (requests, mut asked) = mpsc::unbounded_channel();
    let (events, _) = broadcast::channel(16);
    tokio::spawn(serve(listener, requests, events.clone()));
    let client = Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
    let pods = Arc::new(Pods::default());
    let (sender, mut told) = mpsc::unbounded_channel();
    let watched = Arc::clone(&pods);
    tokio::spawn(async move {
        watch(&watched, client, "node-1", |watch| {
            sender.send(watch).unwrap();
            std::future::ready(())
        })
        .await;
    });
    let limit = Duration::from_secs(20);
    let mut next = async || tokio::time::timeout(limit, told.recv()).await.unwrap().unwrap();

    let first = "11111111-1111-1111-1111-111111111111";
    let agent = [("role".to_owned(), "agent".to_owned())];
    assert_eq!(next().await, Watch::Changed);
    assert_eq!(pods.matches(first, Some("research"), &agent), Some(true));
    assert_eq!(pods.matches(first, Some("other"), &agent), Some(false));
    assert_eq!(
        pods.matches(first, None, &[("role".to_owned(), "x".to_owned())]),
        Some(false)
    );
    let second = "22222222-2222-2222-2222-222222222222";
    assert_eq!(pods.matches(second, Some("research"), &[]), None, "not known yet");
    let list = asked.recv().await.unwrap();
    assert!(list.contains("fieldSelector=spec.nodeName%3Dnode-1"), "{list}");
    assert!(
        list.to_ascii_lowercase().contains("partialobjectmetadata"),
        "more than metadata is asked for: {list}"
    );

    // The watch must be open before anything is sent to it.
    let watching = asked.recv().await.unwrap();
    assert!(
        watching.contains("watch=") && watching.contains("resourceVersion=5"),
        "{watching}"
    );
    let send = |kind: &str, pod: String| {
        events
            .send(format!(r#"{{"type":"{kind}","object":{pod}}}"#))
            .unwrap()
    };
    send("ADDED", pod(second, "research", "{}", "{}", 6));
    assert_eq!(next().await, Watch::Changed);
    assert_eq!(pods.matches(second, Some("research"), &agent), Some(false));
    send(
        "MODIFIED",
        pod(second, "research", r#"{"role":"agent"}"#, "{}", 7),
    );
    assert_eq!(next().await, Watch::Changed);
    assert_eq!(pods.matches(second, Some("research"), &agent), Some(true));
    // A static pod's cgroup has the hash of its file.
    let hash = "0123456789abcdef0123456789abcdef";
    let annotation = format!(r#"{{"{STATIC}":"{hash}"}}"#);
    send(
        "ADDED",
        pod(
            "33333333-3333-3333-3333-333333333333",
            "kube-system",
            "{}",
            &annotation,
            8,
        ),
    );
    assert_eq!(next().await, Watch::Changed);
    assert_eq!(pods.matches(hash, Some("kube-system"), &[]), Some(true));
    let described = interdict_identity::Pods::pod(&*pods, second).unwrap();
    assert_eq!(
        (described.name, described.namespace),
        (format!("p-{second}"), "research".to_owned())
    );
    assert_eq!(described.labels.get("role").map(String::as_str), Some("agent"));
    assert_eq!(interdict_identity::Pods::pod(&*pods, "another"), None);
    // What was deleted may run on for a while.
    send("DELETED", pod(second, "research", r#"{"role":"agent"}"#, "{}", 9));
    send(
        "ADDED",
        pod("44444444-4444-4444-4444-444444444444", "x", "{}", "{}", 10),
    );
    assert_eq!(next().await, Watch::Changed);
    assert_eq!(pods.matches(second, Some("research"), &agent), Some(true));
}

#[tokio::test]
async fn an_api_that_is_away_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::try_from(kube::Config::new(format!("http://{at}").parse().unwrap())).unwrap();
    let pods = Arc::new(Pods::default());
    let (sender, mut told) = mpsc::unbounded_channel();
    let watched = Arc::clone(&pods);
    tokio::spawn(async move {
        watch(&watched, client, "node-1", |watch| {
            sender.send(watch).unwrap();
            std::future::ready(())
        })
        .await;
    });
    let limit = Duration::from_secs(20);
    let mut next = async || tokio::time::timeout(limit, told.recv()).await.unwrap().unwrap();
    let lost = next().await;
    assert!(
        matches!(&lost, Watch::Lost(reason) if !reason.is_empty()),
        "{lost:?}"
    );
    // It comes back.
    let (requests, _asked) = mpsc::unbounded_channel();
    let (events, _) = broadcast::channel(16);
    let listener = TcpListener::bind(at).await.unwrap();
    tokio::spawn(serve(listener, requests, events));
    assert_eq!(next().await, Watch::Found);
    assert_eq!(next().await, Watch::Changed);
}
