//! Node packages of this repository, installed as their lock files say.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::workspace::run as run_program;

/// What was installed last: a copy of the lock file, beside the packages.
const INSTALLED: &str = "node_modules/.installed-lock.json";

/// The oldest Node that runs what is here, Vite above all. Debian 13 has it.
pub(crate) const OLDEST_NODE: u32 = 20;

/// Runs `npm ci` in a package's folder, unless what its lock file says is installed already.
///
/// # Errors
/// [`Error::Failed`] when npm cannot install it, [`Error::Start`] when there is no npm.
pub(crate) fn install(package: &Path) -> Result<(), Error> {
    if is_current(package) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    // Nothing here needs to be built on the machine, so no package may run anything on it.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    run_program(npm.current_dir(package).stdout(Stdio::null()))?;
    let installed = package.join(INSTALLED);
    let copied = fs::copy(package.join("package-lock.json"), &installed);
    copied.map(drop).map_err(|source| Error::File { path: installed, source })
}

fn is_current(package: &Path) -> bool {
    let wanted = fs::read(package.join("package-lock.json"));
    let installed = fs::read(package.join(INSTALLED));
    matches!((wanted, installed), (Ok(wanted), Ok(installed)) if wanted == installed)
}

/// The major version in what `node --version` says (`v18.19.0`).
pub(crate) fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::own_manifest;

    #[test]
    fn a_package_is_current_when_what_is_installed_is_what_is_locked() {
        let package = own_manifest().with_file_name(format!("../target/npm-test-{}", std::process::id()));
        fs::create_dir_all(package.join("node_modules")).unwrap();
        assert!(!is_current(&package), "no lock file");
        fs::write(package.join("package-lock.json"), "{\"lockfileVersion\": 3}").unwrap();
        assert!(!is_current(&package), "never installed");
        fs::write(package.join(INSTALLED), "{\"lockfileVersion\": 2}").unwrap();
        assert!(!is_current(&package), "another lock file was installed");
        fs::write(package.join(INSTALLED), "{\"lockfileVersion\": 3}").unwrap();
        assert!(is_current(&package));
        fs::remove_dir_all(&package).unwrap();
    }

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("v18.19.0\n"), Some(18));
        assert_eq!(major("v22.13.1-nightly"), Some(22));
        assert_eq!(major("18.19.0"), None);
        assert_eq!(major(""), None);
    }
}
