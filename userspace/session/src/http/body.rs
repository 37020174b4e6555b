//! A body on its way to the client: content coding undone, masked, coding redone.

mod sniff;

use std::sync::Arc;

use bytes::BytesMut;
use interdict_masking::body::coding::{Codings, Decoder, Encoder};
use interdict_masking::body::{Body, BodyError, BodyPlan, Kind, Limits, MediaType, Mentions, Tally, Unknown};

use self::sniff::sniff;

/// What is to be done with the body of an answer.
#[derive(Debug)]
pub(super) enum Treated {
    /// It passes unread.
    Pass,
    Read(Box<Reading>),
}

/// A body that is read.
pub(super) struct Reading {
    decoder: Decoder,
    inner: Inner,
    encoder: Option<Encoder>,
    plan: Arc<BodyPlan>,
    /// Between encoder and decoder.
    clear: BytesMut,
    /// Text goes on line by line, and what is no text as it comes.
    settles: bool,
    pub(super) tally: Tally,
    /// Documents, lines or events that have gone on, where the kind has such.
    pub(super) rows: u64,
    flows: bool,
    /// Whether it had any content.
    begun: bool,
}

#[derive(Debug)]
enum Inner {
    /// Not known yet: the type says little, and the first bytes say more.
    Untold { part: bool, held: BytesMut },
    /// Binary data that the policy lets pass.
    Pass,
    Known {
        body: Body,
        counts_lines: bool,
        /// Values in it have names.
        named: bool,
        /// Nothing in it can be replaced: a find is the end.
        watched: bool,
        /// What goes by names in it is not found by them: so they must not be there.
        mentions: Option<Mentions>,
    },
}

/// Why a body can't be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unshown {
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("its content coding can't be written again: {0}")]
    Coding(#[from] std::io::Error),
    #[error(
        "its type is not one that can be searched ({0}), and the policy refuses those (unknown_content: deny)"
    )]
    Unknown(String),
    #[error(
        "it is compressed, or an archive, without saying so in Content-Encoding, and detectors see nothing in such (the policy's \
         unknown_content: pass lets it through)"
    )]
    Packed,
    #[error("it is of a type in which nothing can be replaced ({0}), and {1} was found in it")]
    Found(String, String),
    #[error(
        "it is a part of something, and what is in it can't be told from a part: ask for the whole, without Range"
    )]
    Part,
    #[error(
        "it is markup and mentions {0}, which the policy masks by name, and names can be followed in JSON, CSV and forms only: ask \
         for JSON (Accept: application/json)"
    )]
    Mentioned(String),
    #[error("it has more than one Content-Type or one that can't be read")]
    Type,
}

/// What a head says of its body.
pub(super) struct Label<'a> {
    /// `Content-Type`.
    pub(super) media_type: Option<&'a [u8]>,
    /// `Content-Encoding`.
    pub(super) codings: Codings,
    /// Documents come one after another, whatever the type says.
    pub(super) lines: bool,
    /// It is a part of something (206).
    pub(super) part: bool,
    /// Its length is not known: somebody may wait for what comes bit by bit.
    pub(super) flows: bool,
}

impl Reading {
    /// Of a body with that label.
    pub(super) fn new(label: &Label<'_>, plan: Arc<BodyPlan>) -> Result<Self, Unshown> {
        let parsed = match label.media_type {
            None => None,
            Some(value) => Some(MediaType::parse(value).ok_or(Unshown::Type)?),
        };
        if let Some(media_type) = &parsed
            && !plan.accepts(media_type.charset())
        {
            return Err(BodyError::Charset.into());
        }
        let kind = match parsed.as_ref().and_then(MediaType::kind) {
            Some(Kind::Json) if label.lines => Some(Kind::NdJson),
            other => other,
        };
        let flows = matches!(kind, Some(Kind::EventStream | Kind::NdJson));
        // What is compressed is flushed where somebody may wait for it.
        let flushes = flows || label.flows;
        let inner = match kind {
            Some(_) if label.part => return Err(Unshown::Part),
            // What a server calls text can be JSON or rows all the same, and some let the client choose the label.
            Some(Kind::Text) if plan.names_values() || plan.everything() => Inner::untold(false),
            Some(kind) => known(kind, &plan),
            None if plan.unknown() == Unknown::Deny => {
                let name =
                    parsed.map_or_else(|| "none given".to_owned(), |parsed| parsed.essence().to_owned());
                return Err(Unshown::Unknown(name));
            }
            None => Inner::untold(label.part),
        };
        Ok(Self {
            decoder: Decoder::new(&label.codings),
            inner,
            encoder: if label.codings.is_empty() {
                None
            } else {
                Some(Encoder::new(&label.codings, flushes)?)
            },
            plan,
            clear: BytesMut::new(),
            settles: label.flows,
            tally: Tally::default(),
            rows: 0,
            flows,
            begun: false,
        })
    }

    /// The same where nothing of it is to go on.
    pub(super) fn beside(label: &Label<'_>, plan: Arc<BodyPlan>) -> Result<Self, Unshown> {
        let mut reading = Self::new(label, plan)?;
        reading.encoder = None;
        Ok(reading)
    }

    /// Whether names were looked for in what has come.
    pub(super) fn sees_names(&self) -> bool {
        match &self.inner {
            Inner::Untold { .. } | Inner::Pass => !self.begun,
            Inner::Known { named, .. } => *named || !self.begun,
        }
    }

