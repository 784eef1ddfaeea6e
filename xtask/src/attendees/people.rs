//! Names and employers in five languages, from the lists in `xtask/names`.

use super::draw::{Draw, Weighted};
use crate::error::Error;

/// Share per mille, language code, list.
const LISTS: [(u32, &str, &str); 5] = [
    (400, "lv", include_str!("../../names/lv.txt")),
    (200, "en", include_str!("../../names/en.txt")),
    (150, "de", include_str!("../../names/de.txt")),
    (130, "pl", include_str!("../../names/pl.txt")),
    (120, "fr", include_str!("../../names/fr.txt")),
];

/// All languages with their shares.
#[derive(Debug)]
pub(super) struct Languages {
    pub(super) shares: Weighted<Language>,
}

/// What people who speak one language are called, and where they work.
#[derive(Debug)]
pub(super) struct Language {
    /// ISO 639-1.
    pub(super) code: &'static str,
    women: Weighted<String>,
    men: Weighted<String>,
    surnames: Weighted<Surname>,
    /// `von Bergen`, `de la Tour`; Latvian and Polish have none.
    with_particle: Option<Weighted<Surname>>,
    organisations: Weighted<String>,
}

/// A surname as a man and as a woman bears it.
#[derive(Debug)]
struct Surname {
    his: String,
    hers: String,
}

/// A made person.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) first: String,
    pub(super) last: String,
}

impl Languages {
    /// Reads the lists that are built in.
    ///
    /// # Errors
    /// [`Error::Names`] when a list lacks a section.
    pub(super) fn load() -> Result<Self, Error> {
        let [first, others @ ..] = LISTS;
        let language = |(share, code, list)| Ok((share, Language::read(code, list)?));
        let others = others.into_iter().map(language).collect::<Result<Vec<_>, Error>>()?;
        Ok(Self { shares: Weighted::new(language(first)?, others) })
    }

    /// Where somebody works: mostly at home, sometimes abroad, now and then nowhere.
    pub(super) fn organisation<'a>(&'a self, home: &'a Language, draw: &mut Draw) -> &'a str {
        if draw.chance(30) {
            return "";
        }
        let country = if draw.chance(150) { draw.pick(&self.shares) } else { home };
        draw.pick(&country.organisations).as_str()
    }
}

impl Language {
    fn read(code: &'static str, list: &'static str) -> Result<Self, Error> {
        let missing = |section| Error::Names { list: code, section };
        let words = |title| section(list, title).map(str::to_owned);
        let surnames = |title| section(list, title).map(Surname::read);
        Ok(Self {
            code,
            women: Weighted::by_rank(words("women")).ok_or(missing("women"))?,
            men: Weighted::by_rank(words("men")).ok_or(missing("men"))?,
            surnames: Weighted::by_rank(surnames("surnames")).ok_or(missing("surnames"))?,
            with_particle: Weighted::by_rank(surnames("surnames with a particle")),
            organisations: Weighted::by_rank(organisations(list)).ok_or(missing("organisations"))?,
        })
    }

    /// Draws a person who speaks this language.
    pub(super) fn person(&self, draw: &mut Draw) -> Person {
        let woman = draw.chance(540);
        let firsts = if woman { &self.women } else { &self.men };
        let mut first = draw.pick(firsts).clone();
        if draw.chance(30) {
            let second = draw.pick(firsts);
            if !first.contains('-') && !second.contains('-') && *second != first {
                first = format!("{first} {second}");
            }
        }
        Person { first, last: self.last(woman, draw) }
    }

    fn last(&self, woman: bool, draw: &mut Draw) -> String {
        let borne = |surname: &Surname| if woman { surname.hers.clone() } else { surname.his.clone() };
        if draw.chance(25)
            && let Some(list) = &self.with_particle
        {
            return borne(draw.pick(list));
        }
        let last = borne(draw.pick(&self.surnames));
        if draw.chance(if woman { 60 } else { 12 }) {
            let second = borne(draw.pick(&self.surnames));
            if second != last {
                return format!("{last}-{second}");
            }
        }
        last
    }
}

