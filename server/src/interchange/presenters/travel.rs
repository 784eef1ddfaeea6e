//! How presenters come and go.

use std::collections::BTreeMap;

use muster_model::id::LogisticsId;
use muster_model::logistics::{TravelLeg, TravelMode};

use super::{
    ARRIVAL, BadCell, DEPARTURE, DEPARTURE_NUMBER, OwnColumn, RowReader, TRAVEL_FROM, TRAVEL_NUMBER, in_order, instant,
};

/// Words before a number that say what it is the number of.
const WORDS: [(&str, TravelMode); 14] = [
    ("flight", TravelMode::Flight),
    ("train", TravelMode::Train),
    ("vilciens", TravelMode::Train),
    ("zug", TravelMode::Train),
    ("pociąg", TravelMode::Train),
    ("bus", TravelMode::Bus),
    ("coach", TravelMode::Bus),
    ("autobuss", TravelMode::Bus),
    ("ferry", TravelMode::Ferry),
    ("prāmis", TravelMode::Ferry),
    ("car", TravelMode::Car),
    ("auto", TravelMode::Car),
    ("taxi", TravelMode::Transfer),
    ("transfer", TravelMode::Transfer),
];

/// Kinds of trains whose letters are part of the number and no airline's.
const TRAINS: [&str; 6] = ["ice", "tgv", "rjx", "eip", "eic", "tlk"];

impl RowReader<'_> {
    /// The way there and the way back, as far as they are known. A place alone is no journey: locals have one.
    pub(super) fn travel(&mut self) -> Result<BTreeMap<LogisticsId, TravelLeg>, BadCell> {
        let time = |column: OwnColumn, text: &str, zone: &_| {
            let expected = "a date and time such as 2027-05-19T20:40 or 2027-05-19T20:40+03:00";
            instant(text, zone).ok_or(BadCell { column: column.heading, expected })
        };
        let (arrives_at, departs_at) = (self.time(ARRIVAL, time)?, self.time(DEPARTURE, time)?);
        in_order(arrives_at, departs_at, DEPARTURE, "a time that is not before Arrival")?;
        let place = self.text(TRAVEL_FROM).to_owned();
        let mut legs = BTreeMap::new();
        if self.says(&[TRAVEL_NUMBER, ARRIVAL]) {
            let (mode, number) = self.number(TRAVEL_NUMBER);
            let leg = TravelLeg { mode, number, from: place.clone(), arrives_at, ..TravelLeg::default() };
            legs.insert(self.id("arrival"), leg);
        }
        if self.says(&[DEPARTURE_NUMBER, DEPARTURE]) {
            let (mode, number) = self.number(DEPARTURE_NUMBER);
            let leg = TravelLeg { mode, number, to: place, departs_at, ..TravelLeg::default() };
            legs.insert(self.id("departure"), leg);
        }
        Ok(legs)
    }

    fn number(&mut self, column: OwnColumn) -> (TravelMode, String) {
        let (mode, number) = mode_of(self.text(column));
        let number = number.to_owned();
        if mode.is_none() {
            self.assume(column, "how they travel cannot be told from the number: taken as a flight");
        }
        (mode.unwrap_or_default(), number)
    }
}

/// How one travels by a number, if its shape tells, and the number without the word for it.
pub(super) fn mode_of(text: &str) -> (Option<TravelMode>, &str) {
    let letters = text.chars().take_while(|character| character.is_alphabetic()).map(char::len_utf8).sum();
    let (word, rest) = text.split_at_checked(letters).unwrap_or((text, ""));
    let word = word.to_lowercase();
    if let Some((_, mode)) = WORDS.iter().find(|(known, _)| *known == word) {
        return (Some(*mode), rest.trim_start_matches([' ', ':', '-', '.']));
    }
    let plain: String = text.chars().filter(|character| ![' ', '-'].contains(character)).collect();
    let digits = !plain.is_empty() && plain.len() <= 6 && plain.bytes().all(|digit| digit.is_ascii_digit());
    if digits || (TRAINS.contains(&word.as_str()) && is_number(rest)) {
        return (Some(TravelMode::Train), text);
    }
    (is_flight(&plain).then_some(TravelMode::Flight), text)
}

/// An airline's code, of two letters or digits (IATA) or three letters (ICAO), and one to four digits, maybe a letter.
fn is_flight(text: &str) -> bool {
    let airline = |code: &str| match code.len() {
        2 => {
            code.bytes().all(|byte| byte.is_ascii_alphanumeric()) && code.bytes().any(|byte| byte.is_ascii_alphabetic())
        }
        _ => code.bytes().all(|byte| byte.is_ascii_alphabetic()),
    };
    [2, 3].into_iter().any(|length| {
        text.split_at_checked(length).is_some_and(|(code, number)| {
            let number = number.strip_suffix(|last: char| last.is_ascii_alphabetic()).unwrap_or(number);
            airline(code) && is_number(number) && number.len() <= 4
        })
    })
}

fn is_number(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}
