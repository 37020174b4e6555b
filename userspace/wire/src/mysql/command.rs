//! What the client asks for.

mod bulk;
mod change_user;
mod execute;
mod parameters;
mod query;
mod replication;

use std::fmt;

use bytes::BytesMut;

pub use self::bulk::{BulkExecute, BulkRows};
pub use self::change_user::ChangeUser;
pub use self::execute::{Cursor, Execute};
pub use self::parameters::{Parameter, ParameterValue};
pub use self::query::{Query, write_query};
pub use self::replication::{BinlogDump, BinlogDumpGtid, RegisterSlave};
use super::read::{byte, cstring, int16, int32, nothing, rest, whole};
use super::response::Answer;
use super::write::Frame;
use super::{Capabilities, Sequence};
use crate::WireError;
use crate::hidden::Hidden;

/// The first bytes of commands.
pub mod tag {
    #![expect(
        missing_docs,
        reason = "each is the first byte of the command that it is named after"
    )]

    pub const SLEEP: u8 = 0x00;
    pub const QUIT: u8 = 0x01;
    pub const INIT_DB: u8 = 0x02;
    pub const QUERY: u8 = 0x03;
    pub const FIELD_LIST: u8 = 0x04;
    pub const CREATE_DB: u8 = 0x05;
    pub const DROP_DB: u8 = 0x06;
    pub const REFRESH: u8 = 0x07;
    pub const SHUTDOWN: u8 = 0x08;
    pub const STATISTICS: u8 = 0x09;
    pub const PROCESS_INFO: u8 = 0x0a;
    pub const CONNECT: u8 = 0x0b;
    pub const PROCESS_KILL: u8 = 0x0c;
    pub const DEBUG: u8 = 0x0d;
    pub const PING: u8 = 0x0e;
    pub const TIME: u8 = 0x0f;
    pub const DELAYED_INSERT: u8 = 0x10;
    pub const CHANGE_USER: u8 = 0x11;
    pub const BINLOG_DUMP: u8 = 0x12;
    pub const TABLE_DUMP: u8 = 0x13;
    pub const CONNECT_OUT: u8 = 0x14;
    pub const REGISTER_SLAVE: u8 = 0x15;
    pub const STMT_PREPARE: u8 = 0x16;
    pub const STMT_EXECUTE: u8 = 0x17;
    pub const STMT_SEND_LONG_DATA: u8 = 0x18;
    pub const STMT_CLOSE: u8 = 0x19;
    pub const STMT_RESET: u8 = 0x1a;
    pub const SET_OPTION: u8 = 0x1b;
    pub const STMT_FETCH: u8 = 0x1c;
    pub const DAEMON: u8 = 0x1d;
    pub const BINLOG_DUMP_GTID: u8 = 0x1e;
    pub const RESET_CONNECTION: u8 = 0x1f;
    pub const CLONE: u8 = 0x20;
    pub const SUBSCRIBE_GROUP_REPLICATION_STREAM: u8 = 0x21;
    pub const STMT_BULK_EXECUTE: u8 = 0xfa;
}

