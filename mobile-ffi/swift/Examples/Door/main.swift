// A door in 30 lines: open, enrol, listen, scan, show the verdict. Run with: Door DATABASE LINK CODE...
import Foundation
import Muster

func door(database: String, link: String, codes: [String]) async throws {
    let client = try await Client.open(config: Config(database: database))
    if try await client.me() == nil {
        try await client.enrol(link: link, deviceName: "Gate A")
    }
    try await client.startSync()
    for await topics in try client.changes() {  // an app draws again what these are about, and goes on iterating
        FileHandle.standardError.write(Data("changed: \(topics)\n".utf8))
        let status = try await client.status()
        if status.missing.isEmpty && !status.indexing { break }
    }
    guard let entrance = try await client.checkpoints().first else { return }
    for code in codes {
        do {
            let result = try await client.scan(checkpoint: entrance.id, code: code)
            var since = ""
            if case .alreadyIn(let at, _, _, _) = result.verdict { since = " since \(at)" }
            print("\(entrance.name): \(result.code) \(result.card?.attendee.name ?? "?")\(since)")
        } catch let error as MusterError {  // nothing was recorded, nobody admitted
            print("\(code): \(error.code()): \(error.localizedDescription)")
        }
    }
    await client.shutdown()
}

let arguments = CommandLine.arguments.dropFirst()
try await door(database: arguments[1], link: arguments[2], codes: Array(arguments.dropFirst(2)))
