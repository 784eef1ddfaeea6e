//! Writes the JavaScript side of web/wasm beside a module that loads it, with the types that the app is checked with.
//!
//! The program is a crate of its own so that `cargo xtask`, which everybody waits for first, does not carry it. Its version of
//! wasm-bindgen is that of web/wasm, by the lock file.
#![cfg_attr(test, deny(warnings))]
#![expect(clippy::print_stderr, reason = "a command-line tool talks to whoever started it")]

use std::path::Path;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

/// What stands before the types.
const HEAD: &str = "// Made from web/wasm by `cargo xtask web`; not to be edited by hand.\n";

/// The one function of the module itself that the app calls.
const INIT: &str = "
/** Loads the module; everything else may be used afterwards. */
export default function init(options: { module_or_path: string | URL }): Promise<{ memory: WebAssembly.Memory }>;
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [module, out] = args.as_slice() else {
        eprintln!("usage: muster-web-bindgen MODULE OUT-DIR");
        return ExitCode::from(2);
    };
    match generate(Path::new(module), Path::new(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("muster-web-bindgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn generate(module: &Path, out: &Path) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Debug| format!("{error:?}");
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).typescript(true).remove_name_section(true).remove_producers_section(true);
    let made = bindgen.web(true).and_then(|bindgen| bindgen.generate_output());
    let mut output = made.map_err(|error| told(&error))?;
    output.emit(out).map_err(|error| told(&error))?;
    let types = output.ts().ok_or("no types were made")?;
    let path = out.join("muster_web.d.ts");
    std::fs::write(&path, types_of(types)).map_err(|error| format!("{}: {error}", path.display()))
}

/// The records and the client, in an order that does not change from build to build, without what is the module's own
/// affair: that names functions by hashes, and the repository has this file so that the app can be checked without a build.
fn types_of(made: &str) -> String {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut lines = Vec::new();
    for line in made.lines() {
        lines.push(line);
        let ends = line == "}" || (line.starts_with("export ") && line.ends_with(';'));
        if ends {
            let declared = lines.iter().find_map(|line| line.strip_prefix("export "));
            if let Some(name) = declared.and_then(declared_name) {
                let first = lines.iter().position(|line| line.starts_with("/**") || line.starts_with("export "));
                let block: Vec<&str> = lines.iter().skip(first.unwrap_or_default()).copied().collect();
                blocks.push((name, block.join("\n")));
            }
            lines.clear();
        }
    }
    blocks.sort();
    let texts: Vec<String> = blocks.into_iter().map(|(_, text)| text).collect();
    format!("{HEAD}\n{}\n{INIT}", texts.join("\n\n"))
}

/// The name of a record or of the client; nothing for what is the module's own.
fn declared_name(declaration: &str) -> Option<&str> {
    let named =
        ["interface ", "type ", "class ", "function "].into_iter().find_map(|kind| declaration.strip_prefix(kind))?;
    let name = named.split(|letter: char| !letter.is_ascii_alphanumeric()).next()?;
    (!name.is_empty() && !name.to_ascii_lowercase().contains("init")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_what_is_the_modules_own_is_left_out() {
        let made = "/* tslint:disable */
/* eslint-disable */

/**
 * One.
 */
export interface Two {
    /**
     * A field.
     */
    field: string;
}

/** Text. */
export type One = string;

export class Client {
    free(): void;
}

export type InitInput = URL;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
}

export default function __wbg_init (path: InitInput): Promise<InitOutput>;
";
        let types = types_of(made);
        let expected = "export class Client {
    free(): void;
}

/** Text. */
export type One = string;

/**
 * One.
 */
export interface Two {
    /**
     * A field.
     */
    field: string;
}
";
        assert_eq!(types, format!("{HEAD}\n{expected}{INIT}"));
    }
}