/// A command. Its `Debug` shows the name only.
#[derive(Clone, PartialEq)]
pub enum Command<'a> {
    /// The session ends.
    Quit,
    /// Another default database.
    InitDb(&'a [u8]),
    /// One or more statements.
    Query(Query<'a>),
    /// The columns of a table whose names match a pattern.
    FieldList {
        /// The table.
        table: &'a [u8],
        /// The pattern; empty for all.
        wildcard: &'a [u8],
    },
    /// CREATE DATABASE.
    CreateDb(&'a [u8]),
    /// DROP DATABASE.
    DropDb(&'a [u8]),
    /// FLUSH of what the bits name.
    Refresh(u8),
    /// SHUTDOWN.
    Shutdown,
    /// A line about the server.
    Statistics,
    /// SHOW PROCESSLIST.
    ProcessInfo,
    /// KILL of a connection.
    ProcessKill(u32),
    /// The server writes about itself to its log.
    Debug,
    /// Nothing is done.
    Ping,
    /// Another user.
    ChangeUser(ChangeUser<'a>),
    /// A replica wants the binary log from a position.
    BinlogDump(BinlogDump<'a>),
    /// A replica wants the binary log but for transactions that it has.
    BinlogDumpGtid(BinlogDumpGtid<'a>),
    /// A replica registers.
    RegisterSlave(RegisterSlave<'a>),
    /// A table as it is stored.
    TableDump(&'a [u8]),
    /// A statement to be prepared.
    Prepare(&'a [u8]),
    /// A prepared statement is executed.
    Execute(Execute<'a>),
    /// A prepared statement is executed for many rows of parameters (MariaDB).
    BulkExecute(BulkExecute<'a>),
    /// Part of a parameter's value; not answered.
    SendLongData {
        /// The statement.
        statement: u32,
        /// The parameter, from 0.
        parameter: u16,
        /// What is appended.
        data: &'a [u8],
    },
    /// A statement is forgotten; not answered.
    Close(u32),
    /// A statement's cursor and long data are forgotten.
    Reset(u32),
    /// Several statements in a COM_QUERY: 0 allowed, 1 not.
    SetOption(u16),
    /// Rows of a cursor.
    Fetch {
        /// The statement.
        statement: u32,
        /// How many.
        rows: u32,
    },
    /// The session's state is forgotten, its user stays.
    ResetConnection,
    /// The server's data as files (MySQL): another protocol follows.
    Clone(&'a [u8]),
    /// A command that the servers use among themselves or never implemented, or one that is not known. The servers
    /// answer most with ERR.
    Other {
        /// Its first byte.
        tag: u8,
        /// What follows.
        body: &'a [u8],
    },
}

impl<'a> Command<'a> {
    /// Reads the payload of a message that begins a command.
    ///
    /// # Errors
    /// What is wrong with it; it must be used up exactly.
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let Some((&tag, body)) = payload.split_first() else {
            return Err(WireError::Short {
                message: "command",
                field: "first byte",
            });
        };
        Ok(match tag {
            tag::QUERY => Self::Query(Query::parse(body, capabilities)?),
            tag::STMT_EXECUTE => Self::Execute(Execute::parse(body)?),
            tag::STMT_PREPARE => Self::Prepare(body),
            tag::STMT_CLOSE => Self::Close(whole("COM_STMT_CLOSE", body, int32("statement id"))?),
            tag::STMT_RESET => Self::Reset(whole("COM_STMT_RESET", body, int32("statement id"))?),
            tag::STMT_FETCH => {
                let fields = (int32("statement id"), int32("rows"));
                let (statement, rows) = whole("COM_STMT_FETCH", body, fields)?;
                Self::Fetch { statement, rows }
            }
            tag::STMT_SEND_LONG_DATA => {
                let fields = (int32("statement id"), int16("parameter"), rest);
                let (statement, parameter, data) = whole("COM_STMT_SEND_LONG_DATA", body, fields)?;
                Self::SendLongData {
                    statement,
                    parameter,
                    data,
                }
            }
            tag::STMT_BULK_EXECUTE => Self::BulkExecute(BulkExecute::parse(body)?),
            tag::QUIT => nothing("COM_QUIT", body).map(|()| Self::Quit)?,
            tag::INIT_DB => Self::InitDb(body),
            tag::FIELD_LIST => {
                let (table, wildcard) = whole("COM_FIELD_LIST", body, (cstring("table"), rest))?;
                Self::FieldList { table, wildcard }
            }
            tag::CREATE_DB => Self::CreateDb(body),
            tag::DROP_DB => Self::DropDb(body),
            tag::REFRESH => Self::Refresh(whole("COM_REFRESH", body, byte("flags"))?),
            // A level may follow, which says nothing any more.
            tag::SHUTDOWN => Self::Shutdown,
            tag::STATISTICS => nothing("COM_STATISTICS", body).map(|()| Self::Statistics)?,
            tag::PROCESS_INFO => nothing("COM_PROCESS_INFO", body).map(|()| Self::ProcessInfo)?,
            tag::PROCESS_KILL => Self::ProcessKill(whole("COM_PROCESS_KILL", body, int32("connection"))?),
            tag::DEBUG => nothing("COM_DEBUG", body).map(|()| Self::Debug)?,
            tag::PING => nothing("COM_PING", body).map(|()| Self::Ping)?,
            tag::CHANGE_USER => Self::ChangeUser(ChangeUser::parse(body, capabilities)?),
            tag::BINLOG_DUMP => Self::BinlogDump(BinlogDump::parse(body)?),
            tag::BINLOG_DUMP_GTID => Self::BinlogDumpGtid(BinlogDumpGtid::parse(body)?),
            tag::REGISTER_SLAVE => Self::RegisterSlave(RegisterSlave::parse(body)?),
            tag::TABLE_DUMP => Self::TableDump(body),
            tag::SET_OPTION => Self::SetOption(whole("COM_SET_OPTION", body, int16("option"))?),
            tag::RESET_CONNECTION => nothing("COM_RESET_CONNECTION", body).map(|()| Self::ResetConnection)?,
            tag::CLONE => Self::Clone(body),
            tag => Self::Other { tag, body },
        })
    }

    /// What the server will send.
    pub const fn answer(&self) -> Answer {
        match self {
            Self::Quit | Self::SendLongData { .. } | Self::Close(_) => Answer::None,
            Self::Query(_) | Self::ProcessInfo => Answer::Text,
            Self::Execute(_) | Self::BulkExecute(_) => Answer::Binary,
            Self::Prepare(_) => Answer::Prepared,
            Self::Fetch { .. } => Answer::Fetched,
            Self::FieldList { .. } => Answer::Fields,
            Self::Statistics => Answer::Statistics,
            Self::ChangeUser(_) => Answer::Authentication,
            Self::BinlogDump(_)
            | Self::BinlogDumpGtid(_)
            | Self::TableDump(_)
            | Self::Clone(_)
            | Self::Other {
                tag: tag::SUBSCRIBE_GROUP_REPLICATION_STREAM,
                ..
            } => Answer::Stream,
            Self::InitDb(_)
            | Self::CreateDb(_)
            | Self::DropDb(_)
            | Self::Refresh(_)
            | Self::Shutdown
            | Self::ProcessKill(_)
            | Self::Debug
            | Self::Ping
            | Self::RegisterSlave(_)
            | Self::Reset(_)
            | Self::SetOption(_)
            | Self::ResetConnection
            | Self::Other { .. } => Answer::Status,
        }
    }

    /// The name in the protocol's documentation.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Quit => "COM_QUIT",
            Self::InitDb(_) => "COM_INIT_DB",
            Self::Query(_) => "COM_QUERY",
            Self::FieldList { .. } => "COM_FIELD_LIST",
            Self::CreateDb(_) => "COM_CREATE_DB",
            Self::DropDb(_) => "COM_DROP_DB",
            Self::Refresh(_) => "COM_REFRESH",
            Self::Shutdown => "COM_SHUTDOWN",
            Self::Statistics => "COM_STATISTICS",
            Self::ProcessInfo => "COM_PROCESS_INFO",
            Self::ProcessKill(_) => "COM_PROCESS_KILL",
            Self::Debug => "COM_DEBUG",
            Self::Ping => "COM_PING",
            Self::ChangeUser(_) => "COM_CHANGE_USER",
            Self::BinlogDump(_) => "COM_BINLOG_DUMP",
            Self::BinlogDumpGtid(_) => "COM_BINLOG_DUMP_GTID",
            Self::RegisterSlave(_) => "COM_REGISTER_SLAVE",
            Self::TableDump(_) => "COM_TABLE_DUMP",
            Self::Prepare(_) => "COM_STMT_PREPARE",
            Self::Execute(_) => "COM_STMT_EXECUTE",
            Self::BulkExecute(_) => "COM_STMT_BULK_EXECUTE",
            Self::SendLongData { .. } => "COM_STMT_SEND_LONG_DATA",
            Self::Close(_) => "COM_STMT_CLOSE",
            Self::Reset(_) => "COM_STMT_RESET",
            Self::SetOption(_) => "COM_SET_OPTION",
            Self::Fetch { .. } => "COM_STMT_FETCH",
            Self::ResetConnection => "COM_RESET_CONNECTION",
            Self::Clone(_) => "COM_CLONE",
            Self::Other { tag, .. } => match *tag {
                tag::SLEEP => "COM_SLEEP",
                tag::CONNECT => "COM_CONNECT",
                tag::TIME => "COM_TIME",
                tag::DELAYED_INSERT => "COM_DELAYED_INSERT",
                tag::CONNECT_OUT => "COM_CONNECT_OUT",
                tag::DAEMON => "COM_DAEMON",
                tag::SUBSCRIBE_GROUP_REPLICATION_STREAM => "COM_SUBSCRIBE_GROUP_REPLICATION_STREAM",
                _ => "an unknown command",
            },
        }
    }
}

impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Other { tag, body } => write!(f, "(0x{tag:02x}, {:?})", Hidden(body)),
            _ => Ok(()),
        }
    }
}

/// Writes a command whose body is already encoded, as the first packet of a new exchange.
///
/// # Errors
/// [`WireError::TooLarge`]; `out` is then as it was.
pub fn write_command(
    tag: u8,
    body: &[u8],
    sequence: &mut Sequence,
    out: &mut BytesMut,
) -> Result<(), WireError> {
    *sequence = Sequence::START;
    let mut frame = Frame::tagged(out, sequence, "command", tag);
    frame.bytes("body", body)?;
    frame.finish()
}