impl Surname {
    fn read(line: &str) -> Self {
        let (his, hers) = line.split_once('/').unwrap_or((line, line));
        Self { his: his.to_owned(), hers: hers.to_owned() }
    }
}

/// The lines under `[title]`, up to the next title.
fn section<'a>(list: &'a str, title: &str) -> impl Iterator<Item = &'a str> {
    let lines = list.lines().map(str::trim).skip_while(move |line| *line != format!("[{title}]")).skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Every kind of employer in every place, the big places first.
fn organisations(list: &str) -> impl Iterator<Item = String> {
    section(list, "places").flat_map(move |place| {
        let (plain, inflected) = place.split_once('/').unwrap_or((place, place));
        section(list, "organisations").map(move |kind| kind.replace("{0}", plain).replace("{1}", inflected))
    })
}

/// The part of an e-mail address before the `@`: first given name and surname in plain letters.
pub(super) fn local_part(person: &Person) -> String {
    let given = person.first.split(' ').next().unwrap_or_default();
    let mut local = String::new();
    push_plain(&mut local, given);
    local.push('.');
    push_plain(&mut local, &person.last);
    local
}

fn push_plain(out: &mut String, name: &str) {
    for char in name.chars().flat_map(char::to_lowercase) {
        match char {
            'a'..='z' | '-' => out.push(char),
            'à' | 'á' | 'â' | 'ã' | 'ā' | 'ą' => out.push('a'),
            'ä' | 'æ' => out.push_str("ae"),
            'ç' | 'č' | 'ć' => out.push('c'),
            'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' => out.push('e'),
            'ģ' => out.push('g'),
            'ì' | 'í' | 'î' | 'ï' | 'ī' => out.push('i'),
            'ķ' => out.push('k'),
            'ļ' | 'ł' => out.push('l'),
            'ņ' | 'ń' | 'ñ' => out.push('n'),
            'ò' | 'ó' | 'ô' | 'ō' => out.push('o'),
            'ö' | 'œ' => out.push_str("oe"),
            'ŗ' => out.push('r'),
            'š' | 'ś' => out.push('s'),
            'ß' => out.push_str("ss"),
            'ù' | 'ú' | 'û' | 'ū' => out.push('u'),
            'ü' => out.push_str("ue"),
            'ž' | 'ź' | 'ż' => out.push('z'),
            // Spaces and apostrophes; a letter missing above is found by a test.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_list_is_rich_enough() {
        let mut employers = BTreeSet::new();
        for (_, code, list) in LISTS {
            let firsts = section(list, "women").count() + section(list, "men").count();
            let surnames: Vec<&str> = section(list, "surnames").collect();
            assert!(firsts >= 60 && surnames.len() >= 120, "{code}: {firsts} first names, {} surnames", surnames.len());
            assert_eq!(surnames.iter().collect::<BTreeSet<_>>().len(), surnames.len(), "{code} repeats a surname");
            employers.extend(organisations(list));
        }
        assert!(employers.len() >= 400, "{}", employers.len());
        assert!(employers.iter().all(|name| !name.contains(['{', '}'])));
    }

    #[test]
    fn no_letter_of_a_name_is_lost_in_its_address() {
        for (_, code, list) in LISTS {
            for title in ["women", "men", "surnames", "surnames with a particle"] {
                for name in section(list, title).flat_map(|line| line.split('/')) {
                    let mut plain = String::new();
                    push_plain(&mut plain, name);
                    let letters = name.chars().filter(|char| !" '".contains(*char)).count();
                    assert!(plain.chars().count() >= letters, "{code}: {name} became {plain}");
                }
            }
        }
    }

    #[test]
    fn a_missing_section_is_named() {
        let error = Language::read("lv", "[women]\nAnna\n").unwrap_err();
        assert_eq!(error.to_string(), "xtask/names/lv.txt: the section [men] is missing or empty");
    }

    #[test]
    fn sections_end_where_the_next_begins() {
        let list = "# note\n[a]\none\n\n# note\ntwo\n[b]\nthree\n";
        assert_eq!(section(list, "a").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(section(list, "b").collect::<Vec<_>>(), ["three"]);
        assert_eq!(section(list, "c").count(), 0);
    }
}
