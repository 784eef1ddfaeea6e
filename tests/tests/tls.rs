//! A real phone and the real server over TLS, with a certificate that no public authority has signed.

#![expect(clippy::unwrap_used, reason = "a story says what went wrong by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_client_native::{Client, ClientConfig, ClientError, EnrolmentLink, WebSocketCarrier, http_client};
use muster_tests::demo::orders::Order;
use muster_tests::stage::Stage;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// An authority of the venue's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// Writes a certificate for the server and its key.
    fn issue(&self, folder: &Path) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        // The certificate last: the pair is whole when it is there.
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within 60 s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn phone(folder: &Path, name: &str, root: &[Vec<u8>]) -> Client {
    let carrier = Arc::new(WebSocketCarrier::new(root).unwrap());
    let config = ClientConfig::new(folder.join(format!("{name}.db")), carrier);
    Client::open(ClientConfig { http: http_client(root).unwrap(), ..config }).await.unwrap()
}

/// How many facts of the phone no server is known to have.
async fn unsent(client: &Client) -> u64 {
    let status = client.read(|core, now| core.status(now)).await.unwrap();
    status.servers.iter().map(|server| server.facts_not_there).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_syncs_over_tls_while_the_certificate_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("server");
    std::fs::create_dir_all(&data).unwrap();
    let (first, second) = (Authority::new(), Authority::new());
    first.issue(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let tls =
        format!("[tls]\ncertificate = {:?}\nkey = {:?}\nreload_s = 1\n", path("certificate.pem"), path("key.pem"));
    std::fs::write(data.join("muster.toml"), tls).unwrap();
    let muster = Path::new(env!("CARGO_BIN_EXE_muster-phone")).with_file_name("muster");
    assert!(muster.exists(), "{} is not there: build it with `cargo build -p muster-server`", muster.display());
    let stage = Stage::set(&muster, folder.path(), "TLS").await.unwrap();

    let link = stage.invite("staff", "Gate A", None).await.unwrap();
    assert!(link.starts_with("https://127.0.0.1:"), "{link}");
    let link = EnrolmentLink::parse(&link).unwrap();
    let stranger = phone(folder.path(), "stranger", &[]).await;
    let refused = stranger.enrol(&link, "Stranger").await.unwrap_err();
    assert!(matches!(&refused, ClientError::Enrol(error) if error.code() == "unreachable"), "{refused}");
    let client = phone(folder.path(), "gate", &[first.pem()]).await;
    client.enrol(&link, "Gate A").await.unwrap();
    client.start_sync().await.unwrap();
    let complete = async || client.read(|core, now| core.status(now)).await.unwrap().missing.is_empty();
    until("the phone has the event", &complete).await;
    let checkpoint = client.read(|core, now| core.checkpoints(now)).await.unwrap().first().unwrap().id;
    let walk_in = async |name: &str| {
        let network = muster_tests::network::Network::to(stage.server.address()).await.unwrap();
        let phone = muster_tests::demo::phone::Phone { name: "Gate A".into(), client: client.clone(), network };
        phone.carry_out(Order::WalkIn { name: name.to_owned() }, checkpoint, None).await.unwrap();
    };
    walk_in("One").await;
    until("the first is on the server", async || unsent(&client).await == 0).await;

    // Another authority's: who connects from now on sees it, and the open connection lives on.
    second.issue(folder.path());
    let url = format!("https://{}/healthz", stage.server.address());
    until("the new certificate is used", async || {
        let ask = http_client(&[second.pem()]).unwrap().get(&url).send();
        ask.await.is_ok()
    })
    .await;
    assert!(http_client(&[first.pem()]).unwrap().get(&url).send().await.is_err());
    walk_in("Two").await;
    until("the second is on the server", async || unsent(&client).await == 0).await;
    let plain = reqwest::get(format!("http://{}/healthz", stage.server.address())).await;
    assert!(plain.is_err(), "nothing is answered in clear");
    let metrics = reqwest::get(format!("http://{}/metrics", stage.server.admin_address())).await.unwrap();
    assert!(metrics.text().await.unwrap().contains("connections_refused_total{reason=\"handshake\"}"));
}
