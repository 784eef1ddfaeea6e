//! Simulated event days: nothing is found in two hundred of them, each is the same every time, and faults put in on
//! purpose are found.

use muster_tests::simulation::runner::{Seeds, SeedsError, run_all};
use muster_tests::simulation::{Options, Rule, Sabotage, run};

#[test]
fn two_hundred_days_keep_every_promise() {
    let seeds = Seeds::new(1, 200).unwrap();
    let summary = run_all(seeds, &Options::default(), &|_| {});
    for failure in &summary.failures {
        println!("seed {} failed: {}", failure.seed, failure.finding);
        failure.steps.iter().for_each(|step| println!("  {step}"));
        println!("  again, exactly: cargo xtask sim --seeds 1 --seed {}", failure.seed);
    }
    assert_eq!((summary.seeds, summary.failures.len()), (200, 0));
    // These were days on which things went wrong.
    let counters = summary.counters;
    assert!(counters.facts > 5_000, "{counters:?}");
    assert!(counters.crashes > 500 && counters.cuts > 1_000 && counters.messages_cut > 100, "{counters:?}");
    assert!(counters.peer_links > 100 && counters.failed_commits > 100, "{counters:?}");
    assert!(counters.double_admissions > 50 && counters.settled > 20, "{counters:?}");
    assert!(counters.refused_by_server > 10, "{counters:?}");
    assert!(counters.hostile_attempts > 500 && counters.hostile_refused > 200, "{counters:?}");
    assert!(counters.hostile_work > 500, "{counters:?}");
    assert!(counters.revoked > 15 && counters.wiped == counters.revoked, "{counters:?}");
    assert!(counters.role_changes > 15 && counters.handed_over > 30, "{counters:?}");
    assert!(counters.restores > 30 && counters.brought_back > 100, "{counters:?}");
    assert!(counters.verdicts_unchecked * 20 < counters.verdicts, "{counters:?}");
}

#[test]
fn a_seed_is_the_same_day_every_time() {
    for seed in (1..=12).chain([4_711, u64::MAX]) {
        let options = Options { keep_all: true, ..Options::default() };
        let (one, other) = (run(seed, &options), run(seed, &options));
        let differing = one.trace.lines().zip(other.trace.lines()).find(|(one, other)| one != other);
        assert_eq!(differing, None, "seed {seed}");
        assert_eq!((one.trace.steps(), one.trace.hash()), (other.trace.steps(), other.trace.hash()), "seed {seed}");
        assert_eq!((one.counters, one.finding), (other.counters, other.finding), "seed {seed}");
        // What is kept of the trace changes nothing.
        let again = run(seed, &Options::default());
        assert_eq!((again.trace.steps(), again.trace.hash()), (one.trace.steps(), one.trace.hash()), "seed {seed}");
    }
    assert_ne!(run(1, &Options::default()).trace.hash(), run(2, &Options::default()).trace.hash());
}

/// The rules against which the first few days with a fault are found guilty.
fn found(sabotage: Sabotage) -> Vec<Rule> {
    let options = Options { sabotage: Some(sabotage), ..Options::default() };
    (1..=12).filter_map(|seed| run(seed, &options).finding).map(|finding| finding.rule).collect()
}

#[test]
fn a_server_that_acknowledges_before_it_persists_is_found() {
    assert!(found(Sabotage::ServerDiskLies).contains(&Rule::KeepAcknowledged));
}

#[test]
fn a_phone_that_shows_before_it_persists_is_found() {
    assert!(found(Sabotage::PhoneDiskNeverFlushes).contains(&Rule::KeepShown));
}

#[test]
fn a_message_that_is_skipped_is_found() {
    assert!(found(Sabotage::LinkSkipsMessages).contains(&Rule::Converge));
}

#[test]
fn a_phone_that_forgets_who_is_in_is_found() {
    assert!(found(Sabotage::PhoneForgetsAdmissions).contains(&Rule::Verdict));
}

#[test]
fn a_server_that_lets_everything_in_is_found() {
    assert!(found(Sabotage::ServerAdmitsEverything).contains(&Rule::LetIn));
}

#[test]
fn a_server_that_forgets_is_found_unless_everybody_knows_of_its_backup() {
    assert!(found(Sabotage::ServerForgetsInSecret).contains(&Rule::KeepAcknowledged));
}

/// Whether a fault that shows only on days when somebody is dismissed or erased is found guilty of this.
fn is_found(sabotage: Sabotage, rule: Rule) -> bool {
    let options = Options { sabotage: Some(sabotage), ..Options::default() };
    (1..=120).any(|seed| run(seed, &options).finding.is_some_and(|finding| finding.rule == rule))
}

#[test]
fn a_server_that_forgets_who_is_revoked_is_found() {
    assert!(is_found(Sabotage::ServerForgetsWhoIsRevoked, Rule::LetIn));
}

#[test]
fn a_phone_that_keeps_what_it_may_not_read_is_found() {
    assert!(is_found(Sabotage::PhoneDiskForgetsNothing, Rule::Forget));
}

#[test]
fn a_server_that_loses_what_is_handed_over_is_found() {
    assert!(is_found(Sabotage::ServerLosesWhatIsHandedOver, Rule::KeepShown));
}

#[test]
fn an_erasure_that_leaves_the_name_is_found() {
    assert!(is_found(Sabotage::ErasureTakesNothing, Rule::Forget));
}

#[test]
fn an_erasure_that_takes_others_too_is_found() {
    assert!(is_found(Sabotage::ErasureTakesEverybody, Rule::KeepAcknowledged));
}

#[test]
fn a_new_epoch_of_which_nobody_hears_is_found() {
    assert!(is_found(Sabotage::ErasureIsNotSaid, Rule::Converge));
}

#[test]
fn seeds_that_do_not_exist_are_refused() {
    assert_eq!(Seeds::new(1, 0), Err(SeedsError::None));
    assert_eq!(Seeds::new(u64::MAX, 2), Err(SeedsError::Beyond { first: u64::MAX, count: 2 }));
    assert_eq!(Seeds::new(u64::MAX, 1).unwrap().count(), 1);
    assert_eq!(Seeds::new(0, u64::MAX).unwrap().count(), u64::MAX);
    let beyond = SeedsError::Beyond { first: u64::MAX - 9, count: 11 }.to_string();
    assert!(beyond.ends_with("take at most 10"), "{beyond}");
}
