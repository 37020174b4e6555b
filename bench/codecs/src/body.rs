//! A JSON answer over HTTP, masked by keys.

use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use bytes::BytesMut;
use interdict_masking::Mask;
use interdict_masking::body::{Body, BodyPlan, Kind, Limits, Tally};

const ROW: &str = r#"{"id":4711,"ssn":"311-12-4711","name":"Patient 4711","email":"patient4711@example.org","notes":"no complaint","open":true}"#;

/// So many KiB of one answer.
pub(crate) fn masked(count: usize) -> Result<()> {
    let partial = Mask::Partial {
        keep_first: 0,
        keep_last: 4,
    };
    let plan = BodyPlan::builder()
        .mask("**.ssn", partial, "ssn")
        .and_then(|plan| plan.mask("**.email", Mask::Redact, "email"))
        .map_err(|error| anyhow!("{error}"))?
        .build();
    let mut body = Body::new(Kind::Json, Arc::new(plan), Limits::default());
    let (mut out, mut tally) = (BytesMut::new(), Tally::default());
    let push = |body: &mut Body, bytes: &str, out: &mut BytesMut, tally: &mut Tally| {
        body.push(bytes.as_bytes(), out, tally)
            .map_err(|error| anyhow!("{error}"))
    };
    push(&mut body, "[0", &mut out, &mut tally)?;
    // As the pump reads: 16 KiB at a time, and values cut anywhere.
    let text = format!(",\n{ROW}").repeat(count * 1024 / (ROW.len() + 2) + 1);
    for piece in text.as_bytes().chunks(16 << 10) {
        out.clear();
        push(&mut body, std::str::from_utf8(piece)?, &mut out, &mut tally)?;
    }
    let shown = String::from_utf8_lossy(&out);
    ensure!(!shown.contains("311-12"), "the body is not masked");
    push(&mut body, "]", &mut out, &mut tally)
}
