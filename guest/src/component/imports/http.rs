//! Import `wasi:http/client`: one request, one reply, both held whole.

use zeroize::{Zeroize as _, Zeroizing};

use super::Imports;
use crate::bindings::wasi::http::client;
use crate::bindings::wasi::http::types::{ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme};
use crate::bindings::{wit_future, wit_stream};
use crate::error::nanoseconds;
use crate::ports::{Http, HttpFailure, HttpMethod, HttpRequest, HttpResponse, NotSent};

/// How much of a body is read at a time.
const PIECE: usize = 16 * 1024;

impl Http for Imports {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpFailure> {
        let limit = request.reply_limit;
        let outgoing = outgoing(request)?;
        let response = client::send(outgoing).await.map_err(failure)?;
        incoming(response, limit).await
    }
}

/// Makes the request. Nothing has left yet, so every failure here is "not sent".
fn outgoing(request: HttpRequest) -> Result<Request, HttpFailure> {
    let refused = HttpFailure::NotSent(NotSent::Forbidden);
    let uri: http::Uri = request.url.parse().map_err(|_| refused)?;
    let fields: Vec<_> =
        request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let headers = Fields::from_list(&fields).map_err(|_| refused)?;
    fields.into_iter().for_each(|(_, mut value)| value.zeroize());
    let options = request.spends.map(|connect_within| {
        let options = RequestOptions::new();
        // A host that cannot keep this promise says so by failing here, and then nothing is sent.
        options.set_connect_timeout(Some(nanoseconds(connect_within))).map(|()| options)
    });
    let options = options.transpose().map_err(|_| refused)?;
    let (contents, mut body_writer) = match request.body.is_empty() {
        true => (None, None),
        false => {
            let (writer, contents) = wit_stream::new();
            (Some(contents), Some(writer))
        }
    };
    let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
    let (outgoing, _transmission) = Request::new(headers, contents, trailers, options);
    let set = outgoing
        .set_method(&match request.method {
            HttpMethod::Get => Method::Get,
            HttpMethod::Post => Method::Post,
        })
        .and_then(|()| {
            outgoing.set_scheme(Some(&if uri.scheme_str() == Some("http") { Scheme::Http } else { Scheme::Https }))
        })
        .and_then(|()| outgoing.set_authority(uri.authority().map(http::uri::Authority::as_str)))
        .and_then(|()| outgoing.set_path_with_query(uri.path_and_query().map(http::uri::PathAndQuery::as_str)));
    set.map_err(|()| refused)?;
    let mut body = request.body;
    wit_bindgen::spawn_local(async move {
        if let Some(writer) = &mut body_writer {
            // A host that refuses the request leaves some of the body; `send` tells why.
            let mut rest = writer.write_all(std::mem::take(&mut *body)).await;
            rest.zeroize();
        }
        drop(body_writer);
        drop(trailers_writer);
    });
    Ok(outgoing)
}

/// Reads the reply, up to a limit.
async fn incoming(response: Response, limit: usize) -> Result<HttpResponse, HttpFailure> {
    let status = response.get_status_code();
    let headers = response.get_headers();
    let header = |name: &str| {
        let values = headers.get(name);
        // A header that comes twice says nothing certain.
        <[Vec<u8>; 1]>::try_from(values).ok().and_then(|[value]| String::from_utf8(value).ok())
    };
    let content_type = header("content-type");
    let location = header("location");
    let retry_after = header("retry-after");
    let date = header("date");
    drop(headers);
    let (result_writer, result) = wit_future::new(|| Ok(()));
    let (mut stream, trailers) = Response::consume_body(response, result);
    let mut body = Zeroizing::new(Vec::with_capacity(limit.min(PIECE)));
    loop {
        let (status, mut piece) = stream.read(Vec::with_capacity(PIECE)).await;
        if body.len() + piece.len() > limit {
            piece.zeroize();
            return Err(HttpFailure::OutcomeUnknown);
        }
        body.extend_from_slice(&piece);
        piece.zeroize();
        if !matches!(status, wit_bindgen::StreamResult::Complete(_)) {
            break;
        }
    }
    drop(stream);
    drop(result_writer);
    // Whether the body came whole is known only now.
    trailers.await.map_err(|_| HttpFailure::OutcomeUnknown)?;
    Ok(HttpResponse { status, content_type, location, retry_after, date, body })
}

/// What an error says about whether the request left. The list of codes that prove it did not is in `wit/worlds.wit`.
fn failure(error: ErrorCode) -> HttpFailure {
    match error {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            HttpFailure::NotSent(NotSent::UnknownHost)
        }
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached => HttpFailure::NotSent(NotSent::NoConnection),
        ErrorCode::TlsCertificateError => HttpFailure::NotSent(NotSent::Certificate),
        ErrorCode::DestinationIpProhibited | ErrorCode::HttpRequestDenied | ErrorCode::ConfigurationError => {
            HttpFailure::NotSent(NotSent::Forbidden)
        }
        _ => HttpFailure::OutcomeUnknown,
    }
}
