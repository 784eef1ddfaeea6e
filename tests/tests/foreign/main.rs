//! Stock clients of others against the real server, beside a real phone: automerge-repo as it comes from npm, and samod.
//!
//! Every client lives through the same [`stories`]; what comes of it is the table in `docs/PROTOCOL.md`. What apps on stock
//! clients get wrong stands in [`mistakes`], what no stock client can be made to send in [`raw`].

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story says what went wrong by panicking"
)]

mod automerge_repo;
mod client;
mod mistakes;
mod raw;
mod samod;
mod scene;
mod stories;

use client::Kind;

/// The same stories for each kind of client.
macro_rules! matrix {
    ($($client:ident = $kind:expr;)+) => {
        /// Each kind of client and the stories that it lives through.
        const LIVED_THROUGH: &[(Kind, &[&str])] = &[$(($client::KIND, $client::STORIES)),+];
        $(mod $client {
            use crate::client::Kind;
            use crate::stories;

            matrix!(@stories $kind =>
                reads_the_programme
                edits_a_session_that_a_phone_then_shows
                checks_somebody_in_for_a_phone_to_see
                sees_a_phones_check_in
                changes_nothing_where_it_may_not_write_and_is_told
                does_not_get_what_it_may_not_read
                meets_the_others_again_after_the_server_was_killed
                starts_again_from_its_own_storage
                takes_its_own_place_under_the_same_peer_id
                keeps_documents_of_its_own_to_itself
            );
        })+
    };
    (@stories $kind:expr => $($story:ident)+) => {
        pub(crate) const KIND: Kind = $kind;
        pub(crate) const STORIES: &[&str] = &[$(stringify!($story)),+];
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                stories::$story(KIND).await;
            }
        )+
    };
}

matrix! {
    automerge_repo_1_2 = Kind::AutomergeRepo("1.2.1");
    automerge_repo_2_0 = Kind::AutomergeRepo("2.0.7");
    automerge_repo_2_5 = Kind::AutomergeRepo("2.5.6");
    samod_0_16 = Kind::Samod;
}

#[test]
fn the_table_in_the_docs_has_every_client_and_every_story() {
    let clients: String = LIVED_THROUGH.iter().map(|(kind, _)| format!(" {kind} |")).collect();
    let mut rows = vec![format!("| story |{clients}"), format!("|{}", "---|".repeat(LIVED_THROUGH.len() + 1))];
    let (_, stories) = LIVED_THROUGH[0];
    for story in stories {
        rows.push(format!("| {} |{}", story.replace('_', " "), " yes |".repeat(LIVED_THROUGH.len())));
    }
    let page = include_str!("../../../docs/PROTOCOL.md");
    assert!(page.contains(&rows.join("\n")), "docs/PROTOCOL.md should have:\n{}", rows.join("\n"));
}
