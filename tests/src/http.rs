//! A plain client of HTTP for tests of the service: what is sent is what stands in the test, and no redirect is followed.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// A client of one service.
#[derive(Clone)]
pub struct HttpClient {
    base_url: String,
    headers: Vec<(String, String)>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl HttpClient {
    /// A client of the service at this URL, which has no path. It sends no headers by itself.
    pub fn new(base_url: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { base_url: base_url.to_owned(), headers: Vec::new(), client }
    }

    /// The same, and this header goes with every request.
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.push((name.to_owned(), value.to_owned()));
        Self { headers, ..self.clone() }
    }

    /// The same, and every request shows this API token.
    pub fn with_token(&self, token: &SecretString) -> Self {
        self.with_header(AUTHORIZATION.as_str(), &format!("Bearer {}", token.expose_secret()))
    }

    /// Sends a request without a body.
    pub async fn send(&self, method: Method, path: &str) -> HttpAnswer {
        self.send_body(method, path, "").await
    }

    /// Gets what is at a path.
    pub async fn get(&self, path: &str) -> HttpAnswer {
        self.send(Method::GET, path).await
    }

    /// Sends a JSON body.
    pub async fn send_json(&self, method: Method, path: &str, body: &Value) -> HttpAnswer {
        let client = self.with_header(CONTENT_TYPE.as_str(), "application/json");
        client.send_body(method, path, body.to_string()).await
    }

    /// Sends any body, without saying what it is.
    ///
    /// # Panics
    /// When the test asks for what cannot be sent, or no answer comes.
    pub async fn send_body(&self, method: Method, path: &str, body: impl Into<Bytes>) -> HttpAnswer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base_url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body.into())).expect("a request that can be sent");
        let (head, body) = self.client.request(request).await.expect("an answer").into_parts();
        let body = body.collect().await.expect("an answer that comes whole").to_bytes();
        HttpAnswer { status: head.status, headers: head.headers, body }
    }
}

impl HttpAnswer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's value, empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
