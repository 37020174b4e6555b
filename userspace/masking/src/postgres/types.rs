//! PostgreSQL's own types: how they are told apart, and the constant that each shows when redacted.
//!
//! OIDs below 10,000 are assigned by the project once and for all (`src/include/catalog/pg_type.dat`); a test compares
//! this table with a running server's.

use crate::{shown::Sort, token::Integer};

/// A type that has arrays of itself.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) oid: u32,
    /// The OID of its array type; 0 if it has none.
    pub(crate) array: u32,
    /// As in `pg_type.typname`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests compare it with a server's catalogue")
    )]
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it shows redacted, in text; `None`: NULL.
    pub(crate) text: Option<&'static [u8]>,
    /// The same value in binary; `None`: NULL.
    pub(crate) binary: Option<&'static [u8]>,
}

/// The OID of type text.
pub(crate) const TEXT: u32 = 25;

/// What masks can do with a type besides showing its constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An array whose element type is in the value only (columns of `pg_stats`).
    AnyArray,
    /// A fixed number of bits; the value says how many.
    Bit,
    Bool,
    /// Text whose trailing blanks mean nothing.
    Bpchar,
    Bytea,
    /// Nothing: always its constant.
    Constant,
    Date,
    Float4,
    Float8,
    Int2,
    Int4,
    Int8,
    Json,
    Jsonb,
    Money,
    /// Text of at most 63 bytes.
    Name,
    Numeric,
    /// An anonymous composite: fields of any type.
    Record,
    Text,
    Timestamp,
    Timestamptz,
    Uuid,
    Xml,
}

impl Kind {
    /// Text without any structure.
    pub(crate) fn is_plain_text(self) -> bool {
        self.sort() == Sort::Text
    }

    /// What masks can do with it.
    pub(crate) fn sort(self) -> Sort {
        match self {
            Self::AnyArray | Self::Bit | Self::Bytea | Self::Constant | Self::Money | Self::Record => {
                Sort::Constant
            }
            Self::Bool => Sort::Bool,
            Self::Bpchar | Self::Name | Self::Text => Sort::Text,
            Self::Date | Self::Timestamp | Self::Timestamptz => Sort::Date,
            Self::Float4 => Sort::Float4,
            Self::Float8 => Sort::Float8,
            Self::Int2 => Sort::Integer(Integer::INT2),
            Self::Int4 => Sort::Integer(Integer::INT4),
            Self::Int8 => Sort::Integer(Integer::INT8),
            Self::Json | Self::Jsonb => Sort::Json,
            Self::Numeric => Sort::Numeric,
            Self::Uuid => Sort::Uuid,
            Self::Xml => Sort::Xml,
        }
    }

    /// Whether what it shows redacted depends on the value.
    pub(crate) fn constant_reads_value(self) -> bool {
        matches!(self, Self::AnyArray | Self::Bit | Self::Bytea | Self::Money)
    }

    pub(crate) fn is_text_like(self) -> bool {
        self.is_plain_text() || matches!(self, Self::Json | Self::Jsonb | Self::Xml)
    }
}

/// What an OID stands for.
#[derive(Debug)]
pub(crate) enum Known {
    Scalar(&'static Type),
    /// An array of these.
    Array(&'static Type),
}

/// The type of that OID, if it is one of PostgreSQL's own.
pub(crate) fn lookup(oid: u32) -> Option<Known> {
    let &entry = INDEX.get(usize::try_from(oid).ok()?)?;
    let found = TYPES.get(usize::from(entry & !ARRAY).checked_sub(1)?)?;
    Some(if entry & ARRAY == 0 {
        Known::Scalar(found)
    } else {
        Known::Array(found)
    })
}

/// Marks, in [`INDEX`], the array of the type.
const ARRAY: u8 = 0x80;

/// By OID: the place in [`TYPES`] counted from 1, with [`ARRAY`] for its array type; 0 for no type.
static INDEX: [u8; 6_200] = {
    assert!(TYPES.len() < ARRAY as usize);
    let mut index = [0; 6_200];
    let mut place = 0;
    while place < TYPES.len() {
        #[expect(
            clippy::indexing_slicing,
            reason = "evaluated by the compiler, which refuses an index out of range"
        )]
        {
            let Type { oid, array, .. } = TYPES[place];
            index[oid as usize] = place as u8 + 1;
            if array != 0 {
                index[array as usize] = (place as u8 + 1) | ARRAY;
            }
        }
        place += 1;
    }
    index
};

const fn of(
    oid: u32,
    array: u32,
    name: &'static str,
    kind: Kind,
    text: &'static [u8],
    binary: &'static [u8],
) -> Type {
    Type {
        oid,
        array,
        name,
        kind,
        text: Some(text),
        binary: Some(binary),
    }
}

