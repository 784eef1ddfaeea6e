import Foundation
import Muster
import XCTest

final class MusterTests: XCTestCase {
    private func database() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).db").path
    }

    func testADatabaseIsOpenOnce() async throws {
        let database = database()
        let first = try await Client.open(config: Config(database: database))
        do {
            _ = try await Client.open(config: Config(database: database))
            XCTFail("it is open already")
        } catch MusterError.StorageBusy(let problem) {
            XCTAssertEqual(problem.code, "storage_busy")
        }
        await first.shutdown()
        let again = try await Client.open(config: Config(database: database))
        let me = try await again.me()
        XCTAssertNil(me)
        await again.shutdown()
    }

    func testAHandleUsedAfterShutdownSaysClosed() async throws {
        let client = try await Client.open(config: Config(database: database()))
        await client.shutdown()
        do {
            _ = try await client.status()
            XCTFail("it is closed")
        } catch let error as MusterError {
            XCTAssertEqual(error.code(), "closed")
            XCTAssertEqual(error.localizedDescription, error.remedy())
        }
    }

    func testAllTopicsComeFirst() async throws {
        let client = try await Client.open(config: Config(database: database()))
        for await topics in try client.changes() {
            XCTAssertEqual(topics, Topic.all)
            break
        }
        await client.shutdown()
    }
}
