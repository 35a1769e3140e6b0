//! Export `wasi:http/handler`: the edge gateway.

use super::{Component, core};
use crate::bindings::exports::wasi::http::handler::Guest;
use crate::bindings::wasi::http::types::{ErrorCode, Fields, Request, Response};
use crate::bindings::{wit_future, wit_stream};
use crate::gateway::TICKET;

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let tickets = request.get_headers().get(TICKET);
        let answer = core().admit(&tickets);
        let headers = Fields::from_list(&[
            ("content-type".to_owned(), b"text/plain; charset=utf-8".to_vec()),
            ("cache-control".to_owned(), b"no-store".to_vec()),
        ])
        .map_err(|_| ErrorCode::InternalError(None))?;
        let (mut writer, body) = wit_stream::new();
        let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
        let (response, _transmission) = Response::new(headers, Some(body), trailers);
        response.set_status_code(answer.status()).map_err(|()| ErrorCode::InternalError(None))?;
        wit_bindgen::spawn_local(async move {
            // What the client does not take is left; that is its business.
            let _rest = writer.write_all(answer.body().as_bytes().to_vec()).await;
            drop(writer);
            drop(trailers_writer);
        });
        Ok(response)
    }
}
