//! Export `wasi:http/handler`: the edge gateway. Moves the parts of requests and replies; what is decided about them is in
//! `crate::gateway`.

use std::pin::pin;

use futures::future::{Either, select};
use wit_bindgen::StreamResult;
use zeroize::Zeroize as _;

use super::{Component, core};
use crate::bindings::exports::wasi::http::handler::Guest;
use crate::bindings::wasi::http::client;
use crate::bindings::wasi::http::types::{ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme};
use crate::bindings::{wit_future, wit_stream};
use crate::contract::callers::Admission;
use crate::error::nanoseconds;
use crate::gateway::{
    Answer, Credentials, Header, LOOKED_AT, SILENCE, TICKET, backward, location_of, one_length, onward,
};

/// How much of what follows the beginning of a refusal is held at once.
const PIECE: usize = 4 * 1024;

type Body = wit_bindgen::StreamReader<u8>;
type Trailers = wit_bindgen::FutureReader<Result<Option<Fields>, ErrorCode>>;

/// A request on its way, without its body and its token.
struct Head {
    admission: Admission,
    method: Method,
    path_with_query: String,
    headers: Vec<Header>,
}

/// What follows the head of a request; none where there is none.
type Payload = Option<(Body, Trailers)>;

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        match forward(request).await {
            Ok(response) => Ok(response),
            Err(answer) => told(&answer),
        }
    }
}

async fn forward(request: Request) -> Result<Response, Answer> {
    let (head, payload) = taken_apart(request)?;
    let credentials = core().gateway_credentials(&head.admission).await?;
    core().check_workspace(&head.path_with_query, &credentials.description)?;
    let is_repeatable = payload.is_none();
    let response = send(&head, &credentials, payload).await?;
    let (token, status) = (&credentials.description, response.get_status_code());
    if !core().may_give_up(token, status) {
        return Ok(passed_on(&credentials, response));
    }
    let refusal = Refusal::read(response).await;
    // What did not come in time has not been seen whole, and may say something else.
    let is_replaced = refusal.rest != Rest::Late
        && core().is_token_replaced(&head.admission, token, status, refusal.beginning.clone()).await;
    if !is_replaced {
        return Ok(refusal.passed_on(&credentials));
    }
    if !is_repeatable {
        return Err(Answer::send_again());
    }
    let renewed = core().gateway_credentials(&head.admission).await?;
    let response = send(&head, &renewed, None).await?;
    Ok(passed_on(&renewed, response))
}

/// Takes what is needed of a request, and checks who sends it and what for.
fn taken_apart(request: Request) -> Result<(Head, Payload), Answer> {
    let headers = request.get_headers().copy_all();
    let tickets: Vec<&[u8]> =
        headers.iter().filter(|(name, _)| name == TICKET).map(|(_, value)| value.as_slice()).collect();
    let admission = core().admit(&tickets)?;
    let path_with_query = request.get_path_with_query().unwrap_or_else(|| "/".to_owned());
    core().check_path(&path_with_query)?;
    let method = request.get_method();
    if !goes_on(&method) {
        return Err(Answer::refused(405, "The gateway does not send requests with this method on."));
    }
    let headers = one_length(headers).ok_or_else(|| {
        Answer::refused(400, "The length of the body can be read in more than one way; say it once, as a number.")
    })?;
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.as_slice());
    let has_body = match length {
        Some(length) => length != b"0",
        None => !matches!(method, Method::Get | Method::Head | Method::Options),
    };
    let payload = has_body.then(|| {
        let (body, trailers) = Request::consume_body(request, succeeded());
        (body, without_fields(trailers))
    });
    let mut headers = onward(headers);
    if payload.is_none() && matches!(method, Method::Get | Method::Head | Method::Options) {
        // These have no body unless they say so.
        headers.retain(|(name, _)| name != "content-length");
    }
    Ok((Head { admission, method, path_with_query, headers }, payload))
}

/// The methods of Databricks. `TRACE` and its like would bring the token back, `CONNECT` would lead elsewhere.
fn goes_on(method: &Method) -> bool {
    use Method::{Delete, Get, Head, Options, Patch, Post, Put};
    matches!(method, Get | Head | Post | Put | Patch | Delete | Options)
}

