//! Who may read and write which documents: the one table that server, clients and tests read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::document::{DocKind, DocRef, Part};
use crate::id::{IdError, PresenterId};

/// What a device may be for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleKind {
    /// Plans and runs the event; edits everything.
    Coordinator,
    /// Edits the budget, reads the plan.
    Finance,
    /// Checks people in and makes rooms ready.
    Staff,
    /// Reads the programme and their own logistics.
    Presenter,
}

impl RoleKind {
    /// All roles, in the order of the table's columns.
    pub const ALL: [Self; 4] = [Self::Coordinator, Self::Finance, Self::Staff, Self::Presenter];

    /// The name on the wire and in tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Finance => "finance",
            Self::Staff => "staff",
            Self::Presenter => "presenter",
        }
    }
}

impl fmt::Display for RoleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RoleKind {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(RoleError::Unknown)
    }
}

/// A role as a device holds it: a presenter's names the presenter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// See [`RoleKind::Coordinator`].
    Coordinator,
    /// See [`RoleKind::Finance`].
    Finance,
    /// See [`RoleKind::Staff`].
    Staff,
    /// See [`RoleKind::Presenter`]; the presenter whose device it is.
    Presenter(PresenterId),
}

/// A text that is not a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// No such role.
    #[error("unknown role: use coordinator, finance, staff or presenter")]
    Unknown,
    /// A presenter's device must say whose it is.
    #[error("a presenter's role needs the presenter: write presenter:<id>")]
    PresenterMissing,
    /// The presenter's id does not parse.
    #[error(transparent)]
    Presenter(#[from] IdError),
}

impl Role {
    /// Which kind of role it is.
    #[must_use]
    pub const fn kind(&self) -> RoleKind {
        match self {
            Self::Coordinator => RoleKind::Coordinator,
            Self::Finance => RoleKind::Finance,
            Self::Staff => RoleKind::Staff,
            Self::Presenter(_) => RoleKind::Presenter,
        }
    }

    /// What this role may do with a document.
    #[must_use]
    pub fn access(&self, document: &DocRef) -> Access {
        let granted = access(self.kind(), document.kind);
        match (self, document.kind, document.part) {
            (Self::Presenter(own), DocKind::Presenter, Part::Presenter(of)) if *own != of => Access::None,
            _ => granted,
        }
    }
}

/// `coordinator`, `finance`, `staff` or `presenter:<presenter id>`.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Presenter(id) => write!(f, "{}:{id}", self.kind()),
            _ => write!(f, "{}", self.kind()),
        }
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        match text.split_once(':') {
            Some(("presenter", id)) => Ok(Self::Presenter(id.parse()?)),
            Some(_) => Err(RoleError::Unknown),
            None => match text.parse()? {
                RoleKind::Coordinator => Ok(Self::Coordinator),
                RoleKind::Finance => Ok(Self::Finance),
                RoleKind::Staff => Ok(Self::Staff),
                RoleKind::Presenter => Err(RoleError::PresenterMissing),
            },
        }
    }
}

impl Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a role may do with a kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Neither read nor write; to such a role the document does not exist.
    None,
    /// Read only.
    Read,
    /// Read, and append facts.
    Append,
    /// Read, and append facts about oneself only.
    AppendOwn,
    /// Append facts about oneself, but read none.
    AppendOwnBlind,
    /// Read, and edit one's own needs.
    EditOwnNeeds,
    /// Read, edit records, append facts.
    Edit,
}

impl Access {
    /// Whether the document's contents may be sent to the role.
    #[must_use]
    pub const fn may_read(self) -> bool {
        !matches!(self, Self::None | Self::AppendOwnBlind)
    }

    /// Whether at least some changes of the role are let in.
    #[must_use]
    pub const fn may_write(self) -> bool {
        !matches!(self, Self::None | Self::Read)
    }
}

/// The access table.
#[must_use]
pub const fn access(role: RoleKind, document: DocKind) -> Access {
    use Access::{Append, AppendOwn, AppendOwnBlind, Edit, EditOwnNeeds, None, Read};
    let [coordinator, finance, staff, presenter] = match document {
        DocKind::Event => [Edit, Read, Read, Read],
        DocKind::Program => [Edit, Read, Read, Read],
        DocKind::Plan => [Edit, Read, None, None],
        DocKind::Budget => [Edit, Edit, None, None],
        DocKind::Roster => [Edit, None, Read, None],
        DocKind::Contacts => [Edit, None, None, None],
        DocKind::Checkins => [Append, None, Append, None],
        DocKind::Rooms => [Edit, None, Append, Read],
        DocKind::Arrivals => [Append, None, Append, AppendOwn],
        DocKind::Presenter => [Edit, Read, None, EditOwnNeeds],
        DocKind::Survey => [Edit, None, None, Read],
        DocKind::Answers => [Read, None, None, AppendOwnBlind],
    };
    match role {
        RoleKind::Coordinator => coordinator,
        RoleKind::Finance => finance,
        RoleKind::Staff => staff,
        RoleKind::Presenter => presenter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RecordId;

    #[test]
    fn a_door_phone_knows_no_contact_no_plan_and_no_money() {
        for kind in [DocKind::Contacts, DocKind::Plan, DocKind::Budget, DocKind::Presenter, DocKind::Answers] {
            assert_eq!(access(RoleKind::Staff, kind), Access::None, "{kind}");
        }
        assert!(access(RoleKind::Staff, DocKind::Roster).may_read());
        assert!(!access(RoleKind::Staff, DocKind::Roster).may_write());
        assert!(access(RoleKind::Staff, DocKind::Checkins).may_write());
    }

    #[test]
    fn a_presenter_reads_only_their_own_logistics() {
        let (mine, theirs) = (PresenterId::from_random([1; 10]), PresenterId::from_random([2; 10]));
        let role = Role::Presenter(mine);
        assert_eq!(role.access(&DocRef::presenter(mine)), Access::EditOwnNeeds);
        assert_eq!(role.access(&DocRef::presenter(theirs)), Access::None);
        assert_eq!(Role::Coordinator.access(&DocRef::presenter(theirs)), Access::Edit);
    }

    #[test]
    fn roles_read_back_what_they_print() {
        let presenter = Role::Presenter(PresenterId::from_random([1; 10]));
        for role in [Role::Coordinator, Role::Finance, Role::Staff, presenter] {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert_eq!("presenter".parse::<Role>(), Err(RoleError::PresenterMissing));
        assert_eq!("admin".parse::<Role>(), Err(RoleError::Unknown));
        assert_eq!("staff:x".parse::<Role>(), Err(RoleError::Unknown));
    }
}
