//! TLS: whom the client trusts, and what a failed handshake proves.

use std::io::{Read, Write};
use std::path::PathBuf;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tower_service::Service;

use super::super::connector::{Connector, Versions};
use super::super::{CertificateFault, TlsSettingsError, tls};
use super::*;

/// A self-signed certificate for `localhost` and its key, made for these tests, valid until 2126.
const CERTIFICATE: &str = include_str!("localhost-certificate.pem");
const KEY: &str = include_str!("localhost-key.pem");

/// Connects to `https://HOST:PORT/` as the client would, past the policy, which lets no https go to loopback.
async fn connect(ca_file: Option<PathBuf>, host: &str, address: SocketAddr) -> Result<(), SendError> {
    let settings = settings();
    let config = tls::client_config(ca_file.as_deref()).unwrap();
    let timeout = settings.connect_timeout;
    let mut connector =
        Connector::new(settings.resolver(), config, Versions::Http1, Arc::new(SystemClock::new()), timeout);
    let uri = format!("https://{host}:{}/", address.port()).parse().unwrap();
    connector.call(uri).await.map(|_| ())
}

fn ca_file(pem: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    file
}

/// A server that shakes hands once with the test certificate, on a thread of its own.
fn tls_server() -> SocketAddr {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let session = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(session, stream);
        // Ends when the client does; how does not matter here.
        let _ = stream.read(&mut [0; 1]);
    });
    address
}

#[tokio::test]
async fn a_certificate_without_a_trusted_root_is_refused() {
    let error = connect(None, "localhost", tls_server()).await.unwrap_err();
    assert_eq!(error, SendError::TlsCertificateError(CertificateFault::UnknownIssuer));
    assert!(error.proves_unsent());
}

#[tokio::test]
async fn a_root_of_the_ca_file_is_trusted() {
    let file = ca_file(CERTIFICATE);
    assert_eq!(connect(Some(file.path().into()), "localhost", tls_server()).await, Ok(()));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let file = ca_file(CERTIFICATE);
    let error = connect(Some(file.path().into()), "127.0.0.1", tls_server()).await.unwrap_err();
    assert_eq!(error, SendError::TlsCertificateError(CertificateFault::OtherName));
}

#[tokio::test]
async fn a_handshake_that_fails_proves_that_nothing_was_sent() {
    for reply in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let (listener, _) = listen().await;
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 64]).await.unwrap();
            stream.write_all(reply.as_bytes()).await.unwrap();
        });
        let error = connect(None, "localhost", address).await.unwrap_err();
        assert_eq!(error, SendError::DestinationUnavailable);
        assert!(error.proves_unsent());
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_given_up_in_time() {
    let (listener, _) = listen().await;
    let config = tls::client_config(None).unwrap();
    let timeout = Duration::from_millis(100);
    let mut connector =
        Connector::new(settings().resolver(), config, Versions::Http1, Arc::new(SystemClock::new()), timeout);
    let uri = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    assert_eq!(connector.call(uri).await.err(), Some(SendError::ConnectionTimeout));
}

#[test]
fn early_data_is_off() {
    assert!(!tls::client_config(None).unwrap().enable_early_data);
}

#[test]
fn a_ca_file_without_certificates_is_an_error_that_names_it() {
    let file = ca_file("no certificate\n");
    let error = tls::client_config(Some(file.path())).unwrap_err();
    assert!(matches!(error, TlsSettingsError::Empty { .. }));
    assert!(error.to_string().contains("egress.ca_file"));
    let missing = tls::client_config(Some(std::path::Path::new("/does/not/exist"))).unwrap_err();
    assert!(matches!(missing, TlsSettingsError::Unreadable { .. }));
}
