//! Writes the Kotlin, Swift and Python sides of mobile-ffi from the built library. `cargo xtask bindings` runs it.
#![cfg_attr(test, deny(warnings))]
#![expect(clippy::print_stderr, reason = "a command-line tool talks to whoever started it")]

use std::process::ExitCode;

use camino::Utf8PathBuf;
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate};

/// Each language and the folder that its files go to.
const LANGUAGES: [(TargetLanguage, &str); 3] =
    [(TargetLanguage::Kotlin, "kotlin"), (TargetLanguage::Swift, "swift"), (TargetLanguage::Python, "python")];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).map(Utf8PathBuf::from);
    let (Some(library), Some(out), None) = (args.next(), args.next(), args.next()) else {
        eprintln!("usage: muster-bindgen LIBRARY FOLDER");
        return ExitCode::FAILURE;
    };
    for (language, folder) in LANGUAGES {
        let options = GenerateOptions {
            languages: vec![language],
            source: library.clone(),
            out_dir: out.join(folder),
            ..GenerateOptions::default()
        };
        if let Err(error) = generate(options) {
            eprintln!("muster-bindgen: {folder}: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
