import Foundation
import MusterMobile

/// An error says what is wrong and what to do about it, as on every other platform.
extension MusterError: LocalizedError {
    public var errorDescription: String? { remedy() }
}
