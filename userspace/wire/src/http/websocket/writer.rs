use bytes::{BufMut, BytesMut};

use super::{FrameHeader, Mask, Opcode};

/// Writes a frame's header. The caller then writes the payload, masked ([`Mask`]) if the header has a key.
pub fn write_header(header: &FrameHeader, out: &mut BytesMut) {
    let FrameHeader {
        fin,
        opcode,
        mask,
        length,
    } = *header;
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.put_u8(if fin { 0x80 } else { 0 } | opcode as u8);
    match length {
        0..=125 => out.put_u8(masked | length as u8),
        126..=0xffff => {
            out.put_u8(masked | 0x7e);
            out.put_u16(length as u16);
        }
        _ => {
            out.put_u8(masked | 0x7f);
            out.put_u64(length);
        }
    }
    if let Some(key) = mask {
        out.put_slice(&key);
    }
}

/// Writes a frame: one of a client's has a masking key, which must be random; one of a server's has none.
pub fn write_frame(fin: bool, opcode: Opcode, mask: Option<[u8; 4]>, payload: &[u8], out: &mut BytesMut) {
    let header = FrameHeader {
        fin,
        opcode,
        mask,
        length: payload.len() as u64,
    };
    write_header(&header, out);
    let start = out.len();
    out.put_slice(payload);
    if let (Some(key), Some(written)) = (mask, out.get_mut(start..)) {
        Mask::new(key).apply(written);
    }
}
