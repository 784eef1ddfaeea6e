use std::fs::Permissions;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

use super::*;

/// A certificate for localhost that signs itself, written where the configuration says; gives it back.
fn write(config: &TlsConfig) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&config.certificate, cert.pem()).unwrap();
    fs::write(&config.key, signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&config.key, Permissions::from_mode(0o600)).unwrap();
    cert.der().clone()
}

fn config(dir: &Path) -> TlsConfig {
    let path = |name: &str| dir.join(name).display().to_string();
    TlsConfig { certificate: path("certificate.pem"), key: path("key.pem"), ..TlsConfig::default() }
}

/// Whether a client that trusts this certificate alone is content with the server.
async fn trusts(certificates: &Certificates, root: &CertificateDer<'static>, only: Option<u16>) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = match only {
        Some(0x0303) => builder.with_protocol_versions(&[&rustls::version::TLS12]).unwrap(),
        _ => builder.with_safe_default_protocol_versions().unwrap(),
    };
    let client = TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()));
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let (ours, theirs) = tokio::join!(
        async { certificates.accept(listener.accept().await.unwrap().0).await },
        client.connect(name, stream)
    );
    ours.is_some() && theirs.is_ok()
}

#[tokio::test]
async fn a_new_certificate_is_used_when_it_is_there_whole_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let first = write(&config);
    let certificates = Certificates::open(&config).unwrap().unwrap();
    let mut known = certificates.stamps();
    assert!(trusts(&certificates, &first, None).await);
    assert!(trusts(&certificates, &first, Some(0x0303)).await, "TLS 1.2 is spoken too");
    let old_key = fs::read(&config.key).unwrap();
    let second = write(&config);
    let new_key = fs::read(&config.key).unwrap();
    assert!(trusts(&certificates, &first, None).await, "nobody has looked yet");
    fs::write(&config.key, &old_key).unwrap();
    certificates.look(&mut known);
    assert!(trusts(&certificates, &first, None).await, "half of a new one is none");
    fs::write(&config.key, "nonsense").unwrap();
    certificates.look(&mut known);
    fs::remove_file(&config.key).unwrap();
    certificates.look(&mut known);
    assert!(trusts(&certificates, &first, None).await);
    fs::write(&config.key, &new_key).unwrap();
    certificates.look(&mut known);
    assert!(trusts(&certificates, &second, None).await);
    assert!(!trusts(&certificates, &first, None).await);
}

#[tokio::test]
async fn what_cannot_be_used_is_said_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    assert!(Certificates::open(&TlsConfig::default()).unwrap().is_none());
    let half = TlsConfig { key: String::new(), ..config.clone() };
    assert!(matches!(Certificates::open(&half), Err(TlsError::Half)));
    assert!(matches!(Certificates::open(&config), Err(TlsError::Read { .. })));
    write(&config);
    let key = fs::read(&config.key).unwrap();
    fs::write(&config.certificate, "nonsense").unwrap();
    let error = Certificates::open(&config).unwrap_err();
    assert!(matches!(error, TlsError::Pem { what: "certificate", .. }), "{error}");
    write(&config);
    fs::write(&config.key, "nonsense").unwrap();
    assert!(matches!(Certificates::open(&config), Err(TlsError::Pem { what: "private key", .. })));
    fs::write(&config.key, key).unwrap();
    assert!(matches!(Certificates::open(&config), Err(TlsError::Unusable(_))), "another certificate's key");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    write(&config);
    let certificates = Certificates::open(&config).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    assert!(certificates.accept(listener.accept().await.unwrap().0).await.is_none());
}
