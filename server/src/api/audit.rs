//! The audit log, for the local administrator.

use axum::Json;
use axum::extract::State;
use muster_model::id::EventId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::Query;
use crate::app::AppState;
use crate::audit::{self, Fault, Head, Recorded, Verification};
use crate::auth::extract::Caller;
use crate::error::{ApiError, ErrorBody, ErrorCode};

/// How many entries one answer has at most, and unless fewer are asked for.
const MAX_ENTRIES: u32 = 1_000;

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Those of one event only.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    event: Option<EventId>,
    /// Those after this number: the last one of the answer before.
    #[serde(default)]
    after: i64,
    /// How many: 1,000 at most.
    #[serde(default)]
    limit: Option<u32>,
}

/// What the log is compared with.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerificationQuery {
    /// The hash of an entry that was noted elsewhere, as 64 hexadecimal digits.
    #[serde(default)]
    head: Option<String>,
}

/// Where the log ends.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeadView {
    /// The number of the last entry.
    seq: i64,
    /// Its hash. Noted elsewhere, it proves later that nothing before it was changed or taken away.
    hash: String,
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntryView {
    /// Its number; they are counted from 1.
    seq: i64,
    /// When it was done, in milliseconds since 1970.
    at_ms: i64,
    /// Who did it: `operator`, `device:<id>`, `account:<id>`, `server` or `unknown`.
    #[schema(example = "device:0123456789abcdef")]
    actor: String,
    /// What was done.
    #[schema(example = "device.revoked")]
    action: String,
    /// The event, if it was in one.
    event_id: Option<String>,
    /// What it was done to, such as `device:<id>`, with spaces between them.
    subjects: String,
    /// Numbers and stable names, with spaces between them.
    #[schema(example = "role=staff")]
    detail: String,
    /// The hash of the entry before.
    previous: String,
    /// Its hash.
    hash: String,
}

/// A part of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditView {
    /// The entries, the oldest first. If there are none, there are no more.
    entries: Vec<AuditEntryView>,
}

/// Something that is wrong with the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditFaultView {
    /// `changed`, `inserted`, `missing`, `broken` or `unnoted`.
    code: &'static str,
    /// The number of the first entry that it is about.
    first: i64,
    /// The number of the last.
    last: i64,
    /// What that means.
    detail: String,
}

/// What a look at the whole log found.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerificationView {
    /// Whether the log is what was recorded.
    sound: bool,
    /// How many entries there are.
    entries: u64,
    /// Where the log ends; nothing, if it is empty.
    head: Option<HeadView>,
    /// What is wrong: the first hundred.
    faults: Vec<AuditFaultView>,
    /// How many more faults there are.
    more_faults: u64,
}

impl From<Head> for HeadView {
    fn from(head: Head) -> Self {
        Self { seq: head.seq, hash: hex::encode(head.hash) }
    }
}

impl From<Recorded> for AuditEntryView {
    fn from(entry: Recorded) -> Self {
        let Recorded { seq, at, actor, action, event_id, subjects, detail, previous, hash } = entry;
        let (previous, hash) = (hex::encode(previous), hex::encode(hash));
        Self { seq, at_ms: at.ms(), actor, action, event_id, subjects, detail, previous, hash }
    }
}

impl From<Fault> for AuditFaultView {
    fn from(fault: Fault) -> Self {
        Self { code: fault.kind.as_str(), first: fault.first, last: fault.last, detail: fault.to_string() }
    }
}

impl From<Verification> for VerificationView {
    fn from(found: Verification) -> Self {
        Self {
            sound: found.is_sound(),
            entries: found.entries,
            head: found.head.map(HeadView::from),
            faults: found.faults.into_iter().map(AuditFaultView::from).collect(),
            more_faults: found.more_faults,
        }
    }
}

/// Read the audit log. Only for the local administrator.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "server", operation_id = "read_audit_log",
    params(AuditQuery),
    responses((status = 200, body = AuditView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn read(
    State(app): State<AppState>,
    caller: Caller,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditView>, ApiError> {
    caller.require_operator()?;
    let limit = query.limit.unwrap_or(MAX_ENTRIES).clamp(1, MAX_ENTRIES);
    let entries = audit::page(&app.storage, query.event, query.after, limit).await?;
    Ok(Json(AuditView { entries: entries.into_iter().map(AuditEntryView::from).collect() }))
}

/// Look at every entry of the audit log whether it is what was recorded. Only for the local administrator.
#[utoipa::path(
    get, path = "/api/v1/audit/verification", tag = "server", operation_id = "verify_audit_log",
    params(VerificationQuery),
    responses((status = 200, body = VerificationView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn verify(
    State(app): State<AppState>,
    caller: Caller,
    Query(query): Query<VerificationQuery>,
) -> Result<Json<VerificationView>, ApiError> {
    caller.require_operator()?;
    let noted = query.head.as_deref().map(hash).transpose()?;
    Ok(Json(audit::verify(&app.storage, noted).await?.into()))
}

fn hash(text: &str) -> Result<[u8; 32], ApiError> {
    let mut hash = [0; 32];
    let bad = |_| ApiError::new(ErrorCode::BadParameter, "head must be a hash: 64 hexadecimal digits");
    hex::decode_to_slice(text, &mut hash).map_err(bad)?;
    Ok(hash)
}
