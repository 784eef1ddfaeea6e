//! The documents, as the handlers use them: the hub's, with its errors as theirs.

use automerge::Automerge;
use automerge::transaction::Transaction;
use muster_model::document::DocRef;
use muster_model::id::EventId;
use muster_model::record::RecordError;

use crate::error::{ApiError, ErrorCode, RETRY_AFTER_MS};
use crate::hub::{EditError, Edited, Hub, HubError};

/// The documents. Cheap to clone.
#[derive(Clone)]
pub struct Documents {
    hub: Hub,
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Documents(..)")
    }
}

impl Documents {
    /// Those of a hub.
    #[must_use]
    pub fn new(hub: Hub) -> Self {
        Self { hub }
    }

    /// Looks at a document.
    ///
    /// # Errors
    /// If there is no such event, or the document cannot be loaded or read.
    pub async fn read<T, F>(&self, event: EventId, document: DocRef, look: F) -> Result<T, ApiError>
    where
        F: FnOnce(&Automerge) -> Result<T, RecordError> + Send + 'static,
        T: Send + 'static,
    {
        Ok(self.hub.read(event, document, look).await??)
    }

    /// Edits a document as the server; what it did is on disk when this returns. If the edit says no, the document is
    /// unchanged and its error is the inner one.
    ///
    /// # Errors
    /// If there is no such event, or the document cannot be loaded or stored.
    pub async fn edit<T, E, F>(
        &self,
        event: EventId,
        document: DocRef,
        edit: F,
    ) -> Result<Result<Edited<T>, E>, ApiError>
    where
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        match self.hub.edit(event, document, edit).await {
            Ok(edited) => Ok(Ok(edited)),
            Err(EditError::Edit(error)) => Ok(Err(error)),
            Err(EditError::Hub(error)) => Err(error.into()),
        }
    }

    /// The documents of an event.
    ///
    /// # Errors
    /// If there is no such event, or its documents cannot be read.
    pub async fn list(&self, event: EventId) -> Result<Vec<DocRef>, ApiError> {
        Ok(self.hub.documents(event).await?)
    }
}

impl From<HubError> for ApiError {
    fn from(error: HubError) -> Self {
        match error {
            HubError::UnknownEvent => ErrorCode::EventNotFound.into(),
            HubError::Storage(error) => error.into(),
            HubError::Document(_) => Self::logged(ErrorCode::DocumentUnusable, &error),
            HubError::EventFull { .. } => Self::new(ErrorCode::EventFull, error.to_string()),
            HubError::DocumentFull { .. } => Self::new(ErrorCode::DocumentFull, error.to_string()),
            HubError::Failed | HubError::Replaced => {
                Self::logged(ErrorCode::DocumentReloading, &error).retry_after_ms(RETRY_AFTER_MS)
            }
            HubError::Stopped => Self::from(ErrorCode::Stopping).retry_after_ms(RETRY_AFTER_MS),
        }
    }
}

/// The texts of record errors name collections and keys, never values.
impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        Self::logged(ErrorCode::DocumentUnusable, &error)
    }
}
