//! The stable codes of everything that can go wrong in the core, and when it makes sense to try again.
//!
//! HTTP, FFI and WASM show the same codes. A code never changes its meaning; new ones are added at the end of
//! [`CoreCode::ALL`].

use std::fmt;

pub use muster_protocol::RetryClass;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $text:literal, $retry:ident, $remedy:literal;)*) => {
        /// What went wrong. The text form is stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum CoreCode { $($(#[$doc])* $name,)* }

        impl CoreCode {
            /// Every code, in the order in which they were introduced.
            pub const ALL: &'static [CoreCode] = &[$(CoreCode::$name,)*];

            /// The stable text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(CoreCode::$name => $text,)* }
            }

            /// When to try again.
            #[must_use]
            pub const fn retry(self) -> RetryClass {
                match self { $(CoreCode::$name => RetryClass::$retry,)* }
            }

            /// What is wrong and what to do about it, in one English sentence without personal data.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(CoreCode::$name => $remedy,)* }
            }
        }
    };
}

codes! {
    /// The device is not enrolled for an event.
    NotEnrolled => "not_enrolled", NeedsUser, "this device is not enrolled; scan an enrolment code of the event";
    /// An enrolment for another event or device than the database holds.
    EnrolmentMismatch => "enrolment_mismatch", NeedsUser, "this database belongs to another event or device; use a database of its own for each event";
    /// The device's role may not do this.
    NotAllowed => "not_allowed", NeedsUser, "this device's role may not do that; ask a coordinator";
    /// No such checkpoint in this event.
    CheckpointUnknown => "checkpoint_unknown", NeedsUser, "there is no such checkpoint; choose another, or connect once to hear of new ones";
    /// No such attendee on this phone.
    AttendeeUnknown => "attendee_unknown", NeedsUser, "this phone knows no such attendee; search again, or connect once";
    /// No such fact on this phone.
    FactUnknown => "fact_unknown", NeedsUser, "this phone knows no such entry; look at the list again";
    /// No such session on this phone.
    SessionUnknown => "session_unknown", NeedsUser, "this phone knows no such session; look at the programme again";
    /// The session's room needs no such item.
    ItemUnknown => "item_unknown", NeedsUser, "this session's checklist has no such item; look at the list again";
    /// There is no double admission to settle.
    NothingToSettle => "nothing_to_settle", NeedsUser, "there is no such double admission; somebody may have undone an entry";
    /// A text that must say something says nothing.
    TextMissing => "text_missing", NeedsUser, "say what happened or give a name";
    /// A text is too long to be kept.
    TextTooLong => "text_too_long", NeedsUser, "the text is too long; shorten it";
    /// The disk, or the space the browser grants, is full. Nothing of the action was kept.
    StorageFull => "storage_full", NeedsUser, "the storage is full and nothing was recorded; free some space and do it again";
    /// The storage failed. Nothing of the action was kept.
    StorageFailed => "storage_failed", Transient, "the storage failed and nothing was recorded; do it again";
    /// Another process has the database.
    StorageBusy => "storage_busy", Transient, "another program uses the database; close it and do it again";
    /// The database is damaged.
    StorageDamaged => "storage_damaged", NeedsUser, "the database is damaged; put it aside (its unsent entries are exported) and start anew from the server";
    /// The database was written by a later version.
    StorageNewer => "storage_newer", NeedsUser, "the database was written by a later version of the app; update the app";
    /// A document was written by a later version.
    DocumentNewer => "document_newer", NeedsUser, "part of the event was written by a later version; update the app";
    /// A document is damaged.
    DocumentDamaged => "document_damaged", NeedsUser, "part of the stored event is damaged; put the database aside and start anew from the server";
    /// A fault of the program itself.
    Internal => "internal", Permanent, "the app has a fault; report it with what you did";
    /// The device was revoked: it hands over what it has not sent, and knows the event no more.
    DeviceRevoked => "device_revoked", NeedsUser, "this device was revoked and has forgotten the event; ask a coordinator for a new enrolment code";
    /// The device was without contact for longer than the coordinator allows.
    LeaseEnded => "lease_ended", NeedsNetwork, "this device was too long without contact; connect it to the network once, everything is still here";
    /// The database was encrypted with another key.
    StorageKey => "storage_key", NeedsUser, "the app's key does not fit the database; it was encrypted by another installation: put it aside and enrol anew";
    /// A key was given to a build that does not encrypt.
    StorageNoEncryption => "storage_no_encryption", Permanent, "the app gives a key and was built without encryption: build it with the feature `sqlcipher`";
    /// No such room in this event's programme.
    RoomUnknown => "room_unknown", NeedsUser, "this phone knows no such room; choose another, or connect once to hear of new ones";
    /// An end that is not after its beginning.
    TimesReversed => "times_reversed", NeedsUser, "the end must be after the beginning; change one of them";
    /// A number or a time that cannot be.
    OutOfRange => "out_of_range", NeedsUser, "the number or the time cannot be right; enter another";
    /// There is nothing to choose between any more.
    ConflictUnknown => "conflict_unknown", NeedsUser, "there is nothing to choose between here any more; somebody may have settled it, look at the list again";
}

impl fmt::Display for CoreCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_snake_case_words_with_a_remedy() {
        let texts: BTreeSet<&str> = CoreCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), CoreCode::ALL.len());
        for code in CoreCode::ALL {
            assert!(code.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{code}");
            assert!(code.remedy().len() > 20, "{code}");
        }
    }
}
