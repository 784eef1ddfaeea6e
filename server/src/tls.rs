//! TLS: the certificate, and looking for a newer one.
//!
//! The files are read again when they change, without a restart: whoever renews certificates writes new ones in their place.
//! Connections that are open keep what they began with. Files that cannot be used are said in the log, and the last good
//! ones are used on.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::TlsConfig;

/// Why the server cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the two is set and the other is not.
    #[error("tls.certificate and tls.key belong together: set both, or neither")]
    Half,
    /// A file cannot be read.
    #[error("the file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} holds no {what} in PEM form", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The key is another certificate's, or of a kind that is not used.
    #[error("the certificate and its key cannot be used together")]
    Unusable(#[source] rustls::Error),
}

/// What of a file tells that it is another one.
type Stamp = (SystemTime, u64, u64);

/// Of the certificate and of the key.
type Stamps = [Option<Stamp>; 2];

/// The certificate and its key, as they were when they could last be used.
#[derive(Debug)]
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    every: Duration,
    handshake: Duration,
    current: RwLock<Arc<ServerConfig>>,
}

impl Certificates {
    /// Reads the files that the configuration names; `None` if it names none.
    ///
    /// # Errors
    /// If they cannot be used.
    pub fn open(config: &TlsConfig) -> Result<Option<Arc<Self>>, TlsError> {
        let (certificate, key) = match (config.certificate.as_str(), config.key.as_str()) {
            ("", "") => return Ok(None),
            ("", _) | (_, "") => return Err(TlsError::Half),
            (certificate, key) => (PathBuf::from(certificate), PathBuf::from(key)),
        };
        let current = RwLock::new(read(&certificate, &key)?);
        let every = Duration::from_secs(config.reload_s.max(1));
        let handshake = Duration::from_millis(config.handshake_timeout_ms);
        Ok(Some(Arc::new(Self { certificate, key, every, handshake, current })))
    }

    /// The handshake of a connection; `None` if it fails or takes too long.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        timeout(self.handshake, TlsAcceptor::from(current).accept(stream)).await.ok()?.ok()
    }

    /// Reads the files again whenever they have changed. Never ends.
    pub(crate) async fn renew(&self) {
        let mut known = self.stamps();
        let mut ticks = tokio::time::interval(self.every);
        loop {
            ticks.tick().await;
            self.look(&mut known);
        }
    }

    /// Reads the files again if they are not those that are known.
    fn look(&self, known: &mut Stamps) {
        let found = self.stamps();
        if found == *known {
            return;
        }
        match read(&self.certificate, &self.key) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!("the TLS certificate was renewed");
            }
            // Perhaps one of the two is not written yet: then they will differ again.
            Err(error) => tracing::error!(%error, "the new TLS certificate cannot be used: the last one is used on"),
        }
        *known = found;
    }

    fn stamps(&self) -> Stamps {
        let stamp = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
        };
        [stamp(&self.certificate), stamp(&self.key)]
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let failed = |path: &Path, what, error| match error {
        pem::Error::Io(source) => TlsError::Read { path: path.to_owned(), source },
        _ => TlsError::Pem { path: path.to_owned(), what },
    };
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| failed(certificate, "certificate", error))?;
    if chain.is_empty() {
        return Err(TlsError::Pem { path: certificate.to_owned(), what: "certificate" });
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, "private key", error))?;
    if fs::metadata(key).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0) {
        tracing::warn!(key = %key.display(), "others on this machine may read the TLS key: chmod 600");
    }
    // TLS 1.2 and 1.3, and nothing before.
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Unusable)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, secret).map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests;
