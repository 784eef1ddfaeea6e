use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;

const SEED: [u8; 32] = [7; 32];

fn now() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}

fn tokens(seed: u8) -> Tokens {
    Tokens::new(ServerKey::from_seed(&[seed; 32])).unwrap()
}

fn device() -> Bearer {
    Bearer::Device { device: DeviceId::from_random([1; 8]), event: EventId::from_random([2; 16]), role: Role::Staff }
}

/// A token with any header and claims, signed with the key of `SEED`.
fn forge(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = SigningKey::from_bytes(&SEED).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": ServerKey::from_seed(&SEED).id()})
}

fn claims() -> Value {
    let now = now().ms() / 1000;
    let issuer = format!("muster:{}", ServerKey::from_seed(&SEED).id());
    json!({
        "iss": issuer, "aud": "muster", "sub": "0101010101010101", "event": "02020202-0202-4202-8202-020202020202",
        "role": "staff", "iat": now, "nbf": now, "exp": now + 60, "jti": "x"
    })
}

fn with(mut value: Value, name: &str, new: Value) -> Value {
    match new {
        Value::Null => drop(value.as_object_mut().unwrap().remove(name)),
        new => value[name] = new,
    }
    value
}

fn code(token: &str) -> ErrorCode {
    tokens(7).check(token).unwrap_err().code
}

/// HMAC with SHA-256 (RFC 2104), for a key of at most 64 bytes.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

#[test]
fn a_token_reads_back_whom_it_is_about() {
    for bearer in [device(), Bearer::Operator] {
        let token = tokens(7).mint(&bearer, now(), 60).unwrap();
        let checked = tokens(7).check(&token).unwrap();
        assert_eq!(checked.bearer, bearer);
        assert!((0..=60_000).contains(&checked.expires_at.since_ms(now())));
    }
    assert!(tokens(7).check(&forge(&header(), &claims())).is_ok(), "what the forgeries below start from is good");
}

#[test]
fn times_count_with_a_minute_of_leeway() {
    let mint = |offset_s: i64| tokens(7).mint(&device(), now().plus_ms(offset_s * 1000), 100).unwrap();
    assert!(tokens(7).check(&mint(-150)).is_ok(), "expired 50 s ago");
    assert_eq!(code(&mint(-170)), ErrorCode::TokenExpired);
    assert!(tokens(7).check(&mint(50)).is_ok(), "good in 50 s");
    assert_eq!(code(&mint(70)), ErrorCode::TokenNotYetValid);
}

#[test]
fn another_servers_token_is_refused() {
    assert_eq!(code(&tokens(8).mint(&device(), now(), 60).unwrap()), ErrorCode::TokenInvalid);
}

#[test]
fn no_other_algorithm_will_do() {
    let unsigned = |alg: &str, end: &str| {
        let token = forge(&with(header(), "alg", json!(alg)), &claims());
        format!("{}.{end}", token.rsplit_once('.').unwrap().0)
    };
    for token in [unsigned("none", ""), unsigned("None", ""), unsigned("EdDSA", ""), unsigned("RS256", "AAAA")] {
        assert_eq!(code(&token), ErrorCode::TokenInvalid);
    }
    // The public key as an HMAC secret: the classic confusion.
    let public = ServerKey::from_seed(&SEED).public();
    let message = unsigned("HS256", "").trim_end_matches('.').to_owned();
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(hmac(&public, message.as_bytes())));
    assert_eq!(code(&token), ErrorCode::TokenInvalid);
    let head = Header { kid: Some(ServerKey::from_seed(&SEED).id().to_owned()), ..Header::new(Algorithm::HS256) };
    assert!(
        jsonwebtoken::encode(&head, &claims(), &EncodingKey::from_secret(&public)).is_err(),
        "it is not even there"
    );
}

#[test]
fn every_claim_is_checked() {
    let changed = |name: &str, value: Value| forge(&header(), &with(claims(), name, value));
    for token in [
        changed("aud", json!("other")),
        changed("aud", Value::Null),
        changed("iss", json!("muster:0000000000000000")),
        changed("iss", Value::Null),
        changed("sub", json!("nobody")),
        changed("sub", Value::Null),
        changed("event", json!("not a uuid")),
        changed("event", Value::Null),
        changed("role", json!("admin")),
        changed("role", json!("operator")),
        changed("role", json!("presenter")),
        changed("exp", Value::Null),
        changed("nbf", Value::Null),
        forge(&with(header(), "kid", json!("0000000000000000")), &claims()),
        forge(&with(header(), "kid", Value::Null), &claims()),
    ] {
        assert_eq!(code(&token), ErrorCode::TokenInvalid);
    }
}

#[test]
fn what_is_no_token_is_refused_whatever_its_length() {
    for text in ["", ".", "..", "a.b.c", "Bearer", &"a".repeat(5000), &format!("{}.b.c", "a".repeat(4090))] {
        assert_eq!(code(text), ErrorCode::TokenInvalid);
    }
}

#[test]
fn a_key_that_was_replaced_verifies_what_it_signed_and_can_sign_nothing_longer() {
    let dir = tempfile::tempdir().unwrap();
    let ring = KeyRing::load_or_create(dir.path()).unwrap();
    let tokens = Tokens::of(&ring).unwrap();
    let stolen = Tokens::of(&ring).unwrap();
    let before = tokens.mint(&device(), now(), 60).unwrap();
    let ring = ring.rotate(dir.path(), now(), now().plus_ms(120_000)).unwrap();
    tokens.replace(&ring).unwrap();
    let after = tokens.mint(&device(), now(), 60).unwrap();
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert_ne!(kid(&before), kid(&after));
    assert_eq!(kid(&after), ring.newest().id());
    assert!(tokens.check(&before).is_ok() && tokens.check(&after).is_ok());
    let forged = stolen.mint(&device(), now(), 600).unwrap();
    assert_eq!(tokens.check(&forged).unwrap_err().code, ErrorCode::TokenInvalid, "it would outlive its key");
    let refused = stolen.check(&after).unwrap_err();
    assert_eq!(refused.code, ErrorCode::TokenInvalid, "a server that does not know the new key");
}
