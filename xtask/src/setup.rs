//! `cargo xtask setup`: what this machine lacks to build Muster.
//!
//! The workspace needs little: SQLite comes as source and `ring` as C and assembly, so a C compiler with its
//! headers; the gates need rustfmt and clippy, and the tests run foreign clients in Node. Each need is asked for by using it, not by looking for a file, so
//! a compiler without headers is found out too. Nothing missing costs a few tens of milliseconds.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::npm::{OLDEST_NODE, major};
use crate::workspace::{cargo, run as run_program, shown, succeeds};

/// Something the workspace cannot be built or checked without.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Need {
    CCompiler,
    Archiver,
    Rustfmt,
    Clippy,
    Node,
    Npm,
    Python,
    Jdk,
    Maven,
    Clang,
    Chromium,
    Firefox,
}

/// What building and showing Muster needs.
const NEEDS: [Need; 4] = [Need::CCompiler, Need::Archiver, Need::Rustfmt, Need::Clippy];

/// What its tests need beside that: foreign clients and the bindings of other languages.
const TEST_NEEDS: [Need; 8] =
    [Need::Node, Need::Npm, Need::Python, Need::Jdk, Need::Maven, Need::Clang, Need::Chromium, Need::Firefox];

/// What the app needs to be built.
const APP_NEEDS: [Need; 3] = [Need::Clang, Need::Node, Need::Npm];

/// What Chromium is called on different systems.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Chromium without windows: the screens take half as long in it. Debian has it; elsewhere they are looked at in Chromium.
const HEADLESS_SHELL: &str = "chromium-headless-shell";

/// What Firefox is called on different systems.
const FIREFOXES: [&str; 2] = ["firefox-esr", "firefox"];

