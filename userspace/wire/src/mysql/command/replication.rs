//! What replicas send. Read for the record only: who asks for the binary log is given every row of every table.

use crate::WireError;
use crate::mysql::read::{bytes, int16, int32, int64, rest, short_bytes, whole};
use nom::Parser;

/// COM_BINLOG_DUMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinlogDump<'a> {
    /// Where to begin in the file.
    pub position: u32,
    /// Flags.
    pub flags: u16,
    /// The replica's number.
    pub server_id: u32,
    /// The file; empty for the first.
    pub file: &'a [u8],
}

impl<'a> BinlogDump<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let fields = (int32("position"), int16("flags"), int32("server id"), rest);
        let (position, flags, server_id, file) = whole("COM_BINLOG_DUMP", body, fields)?;
        Ok(Self {
            position,
            flags,
            server_id,
            file,
        })
    }
}

/// COM_BINLOG_DUMP_GTID (MySQL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinlogDumpGtid<'a> {
    /// Flags.
    pub flags: u16,
    /// The replica's number.
    pub server_id: u32,
    /// The file; empty for the first.
    pub file: &'a [u8],
    /// Where to begin in the file.
    pub position: u64,
    /// The transactions that the replica has, as the server encodes them.
    pub gtids: &'a [u8],
}

impl<'a> BinlogDumpGtid<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        whole("COM_BINLOG_DUMP_GTID", body, |input: &'a [u8]| {
            let (input, flags) = int16("flags").parse(input)?;
            let (input, server_id) = int32("server id").parse(input)?;
            let (input, length) = int32("file length").parse(input)?;
            let (input, file) = bytes("file", length as usize).parse(input)?;
            let (input, position) = int64("position").parse(input)?;
            let (input, gtids) = if input.is_empty() {
                (input, &[][..])
            } else {
                let (input, length) = int32("transactions length").parse(input)?;
                bytes("transactions", length as usize).parse(input)?
            };
            let dump = Self {
                flags,
                server_id,
                file,
                position,
                gtids,
            };
            Ok((input, dump))
        })
    }
}

/// COM_REGISTER_SLAVE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RegisterSlave<'a> {
    /// The replica's number.
    pub server_id: u32,
    /// Its host.
    pub host: &'a [u8],
    /// Its user.
    pub user: &'a [u8],
    /// Its password, in clear.
    pub password: &'a [u8],
    /// Its port.
    pub port: u16,
}

impl<'a> RegisterSlave<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let names = (short_bytes("host"), short_bytes("user"), short_bytes("password"));
        let numbers = (int16("port"), int32("rank"), int32("source"));
        let (server_id, (host, user, password), (port, _, _)) =
            whole("COM_REGISTER_SLAVE", body, (int32("server id"), names, numbers))?;
        Ok(Self {
            server_id,
            host,
            user,
            password,
            port,
        })
    }
}

impl std::fmt::Debug for RegisterSlave<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisterSlave")
            .field("server_id", &self.server_id)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