    /// Whether it may go on for ever, a piece at a time, so that nobody waits for its end.
    pub(super) fn flows(&self) -> bool {
        self.flows
    }

    /// Takes the next bytes; appends what may go on.
    pub(super) fn push(&mut self, data: &[u8], out: &mut BytesMut) -> Result<(), Unshown> {
        let Self {
            decoder,
            inner,
            plan,
            clear,
            tally,
            ..
        } = self;
        self.begun |= !data.is_empty();
        let mut failed = None;
        let decoded = decoder.push(data, &mut |piece| {
            inner
                .push(piece, plan, clear, tally)
                .map_err(|error| match error {
                    Unshown::Body(error) => error,
                    other => {
                        failed = Some(other);
                        BodyError::UnknownPart
                    }
                })
        });
        if let Some(failed) = failed {
            return Err(failed);
        }
        decoded?;
        if self.settles {
            self.inner
                .settle(data, &self.plan, &mut self.clear, &mut self.tally)?;
        }
        self.forward(out)
    }

    /// The body is over.
    pub(super) fn finish(&mut self, out: &mut BytesMut) -> Result<(), Unshown> {
        self.decoder.finish()?;
        self.inner.tell(&self.plan, &mut self.clear, &mut self.tally)?;
        if let Inner::Known { body, watched, .. } = &mut self.inner {
            body.finish(&mut self.clear, &mut self.tally)?;
            if *watched {
                found(&self.tally)?;
            }
        }
        self.forward(out)?;
        if let Some(encoder) = &mut self.encoder {
            encoder.finish(out)?;
        }
        Ok(())
    }

    fn forward(&mut self, out: &mut BytesMut) -> Result<(), Unshown> {
        if let Inner::Known {
            counts_lines: true, ..
        } = self.inner
        {
            self.rows += memchr::memchr_iter(b'\n', &self.clear).count() as u64;
        }
        match &mut self.encoder {
            None if out.is_empty() => *out = std::mem::take(&mut self.clear),
            None => {
                out.extend_from_slice(&self.clear);
                self.clear.clear();
            }
            Some(encoder) => {
                encoder.push(&self.clear, out)?;
                self.clear.clear();
            }
        }
        Ok(())
    }
}

/// So many bytes at least decide what a body is, if it has them.
const SNIFFED_LEAST: usize = 512;

impl Inner {
    fn untold(part: bool) -> Self {
        Self::Untold {
            part,
            held: BytesMut::new(),
        }
    }

    /// Decides by what has come, and goes on with that.
    fn tell(&mut self, plan: &Arc<BodyPlan>, clear: &mut BytesMut, tally: &mut Tally) -> Result<(), Unshown> {
        let Self::Untold { part, held } = self else {
            return Ok(());
        };
        if held.is_empty() {
            return Ok(());
        }
        let (part, held) = (*part, std::mem::take(held));
        *self = sniff(&held, part, plan)?;
        self.push(&held, plan, clear, tally)
    }

    fn push(
        &mut self,
        piece: &[u8],
        plan: &Arc<BodyPlan>,
        clear: &mut BytesMut,
        tally: &mut Tally,
    ) -> Result<(), Unshown> {
        if piece.is_empty() {
            return Ok(());
        }
        if let Self::Untold { held, .. } = self {
            held.extend_from_slice(piece);
            if held.len() < SNIFFED_LEAST {
                return Ok(());
            }
            return self.tell(plan, clear, tally);
        }
        match self {
            Self::Untold { held, .. } => held.extend_from_slice(piece),
            Self::Pass => clear.extend_from_slice(piece),
            Self::Known {
                body,
                watched,
                mentions,
                ..
            } => {
                if let Some(name) = mentions.as_mut().and_then(|mentions| mentions.find(piece)) {
                    return Err(Unshown::Mentioned(name));
                }
                body.push(piece, clear, tally)?;
                if *watched {
                    found(tally)?;
                }
            }
        }
        Ok(())
    }

    /// Lets go of what waits for more, where that is not likely to matter: at the end of a line.
    fn settle(
        &mut self,
        data: &[u8],
        plan: &Arc<BodyPlan>,
        clear: &mut BytesMut,
        tally: &mut Tally,
    ) -> Result<(), Unshown> {
        if data.ends_with(
            b"
",
        ) {
            self.tell(plan, clear, tally)?;
        }
        if let Self::Known { body, watched, .. } = self {
            if *watched || data.ends_with(b"\n") {
                body.settle(clear, tally);
            }
            if *watched {
                found(tally)?;
            }
        }
        Ok(())
    }
}

fn known(kind: Kind, plan: &Arc<BodyPlan>) -> Inner {
    Inner::Known {
        counts_lines: matches!(kind, Kind::NdJson | Kind::Csv { .. }),
        named: !matches!(kind, Kind::Text | Kind::Xml),
        mentions: if kind == Kind::Xml { plan.mentions() } else { None },
        body: Body::new(kind, Arc::clone(plan), Limits::default()),
        watched: false,
    }
}

/// Where nothing can be replaced, a find is the end.
fn found(tally: &Tally) -> Result<(), Unshown> {
    match tally
        .detected
        .keys()
        .next()
        .or_else(|| tally.masked.keys().next())
    {
        None => Ok(()),
        Some(name) => Err(Unshown::Found("binary data".to_owned(), name.to_string())),
    }
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
