//! What is recorded.

use crate::code_list::code_list;

code_list! {
    /// What was done. The text form is stable.
    Action {
        /// An event was created.
        EventCreated => "event.created";
        /// A file was read and is about to be written into the event's documents.
        ImportBegan => "event.import_began";
        /// A file was taken in; also when it changed nothing.
        Imported => "event.imported";
        /// People were exported: attendees or check-ins.
        Exported => "event.exported";
        /// It was said for how long an event's personal data is kept.
        RetentionSet => "event.retention_set";
        /// Personal data of an event was erased when its time was over.
        EventErased => "event.erased";
        /// Personal data of one attendee was erased.
        AttendeeErased => "attendee.erased";
        /// A code was made with which devices enrol.
        CodeMade => "device.code_made";
        /// A device enrolled.
        DeviceEnrolled => "device.enrolled";
        /// A device came back that a restore had made the server forget, or some of whose tokens.
        DeviceRecovered => "device.recovered";
        /// A device that waited for a coordinator was let in.
        DeviceApproved => "device.approved";
        /// A device was revoked.
        DeviceRevoked => "device.revoked";
        /// A device has another role.
        RoleChanged => "device.role_changed";
        /// A device has another name.
        DeviceRenamed => "device.renamed";
        /// It was said for how long devices of a role work without contact.
        LeaseSet => "device.lease_set";
        /// An old refresh token was shown again, so that the device was revoked.
        RefreshReused => "device.refresh_reused";
        /// A copy of a device's database turned up and was given an identity of its own.
        CloneFound => "device.clone_found";
        /// An account was created.
        AccountCreated => "account.created";
        /// Somebody was invited to have an account.
        AccountInvited => "account.invited";
        /// An account was closed.
        AccountClosed => "account.closed";
        /// An account's password was changed.
        PasswordChanged => "account.password_changed";
        /// Somebody logged in.
        LoginSucceeded => "login.succeeded";
        /// Somebody could not log in. Throttle before recording: anybody can cause it.
        LoginFailed => "login.failed";
        /// A refused change was accepted.
        QuarantineAccepted => "quarantine.accepted";
        /// A refused change was discarded.
        QuarantineDiscarded => "quarantine.discarded";
        /// A signing key was replaced.
        KeyRotated => "key.rotated";
        /// A key of tickets was retired: what it signed is refused.
        KeyRetired => "key.retired";
        /// Tickets were made and handed out.
        TicketsIssued => "tickets.issued";
        /// An attendee's ticket was withdrawn, or given back.
        TicketWithdrawn => "tickets.withdrawn";
        /// The server's data was copied elsewhere; the copy holds this entry.
        BackupMade => "backup.made";
        /// The copy that was recorded before could not be made.
        BackupFailed => "backup.failed";
        /// The server runs on a copy.
        BackupRestored => "backup.restored";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_plain_and_differ() {
        let names: BTreeSet<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for name in names {
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            let (kind, what) = name.split_once('.').unwrap();
            assert!(kind.chars().all(plain) && what.chars().all(plain) && !what.is_empty(), "{name}");
        }
    }
}
