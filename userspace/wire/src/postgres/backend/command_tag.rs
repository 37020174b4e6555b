use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{alpha1, char, u64 as digits};
use nom::combinator::{all_consuming, verify};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// The number of rows that a command tag reports: `SELECT 5`, `INSERT 0 3`, `COPY 7`. `None` if it reports none
/// (`CREATE TABLE`, `BEGIN`) or is not a command tag.
pub fn affected_rows(command_tag: &[u8]) -> Option<u64> {
    // INSERT still carries the OID that a row had before PostgreSQL 12; the server always sends 0.
    let insert = preceded((tag("INSERT "), digits, char(' ')), digits);
    let other = preceded(
        terminated(verify(alpha1, |verb: &[u8]| verb != b"INSERT"), char(' ')),
        digits,
    );
    let result: IResult<&[u8], u64, ()> = all_consuming(alt((insert, other))).parse(command_tag);
    result.ok().map(|(_, rows)| rows)
}

#[cfg(test)]
mod tests {
    use super::affected_rows;

    #[test]
    fn tags_with_a_count_tell_it() {
        let cases: [(&[u8], u64); 9] = [
            (b"SELECT 5", 5),
            (b"INSERT 0 3", 3),
            (b"INSERT 16384 1", 1),
            (b"COPY 7", 7),
            (b"UPDATE 0", 0),
            (b"DELETE 12", 12),
            (b"MERGE 2", 2),
            (b"FETCH 100", 100),
            (b"MOVE 18446744073709551615", u64::MAX),
        ];
        for (tag, rows) in cases {
            assert_eq!(affected_rows(tag), Some(rows), "{}", tag.escape_ascii());
        }
    }

    #[test]
    fn tags_without_a_count_tell_none() {
        let cases: [&[u8]; 11] = [
            b"",
            b"BEGIN",
            b"CREATE TABLE",
            b"INSERT 0",
            b"INSERT 0 ",
            b"SELECT",
            b"SELECT x",
            b"SELECT 5 ",
            b"SELECT -5",
            b"SELECT 18446744073709551616",
            b"\xff\x00",
        ];
        // `INSERT 0` has the form of a tag with one count, but that count is the OID.
        for tag in cases {
            assert_eq!(affected_rows(tag), None, "{}", tag.escape_ascii());
        }
    }
}
