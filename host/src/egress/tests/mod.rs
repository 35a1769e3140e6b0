//! The client over real sockets on loopback, and the tools that its tests share.

mod pool;
mod replies;
mod single_use;
mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{EgressSettings, HttpClient, ResponseBody, SendError, SendOptions};
use crate::clock::{MovableClock, SystemClock};

fn settings() -> EgressSettings {
    EgressSettings {
        allow: Vec::new(),
        workspace_suffixes: Vec::new(),
        allow_loopback_http: true,
        allow_private_addresses: false,
        ca_file: None,
        connect_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(10),
        max_response_body: 1024,
    }
}

fn client(settings: &EgressSettings) -> HttpClient {
    HttpClient::new(settings, Arc::new(SystemClock::new())).unwrap()
}

/// The options of a request that must not be sent twice.
const SPENDING: SendOptions = SendOptions {
    connect_timeout: Some(Duration::from_secs(5)),
    first_byte_timeout: None,
    between_bytes_timeout: None,
};
/// The options of an ordinary request.
const ORDINARY: SendOptions =
    SendOptions { connect_timeout: None, first_byte_timeout: None, between_bytes_timeout: None };

fn get(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

fn post(url: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(url).body(Full::from(body)).unwrap()
}

async fn body(response: Response<ResponseBody>) -> Result<Bytes, SendError> {
    Ok(response.into_body().collect().await?.to_bytes())
}

/// A server that answers every request on every connection with the same bytes, and keeps what it saw.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request with `reply`; `None` closes the connection instead.
    async fn answering(reply: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let server = Self { address, connections: connections.clone(), requests: requests.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream, reply, requests.clone()));
            }
        });
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, reply: Option<&'static str>, requests: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        requests.lock().unwrap().push(request);
        let Some(reply) = reply else { return };
        stream.write_all(reply.as_bytes()).await.unwrap();
        // A reply without a length ends with the connection.
        if !reply.to_ascii_lowercase().contains("content-length: 2\r\n") {
            return;
        }
    }
}

/// Reads the head of a request and as much of a body as arrives with it; none at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if text.contains("\r\n\r\n") {
            return Some(text);
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that hands each connection to the test.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    (listener, url)
}
