//! Faults put in on purpose, to see that the simulation finds them. They are in the surroundings, never in the product.

/// A fault put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The server's disk says that it has what it will write only seconds later: the server acknowledges before it
    /// persists.
    ServerDiskLies,
    /// A phone's disk never waits for what it is told to flush.
    PhoneDiskNeverFlushes,
    /// A link loses a message now and then and goes on with the next.
    LinkSkipsMessages,
    /// A phone looks up no earlier admissions.
    PhoneForgetsAdmissions,
    /// The server lets everything in.
    ServerAdmitsEverything,
    /// The server says that it keeps what phones hand over, and does not.
    ServerLosesWhatIsHandedOver,
    /// The server does not note who was revoked.
    ServerForgetsWhoIsRevoked,
    /// A phone's disk keeps what it was told to forget.
    PhoneDiskForgetsNothing,
    /// Documents are begun anew with all that they held.
    ErasureTakesNothing,
    /// Documents are begun anew without anybody.
    ErasureTakesEverybody,
    /// Nobody is told that documents were begun anew.
    ErasureIsNotSaid,
    /// The server goes back to an earlier state and nobody is told.
    ServerForgetsInSecret,
}