/// A type of which no harmless value exists, or none that a client could have been sent.
const fn opaque(oid: u32, array: u32, name: &'static str, kind: Kind) -> Type {
    Type {
        oid,
        array,
        name,
        kind,
        text: None,
        binary: None,
    }
}

const REDACTED: &[u8] = b"[redacted]";
/// 0001-01-01, in microseconds since 2000-01-01.
const FIRST_INSTANT: [u8; 8] = (crate::calendar::FIRST_DAY as i64 * 86_400_000_000).to_be_bytes();

/// In the order of `pg_type.dat`.
#[rustfmt::skip]
pub(crate) const TYPES: &[Type] = &[
    of(16, 1000, "bool", Kind::Bool, b"f", &[0]),
    of(17, 1001, "bytea", Kind::Bytea, b"\\x", b""),
    of(18, 1002, "char", Kind::Constant, b"*", b"*"),
    of(19, 1003, "name", Kind::Name, REDACTED, REDACTED),
    of(20, 1016, "int8", Kind::Int8, b"0", &[0; 8]),
    of(21, 1005, "int2", Kind::Int2, b"0", &[0; 2]),
    // The vectors must have one dimension in binary, which an empty array has not: hence one zero.
    of(22, 1006, "int2vector", Kind::Constant, b"0", &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]),
    of(23, 1007, "int4", Kind::Int4, b"0", &[0; 4]),
    of(24, 1008, "regproc", Kind::Constant, b"-", &[0; 4]),
    of(25, 1009, "text", Kind::Text, REDACTED, REDACTED),
    of(26, 1028, "oid", Kind::Constant, b"0", &[0; 4]),
    of(27, 1010, "tid", Kind::Constant, b"(0,0)", &[0; 6]),
    of(28, 1011, "xid", Kind::Constant, b"0", &[0; 4]),
    of(29, 1012, "cid", Kind::Constant, b"0", &[0; 4]),
    of(30, 1013, "oidvector", Kind::Constant, b"0", &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 26, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]),
    of(114, 199, "json", Kind::Json, b"{}", b"{}"),
    of(142, 143, "xml", Kind::Xml, b"<redacted/>", b"<redacted/>"),
    opaque(194, 0, "pg_node_tree", Kind::Constant),
    opaque(3361, 0, "pg_ndistinct", Kind::Constant),
    opaque(3402, 0, "pg_dependencies", Kind::Constant),
    opaque(5017, 0, "pg_mcv_list", Kind::Constant),
    of(5069, 271, "xid8", Kind::Constant, b"0", &[0; 8]),
    of(600, 1017, "point", Kind::Constant, b"(0,0)", &[0; 16]),
    of(601, 1018, "lseg", Kind::Constant, b"[(0,0),(0,0)]", &[0; 32]),
    of(602, 1019, "path", Kind::Constant, b"((0,0))", &[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    of(603, 1020, "box", Kind::Constant, b"(0,0),(0,0)", &[0; 32]),
    of(604, 1027, "polygon", Kind::Constant, b"((0,0))", &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    // A line needs a direction: y = 0.
    of(628, 629, "line", Kind::Constant, b"{0,1,0}", &[0, 0, 0, 0, 0, 0, 0, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    of(700, 1021, "float4", Kind::Float4, b"0", &[0; 4]),
    of(701, 1022, "float8", Kind::Float8, b"0", &[0; 8]),
    of(705, 0, "unknown", Kind::Text, REDACTED, REDACTED),
    of(718, 719, "circle", Kind::Constant, b"<(0,0),0>", &[0; 24]),
    of(790, 791, "money", Kind::Money, b"0", &[0; 8]),
    of(829, 1040, "macaddr", Kind::Constant, b"00:00:00:00:00:00", &[0; 6]),
    // Address family 2 is IPv4 on every platform; then prefix length, whether cidr, size, address.
    of(869, 1041, "inet", Kind::Constant, b"0.0.0.0", &[2, 32, 0, 4, 0, 0, 0, 0]),
    of(650, 651, "cidr", Kind::Constant, b"0.0.0.0/32", &[2, 32, 1, 4, 0, 0, 0, 0]),
    of(774, 775, "macaddr8", Kind::Constant, b"00:00:00:00:00:00:00:00", &[0; 8]),
    // Has no binary form. Without a grantor, the server assumes its first superuser.
    Type { oid: 1033, array: 1034, name: "aclitem", kind: Kind::Constant, text: Some(b"="), binary: None },
    of(1042, 1014, "bpchar", Kind::Bpchar, REDACTED, REDACTED),
    of(1043, 1015, "varchar", Kind::Text, REDACTED, REDACTED),
    of(1082, 1182, "date", Kind::Date, b"0001-01-01", &crate::calendar::FIRST_DAY.to_be_bytes()),
    of(1083, 1183, "time", Kind::Constant, b"00:00:00", &[0; 8]),
    of(1114, 1115, "timestamp", Kind::Timestamp, b"0001-01-01 00:00:00", &FIRST_INSTANT),
    of(1184, 1185, "timestamptz", Kind::Timestamptz, b"0001-01-01 00:00:00+00", &FIRST_INSTANT),
    of(1186, 1187, "interval", Kind::Constant, b"00:00:00", &[0; 16]),
    of(1266, 1270, "timetz", Kind::Constant, b"00:00:00+00", &[0; 12]),
    of(1560, 1561, "bit", Kind::Bit, b"0", &[0, 0, 0, 1, 0]),
    of(1562, 1563, "varbit", Kind::Constant, b"", &[0; 4]),
    of(1700, 1231, "numeric", Kind::Numeric, b"0", &[0; 8]),
    of(1790, 2201, "refcursor", Kind::Text, REDACTED, REDACTED),
    of(2202, 2207, "regprocedure", Kind::Constant, b"-", &[0; 4]),
    of(2203, 2208, "regoper", Kind::Constant, b"0", &[0; 4]),
    of(2204, 2209, "regoperator", Kind::Constant, b"0", &[0; 4]),
    of(2205, 2210, "regclass", Kind::Constant, b"-", &[0; 4]),
    of(4191, 4192, "regcollation", Kind::Constant, b"-", &[0; 4]),
    of(2206, 2211, "regtype", Kind::Constant, b"-", &[0; 4]),
    of(4096, 4097, "regrole", Kind::Constant, b"-", &[0; 4]),
    of(4089, 4090, "regnamespace", Kind::Constant, b"-", &[0; 4]),
    of(2950, 2951, "uuid", Kind::Uuid, b"00000000-0000-0000-0000-000000000000", &[0; 16]),
    of(3220, 3221, "pg_lsn", Kind::Constant, b"0/0", &[0; 8]),
    of(3614, 3643, "tsvector", Kind::Constant, b"", &[0; 4]),
    opaque(3642, 3644, "gtsvector", Kind::Constant),
    // One word: servers of late take no binary query without any.
    of(3615, 3645, "tsquery", Kind::Constant, b"'redacted'", b"\0\0\0\x01\x01\0\0redacted\0"),
    of(3734, 3735, "regconfig", Kind::Constant, b"-", &[0; 4]),
    of(3769, 3770, "regdictionary", Kind::Constant, b"-", &[0; 4]),
    // Both begin with a version, 1, in binary.
    of(3802, 3807, "jsonb", Kind::Jsonb, b"{}", b"\x01{}"),
    of(4072, 4073, "jsonpath", Kind::Constant, b"$", b"\x01$"),
    // No transaction in progress: count, then xmin and xmax, which may not be 0.
    of(2970, 2949, "txid_snapshot", Kind::Constant, b"1:1:", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
    of(5038, 5039, "pg_snapshot", Kind::Constant, b"1:1:", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
    of(3904, 3905, "int4range", Kind::Constant, b"empty", &[1]),
    of(3906, 3907, "numrange", Kind::Constant, b"empty", &[1]),
    of(3908, 3909, "tsrange", Kind::Constant, b"empty", &[1]),
    of(3910, 3911, "tstzrange", Kind::Constant, b"empty", &[1]),
    of(3912, 3913, "daterange", Kind::Constant, b"empty", &[1]),
    of(3926, 3927, "int8range", Kind::Constant, b"empty", &[1]),
    of(4451, 6150, "int4multirange", Kind::Constant, b"{}", &[0; 4]),
    of(4532, 6151, "nummultirange", Kind::Constant, b"{}", &[0; 4]),
    of(4533, 6152, "tsmultirange", Kind::Constant, b"{}", &[0; 4]),
    of(4534, 6153, "tstzmultirange", Kind::Constant, b"{}", &[0; 4]),
    of(4535, 6155, "datemultirange", Kind::Constant, b"{}", &[0; 4]),
    of(4536, 6157, "int8multirange", Kind::Constant, b"{}", &[0; 4]),
    opaque(4600, 0, "pg_brin_bloom_summary", Kind::Constant),
    opaque(4601, 0, "pg_brin_minmax_multi_summary", Kind::Constant),
    // Pseudo-types that a result can have.
    opaque(2249, 2287, "record", Kind::Record),
    of(2275, 1263, "cstring", Kind::Text, REDACTED, REDACTED),
    of(2277, 0, "anyarray", Kind::AnyArray, b"{}", b""),
    of(2278, 0, "void", Kind::Constant, b"", b""),
];
