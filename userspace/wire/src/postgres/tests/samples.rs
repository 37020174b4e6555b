//! One message of each kind, byte for byte as the documentation lays it out.

use bytes::BytesMut;

use super::Side;
use crate::WireError;
use crate::postgres::backend::{
    Authentication, CopyKind, FieldDescription, Message as B, Response, TransactionStatus,
    write_copy_response, write_data_row, write_negotiate_protocol_version, write_parameter_description,
    write_row_description, write_sasl_mechanisms,
};
use crate::postgres::frontend::{
    Message as F, Password, SaslInitial, Target, write_bind, write_function_call, write_parse,
};
use crate::postgres::{Format, opening::Opening, opening::Startup};

/// A message and how it is written.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) side: Side,
    pub(super) bytes: &'static [u8],
    pub(super) write: fn(&mut BytesMut) -> Result<(), WireError>,
}

impl Sample {
    pub(super) fn tag(&self) -> u8 {
        self.bytes[0]
    }

    pub(super) fn body(&self) -> &'static [u8] {
        &self.bytes[5..]
    }

    /// Whether the body ends wherever the message does, so that a shorter or longer one is another valid message.
    pub(super) fn open_ended(&self) -> bool {
        matches!(
            self.name,
            "CopyData"
                | "AuthenticationGSSContinue"
                | "AuthenticationSASLContinue"
                | "AuthenticationSASLFinal"
                | "BackendKeyData"
                | "PasswordMessage"
                | "SASLInitialResponse"
                | "SASLInitialResponse without response"
                | "SASLResponse"
        )
    }
}

const fn client(
    name: &'static str,
    bytes: &'static [u8],
    write: fn(&mut BytesMut) -> Result<(), WireError>,
) -> Sample {
    Sample {
        name,
        side: Side::Frontend,
        bytes,
        write,
    }
}

const fn server(
    name: &'static str,
    bytes: &'static [u8],
    write: fn(&mut BytesMut) -> Result<(), WireError>,
) -> Sample {
    Sample {
        name,
        side: Side::Backend,
        bytes,
        write,
    }
}

