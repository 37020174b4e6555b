//! A connection that has become a WebSocket.

use interdict_session::http::{Direction, SocketFlow};
use interdict_session::{Action, EndReason, Output};
use interdict_wire::http::ResponseHead;

use super::super::commit;
use super::{One, put_head};
use crate::connection::ServeError;
use crate::now;

impl One<'_> {
    pub(super) async fn upgrade(&mut self, head: ResponseHead) -> Result<(), ServeError> {
        let mut out = Output::default();
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        match self.engine.upgraded(&mut current.exchange, head, now(), &mut out) {
            SocketFlow::Begun(head, socket) => {
                let _ = put_head(&head, &mut self.client, &mut self.heads);
                self.socket = Some(socket);
                self.current = None;
            }
            SocketFlow::Refused(flow) => self.show(flow),
        }
        self.commit(&mut out).await
    }

    /// Gives the engine what either side of a WebSocket sent; false if there is nothing.
    pub(super) async fn follow_socket(&mut self) -> Result<bool, ServeError> {
        let Self {
            socket: Some(socket),
            server: Some(server),
            client,
            engine,
            proxy,
            tape,
            ..
        } = self
        else {
            self.socket = None;
            return Ok(true);
        };
        let mut any = false;
        for from in [Direction::FromServer, Direction::FromClient] {
            let input = match from {
                Direction::FromServer => &mut server.side.input,
                Direction::FromClient => &mut client.input,
            };
            let before = input.len();
            let mut out = Output::default();
            if before > 0 {
                engine.socket(socket, from, input, now(), &mut out);
                any |= before != input.len();
            }
            tape.note(&out.records);
            commit(proxy, &mut out).await?;
            client.put(out.to_client);
            server.side.put(out.to_server);
            if let Some(Action::Close(reason)) = out.action {
                self.closing = Some(reason);
            }
            if self.closing.is_some() {
                break;
            }
        }
        if self.closing.is_none() && !any {
            if client.ended {
                self.closing = Some(EndReason::Client);
            } else if server.side.ended {
                self.closing = Some(EndReason::Server);
            }
        }
        if self.closing.is_some()
            && let Some(socket) = self.socket.take()
        {
            let mut out = Output::default();
            self.engine.socket_over(*socket, now(), &mut out);
            self.commit(&mut out).await?;
        }
        Ok(any || self.closing.is_some())
    }
}