/// What can be used here to install something.
#[derive(Clone, Copy, Debug)]
struct Means {
    root: bool,
    apt: bool,
    rustup: bool,
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::CCompiler => "a C compiler with headers (SQLite and TLS are built from C)",
            Self::Archiver => "ar (C objects are gathered into libraries)",
            Self::Rustfmt => "rustfmt (the format gate)",
            Self::Clippy => "clippy (the lint gate)",
            Self::Node => "Node 20 or later (the app is built and tests run foreign clients in it)",
            Self::Npm => "npm (it installs what the app is built from, and the foreign clients)",
            Self::Python => "Python 3 with venv (the bindings for Python)",
            Self::Jdk => "a JDK, 17 or later (the bindings for Kotlin)",
            Self::Maven => "Maven (the bindings for Kotlin)",
            Self::Clang => "a clang that writes WebAssembly (SQLite in the browser is built from C)",
            Self::Chromium => "Chromium (tests run the app in it)",
            Self::Firefox => "Firefox (a test runs the door in it)",
        }
    }

    fn is_met(self) -> bool {
        match self {
            Self::CCompiler => c_compiles("#include <stdio.h>\n#include <math.h>\n"),
            Self::Archiver => succeeds(Command::new("ar").arg("--version")) || cfg!(not(target_os = "linux")),
            Self::Rustfmt => succeeds(cargo().args(["fmt", "--version"])),
            Self::Clippy => succeeds(cargo().args(["clippy", "--version"])),
            Self::Node => node_major().is_some_and(|major| major >= OLDEST_NODE),
            Self::Npm => succeeds(Command::new("npm").arg("--version")),
            // Debian splits what makes an environment from the interpreter.
            Self::Python => succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])),
            Self::Jdk => succeeds(Command::new("javac").args(["--release", "17", "--version"])),
            Self::Maven => succeeds(Command::new("mvn").arg("--version")),
            Self::Clang => compiles(Command::new("clang").arg("--target=wasm32-unknown-unknown"), "int one;\n"),
            Self::Chromium => BROWSERS.iter().any(|name| succeeds(Command::new(name).arg("--version"))),
            Self::Firefox => FIREFOXES.iter().any(|name| succeeds(Command::new(name).arg("--version"))),
        }
    }

    /// The program that would install it here, with its arguments, where we may run it.
    fn installer(self, means: Means) -> Option<&'static [&'static str]> {
        match self {
            Self::CCompiler | Self::Archiver => {
                apt(means, &["apt-get", "install", "--yes", "--no-install-recommends", "build-essential"])
            }
            Self::Python => apt(means, &["apt-get", "install", "--yes", "--no-install-recommends", "python3-venv"]),
            Self::Jdk => {
                apt(means, &["apt-get", "install", "--yes", "--no-install-recommends", "default-jdk-headless"])
            }
            Self::Maven => apt(means, &["apt-get", "install", "--yes", "--no-install-recommends", "maven"]),
            Self::Clang => apt(means, &["apt-get", "install", "--yes", "--no-install-recommends", "clang"]),
            Self::Chromium => apt(means, &["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]),
            Self::Firefox => apt(means, &["apt-get", "install", "--yes", "--no-install-recommends", "firefox-esr"]),
            Self::Rustfmt => means.rustup.then_some(&["rustup", "component", "add", "rustfmt"]),
            Self::Clippy => means.rustup.then_some(&["rustup", "component", "add", "clippy"]),
            Self::Node | Self::Npm => {
                apt(means, &["apt-get", "install", "--yes", "--no-install-recommends", "nodejs", "npm"])
            }
        }
    }

    /// One line that says what is missing and how to get it by hand.
    fn advice(self, means: Means) -> String {
        let how = match self {
            Self::CCompiler | Self::Archiver if means.apt => "run `sudo apt-get install build-essential`",
            Self::CCompiler | Self::Archiver => "install your system's C compiler",
            Self::Python if means.apt => "run `sudo apt-get install python3-venv`",
            Self::Jdk if means.apt => "run `sudo apt-get install default-jdk-headless`",
            Self::Maven if means.apt => "run `sudo apt-get install maven`",
            Self::Clang if means.apt => "run `sudo apt-get install clang`",
            Self::Chromium if means.apt => "run `sudo apt-get install chromium`",
            Self::Firefox if means.apt => "run `sudo apt-get install firefox-esr`",
            Self::Python | Self::Jdk | Self::Maven | Self::Clang | Self::Chromium | Self::Firefox => {
                "install it from your system's packages"
            }
            Self::Rustfmt if means.rustup => "run `rustup component add rustfmt`",
            Self::Clippy if means.rustup => "run `rustup component add clippy`",
            Self::Rustfmt | Self::Clippy => "install rustup, see https://rustup.rs",
            Self::Node | Self::Npm if means.apt => "run `sudo apt-get install nodejs npm` (Debian 13 or later)",
            Self::Node | Self::Npm => "install it from https://nodejs.org",
        };
        format!("  {} is missing: {how}", self.name())
    }
}

/// What apt may install here.
fn apt(means: Means, words: &'static [&'static str]) -> Option<&'static [&'static str]> {
    (means.root && means.apt).then_some(words)
}

/// Installs what building and showing Muster needs, if it is missing and can be installed.
///
/// # Errors
/// [`Error::NotReady`] with one line for each thing that is still missing.
pub(crate) fn run() -> Result<(), Error> {
    meet(&NEEDS)
}

/// Installs what the tests need, too.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_for_tests() -> Result<(), Error> {
    meet(&[&NEEDS[..], &TEST_NEEDS[..]].concat())?;
    quicken();
    Ok(())
}

/// Installs what the app needs to be built, too.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_for_app() -> Result<(), Error> {
    meet(&[&NEEDS[..], &APP_NEEDS[..]].concat())
}

/// Installs what the app needs to be built and tried, too.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_for_web() -> Result<(), Error> {
    meet(&[&NEEDS[..], &APP_NEEDS[..], &[Need::Chromium, Need::Firefox, Need::Python]].concat())?;
    quicken();
    Ok(())
}

/// Installs what the tests can do without, where that may be done and the system has it.
fn quicken() {
    let there = || succeeds(Command::new(HEADLESS_SHELL).arg("--version"));
    if is_root() && succeeds(Command::new("apt-get").arg("--version")) && !there() {
        let words = ["apt-get", "install", "--yes", "--no-install-recommends", HEADLESS_SHELL];
        if install(&words).is_err() {
            eprintln!(
                "setup: there is no {HEADLESS_SHELL} here: the screens are looked at in Chromium, which takes longer"
            );
        }
    }
}

