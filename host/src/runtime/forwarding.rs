//! One request through the gateway of an instance.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use wasmtime::Result;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::Request as WasiRequest;
use wasmtime_wasi_http::{Error as WasiError, WasiBody, WasiHttpView as _};

use super::instance::Reader;
use super::state::State;
use crate::bindings::FabricAuth;
use crate::contract::Error;

/// Whatever counts for as long as a request is under way.
pub(crate) type Held = Box<dyn Any + Send>;

/// A body without the headers that may follow it: what those say has been checked by nobody.
struct WithoutTrailers<B>(B);

/// The body of a reply, as the workspace sends it or the component writes it.
pub struct ForwardedBody {
    body: WithoutTrailers<WasiBody>,
    _reader: Reader,
    _held: Held,
}

impl ForwardedBody {
    pub(super) fn new(body: WasiBody, reader: Reader, held: Held) -> Self {
        Self { body: WithoutTrailers(body), _reader: reader, _held: held }
    }
}

/// Hands a request to the handler of an instance. An error is for the client; anything else that goes wrong is a trap.
pub(super) async fn forward(
    accessor: &Accessor<State>,
    guest: &FabricAuth,
    request: Request<WasiBody>,
) -> Result<std::result::Result<Response<WasiBody>, Error>> {
    let request = accessor.with(|mut store| {
        let view = store.data_mut().http();
        // What became of the request's body is told by the reply.
        let (request, _told) = WasiRequest::from_http(view.hooks, request);
        view.table.push(request)
    })?;
    let Ok(response) = guest.wasi_http_handler().call_handle(accessor, request).await? else {
        return Ok(Err(Error::Internal("The gateway could not answer.".to_owned())));
    };
    accessor.with(|mut store| {
        let response = store.data_mut().http().table.delete(response)?;
        // What cannot be passed on concerns this request alone.
        let no_reply = |_| Error::Internal("The gateway's reply is none.".to_owned());
        Ok(response.into_http(&mut store, async { Ok(()) }).map_err(no_reply))
    })
}

/// Takes what is of the connection from a request as it came, before anything of ours is added.
pub(super) fn prepare(request: &mut Request<WasiBody>) {
    drop_named_by_connection(request.headers_mut());
    let body = std::mem::replace(request.body_mut(), Empty::new().map_err(|none| match none {}).boxed_unsync());
    *request.body_mut() = WithoutTrailers(body).boxed_unsync();
    if request.body().is_end_stream() {
        // By this the component knows that there is nothing to come.
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

/// Headers that `connection` names go no further than it (RFC 9110 section 7.6.1). The component is not shown that header.
fn drop_named_by_connection(headers: &mut HeaderMap) {
    let lines: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    for name in lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')) {
        headers.remove(name.trim());
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for WithoutTrailers<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, B::Error>>> {
        loop {
            match Pin::new(&mut self.0).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) if !frame.is_data() => {}
                polled => return polled,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Body for ForwardedBody {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, WasiError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::StreamBody;

    use super::*;

    #[tokio::test]
    async fn what_follows_a_body_is_left_out() {
        let mut fields = HeaderMap::new();
        fields.insert("authorization", HeaderValue::from_static("Bearer forged"));
        let frames =
            [Frame::data(Bytes::from_static(b"a")), Frame::trailers(fields), Frame::data(Bytes::from_static(b"b"))];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, WasiError>)));
        let collected = WithoutTrailers(body).collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes(), "ab");
    }
}
