//! The certificate that the service shows. It is read again when the files have changed, so that one that is renewed
//! while the service runs is shown without a restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::service::settings::TlsFiles;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The files of `service.tls_certificate_file` and `service.tls_key_file` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFilesError {
    /// A file cannot be read, or holds something else.
    #[error("{path} cannot be read as PEM ({source})", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        source: rustls_pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("{path} holds no certificate in PEM form", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not belong together, or are of a kind that cannot be used.
    #[error("{certificate} and {key} cannot be used together ({source})", certificate = certificate.display(), key = key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// What takes TLS connections.
pub(super) struct Tls {
    files: TlsFiles,
    now: Mutex<Loaded>,
}

struct Loaded {
    acceptor: TlsAcceptor,
    changed_at: [Option<SystemTime>; 2],
    looked_at: Instant,
}

impl Tls {
    /// Reads the files.
    pub(super) fn load(files: TlsFiles) -> Result<Self, TlsFilesError> {
        let changed_at = changed_at(&files);
        let acceptor = acceptor(&files)?;
        Ok(Self { files, now: Mutex::new(Loaded { acceptor, changed_at, looked_at: Instant::now() }) })
    }

    /// The present certificate's acceptor. Files that have changed and cannot be used are logged, and the certificate
    /// before them stays.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.looked_at.elapsed() >= LOOK_EVERY {
            now.looked_at = Instant::now();
            let changed_at = changed_at(&self.files);
            if changed_at != now.changed_at {
                match acceptor(&self.files) {
                    Ok(acceptor) => (now.acceptor, now.changed_at) = (acceptor, changed_at),
                    Err(error) => {
                        tracing::error!(%error, "the changed certificate cannot be used; the former one stays")
                    }
                }
            }
        }
        now.acceptor.clone()
    }
}

fn changed_at(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|file| fs::metadata(file).and_then(|metadata| metadata.modified()).ok())
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsFilesError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|source| TlsFilesError::Unreadable { path: files.key.clone(), source })?;
    let unusable =
        |source| TlsFilesError::Unusable { certificate: files.certificate.clone(), key: files.key.clone(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let unreadable = |source| TlsFilesError::Unreadable { path: path.to_owned(), source };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect();
    match found.map_err(unreadable)? {
        chain if chain.is_empty() => Err(TlsFilesError::Empty { path: path.to_owned() }),
        chain => Ok(chain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = include_str!("../../egress/tests/localhost-certificate.pem");
    const KEY: &str = include_str!("../../egress/tests/localhost-key.pem");

    /// Writes the certificate's file anew, so that it was last changed at that time.
    fn write(files: &TlsFiles, certificate: &str, changed_at: SystemTime) {
        fs::write(&files.certificate, certificate).unwrap();
        let file = fs::File::options().write(true).open(&files.certificate).unwrap();
        file.set_modified(changed_at).unwrap();
    }

    /// As after the time in which the files are not looked at.
    fn look_again(tls: &Tls) -> TlsAcceptor {
        let mut now = tls.now.lock().unwrap();
        now.looked_at = now.looked_at.checked_sub(LOOK_EVERY).unwrap();
        drop(now);
        tls.acceptor()
    }

    #[test]
    fn a_certificate_that_was_renewed_is_shown_and_one_that_is_none_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key") };
        fs::write(&files.key, KEY).unwrap();
        let made_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        write(&files, CERTIFICATE, made_at);
        let tls = Tls::load(files.clone()).unwrap();
        let first = tls.acceptor();
        let is_same = |one: &TlsAcceptor, other: &TlsAcceptor| Arc::ptr_eq(one.config(), other.config());
        assert!(is_same(&look_again(&tls), &first), "nothing has changed");

        write(&files, "half a certific", made_at + Duration::from_secs(1));
        assert!(is_same(&look_again(&tls), &first), "the former one stays");

        write(&files, CERTIFICATE, made_at + Duration::from_secs(2));
        assert!(is_same(&tls.acceptor(), &first), "it is not looked at yet");
        let renewed = look_again(&tls);
        assert!(!is_same(&renewed, &first));
        assert!(is_same(&look_again(&tls), &renewed));
    }
}
