//! Tokens: JSON web tokens (RFC 7519), signed with EdDSA (RFC 8037) and nothing else.

use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use muster_model::access::Role;
use muster_model::id::{DeviceId, EventId};
use muster_model::time::Timestamp;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::eddsa;
use super::keys::ServerKey;
use super::ring::KeyRing;
use crate::error::{ApiError, ErrorCode};

/// Whom the tokens are for (`aud`).
const AUDIENCE: &str = "muster";

/// By how many seconds clocks may differ.
pub const LEEWAY_S: u64 = 60;

/// The longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 4096;

/// The role, and the subject, of the local administrator.
const OPERATOR: &str = "operator";

/// Whom a token is about, as it says itself. Whether a device is still good, the database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// The local administrator.
    Operator,
    /// A device.
    Device {
        /// The device.
        device: DeviceId,
        /// Its event.
        event: EventId,
        /// Its role there.
        role: Role,
    },
}

/// A token whose signature, times and form are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Whom it is about.
    pub bearer: Bearer,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A device's token that this server signed, whether it is still good or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issued {
    /// To which device.
    pub device: DeviceId,
    /// In which event.
    pub event: EventId,
    /// In which role.
    pub role: Role,
    /// When, to the second.
    pub issued_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    role: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The key cannot sign.
    #[error("the signing key cannot sign")]
    Key,
    /// The signature failed.
    #[error("the token could not be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Makes and checks tokens.
pub struct Tokens {
    keys: RwLock<Arc<Keys>>,
}

/// The keys as jsonwebtoken wants them.
struct Keys {
    signing: EncodingKey,
    signing_id: String,
    verifying: Vec<Verifying>,
    validation: Validation,
    issuer: String,
}

struct Verifying {
    id: String,
    key: DecodingKey,
    /// No token that it signed runs longer: whoever has a key that was replaced can make none that is good.
    until: Option<Timestamp>,
}

impl Keys {
    fn new(ring: &KeyRing) -> Result<Self, MintError> {
        eddsa::install();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ring.issuer()]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_S;
        let private = ring.newest().to_pkcs8().ok_or(MintError::Key)?;
        let verifying = ring.keys().map(|one| Verifying {
            id: one.key.id().to_owned(),
            key: DecodingKey::from_ed_der(&one.key.public()),
            until: one.verifies_until,
        });
        Ok(Self {
            signing: EncodingKey::from_ed_der(&private),
            signing_id: ring.newest().id().to_owned(),
            verifying: verifying.collect(),
            validation,
            issuer: ring.issuer().to_owned(),
        })
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({})", self.keys().issuer)
    }
}

impl Tokens {
    /// Tokens of a server with one key.
    ///
    /// # Errors
    /// If the key cannot be written as jsonwebtoken wants it.
    pub fn new(key: ServerKey) -> Result<Self, MintError> {
        Self::of(&KeyRing::of(key))
    }

    /// Tokens of the server that has these keys.
    ///
    /// # Errors
    /// If a key cannot be written as jsonwebtoken wants it.
    pub fn of(ring: &KeyRing) -> Result<Self, MintError> {
        Ok(Self { keys: RwLock::new(Arc::new(Keys::new(ring)?)) })
    }

    /// Uses other keys from now on.
    ///
    /// # Errors
    /// If a key cannot be written as jsonwebtoken wants it; then those before stay.
    pub fn replace(&self, ring: &KeyRing) -> Result<(), MintError> {
        let keys = Arc::new(Keys::new(ring)?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a token that is good from `now` for `lifetime_s` seconds.
    ///
    /// # Errors
    /// If the signature fails.
    pub fn mint(&self, bearer: &Bearer, now: Timestamp, lifetime_s: i64) -> Result<String, MintError> {
        let keys = self.keys();
        let iat = now.ms().div_euclid(1000);
        let (sub, event, role) = match bearer {
            Bearer::Operator => (OPERATOR.to_owned(), None, OPERATOR.to_owned()),
            Bearer::Device { device, event, role } => (device.to_string(), Some(event.to_string()), role.to_string()),
        };
        let claims = Claims {
            iss: keys.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub,
            event,
            role,
            iat,
            nbf: iat,
            exp: iat.saturating_add(lifetime_s),
            jti: URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 16]>()),
        };
        let header = Header { kid: Some(keys.signing_id.clone()), ..Header::new(Algorithm::EdDSA) };
        Ok(jsonwebtoken::encode(&header, &claims, &keys.signing)?)
    }

    /// Checks a token: signature, algorithm, key, issuer, audience, times, and that it says whom it is about.
    ///
    /// # Errors
    /// `token_invalid`, `token_expired` or `token_not_yet_valid`.
    pub fn check(&self, token: &str) -> Result<Checked, ApiError> {
        let claims = self.claims(token, |_| {})?;
        let bearer = bearer(&claims).ok_or(ErrorCode::TokenInvalid)?;
        Ok(Checked { bearer, expires_at: seconds(claims.exp) })
    }

    /// Checks all of a device's token but its end; `None` if it is not one of ours.
    #[must_use]
    pub fn issued(&self, token: &str) -> Option<Issued> {
        let claims = self.claims(token, |validation| validation.validate_exp = false).ok()?;
        match bearer(&claims)? {
            Bearer::Operator => None,
            Bearer::Device { device, event, role } => {
                Some(Issued { device, event, role, issued_at: seconds(claims.iat) })
            }
        }
    }

    fn claims(&self, token: &str, relax: impl FnOnce(&mut Validation)) -> Result<Claims, ApiError> {
        let invalid = || ApiError::from(ErrorCode::TokenInvalid);
        if token.len() > MAX_TOKEN_BYTES {
            return Err(invalid());
        }
        let keys = self.keys();
        let mut validation = keys.validation.clone();
        relax(&mut validation);
        // What the header says is believed only so far as to choose the key that has to have signed it.
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
        let named = keys.verifying.iter().find(|key| header.kid.as_deref() == Some(&key.id)).ok_or_else(invalid)?;
        let data = jsonwebtoken::decode::<Claims>(token, &named.key, &validation).map_err(|error| {
            ApiError::from(match error.kind() {
                ErrorKind::ExpiredSignature => ErrorCode::TokenExpired,
                ErrorKind::ImmatureSignature => ErrorCode::TokenNotYetValid,
                _ => ErrorCode::TokenInvalid,
            })
        })?;
        if named.until.is_some_and(|until| seconds(data.claims.exp) > until) {
            return Err(invalid());
        }
        Ok(data.claims)
    }
}

fn seconds(since_1970: i64) -> Timestamp {
    Timestamp::from_ms(since_1970.saturating_mul(1000))
}

fn bearer(claims: &Claims) -> Option<Bearer> {
    match (claims.role.as_str(), claims.sub.as_str(), &claims.event) {
        (OPERATOR, OPERATOR, None) => Some(Bearer::Operator),
        (OPERATOR, ..) | (.., None) => None,
        (role, device, Some(event)) => Some(Bearer::Device {
            device: device.parse().ok()?,
            event: event.parse().ok()?,
            role: Role::from_str(role).ok()?,
        }),
    }
}

#[cfg(test)]
mod tests;
