//! A client that asks one thing and reads the answer as fast as it comes, without making anything of it.

use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// ReadyForQuery outside a transaction: the last message of every answer.
const READY: [u8; 6] = *b"Z\0\0\0\x05I";

/// How a result is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Form {
    /// By a simple query: as text, or whatever a `COPY` says itself.
    Simple,
    /// By the extended protocol, every column in its binary form.
    Binary,
}

/// Bytes of the answer and the time from asking to its end.
pub(in crate::bench) fn read(
    port: u16,
    user: &str,
    database: &str,
    statement: &str,
    form: Form,
) -> Result<(u64, Duration)> {
    let mut buffer = vec![0; 1 << 20];
    let mut stream = login(port, user, database, &mut buffer)?;
    let question = question(statement, form)?;
    let started = Instant::now();
    stream.write_all(&question)?;
    let bytes = drain(&mut stream, &mut buffer)?;
    Ok((bytes, started.elapsed()))
}

/// A connection that has asked one small thing, as those have that pools keep.
pub(in crate::bench) fn idle(port: u16, user: &str, database: &str) -> Result<TcpStream> {
    let mut buffer = vec![0; 1 << 12];
    let mut stream = login(port, user, database, &mut buffer)?;
    stream.write_all(&question("SELECT 1", Form::Simple)?)?;
    drain(&mut stream, &mut buffer)?;
    Ok(stream)
}

fn login(port: u16, user: &str, database: &str, buffer: &mut [u8]) -> Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let mut body = 0x0003_0000_u32.to_be_bytes().to_vec();
    for text in ["user", user, "database", database] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    stream.write_all(&framed(None, &body)?)?;
    drain(&mut stream, buffer)?;
    Ok(stream)
}

fn question(statement: &str, form: Form) -> Result<Vec<u8>> {
    let text = [statement.as_bytes(), &[0]].concat();
    if form == Form::Simple {
        return framed(Some(b'Q'), &text);
    }
    // No names, no parameters; one format, which is for all columns: 1, binary; no limit of rows.
    let parts = [
        framed(Some(b'P'), &[&[0], text.as_slice(), &[0, 0]].concat())?,
        framed(Some(b'B'), &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1])?,
        framed(Some(b'D'), b"P\0")?,
        framed(Some(b'E'), &[0; 5])?,
        framed(Some(b'S'), &[])?,
    ];
    Ok(parts.concat())
}

fn framed(tag: Option<u8>, body: &[u8]) -> Result<Vec<u8>> {
    let mut message: Vec<u8> = tag.into_iter().collect();
    message.extend_from_slice(&u32::try_from(body.len() + 4)?.to_be_bytes());
    message.extend_from_slice(body);
    Ok(message)
}

/// Reads until the server is ready again. It waits for the end only by the last bytes: its own rows never look so.
fn drain(stream: &mut impl Read, buffer: &mut [u8]) -> Result<u64> {
    let mut bytes = 0_u64;
    let mut tail = Vec::with_capacity(2 * READY.len());
    loop {
        let read = stream.read(buffer)?;
        let new = buffer.get(..read).unwrap_or_default();
        bytes += read as u64;
        tail.extend_from_slice(new.get(read.saturating_sub(READY.len())..).unwrap_or_default());
        tail.drain(..tail.len().saturating_sub(READY.len()));
        if tail == READY {
            return Ok(bytes);
        }
        if read == 0 {
            bail!("the connection was closed after {bytes} bytes");
        }
        // An error before the first row is all there is: say it rather than a figure for it.
        if bytes == read as u64 && new.first() == Some(&b'E') {
            let said = String::from_utf8_lossy(new).replace('\0', " ");
            return Err(anyhow::anyhow!("{said}")).context("the server refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out its pieces one a call.
    struct Pieces(std::vec::IntoIter<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let piece = self.0.next().unwrap_or_default();
            into[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn the_end_is_found_however_it_is_split() -> Result<()> {
        let answer = [b"D\0\0\0\x04".as_slice(), &READY].concat();
        for size in 1..=answer.len() {
            let pieces: Vec<Vec<u8>> = answer.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(
                drain(&mut Pieces(pieces.into_iter()), &mut [0; 64])?,
                answer.len() as u64
            );
        }
        Ok(())
    }

    #[test]
    fn questions_are_framed() -> Result<()> {
        assert_eq!(question("x", Form::Simple)?, b"Q\0\0\0\x06x\0");
        let asked = question("x", Form::Binary)?;
        assert!(asked.starts_with(b"P\0\0\0\x09\0x\0\0\0B\0\0\0\x0e"));
        assert!(asked.ends_with(b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04"));
        Ok(())
    }

    #[test]
    fn a_cut_connection_is_an_error() {
        let cut = Pieces(vec![b"D\0\0\0".to_vec()].into_iter());
        assert!(drain(&mut { cut }, &mut [0; 64]).is_err());
    }
}
