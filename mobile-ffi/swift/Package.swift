// swift-tools-version: 5.9
import PackageDescription

// `./xcframework.sh` makes the framework and Sources/MusterMobile from the Rust crate; neither is in the repository.
let package = Package(
    name: "Muster",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Muster", targets: ["Muster"])],
    targets: [
        .binaryTarget(name: "MusterMobileFFI", path: "MusterMobileFFI.xcframework"),
        .target(name: "MusterMobile", dependencies: ["MusterMobileFFI"]),
        .target(name: "Muster", dependencies: ["MusterMobile"]),
        .executableTarget(name: "Door", dependencies: ["Muster"], path: "Examples/Door"),
        .testTarget(name: "MusterTests", dependencies: ["Muster"]),
    ]
)
