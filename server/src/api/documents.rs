//! The documents of an event.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use muster_model::access::Access;
use muster_model::document::{DocKind, DocRef, Part};
use muster_model::id::EventId;
use muster_protocol::DocumentId;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::Path;
use crate::app::AppState;
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::error::{ApiError, ErrorBody};

/// A document that the token may read.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentView {
    /// Its id, as sync clients name it (base58check).
    document_id: String,
    /// What it holds.
    #[schema(value_type = String, example = "roster")]
    kind: DocKind,
    /// Which of its kind: a shard's number, a presenter's id, or nothing.
    #[schema(example = "00")]
    part: Option<String>,
    /// What the token may do with it: `read`, `append`, `append_own`, `edit_own_needs` or `edit`.
    #[schema(value_type = String, example = "read")]
    access: Access,
}

/// The documents that the token may read.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentsView {
    /// The documents.
    documents: Vec<DocumentView>,
}

/// List the documents of an event that the token may read, those that nobody has written to yet included.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/documents", tag = "events", operation_id = "list_documents",
    params(("event_id" = String, Path, description = "The event")),
    responses((status = 200, body = DocumentsView), (status = "default", body = ErrorBody)),
    security(("token" = []))
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<EventId>,
) -> Result<Json<DocumentsView>, ApiError> {
    app.event(&caller, Action::ListDocuments, id).await?;
    let role = caller.role();
    let documents: BTreeSet<DocRef> = app.documents.list(id).await?.into_iter().collect();
    let readable = |document: DocRef| {
        let access = role.access(&document);
        access.may_read().then(|| DocumentView {
            document_id: DocumentId::from_bytes(*document.id(id).as_bytes()).to_string(),
            kind: document.kind,
            part: match document.part {
                Part::Whole => None,
                Part::Shard(shard) => Some(format!("{shard:02}")),
                Part::Presenter(presenter) => Some(presenter.to_string()),
            },
            access,
        })
    };
    Ok(Json(DocumentsView { documents: documents.into_iter().filter_map(readable).collect() }))
}
