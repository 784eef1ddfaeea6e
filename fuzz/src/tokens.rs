//! What a caller shows to be let in: tokens, enrolment codes and links, refresh tokens.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer, SigningKey};
use muster_client_native::EnrolmentLink;
use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_server::auth::code::EnrolmentCode;
use muster_server::auth::keys::ServerKey;
use muster_server::auth::refresh::{Nonce, RefreshToken};
use muster_server::auth::token::{Bearer, Tokens};
use serde_json::{Value, json};

use crate::{mode_and_text, seed};

/// A token as it is.
const TOKEN: u8 = 0;
/// A token's header and claims, each on a line: they are signed before they are shown.
const SIGNED: u8 = 1;
/// An enrolment code.
const CODE: u8 = 2;
/// An enrolment link.
const LINK: u8 = 3;

/// A refresh token, and the nonce that comes with it.
const REFRESH: u8 = 4;

/// A key of the tests.
const SEED: [u8; 32] = [7; 32];

#[expect(clippy::expect_used, reason = "a key of our own")]
static TOKENS: LazyLock<Tokens> = LazyLock::new(|| tokens().expect("a key that can sign"));
static SIGNING: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&SEED));
static KEY_ID: LazyLock<String> = LazyLock::new(|| ServerKey::from_seed(&SEED).id().to_owned());

fn tokens() -> Option<Tokens> {
    Tokens::new(ServerKey::from_seed(&SEED)).ok()
}

/// Takes a token, the parts of one, an enrolment code or link, or a refresh token.
pub fn run(data: &[u8]) {
    let Some((mode, text)) = mode_and_text(data) else { return };
    match mode % 5 {
        TOKEN => check(&text),
        SIGNED => check(&signed(&text)),
        CODE => code(&text),
        LINK => link(&text),
        _ => refresh(&text),
    }
}

/// A refresh token has one spelling, and so has a nonce.
fn refresh(text: &str) {
    if let Some(token) = RefreshToken::parse(text) {
        assert_eq!(token.reveal(), text);
    }
    assert!(Nonce::parse(text).is_none_or(|_| text.is_ascii() && text.len() <= 64));
}

/// Whatever is accepted was signed with the server's key and says what it is taken for.
fn check(token: &str) {
    let Ok(checked) = TOKENS.check(token) else { return };
    assert!(is_signed(token), "accepted, and not signed");
    let parts: Vec<Value> = token.split('.').take(2).filter_map(part).collect();
    let [header, claims] = parts.as_slice() else { unreachable!("accepted without a header or claims") };
    assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some("EdDSA"), Some(KEY_ID.as_str())));
    assert_eq!(claims["aud"], "muster");
    assert_eq!(claims["iss"], format!("muster:{}", *KEY_ID));
    assert_eq!(Some(checked.expires_at.ms()), claims["exp"].as_i64().map(|exp| exp.saturating_mul(1000)));
    match checked.bearer {
        Bearer::Operator => assert_eq!(claims["role"], "operator"),
        Bearer::Device { device, event, role } => {
            assert_eq!(claims["sub"].as_str().and_then(|id| id.parse::<DeviceId>().ok()), Some(device));
            assert_eq!(claims["event"].as_str().and_then(|id| id.parse::<EventId>().ok()), Some(event));
            assert_eq!(claims["role"], role.to_string());
        }
    }
}

fn part(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn is_signed(token: &str) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else { return false };
    let signature = URL_SAFE_NO_PAD.decode(signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
    signature.is_some_and(|signature| SIGNING.verify_strict(signed.as_bytes(), &signature).is_ok())
}

fn signed(text: &str) -> String {
    let (header, claims) = text.split_once('\n').unwrap_or((text, ""));
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = SIGNING.sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// However a code is typed, it is one code.
fn code(text: &str) {
    let Some(code) = EnrolmentCode::parse(text) else { return };
    let again = EnrolmentCode::parse(&code.reveal());
    assert_eq!(again.map(|again| again.hash()), Some(code.hash()));
}

/// What is taken from a link is an address without anything secret, and a code that needs no quoting.
fn link(text: &str) {
    let Ok(link) = EnrolmentLink::parse(text) else { return };
    let (url, code) = (&link.server_url, link.code.reveal());
    assert!(url.starts_with("https://") || url.starts_with("http://"), "{url}");
    assert!(!url.contains(['#', '?', '@', ' ']) && !code.is_empty() && code.is_ascii(), "{url}");
    let again = EnrolmentLink::parse(&format!("{url}/enrol#{code}"));
    assert!(again.is_ok_and(|again| again == link), "a link made of its parts is the same link");
}

/// Good tokens and codes, and what they are made of.
pub fn seeds() -> Vec<Vec<u8>> {
    let device = |role: Role| {
        let (device, event) = (DeviceId::from_random([1; 8]), EventId::from_random([2; 16]));
        claims(&device.to_string(), Some(event.to_string()), &role.to_string())
    };
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": *KEY_ID});
    let mut seeds = Vec::new();
    for claims in [device(Role::Staff), device(Role::Coordinator), claims("operator", None, "operator")] {
        let text = format!("{header}\n{claims}");
        seeds.push(seed(TOKEN, signed(&text)));
        seeds.push(seed(SIGNED, text));
    }
    for header in [json!({"alg": "none"}), json!({"alg": "HS256", "kid": *KEY_ID}), json!({"alg": "EdDSA", "jwk": {}})]
    {
        seeds.push(seed(SIGNED, format!("{header}\n{}", device(Role::Staff))));
    }
    seeds.push(seed(CODE, "0123 4567-89ab cdef-GHJK mnpqrs"));
    seeds.push(seed(CODE, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
    seeds.push(seed(CODE, "oil0 oil0-oil0 oil0 oil0 oil0 oi"));
    seeds.push(seed(REFRESH, format!("mrt_{}", URL_SAFE_NO_PAD.encode(SEED))));
    seeds.push(seed(REFRESH, "0123456789abcdef-_ABCDEF"));
    seeds.push(seed(LINK, "https://muster.example.org/enrol#0123456789ABCDEFGHJKMNPQRS"));
    seeds.push(seed(LINK, " http://[::1]:8400/enrol?x=1#K7Q2M4\n"));
    seeds
}

/// Claims that are good until the year 2100.
fn claims(sub: &str, event: Option<String>, role: &str) -> Value {
    let mut claims = json!({
        "iss": format!("muster:{}", *KEY_ID), "aud": "muster", "sub": sub, "role": role,
        "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 4_102_444_800_i64, "jti": "x",
    });
    if let (Some(event), Some(fields)) = (event, claims.as_object_mut()) {
        fields.insert("event".to_owned(), event.into());
    }
    claims
}
