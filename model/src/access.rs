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
            (Self::Presenter(own), DocKind::Presenter, part) if part != Part::Presenter(*own) => Access::None,
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

    /// Whether the role edits records of this collection of the document.
    #[must_use]
    pub fn edits(self, collection: &str) -> bool {
        match self {
            Self::Edit => true,
            Self::EditOwnNeeds => collection == "needs",
            _ => false,
        }
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
    use crate::document::Division;
    use crate::id::RecordId;

    /// The table of the design, row by row: coordinator, finance, staff, presenter (own).
    #[test]
    fn the_table_is_the_designs() {
        use Access::{Append, AppendOwn, AppendOwnBlind, Edit, EditOwnNeeds, None, Read};
        let rows = [
            ("event", [Edit, Read, Read, Read]),
            ("program", [Edit, Read, Read, Read]),
            ("plan", [Edit, Read, None, None]),
            ("budget", [Edit, Edit, None, None]),
            ("roster", [Edit, None, Read, None]),
            ("contacts", [Edit, None, None, None]),
            ("checkins", [Append, None, Append, None]),
            ("rooms", [Edit, None, Append, Read]),
            ("arrivals", [Append, None, Append, AppendOwn]),
            ("presenter", [Edit, Read, None, EditOwnNeeds]),
            ("survey", [Edit, None, None, Read]),
            ("answers", [Read, None, None, AppendOwnBlind]),
        ];
        assert_eq!(rows.map(|(kind, _)| kind), DocKind::ALL.map(DocKind::as_str));
        let own = PresenterId::from_random([1; 10]);
        let roles = [Role::Coordinator, Role::Finance, Role::Staff, Role::Presenter(own)];
        for ((name, expected), kind) in rows.into_iter().zip(DocKind::ALL) {
            assert_eq!(RoleKind::ALL.map(|role| access(role, kind)), expected, "{name}");
            let document = match kind.division() {
                Division::Whole => DocRef::whole(kind),
                Division::Shards => DocRef::shard(kind, 7),
                Division::Presenters => DocRef::presenter(own),
            };
            assert_eq!(roles.map(|role| role.access(&document)), expected, "{document}");
        }
    }

    #[test]
    fn what_an_access_allows() {
        for (access, read, write) in [
            (Access::None, false, false),
            (Access::Read, true, false),
            (Access::Append, true, true),
            (Access::AppendOwn, true, true),
            (Access::AppendOwnBlind, false, true),
            (Access::EditOwnNeeds, true, true),
            (Access::Edit, true, true),
        ] {
            assert_eq!((access.may_read(), access.may_write()), (read, write), "{access:?}");
        }
    }

    #[test]
    fn records_are_edited_by_those_who_edit_and_needs_by_whose_they_are() {
        for kind in DocKind::ALL {
            for collection in kind.collections() {
                let edits = |role| access(role, kind).edits(collection);
                assert_eq!(edits(RoleKind::Coordinator), access(RoleKind::Coordinator, kind) == Access::Edit, "{kind}");
                assert!(!edits(RoleKind::Staff), "{kind} {collection}");
                assert_eq!(edits(RoleKind::Presenter), *collection == "needs", "{kind} {collection}");
                assert_eq!(kind.collection_named(collection), Some(*collection));
            }
            assert_eq!(kind.collection_named("nothing"), None);
        }
    }

    #[test]
    fn a_presenter_reads_only_their_own_logistics() {
        let (mine, theirs) = (PresenterId::from_random([1; 10]), PresenterId::from_random([2; 10]));
        let role = Role::Presenter(mine);
        assert_eq!(role.access(&DocRef::presenter(mine)), Access::EditOwnNeeds);
        assert_eq!(role.access(&DocRef::presenter(theirs)), Access::None);
        assert_eq!(role.access(&DocRef::whole(DocKind::Presenter)), Access::None, "nobody's is not theirs");
        assert_eq!(Role::Coordinator.access(&DocRef::presenter(theirs)), Access::Edit);
        assert_eq!(Role::Finance.access(&DocRef::presenter(theirs)), Access::Read);
        assert_eq!(Role::Staff.access(&DocRef::presenter(theirs)), Access::None);
    }

    #[test]
    fn roles_read_back_what_they_print() {
        let presenter = Role::Presenter(PresenterId::from_random([1; 10]));
        for role in [Role::Coordinator, Role::Finance, Role::Staff, presenter] {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        for (text, error) in [
            ("presenter", RoleError::PresenterMissing),
            ("", RoleError::Unknown),
            ("admin", RoleError::Unknown),
            ("Staff", RoleError::Unknown),
            ("staff:x", RoleError::Unknown),
        ] {
            assert_eq!(text.parse::<Role>(), Err(error), "{text}");
        }
        assert!(matches!("presenter:x".parse::<Role>(), Err(RoleError::Presenter(_))));
    }
}