/// Tagged messages of both sides.
pub(super) const SAMPLES: &[Sample] = &[
    client(
        "Bind",
        b"B\0\0\0\x1ep\0s\0\0\x02\0\0\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\x01",
        |out| {
            let parameters = [Some(&b"ab"[..]), None];
            write_bind(
                out,
                b"p",
                b"s",
                &[Format::Text, Format::Binary],
                parameters,
                &[Format::Binary],
            )
        },
    ),
    client("Bind of nothing", b"B\0\0\0\x0c\0\0\0\0\0\0\0\0", |out| {
        write_bind(out, b"", b"", &[], [], &[])
    }),
    client("Close", b"C\0\0\0\x07Sx\0", |out| {
        F::Close {
            target: Target::Statement,
            name: b"x",
        }
        .write(out)
    }),
    client("CopyData", b"d\0\0\0\x081\t2\n", |out| {
        F::CopyData(b"1\t2\n").write(out)
    }),
    client("CopyDone", b"c\0\0\0\x04", |out| F::CopyDone.write(out)),
    client("CopyFail", b"f\0\0\0\x08why\0", |out| {
        F::CopyFail(b"why").write(out)
    }),
    client("Describe", b"D\0\0\0\x06P\0", |out| {
        F::Describe {
            target: Target::Portal,
            name: b"",
        }
        .write(out)
    }),
    client("Execute", b"E\0\0\0\x0ap\0\0\0\0\x64", |out| {
        F::Execute {
            portal: b"p",
            max_rows: 100,
        }
        .write(out)
    }),
    client("Flush", b"H\0\0\0\x04", |out| F::Flush.write(out)),
    client(
        "FunctionCall",
        b"F\0\0\0\x18\0\0\x04\xd2\0\x01\0\x01\0\x02\0\0\0\0\xff\xff\xff\xff\0\x01",
        |out| {
            write_function_call(
                out,
                1234,
                &[Format::Binary],
                [Some(&b""[..]), None],
                Format::Binary,
            )
        },
    ),
    client(
        "Parse",
        b"P\0\0\0\x1as\0SELECT $1\0\0\x02\0\0\0\x17\0\0\0\0",
        |out| write_parse(out, b"s", b"SELECT $1", &[23, 0]),
    ),
    client("PasswordMessage", b"p\0\0\0\x0bsecret\0", |out| {
        Password::write_password(out, b"secret")
    }),
    client("Query", b"Q\0\0\0\x0dSELECT 1\0", |out| {
        F::Query(b"SELECT 1").write(out)
    }),
    client(
        "SASLInitialResponse",
        b"p\0\0\0\x1bSCRAM-SHA-256\0\0\0\0\x05n,,n=",
        |out| {
            SaslInitial {
                mechanism: b"SCRAM-SHA-256",
                response: Some(b"n,,n="),
            }
            .write(out)
        },
    ),
    client(
        "SASLInitialResponse without response",
        b"p\0\0\0\x0aX\0\xff\xff\xff\xff",
        |out| {
            SaslInitial {
                mechanism: b"X",
                response: None,
            }
            .write(out)
        },
    ),
    client("SASLResponse", b"p\0\0\0\x08c=bi", |out| {
        Password(b"c=bi").write(out)
    }),
    client("Sync", b"S\0\0\0\x04", |out| F::Sync.write(out)),
    client("Terminate", b"X\0\0\0\x04", |out| F::Terminate.write(out)),
    server("AuthenticationOk", b"R\0\0\0\x08\0\0\0\0", |out| {
        B::Authentication(Authentication::Ok).write(out)
    }),
    server(
        "AuthenticationCleartextPassword",
        b"R\0\0\0\x08\0\0\0\x03",
        |out| B::Authentication(Authentication::CleartextPassword).write(out),
    ),
    server(
        "AuthenticationMD5Password",
        b"R\0\0\0\x0c\0\0\0\x05\x01\x02\x03\x04",
        |out| B::Authentication(Authentication::Md5Password { salt: [1, 2, 3, 4] }).write(out),
    ),
    server("AuthenticationGSS", b"R\0\0\0\x08\0\0\0\x07", |out| {
        B::Authentication(Authentication::Gss).write(out)
    }),
    server("AuthenticationGSSContinue", b"R\0\0\0\x0a\0\0\0\x08ab", |out| {
        B::Authentication(Authentication::GssContinue(b"ab")).write(out)
    }),
    server("AuthenticationSSPI", b"R\0\0\0\x08\0\0\0\x09", |out| {
        B::Authentication(Authentication::Sspi).write(out)
    }),
    server(
        "AuthenticationSASL",
        b"R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0",
        |out| write_sasl_mechanisms(out, [&b"SCRAM-SHA-256-PLUS"[..], b"SCRAM-SHA-256"]),
    ),
    server("AuthenticationSASLContinue", b"R\0\0\0\x0b\0\0\0\x0br=x", |out| {
        B::Authentication(Authentication::SaslContinue(b"r=x")).write(out)
    }),
    server("AuthenticationSASLFinal", b"R\0\0\0\x0b\0\0\0\x0cv=x", |out| {
        B::Authentication(Authentication::SaslFinal(b"v=x")).write(out)
    }),
    server(
        "BackendKeyData",
        b"K\0\0\0\x0c\0\0\x10\x92\xde\xad\xbe\xef",
        |out| {
            B::BackendKeyData {
                process_id: 4242,
                key: b"\xde\xad\xbe\xef",
            }
            .write(out)
        },
    ),
    server("BindComplete", b"2\0\0\0\x04", |out| B::BindComplete.write(out)),
    server("CloseComplete", b"3\0\0\0\x04", |out| B::CloseComplete.write(out)),
    server("CommandComplete", b"C\0\0\0\x0dSELECT 5\0", |out| {
        B::CommandComplete(b"SELECT 5").write(out)
    }),
    server("CopyBothResponse", b"W\0\0\0\x07\0\0\0", |out| {
        write_copy_response(out, CopyKind::Both, Format::Text, &[])
    }),
    server("CopyData", b"d\0\0\0\x06a\n", |out| {
        B::CopyData(b"a\n").write(out)
    }),
    server("CopyDone", b"c\0\0\0\x04", |out| B::CopyDone.write(out)),
    server("CopyInResponse", b"G\0\0\0\x0b\0\0\x02\0\0\0\0", |out| {
        write_copy_response(out, CopyKind::In, Format::Text, &[Format::Text; 2])
    }),
    server("CopyOutResponse", b"H\0\0\0\x09\x01\0\x01\0\x01", |out| {
        write_copy_response(out, CopyKind::Out, Format::Binary, &[Format::Binary])
    }),
    server(
        "DataRow",
        b"D\0\0\0\x14\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0",
        |out| write_data_row(out, [Some(&b"ab"[..]), None, Some(b"")]),
    ),
    server("DataRow of nothing", b"D\0\0\0\x06\0\0", |out| {
        write_data_row(out, [])
    }),
    server("EmptyQueryResponse", b"I\0\0\0\x04", |out| {
        B::EmptyQueryResponse.write(out)
    }),
    server(
        "ErrorResponse",
        b"E\0\0\0\x2cSERROR\0VERROR\0C42501\0Mno\0Dbecause\0Hask\0\0",
        |out| {
            Response::error("42501", "no")
                .detail("because")
                .hint("ask")
                .write(out)
        },
    ),
    server("FunctionCallResponse", b"V\0\0\0\x0a\0\0\0\x02ab", |out| {
        B::FunctionCallResponse(Some(b"ab")).write(out)
    }),
    server(
        "FunctionCallResponse of NULL",
        b"V\0\0\0\x08\xff\xff\xff\xff",
        |out| B::FunctionCallResponse(None).write(out),
    ),
    server(
        "NegotiateProtocolVersion",
        b"v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0",
        |out| write_negotiate_protocol_version(out, 0x0003_0002, &[b"_pq_.x"]),
    ),
    server("NoData", b"n\0\0\0\x04", |out| B::NoData.write(out)),
    server(
        "NoticeResponse",
        b"N\0\0\0\x22SNOTICE\0VNOTICE\0C00000\0Mwait\0\0",
        |out| Response::notice("00000", "wait").write(out),
    ),
    server("NotificationResponse", b"A\0\0\0\x0f\0\0\0\x07ch\0pay\0", |out| {
        B::NotificationResponse {
            process_id: 7,
            channel: b"ch",
            payload: b"pay",
        }
        .write(out)
    }),
    server(
        "ParameterDescription",
        b"t\0\0\0\x0e\0\x02\0\0\0\x17\0\0\0\x19",
        |out| write_parameter_description(out, &[23, 25]),
    ),
    server("ParameterStatus", b"S\0\0\0\x15TimeZone\0Etc/UTC\0", |out| {
        B::ParameterStatus {
            name: b"TimeZone",
            value: b"Etc/UTC",
        }
        .write(out)
    }),
    server("ParseComplete", b"1\0\0\0\x04", |out| B::ParseComplete.write(out)),
    server("PortalSuspended", b"s\0\0\0\x04", |out| {
        B::PortalSuspended.write(out)
    }),
    server("ReadyForQuery", b"Z\0\0\0\x05T", |out| {
        B::ReadyForQuery(TransactionStatus::InTransaction).write(out)
    }),
    server(
        "RowDescription",
        b"T\0\0\0\x2f\0\x02id\0\0\0\x40\x01\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01\
          n\0\0\0\0\0\0\0\0\0\x04\x13\xff\xff\0\0\0\x24\0\0",
        |out| write_row_description(out, [ID, NAME]),
    ),
];

