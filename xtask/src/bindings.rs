//! `cargo xtask bindings`: the Kotlin, Swift and Python sides of mobile-ffi, and the stories that run on them.
//!
//! What is generated lies under `target/`, never in the source tree; the Maven project and the wheel of mobile-ffi look
//! for it there.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::setup;
use crate::workspace::{Profile, Workspace, run as run_program};

/// Where the generated files go.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Folder to write to [default: target/bindings]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Build the library as it is shipped
    #[arg(long)]
    release: bool,
    /// Then run the stories in Python and Kotlin on them
    #[arg(long, conflicts_with_all = ["out", "release"])]
    check: bool,
}

/// Builds the library and writes the three languages' files and a copy of the library.
///
/// # Errors
/// When setup, the build, a write or a story fails.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    if args.check {
        setup::run_for_tests()?;
        return check(&Workspace::find()?).map(|()| ExitCode::SUCCESS);
    }
    setup::run()?;
    let workspace = Workspace::find()?;
    let out = args.out.clone().unwrap_or_else(|| default_out(&workspace));
    generate(&workspace, if args.release { Profile::Release } else { Profile::Dev }, &out)?;
    println!("bindings: {}", out.display());
    Ok(ExitCode::SUCCESS)
}

/// The stories in Python and in Kotlin, with the binaries that the tests have built already.
///
/// # Errors
/// When something cannot be built or a story fails.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    let out = default_out(workspace);
    generate(workspace, Profile::Dev, &out)?;
    let server = workspace.built(Profile::Dev, &format!("muster{}", std::env::consts::EXE_SUFFIX));
    python(workspace, &out, &server)?;
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--no-transfer-progress", "test"]);
    maven.arg(format!("-Dmuster.bindings={}", out.display()));
    run_program(maven.current_dir(workspace.path("mobile-ffi/kotlin")).env("MUSTER_SERVER", &server))
}

fn default_out(workspace: &Workspace) -> PathBuf {
    workspace.target().join("bindings")
}

fn generate(workspace: &Workspace, profile: Profile, out: &Path) -> Result<(), Error> {
    match profile {
        Profile::Dev => workspace.build_all()?,
        Profile::Release => {
            run_program(&mut workspace.cargo(["build", "--release", "--package=muster-mobile-ffi"]))?;
        }
    }
    let library = workspace.built(profile, &library_name());
    let bindgen = workspace.generator("muster-bindgen")?;
    run_program(Command::new(bindgen).arg(&library).arg(out).current_dir(workspace.path(".")))?;
    // Python's side loads the library that lies beside it; Kotlin's is told the folder.
    for folder in ["lib", "python"] {
        let to = out.join(folder);
        fs::create_dir_all(&to).map_err(|source| Error::File { path: to.clone(), source })?;
        let to = to.join(library_name());
        fs::copy(&library, &to).map_err(|source| Error::File { path: to.clone(), source })?;
    }
    Ok(())
}

fn library_name() -> String {
    format!("{DLL_PREFIX}muster_mobile{DLL_SUFFIX}")
}

/// Builds the wheel, installs it in an environment of its own and runs the stories on it.
fn python(workspace: &Workspace, out: &Path, server: &Path) -> Result<(), Error> {
    let package = workspace.path("mobile-ffi/python");
    let (environment, wheels) = (out.join("venv"), out.join("wheels"));
    run_program(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let python = environment.join(if cfg!(windows) { "Scripts/python" } else { "bin/python" });
    if wheels.exists() {
        fs::remove_dir_all(&wheels).map_err(|source| Error::File { path: wheels.clone(), source })?;
    }
    let mut build = Command::new(&python);
    build.args(["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]).arg(&wheels).arg(&package);
    run_program(build.env("MUSTER_BINDINGS", out))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--find-links"]).arg(&wheels).arg("muster-mobile[test]==0.1.0");
    run_program(&mut install)?;
    let mut stories = Command::new(&python);
    stories.args(["-B", "-m", "pytest", "--quiet"]).current_dir(&package);
    run_program(stories.env("MUSTER_SERVER", server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_that_is_installed_is_the_one_that_is_built() {
        let project = fs::read_to_string(Workspace::find().unwrap().path("mobile-ffi/python/pyproject.toml")).unwrap();
        assert!(project.contains("name = \"muster-mobile\"\nversion = \"0.1.0\""), "{project}");
    }

    #[test]
    fn both_sides_look_where_the_files_are_put() {
        let workspace = Workspace::find().unwrap();
        for file in ["mobile-ffi/kotlin/pom.xml", "mobile-ffi/kotlin/build.gradle.kts"] {
            let text = fs::read_to_string(workspace.path(file)).unwrap();
            assert!(text.contains("../../target/bindings"), "{file}");
        }
    }
}
