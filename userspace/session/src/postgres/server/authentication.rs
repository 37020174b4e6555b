//! From the start-up to the first ReadyForQuery: everything passes, but for mechanisms that can't hold through a proxy.

use bytes::Bytes;
use interdict_wire::postgres::Header;
use interdict_wire::postgres::backend::{self, Authentication, Message};

use super::Show;
use crate::output::Output;
use crate::postgres::{Engine, Phase};

impl Engine {
    pub(super) fn authentication(&mut self, message: &Message<'_>, whole: &[u8], out: &mut Output) -> Show {
        match message {
            Message::Authentication(Authentication::Sasl(mechanisms))
                if !self.session.context.channel_binding =>
            {
                // A channel binding proves which certificate the client saw; the proxy's is not the server's, so the
                // mechanism that needs it is not offered.
                let kept = mechanisms.iter().filter(|name| !name.ends_with(b"-PLUS"));
                return match backend::write_sasl_mechanisms(&mut out.to_client, kept) {
                    Ok(()) => Show::Hide,
                    Err(error) => {
                        self.desynchronised("server", &error, out);
                        Show::Hide
                    }
                };
            }
            Message::ReadyForQuery(status) => {
                self.status = *status;
                self.phase = if self.startup.replication {
                    Phase::Replication
                } else {
                    Phase::Ready
                };
            }
            Message::BackendKeyData { .. } => {
                let key = whole.get(Header::SIZE..).unwrap_or_default();
                self.backend_key = Some(Bytes::copy_from_slice(key));
            }
            Message::Authentication(_) | Message::NegotiateProtocolVersion(_)
                if self.startup.logged_in.is_some() =>
            {
                self.desynchronised("server", &"a login's message after the login", out);
                return Show::Hide;
            }
            Message::Authentication(_) | Message::ErrorResponse(_) | Message::NegotiateProtocolVersion(_) => {
            }
            other => {
                self.desynchronised(
                    "server",
                    &format_args!("{} before the session was ready", other.name()),
                    out,
                );
                return Show::Hide;
            }
        }
        Show::Pass
    }
}
