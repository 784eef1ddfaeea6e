//! What a made list promises.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn list(count: u32, seed: u64) -> String {
    let mut out = Vec::new();
    write_list(&mut out, Maker::new(seed).unwrap(), count).unwrap();
    String::from_utf8(out).unwrap()
}

/// The fields of each row below the header, read by RFC 4180.
fn rows(list: &str) -> Vec<Vec<String>> {
    list.lines().skip(1).map(fields).collect()
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        let field = fields.last_mut().unwrap();
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    fields
}

fn counted(rows: &[Vec<String>], column: usize) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row[column].as_str()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn one_seed_one_list_and_a_short_one_starts_a_long_one() {
    let long = list(2_000, 42);
    assert_eq!(long, list(2_000, 42));
    assert!(long.starts_with(&list(500, 42)));
    assert_ne!(long, list(2_000, 43));
}

/// Holds the draw itself: a change in ChaCha, in the lists or in the order of draws shows here first.
#[test]
fn the_shipped_list_is_what_the_command_writes() {
    let shipped = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/attendees.csv")).unwrap();
    // Not assert_eq: nobody wants 250 KB twice on the screen.
    assert!(
        shipped == list(2_000, 1),
        "run `cargo xtask attendees --count 2000 --seed 1 --output samples/attendees.csv`"
    );
}

#[test]
fn fifty_thousand_people_are_all_different_and_plausible() {
    let list = list(50_000, 1);
    let rows = rows(&list);
    assert_eq!(rows.len(), 50_000);
    assert!(rows.iter().all(|row| row.len() == 9));

    let codes: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(codes.len(), 50_000);
    assert!(codes.iter().all(|code| code.len() == 32 && code.chars().all(|char| CODE_ALPHABET.contains(&char))));

    let emails: BTreeSet<&str> = rows.iter().map(|row| row[5].as_str()).collect();
    assert_eq!(emails.len(), 50_000);
    for email in emails {
        let (local, domain) = email.split_once('@').unwrap();
        assert!(DOMAINS.contains(&domain), "{email}");
        assert!(local.chars().all(|char| matches!(char, 'a'..='z' | '0'..='9' | '.' | '-')), "{email}");
    }

    for letter in
        ["ā", "č", "ē", "ģ", "ī", "ķ", "ļ", "ņ", "š", "ū", "ž", "ä", "ö", "ü", "ß", "é", "è", "ç", "ł", "ń", "ś", "ż"]
    {
        assert!(list.contains(letter), "no {letter}");
    }

    let per_mille = |column, value| counted(&rows, column).get(value).copied().unwrap_or(0) / 50;
    for (language, low, high) in
        [("lv", 380, 420), ("en", 185, 215), ("de", 135, 165), ("pl", 115, 145), ("fr", 105, 135)]
    {
        assert!((low..high).contains(&per_mille(6, language)), "{language}: {}", per_mille(6, language));
    }
    for (status, low, high) in [("paid", 960, 980), ("unpaid", 15, 26), ("cancelled", 7, 14)] {
        assert!((low..high).contains(&per_mille(7, status)), "{status}: {}", per_mille(7, status));
    }
    assert_eq!(counted(&rows, 4).len(), CATEGORIES.len());
    assert!(counted(&rows, 3).len() > 400);
    assert!((5..40).contains(&(1_000 - per_mille(8, ""))), "notes: {:?}", counted(&rows, 8));
}

#[test]
fn latvian_and_polish_surnames_agree_with_the_bearer() {
    let list = list(20_000, 3);
    let rows = rows(&list);
    let borne_by = |first: &str| -> BTreeSet<&str> {
        rows.iter().filter(|row| row[1] == first).map(|row| row[2].as_str()).collect()
    };
    let (her, his) = (borne_by("Inese"), borne_by("Jānis"));
    assert!(her.contains("Bērziņa") && !her.contains("Bērziņš"));
    assert!(his.contains("Bērziņš") && !his.contains("Bērziņa"));
    let (her, his) = (borne_by("Agnieszka"), borne_by("Krzysztof"));
    assert!(her.contains("Kowalska") && !her.contains("Kowalski"));
    assert!(his.contains("Kowalski") && !his.contains("Kowalska"));
}

#[test]
fn the_second_of_a_name_gets_a_number() {
    let mut addresses = Addresses::default();
    let given: Vec<String> = (0..3).map(|_| addresses.give("anna.ozola".into(), "example.org")).collect();
    assert_eq!(given, ["anna.ozola@example.org", "anna.ozola2@example.org", "anna.ozola3@example.org"]);
}

#[test]
fn fields_are_quoted_as_rfc_4180_asks() {
    let mut row = String::new();
    push_field(&mut row, "SIA \"Med Dati\", Rīga");
    assert_eq!(row, "\"SIA \"\"Med Dati\"\", Rīga\"");
    assert_eq!(fields(&format!("a,{row},")), ["a", "SIA \"Med Dati\", Rīga", ""]);
}
