use super::*;
use proptest::prelude::*;

fn finds(typed: &str, name: &str, organisation: &str) -> Option<Fit> {
    let terms = terms(typed);
    assert!(!terms.is_empty(), "{typed} is too little");
    fit(&index_text(name, organisation), &terms)
}

#[test]
fn names_are_found_without_their_marks_and_from_any_word() {
    assert_eq!(finds("berzins jan", "Jānis Bērziņš", ""), Some(Fit::Beginnings));
    assert_eq!(finds("BERZINS JANIS", "Jānis Bērziņš", ""), Some(Fit::Words));
    assert_eq!(finds("Bērz", "Jānis Bērziņš", ""), Some(Fit::Beginnings));
    assert_eq!(finds("erzi", "Jānis Bērziņš", ""), Some(Fit::Parts));
    assert_eq!(finds("latv univ", "Jānis Bērziņš", "Latvijas Universitāte"), Some(Fit::Beginnings));
    assert_eq!(finds("kalnins", "Jānis Bērziņš", "Latvijas Universitāte"), None);
}

#[test]
fn letters_without_a_decomposition_fold_too() {
    for (typed, name) in [
        ("lukasz", "Łukasz Wałęsa"),
        ("walesa", "Łukasz Wałęsa"),
        ("soren", "Søren Ørsted"),
        ("oersted", "Søren Ørsted"),
        ("strasse", "Anna Straße"),
        ("dordevic", "Đorđe Đorđević"),
        ("aesir", "Æsir"),
        ("thor", "Þór"),
        ("mueller", "Jürgen Müller"),
        ("muller", "Jürgen Müller"),
        ("moller", "Mo\u{308}ller"),
        ("moeller", "Mo\u{308}ller"),
        ("obrien", "Siobhán O’Brien"),
        ("o'brien", "Siobhán O’Brien"),
        ("saint exupery", "Antoine de Saint-Exupéry"),
        ("istanbul", "İstanbul"),
        ("файл", "Файл"),
        ("王", "王小明"),
    ] {
        assert!(finds(typed, name, "").is_some(), "{typed} finds {name}: {:?}", index_text(name, ""));
    }
}

#[test]
fn it_takes_two_letters() {
    assert_eq!(terms(""), []);
    assert_eq!(terms("  j "), []);
    assert_eq!(terms("j b"), []);
    assert_eq!(terms("ja").len(), 1);
    assert_eq!(terms("be j").len(), 2);
    assert_eq!(terms(&"aa ".repeat(100)).len(), MAX_TERMS);
}

proptest! {
    #[test]
    fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
        let once = fold(&text).join(" ");
        prop_assert_eq!(fold(&once).join(" "), once);
    }

    #[test]
    fn folded_words_hold_no_space_quote_or_capital(text in any::<String>()) {
        for word in fold(&text) {
            prop_assert!(!word.is_empty());
            prop_assert!(word.chars().all(|c| !c.is_whitespace() && c != '"' && c != '*'), "{:?}", word);
        }
    }

    #[test]
    fn every_word_of_a_name_finds_it(words in proptest::collection::vec("[a-zāčēģīķļņšūžłøßđäöü]{2,8}", 1..4), at in 0_usize..4) {
        let name = words.join(" ");
        let typed = &words[at % words.len()];
        prop_assert_eq!(finds(typed, &name, ""), Some(Fit::Words));
        let start: String = typed.chars().take(2).collect();
        prop_assert!(finds(&start, &name, "").is_some());
    }
}
