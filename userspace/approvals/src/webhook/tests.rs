//! With a receiver and a sender of bytes of its own: nothing of ours is at the other end.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Mutex;

use interdict_policy::{HoldMode, HoldSpec, Ruling};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::Asking;
use crate::testkit::{Kit, about, petition, terms};
use std::sync::Arc;

const SECRET: &[u8] = b"a secret of some length";

/// A request that arrived: its head and its body.
type Arrived = (String, String);

/// Answers each request with the next of these statuses, then 200.
async fn receiver(mut statuses: Vec<u16>) -> (SocketAddr, Arc<Mutex<Vec<Arrived>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&arrived);
    statuses.reverse();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (head, body) = message(&mut stream).await;
            seen.lock().unwrap().push((head, body));
            let status = statuses.pop().unwrap_or(200);
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, arrived)
}

async fn message(stream: &mut TcpStream) -> Arrived {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").map_or(0, |value| value.parse().unwrap());
            if body.len() >= length {
                return (head.to_owned(), body.to_owned());
            }
        }
        assert!(
            stream.read_buf(&mut bytes).await.unwrap() > 0,
            "broken off: {text}"
        );
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

fn webhook(form: Form, at: SocketAddr) -> Webhook {
    Webhook {
        name: "chat".to_owned(),
        url: format!("http://{at}/hook").parse().unwrap(),
        form,
        secret: SECRET.to_vec(),
        on_requested: true,
        on_decided: false,
        people: BTreeMap::from([("U0AGENT".to_owned(), "agent".to_owned())]),
    }
}

