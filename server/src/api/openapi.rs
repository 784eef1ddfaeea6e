//! The description of the API, generated from the handlers.

use axum::Json;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// What the description says besides the routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "Muster", description = "Offline-first sync server for running meetings. See docs/API.md."),
    modifiers(&Token),
    tags(
        (name = "events", description = "Events, their documents, files in and out"),
        (name = "devices", description = "Devices and enrolment"),
        (name = "quarantine", description = "Refused changes"),
        (name = "accounts", description = "People who sign in"),
        (name = "sync", description = "Sync of documents"),
        (name = "server", description = "The server's own matters"),
        (name = "health", description = "Whether the server works")
    )
)]
pub(crate) struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.bearer_format = Some("JWT".to_owned());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// This description.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "health", operation_id = "openapi",
    responses((status = 200, description = "The description of this API, in OpenAPI 3.1."))
)]
pub(crate) async fn openapi() -> Json<Document> {
    Json(crate::router::description())
}
