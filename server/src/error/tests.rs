use std::collections::BTreeSet;
use std::fmt::Write;

use super::*;

#[test]
fn codes_are_distinct_snake_case_words_with_a_failing_status_and_a_remedy() {
    let texts: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), ErrorCode::ALL.len());
    for code in ErrorCode::ALL {
        assert!(code.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{code:?}");
        assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
        assert!(code.detail().len() > 10, "{code:?}");
    }
}

#[test]
fn what_can_be_tried_again_unchanged_says_so_by_its_status() {
    for code in ErrorCode::ALL {
        let try_again = matches!(code.status().as_u16(), 429 | 503);
        assert!(!try_again || code.retry() == RetryClass::Transient, "{code:?}");
    }
}

/// The table of `docs/API.md`.
fn table() -> String {
    let mut table = String::from("| code | status | retry | what to do |\n|---|---|---|---|\n");
    for code in ErrorCode::ALL {
        let retry = match code.retry() {
            RetryClass::Transient => "soon",
            RetryClass::NeedsNetwork => "with the network",
            RetryClass::NeedsUser => "after a person has acted",
            RetryClass::Permanent => "never unchanged",
        };
        let (name, status) = (code.as_str(), code.status().as_u16());
        writeln!(table, "| `{name}` | {status} | {retry} | {} |", code.detail()).unwrap();
    }
    table
}

#[test]
fn the_guide_lists_every_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/API.md");
    let guide = std::fs::read_to_string(path).unwrap();
    assert!(guide.contains(&table()), "docs/API.md must hold this table:\n{}", table());
}

#[test]
fn a_body_has_nothing_but_its_four_fields() {
    let error = ApiError::new(ErrorCode::Overloaded, "wait").retry_after_ms(250);
    let body = serde_json::to_value(error.body("0123")).unwrap();
    let wanted = serde_json::json!({
        "code": "overloaded", "detail": "wait", "request_id": "0123", "retry_after_ms": 250
    });
    assert_eq!(body, wanted);
    let body = serde_json::to_value(ApiError::from(ErrorCode::Internal).body("1")).unwrap();
    assert!(body.get("retry_after_ms").is_none());
}
