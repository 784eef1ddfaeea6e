//! All that was kept is replayed: what fuzzing began with, what reached code that nothing else reaches, what was wrong once.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use muster_fuzz::escaped::panic_of;
use muster_fuzz::seeds::corpora;
use muster_fuzz::{TARGETS, Target};

/// The most bytes of a corpus, so that a clone stays small and this test quick.
const MOST_BYTES: usize = 100_000;

fn corpus(target: &Target) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(corpora().join(target.name)).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let failed: Vec<String> = corpus(target)
        .iter()
        .filter_map(|(path, input)| Some((path, panic_of(target.run, input)?)))
        .map(|(path, panic)| format!("cargo xtask fuzz {name} --replay {}\n{panic}", path.display()))
        .collect();
    assert!(failed.is_empty(), "what was found comes again:\n{}", failed.join("\n"));
}

#[test]
fn frames() {
    replay("frames");
}

#[test]
fn guard() {
    replay("guard");
}

#[test]
fn importers() {
    replay("importers");
}

#[test]
fn tickets() {
    replay("tickets");
}

#[test]
fn tokens() {
    replay("tokens");
}

#[test]
fn every_target_has_a_small_corpus_in_which_nothing_stands_twice() {
    let folders: BTreeSet<String> =
        fs::read_dir(corpora()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, TARGETS.iter().map(|target| target.name.to_owned()).collect());
    for target in TARGETS {
        let corpus = corpus(&target);
        let bytes: usize = corpus.values().map(Vec::len).sum();
        assert!(!corpus.is_empty() && bytes <= MOST_BYTES, "{}: {bytes} bytes", target.name);
        assert_eq!(corpus.values().collect::<BTreeSet<_>>().len(), corpus.len(), "{}", target.name);
    }
}

#[test]
fn what_fuzzing_begins_with_goes_through() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(seeds.len() >= 5, "{}", target.name);
        seeds.iter().for_each(|seed| (target.run)(seed));
    }
}
