//! A schedule's XML as a stream of containers and small trees, with bounds on depth and size.

use quick_xml::events::{BytesRef, BytesStart, Event};

use super::super::super::error::ImportError;
use super::super::super::text::{clean, is_text};

/// The most elements of one record.
const MAX_RECORD_ELEMENTS: usize = 100_000;
/// The most attributes of one element.
const MAX_ATTRIBUTES: usize = 256;

/// An element with all it holds.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Its name.
    pub(crate) name: String,
    /// The line it begins in, from 1.
    pub(crate) line: u64,
    /// Its attributes, in their order.
    pub(crate) attributes: Vec<(String, String)>,
    /// Its own text.
    pub(crate) text: String,
    /// The elements in it.
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// An attribute, cleaned; nothing if it is not there.
    pub(crate) fn attribute(&self, name: &str) -> String {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| clean(value)).unwrap_or_default()
    }

    /// Its own text, cleaned.
    pub(crate) fn clean_text(&self) -> String {
        clean(&self.text)
    }

    /// Its text and that of all elements in it: some files put HTML into texts unescaped.
    pub(crate) fn deep_text(&self) -> String {
        let mut text = self.text.clone();
        let mut waiting: Vec<&Self> = self.children.iter().rev().collect();
        while let Some(element) = waiting.pop() {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&element.text);
            waiting.extend(element.children.iter().rev());
        }
        text
    }

    /// The elements of a name in it.
    pub(crate) fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// What comes next in the file.
pub(crate) enum Step {
    /// A container begins: its path, itself included, and its attributes.
    Enter(Vec<String>, Vec<(String, String)>),
    /// A record, in the container of this path.
    Record(Vec<String>, Element),
    /// An instruction for Muster.
    Instruction(String),
}

/// The elements that are entered rather than held.
fn is_container(path: &[String], name: &str) -> bool {
    let parents: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        (parents.as_slice(), name),
        ([], "schedule") | (["schedule"], "conference" | "tracks" | "persons" | "day") | (["schedule", "day"], "room")
    )
}

/// Walks through a file.
pub(crate) struct Tree<'a> {
    reader: quick_xml::Reader<&'a [u8]>,
    text: &'a str,
    path: Vec<String>,
    building: Vec<Element>,
    elements: usize,
    depth_limit: usize,
    counted_to: usize,
    line: u64,
    finished: bool,
}

impl<'a> Tree<'a> {
    /// Starts at the beginning of a text.
    pub(crate) fn new(text: &'a str, depth_limit: usize) -> Self {
        let reader = quick_xml::Reader::from_str(text);
        Self {
            reader,
            text,
            path: Vec::new(),
            building: Vec::new(),
            elements: 0,
            depth_limit,
            counted_to: 0,
            line: 1,
            finished: false,
        }
    }

