//! A hundred deaths of the server and a hundred of phones, under load: nothing that was acknowledged or shown is lost.

use std::path::PathBuf;

use muster_tests::crash::{Options, run};

/// The program `muster`, which `cargo xtask test` builds beside the tests' own programs.
fn muster(phone: &std::path::Path) -> PathBuf {
    let muster = phone.with_file_name("muster");
    assert!(muster.exists(), "{} is not there: build it with `cargo build -p muster-server`", muster.display());
    muster
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_in_a_hundred_deaths_each() {
    let phone = PathBuf::from(env!("CARGO_BIN_EXE_muster-phone"));
    let options = Options { server: muster(&phone), phone, times: 100, seed: 1 };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let outcome = match run(&options, folder.path()).await {
        Ok(outcome) => outcome,
        Err(error) => {
            let kept = folder.keep();
            panic!("{error}; what is left of it is in {}", kept.display());
        }
    };
    assert_eq!((outcome.server_kills, outcome.phone_kills), (100, 100));
    assert_eq!((outcome.lost_on_phones, outcome.lost_on_server), (0, 0), "{outcome:?}");
    assert!(outcome.shown > 1_000, "there was load: {outcome:?}");
    assert!(outcome.acknowledged > 1_000, "and it reached the server: {outcome:?}");
}
