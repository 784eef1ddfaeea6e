@_exported import MusterMobile

/// What to draw again: all topics at first, then what changes. It ends when the task that iterates is cancelled.
extension Client {
    public func changes() throws -> AsyncStream<[Topic]> {
        let (stream, continuation) = AsyncStream<[Topic]>.makeStream()
        continuation.yield(Topic.all)
        let subscription = try subscribe(listener: Forward(continuation))
        continuation.onTermination = { _ in subscription.cancel() }
        return stream
    }
}

/// A listener that hands on to a stream.
private final class Forward: ChangeListener {
    private let continuation: AsyncStream<[Topic]>.Continuation

    init(_ continuation: AsyncStream<[Topic]>.Continuation) {
        self.continuation = continuation
    }

    func changed(topics: [Topic]) throws {
        continuation.yield(topics)
    }
}

extension Topic {
    /// Every topic.
    public static let all: [Topic] = [
        .event, .program, .attendees, .checkins, .doubleAdmissions, .readiness, .incidents, .arrivals, .logistics, .status,
    ]
}