    /// The next step; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Step>, ImportError> {
        loop {
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.broken(&error)),
            };
            let step = match event {
                Event::Eof => return self.end_of_file(),
                Event::DocType(doctype) => {
                    let declares = doctype.contains('[') || doctype.to_ascii_uppercase().contains("ENTITY");
                    if declares {
                        return Err(ImportError::Entities { line: self.line() });
                    }
                    None
                }
                Event::Start(tag) => self.open(&tag, false)?,
                Event::Empty(tag) => self.open(&tag, true)?,
                Event::End(_) => self.close(),
                Event::Text(text) => self.add_text(&text.xml10_content())?,
                Event::CData(text) => self.add_text(&text.xml10_content())?,
                Event::GeneralRef(reference) => self.add_reference(&reference)?,
                Event::PI(instruction) if instruction.target() == "muster" => {
                    Some(Step::Instruction(instruction.content().trim().to_owned()))
                }
                Event::PI(_) | Event::Decl(_) | Event::Comment(_) => None,
            };
            if step.is_some() {
                return Ok(step);
            }
        }
    }

    fn end_of_file(&mut self) -> Result<Option<Step>, ImportError> {
        if self.finished {
            return Ok(None);
        }
        Err(ImportError::Xml { line: self.line(), detail: "it ends before its root element does" })
    }

    fn open(&mut self, tag: &BytesStart<'_>, empty: bool) -> Result<Option<Step>, ImportError> {
        let line = self.line();
        let name = tag.name().0.to_owned();
        if self.finished {
            return Err(ImportError::Xml { line, detail: "an element follows the root element" });
        }
        if self.path.len() + self.building.len() >= self.depth_limit {
            return Err(ImportError::TooDeep { limit: self.depth_limit });
        }
        let attributes = attributes(tag, line)?;
        if self.building.is_empty() && is_container(&self.path, &name) {
            self.path.push(name);
            let step = Step::Enter(self.path.clone(), attributes);
            if empty {
                self.leave();
            }
            return Ok(Some(step));
        }
        if self.path.is_empty() {
            return Err(ImportError::Xml { line, detail: "its root element is not schedule" });
        }
        self.elements += 1;
        if self.elements > MAX_RECORD_ELEMENTS {
            let limit = u64::try_from(MAX_RECORD_ELEMENTS).unwrap_or(u64::MAX);
            return Err(ImportError::TooLarge { what: "elements in one record", limit });
        }
        self.building.push(Element { name, line, attributes, ..Element::default() });
        Ok(if empty { self.close() } else { None })
    }

    fn close(&mut self) -> Option<Step> {
        let Some(done) = self.building.pop() else {
            self.leave();
            return None;
        };
        match self.building.last_mut() {
            Some(parent) => {
                parent.children.push(done);
                None
            }
            None => {
                self.elements = 0;
                Some(Step::Record(self.path.clone(), done))
            }
        }
    }

    fn leave(&mut self) {
        self.path.pop();
        self.finished = self.path.is_empty();
    }

    fn add_text(&mut self, text: &str) -> Result<Option<Step>, ImportError> {
        match self.building.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() || !self.path.is_empty() => {}
            None => return Err(ImportError::Xml { line: self.line(), detail: "text stands outside the root element" }),
        }
        Ok(None)
    }

    fn add_reference(&mut self, reference: &BytesRef<'_>) -> Result<Option<Step>, ImportError> {
        let line = self.line();
        let bad = |detail| ImportError::Xml { line, detail };
        let character = match reference.resolve_char_ref() {
            Ok(Some(character)) => Some(character),
            Ok(None) => named(&reference.xml10_content()),
            Err(_) => return Err(bad("a character reference that names no character")),
        };
        let character = character.ok_or_else(|| bad("an entity that XML does not define"))?;
        if !is_text(character) {
            return Err(ImportError::ControlCharacter { line, character: u32::from(character) });
        }
        self.add_text(character.encode_utf8(&mut [0; 4]))
    }

    fn broken(&mut self, error: &quick_xml::Error) -> ImportError {
        use quick_xml::Error;
        let detail = match error {
            Error::Syntax(_) => "a tag, comment or instruction is not closed",
            Error::IllFormed(_) => "tags are not nested or a name is missing",
            Error::InvalidAttr(_) => "an attribute is malformed",
            Error::Escape(_) => "an ampersand is not escaped",
            _ => "it cannot be read",
        };
        ImportError::Xml { line: self.line(), detail }
    }

    /// The line reached, counted on from where it was last asked.
    fn line(&mut self) -> u64 {
        let position = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX).min(self.text.len());
        let passed = self.text.as_bytes().get(self.counted_to..position).unwrap_or_default();
        let breaks = passed.iter().filter(|&&byte| byte == b'\n').count();
        self.line = self.line.saturating_add(u64::try_from(breaks).unwrap_or(u64::MAX));
        self.counted_to = self.counted_to.max(position);
        self.line
    }
}

fn named(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn attributes(tag: &BytesStart<'_>, line: u64) -> Result<Vec<(String, String)>, ImportError> {
    let mut found = Vec::new();
    // The check for double names compares all with all; the first of a name is taken instead.
    for attribute in tag.attributes().with_checks(false) {
        let malformed = ImportError::Xml { line, detail: "an attribute is malformed" };
        let attribute = attribute.map_err(|_| malformed.clone())?;
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|_| malformed)?;
        if let Some(character) = value.chars().find(|&character| !is_text(character)) {
            return Err(ImportError::ControlCharacter { line, character: u32::from(character) });
        }
        let name = attribute.key.0;
        // Namespaces and schema hints say nothing about the programme.
        if !name.starts_with("xmlns") && !name.starts_with("xsi:") {
            found.push((name.to_owned(), value.into_owned()));
        }
        if found.len() > MAX_ATTRIBUTES {
            let limit = u64::try_from(MAX_ATTRIBUTES).unwrap_or(u64::MAX);
            return Err(ImportError::TooLarge { what: "attributes of one element", limit });
        }
    }
    Ok(found)
}