fn meet(needs: &[Need]) -> Result<(), Error> {
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let means = Means {
        root: is_root(),
        apt: succeeds(Command::new("apt-get").arg("--version")),
        rustup: succeeds(Command::new("rustup").arg("--version")),
    };
    let failed = installers(&missing, means).into_iter().filter_map(|words| install(words).err());
    let mut told: Vec<String> = failed.map(|error| format!("  {error}")).collect();
    told.extend(missing.into_iter().filter(|need| !need.is_met()).map(|need| need.advice(means)));
    if told.is_empty() { Ok(()) } else { Err(Error::NotReady(told)) }
}

/// What to run for what is missing, each program once.
fn installers(missing: &[Need], means: Means) -> Vec<&'static [&'static str]> {
    let mut programs = Vec::new();
    for program in missing.iter().filter_map(|need| need.installer(means)) {
        if !programs.contains(&program) {
            programs.push(program);
        }
    }
    programs
}

/// Runs one installing command.
fn install(words: &[&str]) -> Result<(), Error> {
    let Some((program, args)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    eprintln!("setup: {}", shown(&command));
    if *program == "apt-get" {
        fetch_lists()?;
    }
    // Standard output belongs to the task that setup was called for.
    run_program(command.stdout(io::stderr()))
}

/// Fetches what apt knows of packages, once: a fresh Debian image knows none.
fn fetch_lists() -> Result<(), Error> {
    static FETCHED: AtomicBool = AtomicBool::new(false);
    if !FETCHED.load(Ordering::Relaxed) {
        run_program(Command::new("apt-get").args(["update", "--quiet"]).stdout(Stdio::null()))?;
        FETCHED.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Whether `cc` accepts a source text as far as its headers; `cc` is what the build scripts call too.
fn c_compiles(source: &str) -> bool {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    compiles(&mut Command::new(compiler), source)
}

/// Whether a compiler accepts a source text.
fn compiles(command: &mut Command, source: &str) -> bool {
    command.args(["-x", "c", "-fsyntax-only", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    // A compiler that does not read its input is told apart by its exit status below.
    let written = child.stdin.take().is_some_and(|mut input| input.write_all(source.as_bytes()).is_ok());
    child.wait().is_ok_and(|status| status.success()) && written
}

/// Which Node there is.
fn node_major() -> Option<u32> {
    let output = Command::new("node").arg("--version").stderr(Stdio::null()).output().ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
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
        let programs = installers(&[&NEEDS[..], &TEST_NEEDS[..]].concat(), DEBIAN_ROOT);
        let packages: Vec<&str> = programs.iter().filter_map(|words| words.last().copied()).collect();
        let expected = [
            "build-essential",
            "rustfmt",
            "clippy",
            "npm",
            "python3-venv",
            "default-jdk-headless",
            "maven",
            "clang",
            "chromium",
            "firefox-esr",
        ];
        assert_eq!(packages, expected);
        for need in TEST_NEEDS {
            assert!(need.advice(DEBIAN_ROOT).contains("sudo apt-get install"), "{}", need.advice(DEBIAN_ROOT));
        }
    }

    #[test]
    fn without_root_the_command_is_named_and_not_run() {
        let means = Means { root: false, ..DEBIAN_ROOT };
        assert!(installers(&[Need::CCompiler], means).is_empty());
        assert!(Need::CCompiler.advice(means).ends_with("run `sudo apt-get install build-essential`"));
        assert!(Need::Node.advice(means).contains("run `sudo apt-get install nodejs npm`"));
    }

    #[test]
    fn without_rustup_its_home_is_named() {
        let means = Means { rustup: false, ..DEBIAN_ROOT };
        assert!(installers(&[Need::Rustfmt, Need::Clippy], means).is_empty());
        assert!(Need::Clippy.advice(means).ends_with("https://rustup.rs"));
    }

    #[test]
    fn a_missing_header_is_found_out() {
        assert!(c_compiles("#include <stdio.h>\n"));
        assert!(!c_compiles("#include <no-such-header.h>\n"));
    }
}
