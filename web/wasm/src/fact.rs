//! Facts: what a device saw or a person did.

use std::collections::HashMap;

use muster_model::fact;
use muster_model::id::{
    AttendeeId, CheckpointId, DeviceId, FactId, ItemId, PresenterId, QuestionId, RoomId, SessionId,
};
use muster_model::time::Timestamp;

use crate::mirror::mirror;

mirror! {
    both
    /// How staff knew who stood before them.
    EntryVia of fact::EntryVia {
        /// A ticket was scanned.
        Scan,
        /// Found by name.
        Search,
        /// Came with others of the same order.
        Group,
    }
}

mirror! {
    both
    /// What was found about a double admission.
    ResolutionKind of fact::ResolutionKind {
        /// One person was scanned twice; nobody else came in.
        SamePerson,
        /// A second person came in on the ticket and may stay.
        SecondAdmitted,
        /// A second person came in on the ticket and was sent out.
        SecondRemoved,
    }
}

mirror! {
    both
    /// What somebody found who looked at an item.
    ItemState of fact::ItemState {
        /// As it should be.
        Ok,
        /// Not as it should be.
        Problem,
        /// This session does not need it.
        NotNeeded,
    }
}

mirror! {
    both
    /// How bad an incident is.
    Severity of fact::Severity {
        /// Worth knowing.
        Notice,
        /// Somebody must act.
        Urgent,
        /// Somebody is in danger.
        Emergency,
    }
}

/// How far a device's clock was off when it last met a server.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Skew {
    /// Milliseconds to add to the device's clock to get the server's.
    pub ms: i64,
    /// How long before the fact this was measured, in milliseconds.
    pub age_ms: i64,
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// The device and its running number.
    pub id: FactId,
    /// The device that recorded it.
    pub device: DeviceId,
    /// What the device's clock said.
    pub at: Timestamp,
    /// When it happened by the server's clock, as well as the device could know.
    pub corrected_at: Timestamp,
    /// How far the clock was off, if the device has ever met a server.
    pub skew: Option<Skew>,
    /// Who acted.
    pub by: String,
    /// What happened.
    pub body: FactBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, tsify::Tsify)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum FactBody {
    /// An attendee was admitted at a checkpoint.
    Entry {
        /// Who was admitted.
        attendee: AttendeeId,
        /// Where.
        checkpoint: CheckpointId,
        /// How staff knew who it was.
        via: EntryVia,
        /// What was answered at the door.
        answers: HashMap<QuestionId, String>,
        /// Why staff admitted somebody whom the verdict would not have admitted; empty otherwise.
        despite: String,
    },
    /// An attendee was seen leaving.
    Exit {
        /// Who left.
        attendee: AttendeeId,
        /// Where.
        checkpoint: CheckpointId,
    },
    /// An earlier fact is taken back.
    Undo {
        /// The fact taken back.
        fact: FactId,
        /// Why.
        reason: String,
    },
    /// Somebody without a registration was registered and admitted at the door.
    WalkIn {
        /// The attendee they became.
        attendee: AttendeeId,
        /// Where they were admitted.
        checkpoint: CheckpointId,
        /// The name for the badge.
        name: String,
        /// The organisation for the badge.
        organisation: String,
        /// What kind of attendee they became.
        category: String,
    },
    /// A double admission was settled.
    Resolution {
        /// Whose ticket it was.
        attendee: AttendeeId,
        /// Where it was admitted twice.
        checkpoint: CheckpointId,
        /// The admissions that were looked at.
        facts: Vec<FactId>,
        /// What was found.
        found: ResolutionKind,
        /// Anything else worth knowing.
        note: String,
    },
    /// An item of a session's readiness was looked at.
    Observation {
        /// The session the room is made ready for.
        session: SessionId,
        /// The item that was looked at.
        item: ItemId,
        /// What was found.
        state: ItemState,
        /// Anything else worth knowing; what is wrong, for a problem.
        note: String,
    },
    /// Something went wrong.
    Incident {
        /// Where.
        room: Option<RoomId>,
        /// In which session.
        session: Option<SessionId>,
        /// How bad it is.
        severity: Severity,
        /// What happened.
        text: String,
    },
    /// A presenter is here.
    Arrival {
        /// Who is here.
        presenter: PresenterId,
        /// Whether they said so themselves; otherwise staff saw them.
        own: bool,
    },
    /// A fact of a later version: kept and passed on, not understood.
    Unknown,
}

impl From<fact::Fact> for Fact {
    fn from(fact: fact::Fact) -> Self {
        Self {
            id: fact.id,
            device: fact.device(),
            at: fact.at,
            corrected_at: fact.corrected_at(),
            skew: fact.skew.map(|skew| Skew { ms: skew.ms, age_ms: skew.age_ms }),
            by: fact.by,
            body: fact.body.into(),
        }
    }
}

impl From<fact::FactBody> for FactBody {
    fn from(body: fact::FactBody) -> Self {
        use fact::FactBody as Body;
        match body {
            Body::Entry(fact::Entry { attendee, checkpoint, via, ticket: _, answers, despite }) => {
                let answers = answers.into_iter().collect();
                Self::Entry { attendee, checkpoint, via: via.into(), answers, despite }
            }
            Body::Exit { attendee, checkpoint } => Self::Exit { attendee, checkpoint },
            Body::Undo { fact, reason } => Self::Undo { fact, reason },
            Body::WalkIn(fact::WalkIn { attendee, checkpoint, name, organisation, category }) => {
                Self::WalkIn { attendee, checkpoint, name, organisation, category }
            }
            Body::Resolution(fact::Resolution { attendee, checkpoint, facts, found, note }) => {
                Self::Resolution { attendee, checkpoint, facts, found: found.into(), note }
            }
            Body::Observation(fact::Observation { session, item, state, note }) => {
                Self::Observation { session, item, state: state.into(), note }
            }
            Body::Incident(fact::Incident { room, session, severity, text }) => {
                Self::Incident { room, session, severity: severity.into(), text }
            }
            Body::Arrival { presenter, own } => Self::Arrival { presenter, own },
            Body::Unknown => Self::Unknown,
        }
    }
}
