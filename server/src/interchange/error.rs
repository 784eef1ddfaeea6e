//! Why a file could not be imported or a programme not exported.

/// Why a file could not be imported. Texts say what is wrong and what to do; they never hold personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The file is something else than what was expected.
    #[error("this is {found}, not {expected}: {remedy}")]
    WrongKind {
        /// What the file looks like.
        found: String,
        /// What was expected.
        expected: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The file is empty.
    #[error("the file is empty: export it again from the system it comes from")]
    Empty,
    /// The XML is not well-formed.
    #[error("line {line}: the XML is broken ({detail}): export the file again, or mend it there")]
    Xml {
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        detail: &'static str,
    },
    /// The XML declares or uses entities, with which a small file can become a huge one.
    #[error("line {line}: the XML has a document type with entities of its own: remove the DOCTYPE and the entities")]
    Entities {
        /// The line, from 1.
        line: u64,
    },
    /// The JSON is not well-formed.
    #[error("line {line}, column {column}: the JSON is broken: export the file again, or mend it there")]
    Json {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
    },
    /// The structure is nested deeper than any real file is.
    #[error("the file nests more than {limit} levels deep: no schedule or order does")]
    TooDeep {
        /// How many levels are read.
        limit: usize,
    },
    /// The bytes are not texts in the encoding that the file says or shows.
    #[error("line {line}: the text is not {encoding}: save the file as UTF-8 and import it again")]
    Encoding {
        /// The line, from 1.
        line: u64,
        /// The encoding that was expected.
        encoding: String,
    },
    /// A character that no text has.
    #[error("line {line}: a control character (U+{character:04X}) stands in the text: remove it")]
    ControlCharacter {
        /// The line, from 1.
        line: u64,
        /// The character's number.
        character: u32,
    },
    /// There is more of something than is read.
    #[error("the file has more than {limit} {what}: divide it, or raise the limit")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is read.
        limit: u64,
    },
    /// A list has no column that it needs.
    #[error("the list has no column for {column}: name one of its columns {accepted}")]
    MissingColumn {
        /// What the column should hold.
        column: &'static str,
        /// The headings by which it is known.
        accepted: String,
    },
    /// Two columns of a list have the same meaning.
    #[error("the list has two columns for {column} ({first} and {second}): remove or rename one")]
    AmbiguousColumn {
        /// What both hold.
        column: &'static str,
        /// The place of the first, from 1.
        first: usize,
        /// The place of the second, from 1.
        second: usize,
    },
    /// The file is well-formed but lacks what every file of its kind has.
    #[error("the file has no {what}: it is not a complete {kind}")]
    Incomplete {
        /// What is missing.
        what: &'static str,
        /// What kind of file it should be.
        kind: &'static str,
    },
    /// The event would have more attendees than it can hold.
    #[error("the event would have more than {limit} attendees: no event can hold more")]
    EventFull {
        /// How many an event can hold.
        limit: usize,
    },
}

impl ImportError {
    /// The error's stable code, as in the API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongKind { .. } => "import_wrong_kind",
            Self::Empty => "import_empty",
            Self::Xml { .. } => "import_not_xml",
            Self::Entities { .. } => "import_entities",
            Self::Json { .. } => "import_not_json",
            Self::TooDeep { .. } => "import_too_deep",
            Self::Encoding { .. } => "import_encoding",
            Self::ControlCharacter { .. } => "import_control_character",
            Self::TooLarge { .. } => "import_too_large",
            Self::MissingColumn { .. } => "import_missing_column",
            Self::AmbiguousColumn { .. } => "import_ambiguous_column",
            Self::Incomplete { .. } => "import_incomplete",
            Self::EventFull { .. } => "import_event_full",
        }
    }
}

/// Why something could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file could not be put together.
    #[error("the export could not be written")]
    Write(#[from] std::io::Error),
    /// A value has no JSON form.
    #[error("the export could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl ExportError {
    /// The error's stable code, as in the API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "export_failed"
    }
}
