//! Requests byte by byte, for what no client would send.

use std::net::SocketAddr;
use std::time::Duration;

use fabric_auth_tests::ServiceWorld;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take. Longer than anything that the service waits for itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a head with these lines behind `Connection: close`, and gives all that comes back.
pub(crate) async fn request(service: &ServiceWorld, target: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    exchange(service, format!("{target} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n").as_bytes()).await
}

/// Sends bytes, and gives all that comes back.
pub(crate) async fn exchange(service: &ServiceWorld, bytes: &[u8]) -> String {
    exchange_at(service.address, bytes).await
}

/// The same with another address than that of the console.
pub(crate) async fn exchange_at(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // A server that has seen enough closes while it is still written to.
    let _ = stream.write_all(bytes).await;
    read_to_end(&mut stream).await
}

/// A connection to the service.
pub(crate) async fn connect(service: &ServiceWorld) -> TcpStream {
    TcpStream::connect(service.address).await.expect("a connection")
}

/// All that comes until the service closes, also suddenly.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end of the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of an answer; none when none has come.
pub(crate) fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// The authority that browsers name in `Host`.
pub(crate) fn host_line(service: &ServiceWorld) -> String {
    format!("Host: {}", service.base_url.split_once("//").unwrap().1)
}
