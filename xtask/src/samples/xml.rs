//! As much XML as the shipped schedule uses: elements, attributes, text, the five entities, comments.
//!
//! Anything else is an error, so what it accepts is well-formed. It is no parser for files from elsewhere.

/// An element with everything in it.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    /// Text straight inside, entities resolved.
    pub(super) text: String,
}

impl Element {
    pub(super) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn child(&self, name: &str) -> &Element {
        let mut found = self.children.iter().filter(|child| child.name == name);
        let only = found.next().unwrap_or_else(|| panic!("<{}> has no <{name}>", self.name));
        assert!(found.next().is_none(), "<{}> has <{name}> twice", self.name);
        only
    }

    pub(super) fn text_of(&self, name: &str) -> &str {
        &self.child(name).text
    }

    pub(super) fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("<{}> has no {name}", self.name))
    }
}

/// Reads a document and gives its root.
pub(super) fn read(document: &str) -> Result<Element, String> {
    let mut rest = document;
    let mut open = vec![element(String::new(), Vec::new())];
    while let Some(at) = rest.find('<') {
        let text = resolve(&rest[..at])?;
        open.last_mut().ok_or("text after the root")?.text.push_str(&text);
        rest = &rest[at..];
        let (end, skip) = if rest.starts_with("<!--") { ("-->", true) } else { (">", rest.starts_with("<?")) };
        let stop = rest.find(end).ok_or("a tag without end")?;
        let tag = &rest[1..stop];
        rest = &rest[stop + end.len()..];
        if skip {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            let done = open.pop().ok_or("one end tag too many")?;
            if done.name != name {
                return Err(format!("<{}> ended by </{name}>", done.name));
            }
            open.last_mut().ok_or("one end tag too many")?.children.push(done);
        } else {
            let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            let started = element(name.to_owned(), read_attributes(attributes)?);
            if empty { open.last_mut().ok_or("no root")?.children.push(started) } else { open.push(started) }
        }
    }
    let mut document = open.pop().filter(|_| open.is_empty()).ok_or("an element is never ended")?;
    let root = document.children.pop().ok_or("no root")?;
    if document.children.is_empty() && document.text.trim().is_empty() && rest.trim().is_empty() {
        Ok(root)
    } else {
        Err("something beside the root".into())
    }
}

fn element(name: String, attributes: Vec<(String, String)>) -> Element {
    Element { name, attributes, children: Vec::new(), text: String::new() }
}

fn read_attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut rest = text.trim();
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or_else(|| format!("no attribute: {rest}"))?;
        let (value, after) = after.split_once('"').ok_or_else(|| format!("no end of {name}"))?;
        if attributes.iter().any(|(known, _)| known == name) {
            return Err(format!("{name} is there twice"));
        }
        attributes.push((name.to_owned(), resolve(value)?));
        rest = after.trim_start();
    }
    Ok(attributes)
}

fn resolve(text: &str) -> Result<String, String> {
    if let Some(control) = text.chars().find(|char| char.is_control() && *char != '\n') {
        return Err(format!("control character {control:?}"));
    }
    let mut pieces = text.split('&');
    let mut resolved = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (entity, after) = piece.split_once(';').ok_or("a bare &")?;
        let char = match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => return Err(format!("unknown entity {other}")),
        };
        resolved.push(char);
        resolved.push_str(after);
    }
    Ok(resolved)
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let root = read("<?xml version=\"1.0\"?>\n<!-- <b> -->\n<a x=\"1 &amp; 2\"><b>&lt;</b><c/></a>\n").unwrap();
    assert_eq!((root.attribute("x"), root.text_of("b"), root.text_of("c")), ("1 & 2", "<", ""));
    for bad in [
        "",
        "<a>",
        "<a></b>",
        "<a></a></a>",
        "<a/><b/>",
        "<a>&</a>",
        "<a>&nbsp;</a>",
        "<a x=1/>",
        "<a x=\"1\" x=\"2\"/>",
        "<a/>b",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
