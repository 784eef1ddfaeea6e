//! What requests carry, with rejections that are [`ApiError`]s and quote nothing of what was sent.

use axum::extract::rejection::{BytesRejection, FailedToBufferBody, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, ApiError> {
        let json =
            axum::Json::<serde_json::Value>::from_request(request, app).await.map_err(|rejection| match rejection {
                JsonRejection::MissingJsonContentType(_) => ErrorCode::NotJson.into(),
                JsonRejection::BytesRejection(rejection) => body_error(&rejection, app.config.http.body_limit_bytes),
                JsonRejection::JsonSyntaxError(_) | JsonRejection::JsonDataError(_) => ErrorCode::BadJson.into(),
                _ => ErrorCode::BadJson.into(),
            })?;
        match serde_json::from_value(json.0) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(bad_field(&error.to_string())),
        }
    }
}

/// What serde says, as far as it quotes nothing of the body: the names of fields that it asks for are the API's own.
fn bad_field(text: &str) -> ApiError {
    let detail = if let Some(field) = text.strip_prefix("missing field `") {
        format!("the field {} is missing", field.trim_end_matches('`'))
    } else if let Some((_, known)) = text.rsplit_once("`, expected").filter(|_| text.starts_with("unknown field ")) {
        format!("a field is unknown; known are{}", known.trim_start_matches(" one of"))
    } else {
        "a field is not of its type: see /api/v1/openapi.json".to_owned()
    };
    ApiError::new(ErrorCode::BadField, detail)
}

fn body_error(rejection: &BytesRejection, limit: usize) -> ApiError {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => too_large(limit),
        _ => ErrorCode::BodyBroken.into(),
    }
}

/// The error for a body over its limit.
#[must_use]
pub fn too_large(limit_bytes: usize) -> ApiError {
    ApiError::new(ErrorCode::BodyTooLarge, format!("the body is larger than {limit_bytes} bytes, the limit here"))
}

/// Parameters of the path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, app).await {
            Ok(path) => Ok(Self(path.0)),
            Err(_) => Err(ApiError::new(ErrorCode::BadParameter, "a part of the path is not an id of its kind")),
        }
    }
}

/// Parameters of the query.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, app).await {
            Ok(query) => Ok(Self(query.0)),
            Err(_) => {
                Err(ApiError::new(ErrorCode::BadParameter, "a parameter of the query is unknown or not of its type"))
            }
        }
    }
}

/// A text of at most `max` characters, without control characters and without white space around it.
///
/// # Errors
/// `bad_field`, which names `field`.
pub fn short_text(field: &'static str, text: &str, max: usize) -> Result<String, ApiError> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(ApiError::new(
            ErrorCode::BadField,
            format!("{field} must have no line breaks or control characters"),
        ));
    }
    if text.chars().count() > max {
        return Err(ApiError::new(ErrorCode::BadField, format!("{field} must have at most {max} characters")));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Shape {
        name: String,
        count: Option<u32>,
    }

    #[test]
    fn an_error_names_our_fields_and_quotes_nothing() {
        let detail = |json: &str| {
            let error = serde_json::from_str::<serde_json::Value>(json).map(serde_json::from_value::<Shape>);
            bad_field(&error.unwrap().unwrap_err().to_string()).detail.into_owned()
        };
        assert_eq!(detail("{}"), "the field name is missing");
        assert_eq!(detail(r#"{"name":"x","Jānis":1}"#), "a field is unknown; known are `name` or `count`");
        assert!(!detail(r#"{"name":"x","count":"Jānis"}"#).contains("Jānis"));
    }

    #[test]
    fn short_texts_are_short() {
        assert_eq!(short_text("name", " a b ", 3).unwrap(), "a b");
        assert!(short_text("name", "abcd", 3).is_err());
        assert!(short_text("name", "a\nb", 3).is_err());
        assert_eq!(short_text("name", "ņņņ", 3).unwrap(), "ņņņ");
    }
}