async fn until(arrived: &Arc<Mutex<Vec<Arrived>>>, count: usize) -> Vec<Arrived> {
    for _ in 0..2_000 {
        let seen = arrived.lock().unwrap().clone();
        if seen.len() >= count {
            return seen;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{:?}", arrived.lock().unwrap());
}

/// A kit whose notices go to the webhook, and the address that takes answers.
async fn talking(webhook: Webhook) -> (Kit, SocketAddr) {
    let mut kit = Kit::new().await;
    let (_, none) = tokio::sync::mpsc::channel(1);
    let notices = std::mem::replace(&mut kit.notices, none);
    let webhook = Arc::new(webhook);
    let sender = Sender::new(&[Arc::clone(&webhook)]).unwrap();
    tokio::spawn(sender.clone().run(notices));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listen(listener, Arc::clone(&kit.desk), vec![webhook], sender));
    (kit, address)
}

fn ask(kit: &Kit, mode: HoldMode) -> Asking {
    let terms = HoldSpec {
        approvers: vec!["webhook:chat".to_owned()],
        ..terms(mode)
    };
    kit.desk.ask(petition("1", terms), about())
}

async fn post(at: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut text = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.extend(["\r\n", body]);
    stream.write_all(text.as_bytes()).await.unwrap();
    let (head, body) = message(&mut stream).await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

/// Signed as the generic form has it.
async fn answer(at: SocketAddr, time: i64, body: &str) -> (u16, Value) {
    let time = time.to_string();
    let signature = sign::sign("v1", SECRET, &time, body.as_bytes()).unwrap();
    let headers = [
        ("interdict-timestamp", &*time),
        ("interdict-signature", &*signature),
    ];
    post(at, "/webhooks/chat", &headers, body).await
}

fn generic(id: uuid::Uuid, verdict: &str, by: &str) -> String {
    serde_json::json!({ "approval": id, "verdict": verdict, "by": by, "reason": "seen" }).to_string()
}

#[tokio::test]
async fn a_webhook_is_told_signed_and_again_until_it_has_it() {
    let (at, arrived) = receiver(vec![500, 429]).await;
    let (kit, _) = talking(webhook(Form::Json, at)).await;
    let begun = std::time::Instant::now();
    let _asking = ask(&kit, HoldMode::Wait);
    assert!(
        begun.elapsed() < std::time::Duration::from_millis(100),
        "nobody waits for it"
    );
    let seen = until(&arrived, 3).await;
    assert_eq!(seen.len(), 3);
    for (head, body) in &seen {
        let time = header(head, "interdict-timestamp").unwrap();
        let signature = header(head, "interdict-signature").unwrap();
        assert!(sign::holds("v1", SECRET, &time, body.as_bytes(), &signature));
        assert!(!sign::holds("v1", b"another", &time, body.as_bytes(), &signature));
        let document: Value = serde_json::from_str(body).unwrap();
        assert_eq!(document["event"], "requested");
        assert_eq!(
            document["approval"]["statement"],
            "DELETE FROM visits WHERE id = ?"
        );
    }
    // One that says no is not asked again.
    let (at, arrived) = receiver(vec![404]).await;
    let (kit, _) = talking(webhook(Form::Json, at)).await;
    let _asking = ask(&kit, HoldMode::Wait);
    until(&arrived, 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    assert_eq!(arrived.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_decides_once_and_only_if_it_is_signed_now() {
    let (to, arrived) = receiver(Vec::new()).await;
    let (kit, at) = talking(webhook(Form::Json, to)).await;
    let asking = ask(&kit, HoldMode::Wait);
    let told: Value = serde_json::from_str(&until(&arrived, 1).await[0].1).unwrap();
    let id: uuid::Uuid = told["approval"]["id"].as_str().unwrap().parse().unwrap();
    let now = seconds();
    let yes = generic(id, "approve", "ada");
    for time in [now - 301, now + 301] {
        assert_eq!(answer(at, time, &yes).await.0, 401);
    }
    let time = now.to_string();
    let wrong = sign::sign("v1", b"another secret", &time, yes.as_bytes()).unwrap();
    let headers = [("interdict-timestamp", &*time), ("interdict-signature", &*wrong)];
    assert_eq!(post(at, "/webhooks/chat", &headers, &yes).await.0, 401);
    assert_eq!(post(at, "/webhooks/chat", &[], &yes).await.0, 401);
    assert_eq!(post(at, "/webhooks/other", &headers, &yes).await.0, 404);
    // Signed, and no answer.
    for body in [
        "{}",
        "",
        &generic(id, "maybe", "ada"),
        &generic(id, "approve", "ada@root"),
        &generic(id, "approve", ""),
    ] {
        assert_eq!(answer(at, now, body).await.0, 400, "{body}");
    }
    // The one who asks, by the name that they have here.
    assert_eq!(answer(at, now, &generic(id, "approve", "agent")).await.0, 403);
    assert_eq!(answer(at, now, &generic(id, "approve", "U0AGENT")).await.0, 403);
    assert_eq!(
        answer(at, now, &generic(uuid::Uuid::now_v7(), "deny", "ada"))
            .await
            .0,
        404
    );
    assert_eq!(kit.desk.list(false).len(), 1, "nothing is decided");

    assert_eq!(
        answer(at, now, &yes).await,
        (200, serde_json::json!({ "approval": id, "state": "approved" }))
    );
    let Ruling::Approved { by, .. } = asking.await else {
        panic!()
    };
    assert_eq!(by, ["ada@chat"]);
    let (status, document) = answer(at, now, &yes).await;
    assert_eq!(
        (status, document["error"].as_str()),
        (409, Some("it was sent before"))
    );
    assert_eq!(answer(at, now + 1, &yes).await.0, 409, "it is over");
    let rows = kit.rows(interdict_audit::Table::Approvals);
    assert_eq!(rows[1]["via"], "webhook:chat");
}

#[tokio::test]
async fn slacks_buttons_decide_with_their_reason() {
    let (to, arrived) = receiver(Vec::new()).await;
    let (kit, at) = talking(webhook(Form::Slack, to)).await;
    let asking = ask(&kit, HoldMode::Wait);
    let told: Value = serde_json::from_str(&until(&arrived, 1).await[0].1).unwrap();
    let id = told["blocks"][3]["elements"][1]["value"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(told["blocks"][3]["elements"][1]["action_id"], "deny");
    let pressed = |reason: Value, user: &str| {
        let payload = serde_json::json!({
            "type": "block_actions",
            "user": { "id": user },
            "actions": [{ "action_id": "deny", "value": id }],
            "state": { "values": { "reason": { "reason": { "value": reason } } } },
            "response_url": format!("http://{to}/reply"),
        });
        let mut encoded = String::new();
        for byte in payload.to_string().bytes() {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        format!("payload={encoded}")
    };
    let send = async |body: String| {
        let time = seconds().to_string();
        let signature = sign::sign("v0", SECRET, &time, body.as_bytes()).unwrap();
        let headers = [
            ("x-slack-request-timestamp", &*time),
            ("x-slack-signature", &*signature),
        ];
        post(at, "/webhooks/chat", &headers, &body).await
    };
    let (_, none) = send(pressed(Value::Null, "U1")).await;
    assert!(none["error"].as_str().unwrap().contains("reason"), "{none}");
    send(pressed("not today".into(), "U1")).await;
    let Ruling::Denied { by, reason, .. } = asking.await else {
        panic!()
    };
    assert_eq!((by, reason.as_str()), (vec!["U1@chat".to_owned()], "not today"));
    let seen = until(&arrived, 3).await;
    assert!(seen[1].0.starts_with("POST /reply") && seen[1].1.contains("reason"));
    assert!(seen[2].1.contains("is denied"));
}

#[tokio::test]
async fn a_webhook_is_told_what_it_asked_for() {
    let (to, arrived) = receiver(Vec::new()).await;
    let only_ends = Webhook {
        on_requested: false,
        on_decided: true,
        ..webhook(Form::Json, to)
    };
    let (kit, _) = talking(only_ends).await;
    let asking = ask(&kit, HoldMode::Wait);
    let mut changes = kit.desk.changes();
    while kit.desk.list(false).is_empty() {
        changes.changed().await.unwrap();
    }
    drop(asking);
    let seen = until(&arrived, 1).await;
    let document: Value = serde_json::from_str(&seen[0].1).unwrap();
    assert_eq!(
        (&document["event"], &document["approval"]["state"]),
        (&"decided".into(), &"withdrawn".into())
    );
}
