//! A workspace that costs next to nothing: it tells whoever has a personal access token whose that is.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the personal access tokens there begin with; behind it stands the name of the person.
const TOKEN: &str = "dapi-of-";

/// The server, in this process. It ends when this is dropped.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Upstream {
    /// Begins to listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream));
            }
        });
        Self { address, _serving: serving }
    }
}

/// The personal access token of a person.
pub fn token_of(person: &str) -> String {
    format!("{TOKEN}{person}")
}

/// By what the answer to a person is known.
pub fn user_name_of(person: &str) -> String {
    format!("{person}@example.com")
}

async fn serve(stream: TcpStream) {
    stream.set_nodelay(true).expect("a socket");
    let answering = service_fn(async |request| Ok::<_, Infallible>(answer(&request)));
    // A client may leave at any time.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answering).await;
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let person = shown.and_then(|text| text.strip_prefix("Bearer ")?.strip_prefix(TOKEN));
    let Some(person) = person else {
        let mut refusal = Response::new(Full::default());
        *refusal.status_mut() = StatusCode::UNAUTHORIZED;
        return refusal;
    };
    let body = format!(r#"{{"userName": "{}", "active": true, "id": "1"}}"#, user_name_of(person));
    let mut answer = Response::new(Full::from(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
