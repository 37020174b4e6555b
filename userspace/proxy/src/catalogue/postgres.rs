//! A session of the catalogue's own login with PostgreSQL.

use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use interdict_session::Secret;
use interdict_session::catalogue::{MARK_QUERY, Mark, QUERY, Reader};
use interdict_wire::postgres::Header;
use interdict_wire::postgres::backend::{self, Fields, Message};
use interdict_wire::postgres::frontend;
use interdict_wire::postgres::opening::Startup;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::keeper::LoginError;
use crate::Dialer;
use crate::address::Address;
use crate::credentials::postgres::authenticate;
use crate::elsewhere::Elsewhere;
use crate::postgres::negotiate;
use crate::stream::Stream;
use crate::tls::UpstreamTls;
use crate::upstream::connect;

/// A longer message is none that was asked for: a view's query, a routine's body.
const LONGEST: usize = 64 << 20;

pub(super) struct Client {
    stream: Stream,
    input: BytesMut,
}

impl Client {
    pub(super) async fn connect(
        upstream: &Address,
        tls: &UpstreamTls,
        dialer: Option<&dyn Dialer>,
        elsewhere: &Elsewhere,
        (user, password): (&Arc<str>, Option<Secret>),
        database: &str,
    ) -> Result<Self, LoginError> {
        let stream = negotiate(connect(upstream, dialer, elsewhere).await?, upstream, tls).await?;
        let mut client = Self {
            stream,
            input: BytesMut::new(),
        };
        let startup = Startup {
            major: 3,
            minor: 0,
            parameters: vec![
                ("user", user),
                ("database", database),
                ("application_name", "interdict"),
                ("client_encoding", "UTF8"),
            ],
        };
        let mut out = BytesMut::new();
        startup.write(&mut out)?;
        client.stream.write_all(&out).await?;
        client.stream.flush().await?;
        let Self { stream, input } = &mut client;
        authenticate(stream, input, Arc::clone(user), password).await?;
        client.begin().await?;
        Ok(client)
    }

    /// Waits until the session is ready.
    async fn begin(&mut self) -> Result<(), LoginError> {
        loop {
            let message = self.message().await?;
            match parsed(&message)? {
                Message::ErrorResponse(fields) => return Err(refused(fields)),
                Message::ReadyForQuery(_) => return Ok(()),
                _ => {}
            }
        }
    }

    /// What the schema is known by.
    pub(super) async fn mark(&mut self) -> Result<Mark, LoginError> {
        let mut mark = None;
        self.rows(MARK_QUERY, |row| {
            mark = Some(Mark::new(row.iter())?);
            Ok(())
        })
        .await?;
        mark.ok_or_else(unasked)
    }

    /// The whole catalogue.
    pub(super) async fn read(&mut self) -> Result<Reader, LoginError> {
        let mut reader = Reader::default();
        self.rows(QUERY, |row| Ok(reader.row(row.iter())?)).await?;
        Ok(reader)
    }

    async fn rows(
        &mut self,
        query: &str,
        mut take: impl FnMut(backend::DataRow<'_>) -> Result<(), LoginError>,
    ) -> Result<(), LoginError> {
        let mut out = BytesMut::new();
        frontend::Message::Query(query.as_bytes()).write(&mut out)?;
        self.stream.write_all(&out).await?;
        self.stream.flush().await?;
        loop {
            let message = self.message().await?;
            match parsed(&message)? {
                Message::DataRow(row) => take(row)?,
                Message::ErrorResponse(fields) => return Err(refused(fields)),
                Message::ReadyForQuery(_) => return Ok(()),
                _ => {}
            }
        }
    }

    async fn message(&mut self) -> Result<BytesMut, LoginError> {
        loop {
            if let Some(header) = Header::peek(&self.input)? {
                if header.total() > LONGEST {
                    return Err(unasked());
                }
                if self.input.len() >= header.total() {
                    return Ok(self.input.split_to(header.total()));
                }
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(LoginError::Closed);
            }
        }
    }
}

fn parsed(message: &[u8]) -> Result<Message<'_>, LoginError> {
    let (tag, mut body) = message.split_first().ok_or(LoginError::Closed)?;
    body.advance(Header::SIZE - 1);
    Ok(backend::parse(*tag, body)?)
}

fn refused(fields: Fields<'_>) -> LoginError {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let message = fields
        .iter()
        .find(|(code, _)| *code == b'M')
        .map(|(_, text)| text);
    LoginError::Refused(format!("{} (SQLSTATE {})", text(message), text(fields.code())))
}

fn unasked() -> LoginError {
    LoginError::Unsupported("the service answered with something that was not asked for".to_owned())
}
