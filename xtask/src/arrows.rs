//! The dependency arrows of the workspace, and what the pure crates must never pull in.
//!
//! ARCHITECTURE.md draws the arrows; this table is the same picture, checked. Allowed is whatever can be reached
//! along the arrows. What the pure crates pull in is asked of `cargo tree` for each crate alone, because
//! `cargo metadata` unites the features of the whole workspace: a browser crate that switches on Automerge's
//! `wasm` would then look like a fault of `model`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::error::Error;
use crate::workspace::{Workspace, own_manifest, shown};

/// What a crate of the workspace may depend on.
#[derive(Clone, Copy, Debug)]
enum May {
    /// These, and whatever these may depend on; the second list is for tests only.
    Reach(&'static [&'static str], &'static [&'static str]),
    /// Every crate: the end-to-end tests, fuzz targets and benchmarks.
    ReachAll,
}

const ARROWS: [(&str, May); 13] = [
    ("muster-model", May::Reach(&[], &[])),
    ("muster-protocol", May::Reach(&[], &[])),
    ("muster-client-core", May::Reach(&["muster-model", "muster-protocol"], &[])),
    ("muster-client-native", May::Reach(&["muster-client-core"], &[])),
    ("muster-mobile-ffi", May::Reach(&["muster-client-native"], &[])),
    ("muster-bindgen", May::Reach(&[], &[])),
    ("muster-web", May::Reach(&["muster-client-core"], &[])),
    ("muster-web-bindgen", May::Reach(&[], &[])),
    ("muster-server", May::Reach(&["muster-model", "muster-protocol"], &["muster-client-core"])),
    ("muster-tests", May::ReachAll),
    ("muster-bench", May::ReachAll),
    ("muster-fuzz", May::ReachAll),
    ("xtask", May::Reach(&[], &[])),
];

/// Crates without I/O: they build for the browser and run in a simulation.
const PURE: [&str; 3] = ["muster-model", "muster-protocol", "muster-client-core"];

/// What would tie a pure crate to a runtime, a network or a platform.
const RULED_OUT: [&str; 5] = ["tokio", "axum", "reqwest", "wasm-bindgen", "uniffi"];

/// A crate of the workspace with the crates of the workspace it names, for building and for tests only.
#[derive(Debug)]
struct Member {
    name: String,
    normal: Vec<String>,
    dev: Vec<String>,
}

/// Checks all arrows.
///
/// # Errors
/// [`Error::Arrows`] with one line for each arrow that must not be there.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    let members = members()?;
    let mut wrong = stray_arrows(&members);
    for pure in PURE {
        wrong.extend(ruled_out_in(&tree(workspace, pure)?).into_iter().map(|chain| format!("  {chain}")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Arrows(wrong)) }
}

fn members() -> Result<Vec<Member>, Error> {
    let metadata = MetadataCommand::new().manifest_path(own_manifest()).no_deps().exec()?;
    let packages = metadata.workspace_packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    Ok(packages.iter().map(|package| member(package, &names)).collect())
}

fn member(package: &Package, names: &BTreeSet<&str>) -> Member {
    let ours = package.dependencies.iter().filter(|dependency| names.contains(dependency.name.as_str()));
    let (dev, normal): (Vec<_>, Vec<_>) = ours.partition(|dependency| dependency.kind == DependencyKind::Development);
    let named = |list: Vec<&cargo_metadata::Dependency>| list.into_iter().map(|one| one.name.clone()).collect();
    Member { name: package.name.to_string(), normal: named(normal), dev: named(dev) }
}

/// One line for each arrow between crates of the workspace that the table does not have.
fn stray_arrows(members: &[Member]) -> Vec<String> {
    let table: BTreeMap<&str, May> = ARROWS.into_iter().collect();
    let mut wrong = Vec::new();
    for member in members {
        let Some(may) = table.get(member.name.as_str()) else {
            wrong.push(format!(
                "  {} is not in the table of arrows: say in xtask/src/arrows.rs what it may reach",
                member.name
            ));
            continue;
        };
        let May::Reach(direct, for_tests) = *may else { continue };
        let allowed = reachable(&table, direct);
        let allowed_in_tests = reachable(&table, for_tests);
        for to in member.normal.iter().filter(|to| !allowed.contains(to.as_str())) {
            wrong.push(format!("  {} -> {to}", member.name));
        }
        for to in
            member.dev.iter().filter(|to| !allowed.contains(to.as_str()) && !allowed_in_tests.contains(to.as_str()))
        {
            wrong.push(format!("  {} -> {to} (for tests)", member.name));
        }
    }
    wrong
}

