//! What apps on stock clients get wrong, and what becomes of it.

use muster_model::document::{DocKind, DocRef};

use crate::automerge_repo::AutomergeRepo;
use crate::client::{Found, Kind, in_time};
use crate::raw::connections;
use crate::scene::{Device, Scene, admitted, attendee, entrance, entry, until};

/// The version that the mistakes are made with.
const VERSION: &str = "2.5.6";

/// In Node the stock adapter throws past every handler of the app when the upgrade is refused; in a browser it does not. An
/// app that guards against it goes on, and so does the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_will_not_do_lets_nobody_in() {
    let scene = Scene::set().await;
    let device = Device { token: "nonsense".to_owned(), ..scene.device("staff").await };
    let client = AutomergeRepo::start(VERSION, &scene.dial(&device, scene.address())).await;
    assert_eq!(in_time("the refusal", client.uncaught()).await, "Unexpected server response: 401");
    let program = DocRef::whole(DocKind::Program);
    assert_eq!(in_time("an answer", client.open(scene.id(program))).await, Found::Unavailable);
    assert_eq!(connections(&scene).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_id_of_another_length_is_unavailable_at_once() {
    let scene = Scene::set().await;
    let device = scene.device("staff").await;
    let client = AutomergeRepo::start(VERSION, &scene.dial(&device, scene.address())).await;
    let keyhive = format!("automerge:{}", bs58::encode([5; 32]).with_check().into_string());
    assert_eq!(in_time("an answer", client.open_url(&keyhive)).await, Found::Unavailable);
    assert_eq!(in_time("an answer", client.open(scene.program())).await, Found::Ready);
}

/// A collaborative text is no fact: it is refused, whoever wrote it is told, and the facts beside it stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_is_not_one_value_is_refused_and_hides_no_other() {
    let scene = Scene::set().await;
    let phone = scene.phone().await;
    let (device, client) = scene.client(Kind::AutomergeRepo(VERSION), "staff").await;
    let checkpoint = entrance(&phone).await;
    let [one, other] = [attendee(&phone, 1).await, attendee(&phone, 2).await];
    assert_eq!(client.open(scene.checkins()).await, Found::Ready);
    let right = entry(&device, 1, one, checkpoint);
    client.append(scene.checkins(), &right).await;
    until(&phone.client, "the phone counts the check-in", || async { admitted(&phone, checkpoint).await > 0 }).await;
    let wrong = entry(&device, 2, other, checkpoint);
    let path = ["facts", &wrong.id.to_string()];
    client.edit(scene.checkins(), &path, &wrong.to_json().unwrap()).await;
    let told = client.heard(scene.checkins()).await;
    assert_eq!((&told["type"], &told["code"]), (&"muster-notice".into(), &"fact_malformed".into()), "{told}");
    assert_eq!(admitted(&phone, checkpoint).await, 1);
    let held = scene.stage.replica().await.unwrap().facts().unwrap();
    assert_eq!(held.keys().collect::<Vec<_>>(), [&right.id]);
}