/// Whether a body came whole, without the headers that may follow it: what they say has been checked by nobody.
fn without_fields(trailers: Trailers) -> Trailers {
    let (writer, reader) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(async move {
        let ended = trailers.await.map(|_fields| None);
        // Whoever took the body may have gone.
        let _ = writer.write(ended).await;
    });
    reader
}

/// Sends a request on. Its body, where it has one, is handed over as the stream that it is.
async fn send(head: &Head, credentials: &Credentials, payload: Payload) -> Result<Response, Answer> {
    let refused = || Answer::refused(400, "This request cannot be sent on.");
    let description = &credentials.description;
    let uri: http::Uri = description.workspace_url.parse().map_err(|_| refused())?;
    let mut headers = head.headers.clone();
    let bearer = format!("Bearer {}", &*credentials.token).into_bytes();
    headers.push(("authorization".to_owned(), bearer));
    if let Some(id) = &description.workspace_id {
        headers.push(("x-databricks-workspace-id".to_owned(), id.clone().into_bytes()));
    }
    let fields = Fields::from_list(&headers).map_err(|_| refused());
    headers.into_iter().for_each(|(_, mut value)| value.zeroize());
    let options = RequestOptions::new();
    options.set_between_bytes_timeout(Some(nanoseconds(SILENCE))).map_err(|_| refused())?;
    let (body, trailers) = match payload {
        Some((body, trailers)) => (Some(body), trailers),
        None => (None, no_trailers()),
    };
    let (request, _transmission) = Request::new(fields?, body, trailers, Some(options));
    let scheme = if uri.scheme_str() == Some("http") { Scheme::Http } else { Scheme::Https };
    request
        .set_method(&head.method)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(uri.authority().map(http::uri::Authority::as_str)))
        .and_then(|()| request.set_path_with_query(Some(&head.path_with_query)))
        .map_err(|_| refused())?;
    client::send(request).await.map_err(|error| Answer::no_reply(may_have_arrived(&error)))
}

/// Whether the workspace may have acted on a request that failed so. The list of codes that prove that nothing left is in
/// `wit/worlds.wit`.
fn may_have_arrived(error: &ErrorCode) -> bool {
    !matches!(
        error,
        ErrorCode::DnsTimeout
            | ErrorCode::DnsError(_)
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpProhibited
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionLimitReached
            | ErrorCode::TlsCertificateError
            | ErrorCode::HttpRequestDenied
            | ErrorCode::ConfigurationError
    )
}

/// The reply of the workspace as the client gets it: its body is handed over as the stream that it is.
fn passed_on(credentials: &Credentials, response: Response) -> Response {
    let (status, headers) = (response.get_status_code(), response.get_headers().copy_all());
    let (body, trailers) = Response::consume_body(response, succeeded());
    reply(credentials, status, headers, body, trailers)
}

fn reply(credentials: &Credentials, status: u16, headers: Vec<Header>, body: Body, trailers: Trailers) -> Response {
    let Some(headers) = one_length(headers).filter(|_| (200..600).contains(&status)) else {
        let told = "Databricks answered with what is no reply to this request.";
        return told_or_empty(&Answer::refused(502, told));
    };
    let leads_to = headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
    let location = leads_to.as_deref().and_then(|to| location_of(to, &credentials.description.workspace_url));
    if leads_to.is_some() && location.is_none() && (300..400).contains(&status) {
        // It would lead the client, and perhaps its credentials, to somebody else.
        let told = "Databricks answered with a redirect to another place, which is not followed.";
        return told_or_empty(&Answer::refused(502, told));
    }
    let Ok(fields) = Fields::from_list(&backward(headers, location)) else { return empty(502) };
    let (response, _transmission) = Response::new(fields, Some(body), trailers);
    // Whatever came as a status can be passed on as one.
    let _ = response.set_status_code(status);
    response
}