fn reachable<'a>(table: &BTreeMap<&'a str, May>, from: &[&'a str]) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = from.to_vec();
    while let Some(name) = open.pop() {
        if seen.insert(name)
            && let Some(May::Reach(next, _)) = table.get(name)
        {
            open.extend(*next);
        }
    }
    seen
}

/// What a crate is built from on this platform: one line per crate, its depth straight before its name.
fn tree(workspace: &Workspace, package: &str) -> Result<String, Error> {
    let mut command =
        workspace.cargo(["tree", "--edges", "normal", "--prefix", "depth", "--format", "{p}", "--package", package]);
    let output = command.output().map_err(|source| Error::Start { command: shown(&command), source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        // cargo's own words say more than its exit status.
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        Err(Error::Failed { command: shown(&command), status: output.status })
    }
}

/// The way to each ruled-out crate in a tree, as `model -> automerge -> tokio`.
fn ruled_out_in(tree: &str) -> Vec<String> {
    let mut way: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in tree.lines() {
        let name_at = line.find(|char: char| !char.is_ascii_digit()).unwrap_or(line.len());
        let (depth, rest) = line.split_at(name_at);
        let (Ok(depth), Some(name)) = (depth.parse::<usize>(), rest.split(' ').next()) else { continue };
        way.truncate(depth);
        way.push(name);
        if RULED_OUT.contains(&name) {
            found.push(way.join(" -> "));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, normal: &[&str], dev: &[&str]) -> Member {
        let owned = |list: &[&str]| list.iter().map(|&one| one.to_owned()).collect();
        Member { name: name.to_owned(), normal: owned(normal), dev: owned(dev) }
    }

    #[test]
    fn what_can_be_reached_along_the_arrows_is_allowed() {
        let members = [
            member("muster-client-core", &["muster-model", "muster-protocol"], &[]),
            member("muster-client-native", &["muster-client-core", "muster-model"], &[]),
            member("muster-server", &["muster-model"], &["muster-client-core"]),
            member("muster-tests", &["muster-server", "muster-client-native"], &[]),
        ];
        assert_eq!(stray_arrows(&members), Vec::<String>::new());
    }

    #[test]
    fn each_stray_arrow_is_named() {
        let members = [
            member("muster-model", &["muster-protocol"], &[]),
            member("muster-protocol", &[], &["muster-model"]),
            member("muster-server", &["muster-client-core"], &["muster-client-native"]),
            member("muster-newcomer", &[], &[]),
        ];
        let stray = stray_arrows(&members);
        assert_eq!(
            stray[..4],
            [
                "  muster-model -> muster-protocol",
                "  muster-protocol -> muster-model (for tests)",
                "  muster-server -> muster-client-core",
                "  muster-server -> muster-client-native (for tests)",
            ]
        );
        assert!(stray[4].contains("muster-newcomer is not in the table"), "{}", stray[4]);
        assert_eq!(stray.len(), 5);
    }

    #[test]
    fn the_way_to_a_ruled_out_crate_is_told() {
        let tree = "0muster-model v0.1.0 (/m)\n1serde v1.0.0\n2serde_core v1.0.0\n1store v1.0.0\n2tokio v1.54.0\n3bytes v1.0.0\n1tokio-util v0.7.0\n";
        assert_eq!(ruled_out_in(tree), ["muster-model -> store -> tokio"]);
    }

    #[test]
    fn the_server_does_pull_in_what_the_pure_crates_must_not() {
        let found = ruled_out_in(&tree(&Workspace::find().unwrap(), "muster-server").unwrap());
        assert!(found.iter().any(|way| way == "muster-server -> axum"), "{found:?}");
    }

    #[test]
    fn the_table_names_the_crates_that_exist() {
        let existing: BTreeSet<String> = members().unwrap().into_iter().map(|member| member.name).collect();
        let table: BTreeSet<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(existing, table);
    }
}
