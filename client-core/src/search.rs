//! How names are found: folded to plain letters, by whole words, beginnings and parts of words.
//!
//! SQLite's `unicode61 remove_diacritics 2` takes marks off letters, but leaves letters that have no decomposition
//! ("ł", "ø", "ß", "đ", "æ") as they are. So both the index and the query are folded here, and SQLite sees plain words.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most terms of a query that are looked at.
pub const MAX_TERMS: usize = 8;

/// The most characters of a term that are looked at.
pub const MAX_TERM_CHARS: usize = 64;

/// A word of a query, folded: letters and digits only, never empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term(String);

impl Term {
    /// The folded letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The letters that stand for a letter without a decomposition.
const fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' | 'ɖ' => "d",
        'ł' => "l",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        'ŋ' => "n",
        'ŧ' => "t",
        'ĸ' => "k",
        'ə' => "e",
        'ƒ' => "f",
        'ς' => "σ",
        _ => return None,
    })
}

/// How German and the Nordic languages write a letter where it is missing: "Müller" is also "Mueller".
const fn written_out(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ä' => "ae",
        'ö' | 'ø' => "oe",
        'ü' => "ue",
        'å' => "aa",
        _ => return None,
    })
}

const fn is_apostrophe(letter: char) -> bool {
    matches!(letter, '\'' | '’' | '‘' | 'ʼ' | '`' | '´' | 'ʹ')
}

/// Takes a text apart into words of plain lower-case letters and digits.
fn words_with(text: &str, instead: impl Fn(char) -> Option<&'static str>) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    // Composed first, so that a letter typed as base and mark is looked up as one.
    for letter in text.nfkc().filter(|letter| !is_apostrophe(*letter)).flat_map(char::to_lowercase) {
        match instead(letter) {
            Some(letters) => word.push_str(letters),
            None => fold_letter(letter, &mut word, &mut words),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn fold_letter(letter: char, word: &mut String, words: &mut Vec<String>) {
    for part in std::iter::once(letter).nfkd() {
        match plain(part) {
            Some(letters) => word.push_str(letters),
            None if part.is_alphanumeric() => word.extend(part.to_lowercase()),
            None if is_combining_mark(part) => {}
            None if word.is_empty() => {}
            None => words.push(std::mem::take(word)),
        }
    }
}

/// The words of a text, folded.
#[must_use]
pub fn fold(text: &str) -> Vec<String> {
    words_with(text, |_| None)
}

/// What is indexed for an attendee: the folded words of name and organisation and, where letters can be written out
/// ("ue" for "ü"), those words too; separated by spaces.
#[must_use]
pub fn index_text(name: &str, organisation: &str) -> String {
    let mut words = fold(name);
    words.extend(fold(organisation));
    if name.chars().chain(organisation.chars()).any(|letter| !letter.is_ascii()) {
        for word in [name, organisation].into_iter().flat_map(|text| words_with(text, written_out)) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words.join(" ")
}

/// The terms of what somebody typed; empty while it is too little to search with.
///
/// It takes two letters in one word, or one of a script that writes names with one sign.
#[must_use]
pub fn terms(typed: &str) -> Vec<Term> {
    let words = fold(typed).into_iter().take(MAX_TERMS);
    let words: Vec<String> = words.map(|word| word.chars().take(MAX_TERM_CHARS).collect()).collect();
    let enough = |word: &String| word.chars().count() >= 2 || word.chars().any(|sign| sign >= '\u{2e80}');
    if words.iter().any(enough) { words.into_iter().map(Term).collect() } else { Vec::new() }
}

/// How well words fit all terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Every term is a whole word.
    Words,
    /// Every term is at least the beginning of a word.
    Beginnings,
    /// Every term is at least part of a word.
    Parts,
}

/// How well an indexed text fits all terms; `None` if it does not.
#[must_use]
pub fn fit(index_text: &str, terms: &[Term]) -> Option<Fit> {
    let of_term = |term: &Term| {
        let term = term.as_str();
        if index_text.split(' ').any(|word| word == term) {
            Some(Fit::Words)
        } else if index_text.split(' ').any(|word| word.starts_with(term)) {
            Some(Fit::Beginnings)
        } else {
            index_text.contains(term).then_some(Fit::Parts)
        }
    };
    terms.iter().map(of_term).try_fold(Fit::Words, |worst, fit| fit.map(|fit| worst.max(fit)))
}

/// Whether the terms are found in an organisation, or in name and organisation together, and not in the name alone: people
/// at a door ask for names.
#[must_use]
pub fn by_organisation(name: &str, terms: &[Term]) -> bool {
    fit(&index_text(name, ""), terms).is_none()
}

#[cfg(test)]
mod tests;
