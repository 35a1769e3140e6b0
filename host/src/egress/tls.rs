//! TLS: whom to trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The settings about TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsSettingsError {
    /// The file of `egress.ca_file` is unreadable, or holds something other than certificates in PEM.
    #[error("egress.ca_file: {path} cannot be read as certificates in PEM form ({source})", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        source: rustls_pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("egress.ca_file: {path} holds no certificate in PEM form", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A certificate in the file cannot serve as a root.
    #[error("egress.ca_file: {path} holds a certificate that cannot serve as a root ({source})", path = path.display())]
    NotARoot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The TLS library offers no version of TLS that is acceptable.
    #[error("TLS cannot be set up; this is a defect of the build ({0})")]
    Unsupported(rustls::Error),
}

/// The TLS settings for all connections: the public roots and those of `ca_file`, TLS 1.2 and 1.3, no client
/// certificates.
///
/// # Errors
///
/// [`TlsSettingsError`] when `ca_file` is not a file of root certificates.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsSettingsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        add_roots(&mut roots, path)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsSettingsError::Unsupported)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Early data (TLS 1.3 0-RTT) can be replayed by whoever records it, and leaves before the handshake has ended. It is
    // off by default; it is said here because the proof that a failed handshake sent nothing rests on it.
    config.enable_early_data = false;
    Ok(config)
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsSettingsError> {
    let unreadable = |source| TlsSettingsError::Unreadable { path: path.to_owned(), source };
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let added = roots.add(certificate.map_err(unreadable)?);
        added.map_err(|source| TlsSettingsError::NotARoot { path: path.to_owned(), source })?;
        found = true;
    }
    if found { Ok(()) } else { Err(TlsSettingsError::Empty { path: path.to_owned() }) }
}
