//! Bytes to texts: encodings, control characters, lengths.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1257};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::error::ImportError;

/// The line, from 1, in which a byte stands.
pub(crate) fn line_of(bytes: &[u8], position: usize) -> u64 {
    let before = bytes.get(..position).unwrap_or(bytes);
    let breaks = before.iter().filter(|&&byte| byte == b'\n').count();
    u64::try_from(breaks).unwrap_or(u64::MAX).saturating_add(1)
}

/// Decodes bytes of a known encoding, strictly.
pub(crate) fn decode(bytes: &[u8], encoding: &'static Encoding) -> Result<String, ImportError> {
    if encoding == UTF_8 {
        return match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(broken(bytes, error.valid_up_to(), encoding)),
        };
    }
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(text.into_owned()),
        None => Err(broken(bytes, 0, encoding)),
    }
}

fn broken(bytes: &[u8], position: usize, encoding: &'static Encoding) -> ImportError {
    ImportError::Encoding { line: line_of(bytes, position), encoding: encoding.name().to_owned() }
}

/// The encoding that a byte order mark names, and the bytes after it.
pub(crate) fn byte_order_mark(bytes: &[u8]) -> (Option<&'static Encoding>, &[u8]) {
    match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (Some(encoding), bytes.get(length..).unwrap_or_default()),
        None => (None, bytes),
    }
}

/// A list's text, and the encoding that had to be assumed if it is not Unicode.
///
/// A file with broken UTF-8 among good UTF-8 is refused: taken for a code page, its good names would be spoilt.
pub(crate) fn decode_list(bytes: &[u8], zone: &str) -> Result<(String, Option<&'static str>), ImportError> {
    let (named, rest) = byte_order_mark(bytes);
    if let Some(encoding) = named {
        return decode(rest, encoding).map(|text| (text, None));
    }
    let Err(error) = std::str::from_utf8(rest) else { return decode(rest, UTF_8).map(|text| (text, None)) };
    let nulls = rest.iter().take(512).filter(|&&byte| byte == 0).count();
    if nulls > 64 {
        let encoding = if rest.first() == Some(&0) { UTF_16BE } else { UTF_16LE };
        return decode(rest, encoding).map(|text| (text, Some(encoding.name())));
    }
    if has_good_utf8(rest) {
        return Err(broken(rest, error.valid_up_to(), UTF_8));
    }
    let baltic = ["Europe/Riga", "Europe/Vilnius", "Europe/Tallinn"].contains(&zone);
    let encoding = if baltic { WINDOWS_1257 } else { WINDOWS_1252 };
    let (text, _) = encoding.decode_without_bom_handling(rest);
    Ok((text.into_owned(), Some(encoding.name())))
}

/// Whether some non-ASCII character of the bytes is good UTF-8.
fn has_good_utf8(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii())
}

/// Whether a character may stand in a text: no control characters but tab and line breaks.
pub(crate) fn is_text(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}')
}

/// Refuses a text with control characters.
pub(crate) fn refuse_control_characters(text: &str) -> Result<(), ImportError> {
    match text.char_indices().find(|&(_, character)| !is_text(character)) {
        Some((position, character)) => Err(ImportError::ControlCharacter {
            line: line_of(text.as_bytes(), position),
            character: u32::from(character),
        }),
        None => Ok(()),
    }
}

/// A text as it is kept: line breaks as `\n`, no control characters, no white space around it.
pub(crate) fn clean(text: &str) -> String {
    let text = text.trim();
    if !text.contains(|character| !is_text(character) || character == '\r') {
        return text.to_owned();
    }
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = unified.chars().filter(|&character| is_text(character)).collect();
    kept.trim().to_owned()
}

/// What two spellings of one name have in common: neither case nor white space tells names apart.
pub(crate) fn same_name(name: &str) -> String {
    let composed = name.nfkc().collect::<String>().to_lowercase();
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is left of a name where accents get lost.
pub(crate) fn folded_name(name: &str) -> String {
    same_name(name).nfkd().filter(|&character| !is_combining_mark(character)).collect()
}

/// What is shown of a text from a file in an error: short and on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let short: String = text.chars().filter(|character| !character.is_control()).take(40).collect();
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_are_assumed_only_where_nothing_is_utf8() {
        let (text, assumed) = decode_list(b"name\nM\xfcller\n", "Europe/Berlin").unwrap();
        assert_eq!((text.as_str(), assumed), ("name\nMüller\n", Some("windows-1252")));
        let (text, assumed) = decode_list(b"name\nB\xe7rzi\xf2\xf0\n", "Europe/Riga").unwrap();
        assert_eq!((text.as_str(), assumed), ("name\nBērziņš\n", Some("windows-1257")));
        let error = decode_list(b"name\nM\xc3\xbcller\nM\xfcller\n", "UTC").unwrap_err();
        assert_eq!(error, ImportError::Encoding { line: 3, encoding: "UTF-8".into() });
    }

    #[test]
    fn byte_order_marks_are_followed() {
        let (text, assumed) = decode_list(b"\xef\xbb\xbfname", "UTC").unwrap();
        assert_eq!((text.as_str(), assumed), ("name", None));
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("nāme".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(decode_list(&utf16, "UTC").unwrap().0, "nāme");
        assert!(decode_list(&utf16[..5], "UTC").is_err());
    }

    #[test]
    fn names_are_compared_without_case_and_space_and_if_need_be_without_accents() {
        assert_eq!(same_name("  LIELĀ \u{a0} Zāle"), same_name("Liela\u{304} zāle"));
        assert_ne!(same_name("Lielā zāle"), same_name("Liela zale"));
        assert_eq!(folded_name("Lielā zāle"), "liela zale");
    }

    #[test]
    fn texts_are_cleaned_once() {
        let once = clean("\u{0} a\r\nb\rc\u{7} \u{1b}");
        assert_eq!(once, "a\nb\nc");
        assert_eq!(clean(&once), once);
    }
}
