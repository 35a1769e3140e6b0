//! TLS from files, and where the service does without.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fabric_auth::service::{Running, ServiceError, ServiceParts, ServiceSettings, TlsFiles};
use fabric_auth_tests::{BASE_URL, ServiceWorld, Setup, World, alice};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::browser::encoded;
use crate::raw::{exchange, host_line, status};

/// A self-signed certificate for `localhost` and its key, made for tests of this repository, valid until 2126.
pub(crate) const CERTIFICATE: &str = include_str!("../../host/src/egress/tests/localhost-certificate.pem");
pub(crate) const KEY: &str = include_str!("../../host/src/egress/tests/localhost-key.pem");

/// Writes certificate and key into a folder.
fn files(folder: &Path) -> TlsFiles {
    let write = |name: &str, content: &str| -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        path
    };
    TlsFiles { certificate: write("tls.crt", CERTIFICATE), key: write("tls.key", KEY) }
}

/// A service that speaks TLS, and the folder of its files.
async fn with_tls() -> (ServiceWorld, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = ServiceSettings { tls: Some(files(folder.path())), ..ServiceSettings::default() };
    (ServiceWorld::of(Setup::default(), settings).await, folder)
}

/// Shakes hands with the service, and trusts its certificate.
async fn connect(service: &ServiceWorld, protocol: &[u8]) -> TlsStream<TcpStream> {
    connect_at(service.address, protocol).await
}

/// The same with whoever shows that certificate at an address.
pub(crate) async fn connect_at(address: SocketAddr, protocol: &[u8]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
}

/// Sends bytes over TLS, and gives all that comes back.
async fn exchange_by_tls(service: &ServiceWorld, request: &str) -> String {
    exchange_by_tls_at(service.address, request).await
}

/// The same with whoever shows that certificate at an address.
pub(crate) async fn exchange_by_tls_at(address: SocketAddr, request: &str) -> String {
    let mut stream = connect_at(address, b"http/1.1").await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn over_tls_browsers_are_told_to_come_by_https_only() {
    let (service, _folder) = with_tls().await;
    let host = host_line(&service);
    for (target, expected) in [
        ("/sign-in", 200),
        ("/healthz", 200),
        ("/assets/console.css", 200),
        ("/metrics", 401),
        ("/none", 404),
        ("/", 303),
    ] {
        let answer =
            exchange_by_tls(&service, &format!("GET {target} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), Some(expected), "{answer}");
        assert_eq!(answer.matches("strict-transport-security: max-age=31536000\r\n").count(), 1, "{answer}");
    }
    service.end().await;
}

#[tokio::test]
async fn over_tls_a_session_is_bound_to_tls() {
    let (service, _folder) = with_tls().await;
    let api_token = service.api_token(&alice()).await;
    let form = encoded(&[("api_token", api_token.expose_secret())]);
    let head = format!("POST /sign-in HTTP/1.1\r\n{}\r\nOrigin: {}", host_line(&service), service.base_url);
    let length = form.len();
    let request = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{form}");
    let answer = exchange_by_tls(&service, &request).await;
    assert!(answer.contains("set-cookie: __Host-fabric_auth_session=session_"), "{answer}");
    assert!(answer.contains("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=43200\r\n"), "{answer}");
    service.end().await;
}

#[tokio::test]
async fn plain_http_is_not_answered_where_tls_is_spoken() {
    let (service, _folder) = with_tls().await;
    let answer =
        exchange(&service, format!("GET /sign-in HTTP/1.1\r\n{}\r\n\r\n", host_line(&service)).as_bytes()).await;
    assert!(!answer.contains("HTTP/1.1") && !answer.contains("fabric-auth"), "{answer}");
    service.end().await;
}

/// There the name of the host is a part of the target.
#[tokio::test]
async fn by_http_2_too_the_console_answers_under_its_own_name_only() {
    let (service, _folder) = with_tls().await;
    let stream = TokioIo::new(connect(&service, b"h2").await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let driving = tokio::spawn(connection);
    let port = service.address.port();
    for (authority, expected) in [
        (format!("localhost:{port}"), 200),
        (format!("LOCALHOST:{port}"), 200),
        (format!("evil.example:{port}"), 421),
        (format!("127.0.0.1:{port}"), 421),
        ("localhost".to_owned(), 421),
    ] {
        let request = Request::get(format!("https://{authority}/sign-in")).body(Full::new(Bytes::new())).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), expected, "{authority}");
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
        answer.into_body().collect().await.unwrap();
    }
    drop(sender);
    let _ = driving.await;
    service.end().await;
}

/// What comes of binding a service over a world.
async fn bind(world: &World, base_url: &str, settings: ServiceSettings) -> Result<SocketAddr, ServiceError> {
    let parts = ServiceParts {
        host: world.host.clone(),
        database: &world.database,
        keys: world.keys.clone(),
        clock: Arc::new(world.clock().clone()),
        tenant: "acme".to_owned(),
        base_url: base_url.to_owned(),
        redirect_urls: Vec::new(),
        settings,
    };
    Running::bind(parts).await.map(|running| running.address())
}

#[tokio::test]
async fn plain_http_is_not_spoken_where_others_could_read_it() {
    let world = World::new().await;
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let settings = ServiceSettings { listen: listen.parse().unwrap(), ..ServiceSettings::default() };
        let refused = bind(&world, BASE_URL, settings).await.unwrap_err();
        assert!(matches!(refused, ServiceError::Exposed(_)), "{refused}");
        assert!(refused.to_string().contains("service.tls_certificate_file"), "{refused}");
    }
    let here = || ServiceSettings { listen: "127.0.0.1:0".parse().unwrap(), ..ServiceSettings::default() };
    assert!(bind(&world, BASE_URL, here()).await.is_ok());
    for base_url in ["https://prophecy.example.com/path", "ftp://prophecy.example.com", "prophecy", ""] {
        let refused = bind(&world, base_url, here()).await.unwrap_err();
        assert!(matches!(refused, ServiceError::BaseUrl(_)), "{refused}");
    }
    world.end().await;
}

#[tokio::test]
async fn files_that_are_no_certificate_are_named() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let right = files(folder.path());
    let garbage = folder.path().join("garbage.pem");
    fs::write(&garbage, "no certificate\n").unwrap();
    let missing = folder.path().join("missing.pem");
    for wrong in [
        TlsFiles { certificate: garbage.clone(), ..right.clone() },
        TlsFiles { key: garbage.clone(), ..right.clone() },
        TlsFiles { certificate: missing.clone(), ..right.clone() },
        TlsFiles { key: missing.clone(), ..right.clone() },
    ] {
        let named = if wrong.certificate == right.certificate { &wrong.key } else { &wrong.certificate }.clone();
        let listen = "127.0.0.1:0".parse().unwrap();
        let refused =
            bind(&world, BASE_URL, ServiceSettings { listen, tls: Some(wrong), ..ServiceSettings::default() });
        let refused = refused.await.unwrap_err().to_string();
        assert!(refused.contains(&named.display().to_string()) && !refused.contains("PRIVATE"), "{refused}");
    }
    world.end().await;
}