/// The columns of the RowDescription above: an int4 of a table in binary, and a computed varchar(32) in text.
pub(super) const ID: FieldDescription<'static> = FieldDescription {
    name: b"id",
    table_oid: 16385,
    attribute: 1,
    type_oid: 23,
    type_size: 4,
    type_modifier: -1,
    format: Format::Binary,
};
pub(super) const NAME: FieldDescription<'static> = FieldDescription {
    name: b"n",
    table_oid: 0,
    attribute: 0,
    type_oid: 1043,
    type_size: -1,
    type_modifier: 36,
    format: Format::Text,
};

/// The messages of the opening.
pub(super) fn openings() -> Vec<(Opening<'static>, &'static [u8])> {
    let parameters = vec![("user", "ann"), ("database", "clinic")];
    vec![
        (Opening::Ssl, b"\0\0\0\x08\x04\xd2\x16\x2f"),
        (Opening::GssEnc, b"\0\0\0\x08\x04\xd2\x16\x30"),
        (
            Opening::Cancel {
                process_id: 7,
                key: b"\x01\x02\x03\x04",
            },
            b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07\x01\x02\x03\x04",
        ),
        (
            Opening::Startup(Startup {
                major: 3,
                minor: 2,
                parameters,
            }),
            b"\0\0\0\x22\0\x03\0\x02user\0ann\0database\0clinic\0\0",
        ),
        (
            Opening::Startup(Startup {
                major: 3,
                minor: 0,
                parameters: Vec::new(),
            }),
            b"\0\0\0\x09\0\x03\0\0\0",
        ),
    ]
}
