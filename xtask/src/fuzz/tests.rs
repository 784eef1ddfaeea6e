use std::collections::BTreeSet;

use super::*;

#[test]
fn every_target_says_what_it_is_and_has_a_corpus() {
    let workspace = Workspace::find().unwrap();
    let targets = targets(&workspace.path(CRATE)).unwrap();
    assert!(targets.len() >= 5);
    assert!(targets.iter().all(|target| target.about.ends_with('.')), "{targets:?}");
    let names: BTreeSet<String> = targets.into_iter().map(|target| target.name).collect();
    let corpora = fs::read_dir(workspace.path("fuzz/corpus")).unwrap();
    let corpora: BTreeSet<String> = corpora.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, corpora);
}

#[test]
fn a_wrong_name_is_told_with_the_right_ones() {
    let target = |name: &str| Target { name: name.to_owned(), about: String::new() };
    let text = unknown("frame", &[target("frames"), target("guard")]).to_string();
    assert_eq!(text, "there is no target \"frame\": take one of frames, guard");
}

#[test]
fn what_was_found_is_told_with_how_to_see_it_again() {
    let target = Target { name: "guard".to_owned(), about: String::new() };
    let places = Places { kept: "c/guard".into(), found: "f".into(), artifacts: "a".into() };
    let text = told(&target, &places, &["a/crash-1".into()]);
    assert!(text.contains("cargo xtask fuzz guard --replay a/crash-1"), "{text}");
    assert!(text.contains("c/guard/found-"), "{text}");
}
