use super::*;
use crate::fact::{Fact, FactBody};
use crate::id::{DeviceId, FactId, RecordId};

fn attendee(number: u8) -> AttendeeId {
    AttendeeId::from_random([number; 10])
}

fn id(counter: u64) -> FactId {
    FactId { device: DeviceId::from_random([1; 8]), counter }
}

fn erasure() -> Erasure {
    Erasure::of([attendee(1)].into(), ["Jānis Bērziņš".to_owned(), "Jo".to_owned(), "janis@example.org".to_owned()])
}

fn text(fields: &str, attendee: AttendeeId) -> String {
    let checkpoint = "0123456789abcdef";
    format!(r#"{{"at_ms":1,"by":"Gate A","attendee":"{attendee}","checkpoint":"{checkpoint}",{fields}}}"#)
}

#[test]
fn a_fact_about_the_erased_keeps_what_counts() {
    let entry = r#""kind":"entry","via":"search","ticket":"T1CK3T","answers":{"0123456789abcdef":"vegan"},"despite":"knows me""#;
    let walk_in = r#""kind":"walk_in","name":"Jānis Bērziņš","organisation":"Port","category":"Press""#;
    let resolution = r#""kind":"resolution","facts":[],"found":"same_person","note":"his brother""#;
    let later = r#""kind":"badge_printed","printed":"Jānis""#;
    for fields in [entry, walk_in, resolution, later] {
        let left = erasure().of_fact(&text(fields, attendee(1)), false);
        for gone in ["vegan", "knows", "T1CK3T", "Bērziņš", "Port", "brother", "Jānis"] {
            assert!(!left.contains(gone), "{left}");
        }
        let fact = Fact::from_json(id(1), &left).unwrap();
        assert_eq!((fact.at.ms(), fact.by.as_str()), (1, "Gate A"));
        match fact.body {
            FactBody::WalkIn(walk_in) => assert_eq!((walk_in.name.as_str(), walk_in.category.as_str()), ("", "Press")),
            FactBody::Unknown => assert!(left.contains("badge_printed")),
            body => assert_eq!(body.attendance().unwrap().0, attendee(1)),
        }
        assert_eq!(erasure().of_fact(&left, true), left, "once is enough");
    }
}

#[test]
fn what_others_wrote_loses_the_name_and_nothing_else() {
    let note = r#""kind":"resolution","facts":[],"found":"same_person","note":"Jo says Jānis Bērziņš came""#;
    let left = erasure().of_fact(&text(note, attendee(2)), false);
    assert!(left.contains("Jo says … came"), "{left}");
    let escaped = text(r#""kind":"undo","fact":"x","reason":"J\u0101nis B\u0113rzi\u0146\u0161""#, attendee(2));
    assert!(erasure().of_fact(&escaped, false).contains('…'), "however it is written");
    let other = text(r#""kind":"exit", "later": 1"#, attendee(2));
    assert_eq!(erasure().of_fact(&other, false), other, "not a byte of another's differs");
    assert_eq!(erasure().of_fact("no JSON of Jānis Bērziņš", false), "no JSON of …");
}

#[test]
fn everybody_goes_at_the_end() {
    let everybody = Erasure::everybody();
    assert!(everybody.takes_record(DocKind::Roster, &attendee(9).to_string()));
    assert!(everybody.takes_record(DocKind::Presenter, "main"));
    assert!(!everybody.takes_record(DocKind::Program, &attendee(9).to_string()));
    let incident = r#"{"at_ms":1,"kind":"incident","room":"0123456789abcdef","severity":"urgent","text":"Ilze fell"}"#;
    let left = everybody.of_fact(incident, false);
    assert!(left.contains("urgent") && left.contains("room") && !left.contains("Ilze"), "{left}");
    assert!(matches!(Fact::from_json(id(1), &left).unwrap().body, FactBody::Incident(_)));
}
