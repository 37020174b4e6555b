//! The least that a client of MySQL has to say: a login without a password, queries, prepared statements of integers.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::packets::Packets;

/// LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH: results end with EOF packets.
const CAPABILITIES: u32 = 1 | 1 << 3 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 19;

/// utf8mb4_general_ci.
const CHARACTERS: u8 = 45;

const QUERY: u8 = 0x03;
const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;
/// LONG.
const INTEGER: [u8; 2] = [3, 0];

/// A connection that is logged in.
pub(super) struct Session(Packets<TcpStream>);

/// A statement that the server knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared {
    id: u32,
    parameters: u16,
}

impl Session {
    pub(super) fn login(server: SocketAddr, user: &str, database: &str) -> Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let mut packets = Packets::new(stream);
        let greeting = packets.read()?;
        refused(greeting)?;
        ensure!(
            greeting.first() == Some(&10),
            "the greeting is of another protocol"
        );
        let mut login = CAPABILITIES.to_le_bytes().to_vec();
        login.extend_from_slice(&(1_u32 << 24).to_le_bytes());
        login.push(CHARACTERS);
        login.extend_from_slice(&[0; 23]);
        login.extend_from_slice(user.as_bytes());
        // The name's end, then an answer of no bytes: no password.
        login.extend_from_slice(&[0, 0]);
        login.extend_from_slice(database.as_bytes());
        login.extend_from_slice(b"\0mysql_native_password\0");
        packets.write(1, &login)?;
        // Another plugin is answered with nothing likewise.
        let answer = packets.read()?;
        refused(answer)?;
        if answer.first() == Some(&0xfe) {
            packets.write(3, &[])?;
            refused(packets.read()?)?;
        }
        let mut session = Self(packets);
        session.query("SELECT 1")?;
        Ok(session)
    }

    /// Bytes that came so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// How many rows came back.
    pub(super) fn query(&mut self, statement: &str) -> Result<u64> {
        self.0.write(0, &[&[QUERY], statement.as_bytes()].concat())?;
        self.result()
    }

    pub(super) fn prepare(&mut self, statement: &str) -> Result<Prepared> {
        self.0.write(0, &[&[PREPARE], statement.as_bytes()].concat())?;
        let answer = self.0.read()?;
        refused(answer)?;
        let Some(&[_, a, b, c, d, columns, columns_high, parameters, high]) = answer.first_chunk::<9>()
        else {
            bail!("the answer to a prepared statement is too short");
        };
        let prepared = Prepared {
            id: u32::from_le_bytes([a, b, c, d]),
            parameters: u16::from_le_bytes([parameters, high]),
        };
        for described in [prepared.parameters, u16::from_le_bytes([columns, columns_high])] {
            if described > 0 {
                self.until_end()?;
            }
        }
        Ok(prepared)
    }

    /// How many rows came back.
    pub(super) fn execute(&mut self, statement: Prepared, values: &[u32]) -> Result<u64> {
        ensure!(
            values.len() == usize::from(statement.parameters) && values.len() <= 8,
            "a prepared statement has other parameters"
        );
        let mut message = vec![EXECUTE];
        message.extend_from_slice(&statement.id.to_le_bytes());
        // No cursor; once; none of the values is NULL; their types follow.
        message.extend_from_slice(&[0, 1, 0, 0, 0, 0, 1]);
        for _ in values {
            message.extend_from_slice(&INTEGER);
        }
        for value in values {
            message.extend_from_slice(&value.to_le_bytes());
        }
        self.0.write(0, &message)?;
        self.result()
    }

    /// Reads an answer to its end.
    fn result(&mut self) -> Result<u64> {
        let first = self.0.read()?;
        refused(first)?;
        match first.first().context("an empty answer")? {
            0 => Ok(0),
            _ => {
                self.until_end()?;
                self.until_end()
            }
        }
    }

    /// How many packets came before the end of columns, or of rows.
    fn until_end(&mut self) -> Result<u64> {
        let mut count = 0;
        loop {
            let packet = self.0.read()?;
            refused(packet)?;
            if packet.len() < 9 && packet.first() == Some(&0xfe) {
                return Ok(count);
            }
            count += 1;
        }
    }
}

/// An error packet, in its own words.
fn refused(packet: &[u8]) -> Result<()> {
    if packet.first() == Some(&0xff) {
        bail!(
            "the server refused: {}",
            String::from_utf8_lossy(packet.get(3..).unwrap_or_default())
        );
    }
    Ok(())
}
