//! `cargo xtask setup`: what this machine lacks to build Muster.
//!
//! The workspace needs little: SQLite comes as source and `ring` as C and assembly, so a C compiler with its
//! headers; the gates need rustfmt and clippy. Each need is asked for by using it, not by looking for a file, so
//! a compiler without headers is found out too. Nothing missing costs a few tens of milliseconds.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::workspace::{cargo, run as run_program, shown, succeeds};

/// Something the workspace cannot be built or checked without.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Need {
    CCompiler,
    Archiver,
    Rustfmt,
    Clippy,
}

const NEEDS: [Need; 4] = [Need::CCompiler, Need::Archiver, Need::Rustfmt, Need::Clippy];

/// What can be used here to install something.
#[derive(Clone, Copy, Debug)]
struct Means {
    root: bool,
    apt: bool,
    rustup: bool,
}

/// What to do about a need that is not met.
#[derive(Debug, Eq, PartialEq)]
enum Remedy {
    /// We can do it: a program and its arguments.
    Run(&'static [&'static str]),
    /// The user has to: one line.
    Tell(String),
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::CCompiler => "a C compiler with headers (SQLite and TLS are built from C)",
            Self::Archiver => "ar (C objects are gathered into libraries)",
            Self::Rustfmt => "rustfmt (the format gate)",
            Self::Clippy => "clippy (the lint gate)",
        }
    }

    fn is_met(self) -> bool {
        match self {
            Self::CCompiler => c_compiles("#include <stdio.h>\n#include <math.h>\n"),
            Self::Archiver => succeeds(Command::new("ar").arg("--version")) || cfg!(not(target_os = "linux")),
            Self::Rustfmt => succeeds(cargo().args(["fmt", "--version"])),
            Self::Clippy => succeeds(cargo().args(["clippy", "--version"])),
        }
    }

    fn remedy(self, means: Means) -> Remedy {
        let (install, by_hand): (&[&str], &str) = match self {
            Self::CCompiler | Self::Archiver => (
                &["apt-get", "install", "--yes", "--no-install-recommends", "build-essential"],
                "sudo apt-get install build-essential",
            ),
            Self::Rustfmt => (&["rustup", "component", "add", "rustfmt"], "rustup component add rustfmt"),
            Self::Clippy => (&["rustup", "component", "add", "clippy"], "rustup component add clippy"),
        };
        let able = match self {
            Self::CCompiler | Self::Archiver => means.root && means.apt,
            Self::Rustfmt | Self::Clippy => means.rustup,
        };
        if able {
            return Remedy::Run(install);
        }
        let how = match self {
            Self::CCompiler | Self::Archiver if !means.apt => "install your system's C compiler".to_owned(),
            Self::Rustfmt | Self::Clippy if !means.rustup => {
                format!("install rustup (https://rustup.rs), then run `{by_hand}`")
            }
            _ => format!("run `{by_hand}`"),
        };
        Remedy::Tell(format!("  {} is missing: {how}", self.name()))
    }
}

/// Installs what is missing and can be installed.
///
/// # Errors
/// [`Error::NotReady`] with one line for each thing that is still missing.
pub(crate) fn run() -> Result<(), Error> {
    let missing: Vec<Need> = NEEDS.into_iter().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let means = Means {
        root: is_root(),
        apt: succeeds(Command::new("apt-get").arg("--version")),
        rustup: succeeds(Command::new("rustup").arg("--version")),
    };
    let (commands, mut told) = plan(&missing, means);
    for words in commands {
        if let Err(error) = install(words) {
            told.push(format!("  {error}"));
        }
    }
    let still_missing = missing.into_iter().filter(|need| !need.is_met());
    let unnamed = still_missing.filter(|need| !told.iter().any(|line| line.contains(need.name())));
    let left: Vec<String> = unnamed.map(|need| format!("  {} is still missing", need.name())).collect();
    told.extend(left);
    if told.is_empty() { Ok(()) } else { Err(Error::NotReady(told)) }
}

/// What to run, each command once, and what to tell.
fn plan(missing: &[Need], means: Means) -> (Vec<&'static [&'static str]>, Vec<String>) {
    let mut commands = Vec::new();
    let mut told = Vec::new();
    for need in missing {
        match need.remedy(means) {
            Remedy::Run(words) if commands.contains(&words) => {}
            Remedy::Run(words) => commands.push(words),
            Remedy::Tell(line) => told.push(line),
        }
    }
    (commands, told)
}

/// Runs one installing command. A fresh Debian image knows no packages yet, so apt's lists are fetched first.
fn install(words: &[&str]) -> Result<(), Error> {
    let Some((program, args)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    eprintln!("setup: {}", shown(&command));
    if *program == "apt-get" {
        run_program(Command::new("apt-get").args(["update", "--quiet"]).stdout(Stdio::null()))?;
    }
    // Standard output belongs to the task that setup was called for.
    run_program(command.stdout(io::stderr()))
}

/// Whether `cc` accepts a source text as far as its headers; `cc` is what the build scripts call too.
fn c_compiles(source: &str) -> bool {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(compiler);
    command.args(["-x", "c", "-fsyntax-only", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    // A compiler that does not read its input is told apart by its exit status below.
    let written = child.stdin.take().is_some_and(|mut input| input.write_all(source.as_bytes()).is_ok());
    child.wait().is_ok_and(|status| status.success()) && written
}

/// Whether packages may be installed without asking.
fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN_ROOT: Means = Means { root: true, apt: true, rustup: true };

    #[test]
    fn root_on_debian_installs_each_package_once() {
        let (commands, told) = plan(&NEEDS, DEBIAN_ROOT);
        let packages: Vec<&str> = commands.iter().filter_map(|words| words.last().copied()).collect();
        assert_eq!(packages, ["build-essential", "rustfmt", "clippy"]);
        assert_eq!(told, Vec::<String>::new());
    }

    #[test]
    fn without_root_the_command_is_named_and_not_run() {
        let (commands, told) = plan(&[Need::CCompiler], Means { root: false, ..DEBIAN_ROOT });
        assert!(commands.is_empty());
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("sudo apt-get install build-essential"), "{}", told[0]);
    }

    #[test]
    fn without_rustup_its_home_is_named() {
        let (commands, told) = plan(&[Need::Clippy], Means { rustup: false, ..DEBIAN_ROOT });
        assert!(commands.is_empty());
        assert!(told[0].contains("https://rustup.rs"), "{}", told[0]);
    }

    #[test]
    fn a_missing_header_is_found_out() {
        assert!(c_compiles("#include <stdio.h>\n"));
        assert!(!c_compiles("#include <no-such-header.h>\n"));
    }
}
