//! A session of the catalogue's own login with MySQL or MariaDB.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_session::Secret;
use interdict_session::catalogue::mysql::{COLUMNS, Reader, queries};
use interdict_session::mysql::login::Login;
use interdict_wire::mysql::command::write_query;
use interdict_wire::mysql::opening::{Greeting, Login as Request, SslRequest};
use interdict_wire::mysql::response::{Answer, ErrPacket, Event, Responses};
use interdict_wire::mysql::row::TextRow;
use interdict_wire::mysql::{Capabilities, Reader as Packets, Sequence};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::keeper::LoginError;
use crate::Dialer;
use crate::address::Address;
use crate::credentials::mysql::{authenticate, channel, wants_tls};
use crate::credentials::postgres::Failure as NotIn;
use crate::elsewhere::Elsewhere;
use crate::stream::Stream;
use crate::tls::UpstreamTls;
use crate::upstream::{connect, secure};

/// A longer message is none that was asked for: a view's query, a routine's body.
const LONGEST: usize = 64 << 20;
/// utf8mb4_general_ci
const CHARSET: u8 = 45;
const MAX_PACKET: u32 = 1 << 30;
/// What names are compared by, and which rows a statement may give.
const FOLDS: &str = "SELECT @@lower_case_table_names LIMIT 18446744073709551615";

pub(super) struct Client {
    stream: Stream,
    input: BytesMut,
    packets: Packets,
    sequence: Sequence,
    capabilities: Capabilities,
    version: String,
    folds: bool,
}

impl Client {
    pub(super) async fn connect(
        upstream: &Address,
        tls: &UpstreamTls,
        dialer: Option<&dyn Dialer>,
        elsewhere: &Elsewhere,
        (user, password): (&Arc<str>, Option<Secret>),
    ) -> Result<Self, LoginError> {
        let mut stream = connect(upstream, dialer, elsewhere).await?;
        let (mut packets, mut input) = (Packets::new(LONGEST), BytesMut::new());
        let first = message(&mut packets, &mut stream, &mut input).await?;
        if let Ok(error) = ErrPacket::parse(&first) {
            return Err(refused(&error));
        }
        let greeting = Greeting::parse(&first)?;
        let mut sequence = packets.sequence();
        let capabilities = greeting.capabilities
            & (Capabilities::LONG_PASSWORD
                | Capabilities::PROTOCOL_41
                | Capabilities::TRANSACTIONS
                | Capabilities::SECURE_CONNECTION
                | Capabilities::PLUGIN_AUTH
                | Capabilities::DEPRECATE_EOF);
        let (stream, capabilities) =
            if wants_tls(upstream, tls, greeting.capabilities.has(Capabilities::SSL))? {
                let capabilities = capabilities.with(Capabilities::SSL);
                let mut out = BytesMut::new();
                SslRequest::new(capabilities, MAX_PACKET, CHARSET).write(&mut sequence, &mut out)?;
                stream.write_all(&out).await?;
                (secure(stream, upstream, tls, None, &[]).await?, capabilities)
            } else {
                (Stream::Plain(stream), capabilities)
            };
        let mut client = Self {
            stream,
            input,
            packets,
            sequence,
            capabilities,
            version: String::from_utf8_lossy(greeting.server_version).into_owned(),
            folds: true,
        };
        let channel = channel(&client.stream, tls);
        let nonce = greeting.scramble().concat();
        let mut login = Login::new(Arc::clone(user), password, channel, greeting.plugin, &nonce);
        let mut out = BytesMut::with_capacity(1024);
        let request = Request::new(capabilities, MAX_PACKET, CHARSET, &[]);
        login
            .begin(request, client.sequence, &mut out)
            .map_err(NotIn::from)?;
        authenticate(&mut client.stream, &mut client.input, &mut login, out).await?;
        client.folds = client.folding().await?;
        Ok(client)
    }

    async fn folding(&mut self) -> Result<bool, LoginError> {
        let mut folds = true;
        self.rows(FOLDS, 1, |row| {
            folds = row.iter().next().flatten() != Some(b"0");
            Ok(())
        })
        .await?;
        Ok(folds)
    }

    /// The whole catalogue; `database`: where names without one are looked for.
    pub(super) async fn read(&mut self, database: &str) -> Result<Reader, LoginError> {
        let mut reader = Reader::of_server(&self.version, self.folds, database).ok_or_else(|| {
            LoginError::Unsupported(format!("the version {} is not understood", self.version))
        })?;
        for query in queries() {
            self.rows(&query, COLUMNS, |row| Ok(reader.row(row.iter())?))
                .await?;
        }
        Ok(reader)
    }

    async fn rows(
        &mut self,
        query: &str,
        columns: usize,
        mut take: impl FnMut(TextRow<'_>) -> Result<(), LoginError>,
    ) -> Result<(), LoginError> {
        let mut out = BytesMut::new();
        write_query(query.as_bytes(), self.capabilities, &mut self.sequence, &mut out)?;
        self.send(&out).await?;
        let mut responses = Responses::new(self.capabilities, Answer::Text);
        while !responses.is_done() {
            let message = self.message().await?;
            match responses.read(&message)? {
                Event::Row(row) => take(TextRow::parse(row, columns)?)?,
                Event::Err(error) => return Err(refused(&error)),
                Event::File(_) => return Err(unsupported("the service asks for a file")),
                _ => {}
            }
        }
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), LoginError> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }

    async fn message(&mut self) -> Result<Bytes, LoginError> {
        self.packets.expect(self.sequence);
        let message = message(&mut self.packets, &mut self.stream, &mut self.input).await?;
        self.sequence = self.packets.sequence();
        Ok(message)
    }
}

/// The next message of a stream.
async fn message(
    packets: &mut Packets,
    stream: &mut (impl AsyncRead + Unpin),
    input: &mut BytesMut,
) -> Result<Bytes, LoginError> {
    loop {
        if let Some(message) = packets.message(input)? {
            return Ok(message.payload);
        }
        if stream.read_buf(input).await? == 0 {
            return Err(LoginError::Closed);
        }
    }
}

fn refused(error: &ErrPacket<'_>) -> LoginError {
    LoginError::Refused(format!(
        "{} (error {})",
        String::from_utf8_lossy(error.message),
        error.code
    ))
}

fn unsupported(why: &str) -> LoginError {
    LoginError::Unsupported(why.to_owned())
}