/// A reply that may speak of the token, of which the beginning has been read.
struct Refusal {
    status: u16,
    headers: Vec<Header>,
    beginning: Vec<u8>,
    body: Body,
    rest: Rest,
    trailers: Trailers,
}

/// What follows the beginning of a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Nothing. Whoever reads on after the end of a stream traps.
    None,
    /// More than is looked at.
    Some,
    /// What had not come when patience was over.
    Late,
}

impl Refusal {
    async fn read(response: Response) -> Self {
        let (status, headers) = (response.get_status_code(), response.get_headers().copy_all());
        let (mut body, trailers) = Response::consume_body(response, succeeded());
        let mut beginning = Vec::new();
        let mut late = pin!(core().patience());
        let rest = loop {
            if beginning.len() >= LOOKED_AT {
                break Rest::Some;
            }
            let mut reading = pin!(body.read(Vec::with_capacity(LOOKED_AT - beginning.len())));
            let in_time = match select(reading.as_mut(), late.as_mut()).await {
                Either::Left((read, _)) => Some(read),
                Either::Right(_) => None,
            };
            let is_late = in_time.is_none();
            let (read, piece) = in_time.unwrap_or_else(|| reading.cancel());
            beginning.extend_from_slice(&piece);
            if read == StreamResult::Dropped {
                break Rest::None;
            }
            if is_late {
                break Rest::Late;
            }
        };
        Self { status, headers, beginning, body, rest, trailers }
    }

    /// The reply as it came: what was read, and then the rest.
    fn passed_on(self, credentials: &Credentials) -> Response {
        let Self { status, headers, beginning, body: mut from, rest, trailers } = self;
        let (mut writer, body) = wit_stream::new();
        wit_bindgen::spawn_local(async move {
            let mut unsent = writer.write_all(beginning).await;
            let mut is_over = rest == Rest::None;
            while !is_over && unsent.is_empty() {
                let (read, piece) = from.read(Vec::with_capacity(PIECE)).await;
                is_over = read == StreamResult::Dropped;
                unsent = writer.write_all(piece).await;
            }
        });
        reply(credentials, status, headers, body, trailers)
    }
}

/// An answer of the gateway's own.
fn told(answer: &Answer) -> Result<Response, ErrorCode> {
    let mut headers = vec![
        ("content-type".to_owned(), b"application/problem+json".to_vec()),
        ("cache-control".to_owned(), b"no-store".to_vec()),
        ("content-length".to_owned(), answer.body.len().to_string().into_bytes()),
        ("x-content-type-options".to_owned(), b"nosniff".to_vec()),
    ];
    if answer.status == 401 {
        headers.push(("www-authenticate".to_owned(), b"Bearer realm=\"fabric-auth\"".to_vec()));
    }
    if let Some(seconds) = answer.retry_after {
        headers.push(("retry-after".to_owned(), seconds.to_string().into_bytes()));
    }
    let fields = Fields::from_list(&headers).map_err(|_| ErrorCode::InternalError(None))?;
    let (mut writer, body) = wit_stream::new();
    let (response, _transmission) = Response::new(fields, Some(body), no_trailers());
    response.set_status_code(answer.status).map_err(|()| ErrorCode::InternalError(None))?;
    let text = answer.body.clone().into_bytes();
    wit_bindgen::spawn_local(async move {
        // What the client does not take is left; that is its business.
        let _rest = writer.write_all(text).await;
    });
    Ok(response)
}

fn told_or_empty(answer: &Answer) -> Response {
    told(answer).unwrap_or_else(|_| empty(answer.status))
}

fn empty(status: u16) -> Response {
    let (response, _transmission) = Response::new(Fields::new(), None, no_trailers());
    let _ = response.set_status_code(status);
    response
}

fn no_trailers() -> Trailers {
    // Dropping the writer sends the default.
    let (_, trailers) = wit_future::new(|| Ok(None));
    trailers
}

/// That a reply was read is all that its sender needs to hear.
fn succeeded() -> wit_bindgen::FutureReader<Result<(), ErrorCode>> {
    let (_, reader) = wit_future::new(|| Ok(()));
    reader
}
