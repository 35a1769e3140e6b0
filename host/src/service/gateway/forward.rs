//! Handing a request to the component, and its reply back.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::admission::Admitted;
use super::limits::Passing;
use crate::runtime::ForwardedBody;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The body of a reply, for as long as which its request counts.
struct Counted {
    body: ForwardedBody,
    _passing: Passing,
}

pub(super) async fn forward(
    Admitted(admission): Admitted,
    State(service): State<Service>,
    request: Request,
) -> Response {
    let passing = match service.limits.as_ref().map(|limits| limits.enter(&admission)) {
        Some(Ok(passing)) => passing,
        Some(Err(error)) => return Problem::from(error).into_response(),
        None => return axum::http::StatusCode::NOT_FOUND.into_response(),
    };
    match service.host.forward(admission, request).await {
        Ok(reply) => reply.map(|body| Body::new(Counted { body, _passing: passing })),
        Err(error) => Problem::from(error).into_response(),
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = <ForwardedBody as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
