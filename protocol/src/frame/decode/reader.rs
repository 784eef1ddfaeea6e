//! A bounded reader of CBOR as cbor-x writes it, over minicbor's decoder.

use minicbor::Decoder;
use minicbor::data::{Tag, Type};

use super::FrameError;
use crate::Timestamp;
use crate::frame::FrameLimits;

/// CBOR tag of a `Uint8Array` (RFC 8746); sent by automerge-repo before 1.0.0.
const TAG_UINT8_ARRAY: u64 = 64;

pub(super) struct Reader<'b> {
    decoder: Decoder<'b>,
    pub(super) limits: &'b FrameLimits,
    total: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8], limits: &'b FrameLimits) -> Self {
        Self { decoder: Decoder::new(bytes), limits, total: bytes.len() }
    }

    pub(super) fn finish(&self) -> Result<(), FrameError> {
        if self.decoder.position() == self.total {
            return Ok(());
        }
        Err(self.malformed("nothing may follow the map"))
    }

    pub(super) fn malformed(&self, what: &'static str) -> FrameError {
        FrameError::Malformed { what, offset: self.decoder.position() }
    }

    fn peek(&mut self, what: &'static str) -> Result<Type, FrameError> {
        self.decoder.datatype().map_err(|_| self.malformed(what))
    }

    /// Takes `null` and `undefined`, which both mean that the field is absent.
    pub(super) fn take_absent(&mut self) -> Result<bool, FrameError> {
        match self.peek("a value")? {
            Type::Null => self.decoder.null().map_err(|_| self.malformed("null"))?,
            Type::Undefined => self.decoder.undefined().map_err(|_| self.malformed("undefined"))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Calls `entry` for every entry of a map, positioned at the key.
    pub(super) fn map(
        &mut self,
        what: &'static str,
        mut entry: impl FnMut(&mut Self) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let length = self.decoder.map().map_err(|_| self.malformed(what))?;
        self.entries(what, length, &mut entry)
    }

    /// Calls `item` for every item of an array.
    pub(super) fn array(
        &mut self,
        what: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let length = self.decoder.array().map_err(|_| self.malformed(what))?;
        self.entries(what, length, &mut item)
    }

    fn entries(
        &mut self,
        what: &'static str,
        length: Option<u64>,
        each: &mut dyn FnMut(&mut Self) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let max = self.limits.max_entries;
        let wanted = length.map(usize::try_from);
        let over = FrameError::Limit { what };
        match wanted {
            Some(Ok(n)) if n <= max => (0..n).try_for_each(|_| each(self)),
            Some(_) => Err(over),
            None => {
                for _ in 0..=max {
                    if self.peek(what)? == Type::Break {
                        return self.decoder.skip().map_err(|_| self.malformed(what));
                    }
                    each(self)?;
                }
                Err(over)
            }
        }
    }

    /// A text of at most `max` bytes, definite or in pieces.
    pub(super) fn text(&mut self, what: &'static str, max: usize) -> Result<String, FrameError> {
        let over = FrameError::Limit { what };
        let mut out = String::new();
        let offset = self.decoder.position();
        let malformed = FrameError::Malformed { what, offset };
        if !matches!(self.peek(what)?, Type::String | Type::StringIndef) {
            return Err(malformed);
        }
        for piece in self.decoder.str_iter().map_err(|_| malformed.clone())? {
            let piece = piece.map_err(|_| malformed.clone())?;
            if out.len().saturating_add(piece.len()) > max {
                return Err(over);
            }
            out.push_str(piece);
        }
        Ok(out)
    }

    /// A byte string, definite, in pieces, or tagged as a `Uint8Array`. The frame's own size bounds
    /// it.
    pub(super) fn bytes(&mut self, what: &'static str) -> Result<Vec<u8>, FrameError> {
        if self.peek(what)? == Type::Tag {
            let tag = self.decoder.tag().map_err(|_| self.malformed(what))?;
            if tag != Tag::new(TAG_UINT8_ARRAY) {
                return Err(self.malformed(what));
            }
        }
        let malformed = self.malformed(what);
        if !matches!(self.peek(what)?, Type::Bytes | Type::BytesIndef) {
            return Err(malformed);
        }
        let mut out = Vec::new();
        for piece in self.decoder.bytes_iter().map_err(|_| malformed.clone())? {
            out.extend_from_slice(piece.map_err(|_| malformed.clone())?);
        }
        Ok(out)
    }

    /// A JavaScript number: any integer or float.
    fn number(&mut self, what: &'static str) -> Result<Number, FrameError> {
        let malformed = self.malformed(what);
        let number = match self.peek(what)? {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => self.decoder.u64().map(Number::Unsigned),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => self.decoder.i64().map(Number::Signed),
            Type::F16 | Type::F32 | Type::F64 => self.decoder.f64().map(Number::Float),
            _ => return Err(malformed),
        };
        number.map_err(|_| malformed)
    }

    /// A whole number that is not negative.
    pub(super) fn count(&mut self, what: &'static str) -> Result<u64, FrameError> {
        let malformed = self.malformed(what);
        match self.number(what)? {
            Number::Unsigned(n) => Ok(n),
            Number::Signed(n) => u64::try_from(n).map_err(|_| malformed),
            Number::Float(n) if n.fract() == 0.0 => {
                Timestamp::from_js_number(n).and_then(|exact| u64::try_from(exact.as_ms()).ok()).ok_or(malformed)
            }
            Number::Float(_) => Err(malformed),
        }
    }

    /// Milliseconds since the epoch.
    pub(super) fn timestamp(&mut self, what: &'static str) -> Result<Timestamp, FrameError> {
        let malformed = self.malformed(what);
        match self.number(what)? {
            Number::Unsigned(n) => i64::try_from(n).map(Timestamp::from_ms).map_err(|_| malformed),
            Number::Signed(n) => Ok(Timestamp::from_ms(n)),
            Number::Float(n) => Timestamp::from_js_number(n).ok_or(malformed),
        }
    }

    pub(super) fn boolean(&mut self, what: &'static str) -> Result<bool, FrameError> {
        self.decoder.bool().map_err(|_| self.malformed(what))
    }

    /// Whether the next item is a text; a key that is none belongs to nobody we know.
    pub(super) fn at_text(&mut self) -> Result<bool, FrameError> {
        Ok(matches!(self.peek("a key")?, Type::String | Type::StringIndef))
    }

    /// Skips one item of any kind, nested at most [`FrameLimits::max_depth`] deep.
    pub(super) fn skip(&mut self) -> Result<(), FrameError> {
        self.skip_below(self.limits.max_depth)
    }

    fn skip_below(&mut self, depth: usize) -> Result<(), FrameError> {
        const WHAT: &str = "a field that is skipped";
        let Some(below) = depth.checked_sub(1) else {
            return Err(FrameError::Limit { what: "nesting" });
        };
        match self.peek(WHAT)? {
            Type::Array | Type::ArrayIndef => self.array(WHAT, |r| r.skip_below(below)),
            Type::Map | Type::MapIndef => self.map(WHAT, |r| {
                r.skip_below(below)?;
                r.skip_below(below)
            }),
            Type::Tag => {
                self.decoder.tag().map_err(|_| self.malformed(WHAT))?;
                self.skip_below(below)
            }
            Type::Break | Type::Unknown(_) => Err(self.malformed(WHAT)),
            _ => self.decoder.skip().map_err(|_| self.malformed(WHAT)),
        }
    }
}

enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}
