#!/usr/bin/env bash
# Makes MusterMobileFFI.xcframework and Sources/MusterMobile for Package.swift. Needs a Mac with Xcode, and
#   rustup target add aarch64-apple-ios aarch64-apple-ios-sim aarch64-apple-darwin
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
target=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
made="$target/bindings"

cargo xtask bindings --release

arguments=()
for triple in aarch64-apple-ios aarch64-apple-ios-sim aarch64-apple-darwin; do
    cargo build --manifest-path "$root/Cargo.toml" --release --package muster-mobile-ffi --lib --target "$triple"
    headers="$made/headers/$triple"
    rm -rf "$headers" && mkdir -p "$headers/MusterMobileFFI"
    cp "$made/swift/MusterMobileFFI.h" "$headers/MusterMobileFFI/"
    # Xcode looks for a map of this name.
    cp "$made/swift/MusterMobileFFI.modulemap" "$headers/MusterMobileFFI/module.modulemap"
    arguments+=(-library "$target/$triple/release/libmuster_mobile.a" -headers "$headers")
done

rm -rf MusterMobileFFI.xcframework
xcodebuild -create-xcframework "${arguments[@]}" -output MusterMobileFFI.xcframework

mkdir -p Sources/MusterMobile
cp "$made/swift/MusterMobile.swift" Sources/MusterMobile/
