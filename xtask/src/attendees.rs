//! `cargo xtask attendees`: made people, the same on every machine for one seed.
//!
//! The columns are those of an attendee list as registration systems export it. Rows are written as they are
//! drawn, and row n does not depend on how many follow, so a short list is the start of a long one. Only integers
//! are drawn from (see [`draw`]): no result hangs on a float or on a library's sampling.

mod draw;
mod people;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use self::draw::{Draw, Weighted};
use self::people::Languages;
use crate::error::Error;

/// How many people, drawn from which seed, written where.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many attendees
    #[arg(long, value_name = "N")]
    count: u32,
    /// Seed of the draw
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const HEADER: &str = "Ticket code,First name,Last name,Organisation,Category,E-mail,Language,Status,Notes\n";

/// What ticket codes are made of: no letter that could be read as a digit.
const CODE_ALPHABET: [char; 31] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
    '2', '3', '4', '5', '6', '7', '8', '9',
];

/// With 31 letters some 158 bits: two equal codes do not happen.
const CODE_LENGTH: usize = 32;

/// Domains set aside for examples by RFC 2606; no mail goes anywhere.
const DOMAINS: [&str; 3] = ["example.org", "example.com", "example.net"];

const CATEGORIES: [(u32, &str); 6] =
    [(780, "Delegate"), (100, "Student"), (50, "Exhibitor"), (30, "Speaker"), (20, "Press"), (20, "Crew")];

const STATUSES: [(u32, &str); 3] = [(970, "paid"), (20, "unpaid"), (10, "cancelled")];

const NOTES: [(u32, &str); 9] = [
    (984, ""),
    (4, "Wheelchair access: use door C"),
    (3, "Badge name differs from passport"),
    (2, "Sign language interpreter seated in row 1"),
    (2, "Assistance dog"),
    (2, "Collect badge at the VIP desk"),
    (1, "Invoice paid by employer, receipt at desk"),
    (1, "Arrives on day 2 only"),
    (1, "Please say \"welcome back\": tenth year with us"),
];

/// Writes a list of so many, of the first seed, into a file.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_file(count: u32, path: &Path) -> Result<(), Error> {
    write_to(path, Maker::new(1)?, count)
}

fn write_to(path: &Path, people: Maker, count: u32) -> Result<(), Error> {
    let wrong = |source| Error::File { path: path.to_owned(), source };
    let mut file = BufWriter::new(File::create(path).map_err(wrong)?);
    write_list(&mut file, people, count).map_err(wrong)
}

/// Writes the list.
///
/// # Errors
/// When the file or standard output cannot be written.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let people = Maker::new(args.seed)?;
    match &args.output {
        Some(path) => write_to(path, people, args.count),
        None => match write_list(&mut BufWriter::new(io::stdout().lock()), people, args.count) {
            // `| head` has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(Error::Output),
        },
    }
}

fn write_list(out: &mut impl Write, mut people: Maker, count: u32) -> io::Result<()> {
    out.write_all(HEADER.as_bytes())?;
    for _ in 0..count {
        out.write_all(people.next_row().as_bytes())?;
    }
    out.flush()
}

/// Makes one row after the other.
struct Maker {
    draw: Draw,
    languages: Languages,
    code_letters: Weighted<char>,
    domains: Weighted<&'static str>,
    categories: Weighted<&'static str>,
    statuses: Weighted<&'static str>,
    notes: Weighted<&'static str>,
    addresses: Addresses,
}

/// How often each part before the `@` was asked for.
#[derive(Default)]
struct Addresses(HashMap<String, u32>);

impl Maker {
    fn new(seed: u64) -> Result<Self, Error> {
        let [letter, letters @ ..] = CODE_ALPHABET;
        let [domain, domains @ ..] = DOMAINS;
        let [category, categories @ ..] = CATEGORIES;
        let [status, statuses @ ..] = STATUSES;
        let [note, notes @ ..] = NOTES;
        Ok(Self {
            draw: Draw::new(seed),
            languages: Languages::load()?,
            code_letters: Weighted::even(letter, letters),
            domains: Weighted::even(domain, domains),
            categories: Weighted::new(category, categories),
            statuses: Weighted::new(status, statuses),
            notes: Weighted::new(note, notes),
            addresses: Addresses::default(),
        })
    }

    fn next_row(&mut self) -> String {
        let draw = &mut self.draw;
        let code: String = (0..CODE_LENGTH).map(|_| *draw.pick(&self.code_letters)).collect();
        let language = draw.pick(&self.languages.shares);
        let person = language.person(draw);
        let organisation = self.languages.organisation(language, draw);
        let category = *draw.pick(&self.categories);
        let domain = *draw.pick(&self.domains);
        let email = self.addresses.give(people::local_part(&person), domain);
        let status = *draw.pick(&self.statuses);
        let note = *draw.pick(&self.notes);
        let fields = [&code, &person.first, &person.last, organisation, category, &email, language.code, status, note];
        let mut row = String::new();
        for (at, field) in fields.into_iter().enumerate() {
            if at > 0 {
                row.push(',');
            }
            push_field(&mut row, field);
        }
        row.push('\n');
        row
    }
}

impl Addresses {
    /// The second Jānis Bērziņš is `janis.berzins2`; a name ends in no digit, so nobody else can be that.
    fn give(&mut self, local: String, domain: &str) -> String {
        match self.0.entry(local) {
            Entry::Vacant(free) => {
                let address = format!("{}@{domain}", free.key());
                free.insert(1);
                address
            }
            Entry::Occupied(mut taken) => {
                let bearers = taken.get().saturating_add(1);
                taken.insert(bearers);
                format!("{}{bearers}@{domain}", taken.key())
            }
        }
    }
}

/// Appends a field, in quotes where RFC 4180 asks for them.
fn push_field(row: &mut String, field: &str) {
    if field.contains(['"', ',', '\n', '\r']) {
        row.push('"');
        row.push_str(&field.replace('"', "\"\""));
        row.push('"');
    } else {
        row.push_str(field);
    }
}
