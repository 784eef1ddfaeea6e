//! What people reported: incidents, and who has arrived.

use muster_client_core::view;
use muster_model::id::{PresenterId, RoomId, SessionId};

use crate::fact::{Fact, Severity};
use crate::program::PresenterProfile;

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// The fact that reported it.
    pub fact: Fact,
    /// Where.
    pub room: Option<RoomId>,
    /// The room's name; empty if it names none.
    pub room_name: String,
    /// In which session.
    pub session: Option<SessionId>,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub text: String,
}

/// A presenter and whether they are here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Arrival {
    /// The presenter.
    pub presenter: PresenterId,
    /// Their public profile, if the programme is here.
    pub profile: Option<PresenterProfile>,
    /// The first standing fact that says they are here.
    pub arrival: Option<Fact>,
}

impl From<view::IncidentView> for Incident {
    fn from(view::IncidentView { fact, incident, room }: view::IncidentView) -> Self {
        Self {
            fact: fact.into(),
            room: incident.room,
            room_name: room,
            session: incident.session,
            severity: incident.severity.into(),
            text: incident.text,
        }
    }
}

impl From<view::ArrivalView> for Arrival {
    fn from(view::ArrivalView { presenter, profile, arrival }: view::ArrivalView) -> Self {
        Self { presenter, profile: profile.map(Into::into), arrival: arrival.map(Into::into) }
    }
}
