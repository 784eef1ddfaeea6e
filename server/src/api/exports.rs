//! Files out.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use muster_model::document::DocKind;
use muster_model::event::Event;
use muster_model::id::EventId;
use muster_model::ticket::bearer;

use super::input::Path;
use crate::app::{App, AppState};
use crate::audit::{self, Actor, Entry};
use crate::auth::extract::Caller;
use crate::auth::permission::Action;
use crate::error::{ApiError, ErrorBody, ErrorCode};
use crate::interchange::ExportError;
use crate::interchange::export::{self, CheckinNames};
use crate::{clock, devices, records};

/// A format that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// schedule.xml.
    ScheduleXml,
    /// schedule.json.
    ScheduleJson,
    /// iCalendar (RFC 5545).
    ICalendar,
    /// Attendees with their contacts.
    AttendeesCsv,
    /// Entries, exits and walk-ins.
    CheckinsCsv,
}

impl ExportFormat {
    pub(crate) const ALL: [Self; 5] =
        [Self::ScheduleXml, Self::ScheduleJson, Self::ICalendar, Self::AttendeesCsv, Self::CheckinsCsv];

    /// The name in the path and on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ScheduleXml => "schedule-xml",
            Self::ScheduleJson => "schedule-json",
            Self::ICalendar => "icalendar",
            Self::AttendeesCsv => "attendees-csv",
            Self::CheckinsCsv => "checkins-csv",
        }
    }

    const fn action(self) -> Action {
        match self {
            Self::ScheduleXml | Self::ScheduleJson | Self::ICalendar => Action::ExportProgramme,
            Self::AttendeesCsv | Self::CheckinsCsv => Action::ExportPeople,
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::ScheduleXml => "application/xml; charset=utf-8",
            Self::ScheduleJson => "application/json",
            Self::ICalendar => "text/calendar; charset=utf-8",
            Self::AttendeesCsv | Self::CheckinsCsv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// The file's name, after the event's short name.
    const fn file_name(self) -> &'static str {
        match self {
            Self::ScheduleXml => "schedule.xml",
            Self::ScheduleJson => "schedule.json",
            Self::ICalendar => "schedule.ics",
            Self::AttendeesCsv => "attendees.csv",
            Self::CheckinsCsv => "check-ins.csv",
        }
    }
}

/// Export the programme (schedule-xml, schedule-json, icalendar) or people (attendees-csv, checkins-csv).
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}/exports/{format}", tag = "events", operation_id = "export",
    params(
        ("event_id" = String, Path, description = "The event"),
        ("format" = String, Path, description = "schedule-xml, schedule-json, icalendar, attendees-csv or checkins-csv")
    ),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream", description = "The file"),
        (status = "default", body = ErrorBody)
    ),
    security(("token" = []))
)]
pub(crate) async fn export(
    State(app): State<AppState>,
    caller: Caller,
    Path((event, format)): Path<(EventId, String)>,
) -> Result<Response, ApiError> {
    let names = ExportFormat::ALL.map(ExportFormat::as_str);
    let unknown =
        || ApiError::new(ErrorCode::FormatUnknown, format!("there is no such format: use {}", names.join(", ")));
    let format = ExportFormat::ALL.into_iter().find(|known| known.as_str() == format).ok_or_else(unknown)?;
    app.event(&caller, format.action(), event).await?;
    let (name, bytes) = file(&app, event, format).await?;
    if format.action() == Action::ExportPeople {
        // People leave only when that is on disk. The programme is public, and calendars ask for it every hour.
        let entry = Entry::new(clock::now(), Actor::from(&caller), audit::Action::Exported).event(event);
        audit::record(&app.storage, entry.detail("format", format.as_str())).await?;
    }
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(CONTENT_TYPE, format.media_type().to_owned()), (CONTENT_DISPOSITION, disposition)], bytes).into_response())
}

async fn file(app: &App, id: EventId, format: ExportFormat) -> Result<(String, Vec<u8>), ApiError> {
    let data = records::event_data(&app.documents, id).await?;
    let name = file_name(&data.event, format);
    let bytes = match format {
        ExportFormat::ScheduleXml | ExportFormat::ScheduleJson | ExportFormat::ICalendar => {
            let programme = records::programme(&app.documents, id, data.event).await?;
            blocking(move || match format {
                ExportFormat::ScheduleXml => export::schedule_xml(&programme),
                ExportFormat::ScheduleJson => export::schedule_json(&programme),
                _ => Ok(export::icalendar(&programme, clock::now())),
            })
            .await?
        }
        ExportFormat::AttendeesCsv => {
            let attendees = records::attendees(&app.documents, id, &data.event).await?;
            let contacts = records::contacts(&app.documents, id, &data.event).await?;
            blocking(move || export::attendees_csv(&attendees, Some(&contacts))).await?
        }
        ExportFormat::CheckinsCsv => {
            let attendees = records::attendees(&app.documents, id, &data.event).await?;
            let (facts, _) = records::facts(&app.documents, id, &data.event, DocKind::Checkins).await?;
            let facts = bearer::settled(id, facts, &records::holders(&attendees));
            let devices = devices::list(&app.storage, id).await?;
            blocking(move || {
                let names = CheckinNames {
                    attendees: attendees
                        .iter()
                        .map(|(id, one)| (*id, (one.name.as_str(), one.organisation.as_str())))
                        .collect(),
                    checkpoints: data.checkpoints.iter().map(|(id, one)| (*id, one.name.as_str())).collect(),
                    devices: devices.iter().map(|one| (one.id, one.name.as_str())).collect::<BTreeMap<_, _>>(),
                };
                export::checkins_csv(&facts, &names, &data.event.time_zone)
            })
            .await?
        }
    };
    Ok((name, bytes))
}

async fn blocking<F>(make: F) -> Result<Vec<u8>, ApiError>
where
    F: FnOnce() -> Result<Vec<u8>, ExportError> + Send + 'static,
{
    let made = tokio::task::spawn_blocking(make).await.map_err(|_| ErrorCode::Internal)?;
    made.map_err(|error| ApiError::logged(ErrorCode::ExportFailed, &error))
}

/// The event's short name, as far as it is plain, and what the file holds.
fn file_name(event: &Event, format: ExportFormat) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let acronym: String = event.acronym.chars().filter(plain).collect();
    let separator = if acronym.is_empty() { "" } else { "-" };
    format!("{acronym}{separator}{}", format.file_name())
}
