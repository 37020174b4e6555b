//! Callers who had to prove who they are and did not: they are told so in their protocol, and reach nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use interdict_record::{Event, Record};
use interdict_session::LastWords;
use interdict_session::postgres::{Opening, open};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::connection::{Connection, ServeError};
use crate::{Protocol, Proxy, now};

/// How long a client may take to be told.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long its bytes are read away afterwards: closing upon unread ones would take back what it was told.
const FAREWELL: Duration = Duration::from_millis(500);
/// A fatal alert `access_denied` (RFC 8446, section 6.2), in a record of TLS 1.2 as before a handshake.
const TLS_ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];
/// What a record of TLS begins with that holds a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// The end of a session for this reason, in the record.
const REASON: &str = "identity_refused";

impl Proxy {
    /// Writes down why, tells the client, and closes.
    pub(crate) async fn turn_away(
        &self,
        stream: TcpStream,
        connection: &Connection,
    ) -> Result<(), ServeError> {
        let Some(refusal) = &connection.identity.refusal else {
            return Ok(());
        };
        let (service, provider) = (&connection.service.name, &refusal.provider);
        let message = format!(
            "{} is refused at {service}: `{provider}` requires a sound token, but {}",
            connection.identity.name, refusal.message
        );
        tracing::warn!(service, provider, code = refusal.code, "{message}");
        let detail = [
            ("session_id", Some(connection.session_id.to_string())),
            ("service", Some(service.clone())),
            ("workload", connection.workload.clone()),
            ("provider", Some(provider.clone())),
            ("reason", Some(refusal.code.to_owned())),
        ];
        let event = Event {
            at: now(),
            kind: REASON.to_owned(),
            actor: "daemon".to_owned(),
            message,
            detail: detail
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect::<BTreeMap<_, _>>(),
        };
        let ticket = self.audit.append(vec![Record::Event(Box::new(event))]).await?;
        ticket.durable().await?;
        // A client that goes away is refused all the same.
        let _ = tokio::time::timeout(
            PATIENCE,
            tell(stream, connection.service.protocol, &|bytes| {
                connection.said(bytes);
            }),
        )
        .await;
        self.end_early(connection, REASON).await
    }
}

/// `said` is told what the client is sent, before it is.
async fn tell(
    mut stream: TcpStream,
    protocol: Protocol,
    said: &(impl Fn(&[u8]) + Sync),
) -> std::io::Result<()> {
    match protocol {
        Protocol::Postgres => tell_postgres(&mut stream, said).await?,
        Protocol::Mysql => {
            let words = interdict_session::mysql::turned_away(LastWords::Identity);
            say(&mut stream, &words, said).await?;
        }
        Protocol::Http => tell_http(&mut stream, said).await?,
        Protocol::Opaque => {}
    }
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let _ = tokio::time::timeout(FAREWELL, async {
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    })
    .await;
    Ok(())
}

/// Without TLS: the client has not proven who it is, so it learns nothing of what there is.
async fn tell_postgres(stream: &mut TcpStream, said: &(impl Fn(&[u8]) + Sync)) -> std::io::Result<()> {
    let mut input = BytesMut::with_capacity(1024);
    loop {
        match open(&mut input) {
            Opening::Incomplete => {
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(());
                }
            }
            Opening::Gss | Opening::Tls => say(stream, b"N", said).await?,
            Opening::DirectTls => return say(stream, &TLS_ALERT, said).await,
            Opening::Startup(_) | Opening::Refused(_) => {
                let words = interdict_session::postgres::last_words(LastWords::Identity);
                return say(stream, &words, said).await;
            }
            Opening::Cancel(_) => return Ok(()),
        }
    }
}

async fn tell_http(stream: &mut TcpStream, said: &(impl Fn(&[u8]) + Sync)) -> std::io::Result<()> {
    let mut input = BytesMut::with_capacity(4096);
    // Until the end of a head: a client that has not sent it may not be ready for an answer. HTTP/2's preface ends as one.
    while !input.windows(4).any(|end| end == b"\r\n\r\n") && input.len() < 64 << 10 {
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        if input.first() == Some(&TLS_HANDSHAKE) {
            return say(stream, &TLS_ALERT, said).await;
        }
    }
    if input.starts_with(b"PRI ") {
        return Ok(());
    }
    let body = interdict_session::http::Engine::last_words(LastWords::Identity).body;
    let head = format!(
        "HTTP/1.1 403 Forbidden\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    say(stream, head.as_bytes(), said).await?;
    say(stream, &body, said).await
}

async fn say(stream: &mut TcpStream, bytes: &[u8], said: &(impl Fn(&[u8]) + Sync)) -> std::io::Result<()> {
    said(bytes);
    stream.write_all(bytes).await
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use tokio::net::TcpListener;

    /// What a client of `protocol` is told that says `hello` first.
    async fn told(protocol: Protocol, hello: &[u8]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let noted = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&noted);
        let telling = tokio::spawn(async move {
            tell(stream, protocol, &|bytes: &[u8]| {
                note.lock().unwrap().extend_from_slice(bytes);
            })
            .await
        });
        client.write_all(hello).await.unwrap();
        client.shutdown().await.unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        telling.await.unwrap().unwrap();
        assert_eq!(*noted.lock().unwrap(), said, "the record has what was said");
        said
    }

    #[tokio::test]
    async fn each_protocol_says_it_in_its_own_way() {
        let startup = b"\0\0\0\x11\0\x03\0\0user\0me\0\0";
        let has = |said: &[u8], what: &str| String::from_utf8_lossy(said).contains(what);
        let tls = b"\0\0\0\x08\x04\xd2\x16\x2f".as_slice();
        let said = told(Protocol::Postgres, &[tls, startup].concat()).await;
        assert_eq!(said.first(), Some(&b'N'), "{said:?}");
        assert!(
            has(&said, "42501") && has(&said, "FATAL") && has(&said, "sound token"),
            "{said:?}"
        );
        let said = told(Protocol::Mysql, b"").await;
        assert_eq!(said.get(4), Some(&0xff));
        assert!(has(&said, "sound token"));
        let said = told(Protocol::Http, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(
            has(&said, "HTTP/1.1 403 ") && has(&said, "sound token"),
            "{said:?}"
        );
        assert_eq!(told(Protocol::Http, &[22, 3, 1, 2, 0]).await, TLS_ALERT);
        assert_eq!(
            told(Protocol::Http, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await,
            b""
        );
        assert_eq!(told(Protocol::Opaque, b"x").await, b"");
    }
}
