//! Refused changes that name somebody who is erased: they go, since nothing can be struck out of a change. Those that name
//! nobody stay, and what is accepted of them is written into the document that took the place of the one they were meant for.

use automerge::Change;
use automerge::legacy::{Key, Op};
use muster_model::erasure::Erasure;
use muster_model::id::EventId;
use rusqlite::{Transaction, params};

use crate::storage::StorageError;

/// The beginning of every chunk of Automerge's format: four magic bytes, a checksum of four, a kind.
const HEAD_BYTES: usize = 9;

/// Everything that refused changes say.
pub(super) struct Texts(Vec<String>);

impl Texts {
    /// Whether an id stands there, as a key or in a text.
    pub(super) fn names(&self, id: &str) -> bool {
        self.0.iter().any(|text| text.contains(id))
    }

    fn and(mut self, text: String) -> Self {
        self.0.push(text);
        self
    }

    /// Whether a name stands there.
    pub(super) fn is_named(&self, erasure: &Erasure) -> bool {
        self.0.iter().any(|text| erasure.is_named_in(text))
    }
}

/// Discards the refused changes of an event that say what they should not, and those that cannot be read, since nobody
/// can tell. Says how many.
pub(super) fn discard(
    tx: &Transaction<'_>,
    event: EventId,
    says: impl Fn(&Texts) -> bool,
) -> Result<u64, StorageError> {
    let mut gone = Vec::new();
    {
        let mut statement =
            tx.prepare_cached("SELECT id, bytes, coalesce(note, '') FROM quarantine WHERE event_id = ?1")?;
        let mut rows = statement.query(params![event.to_string()])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            // Whoever decided about it may have named somebody in the note.
            let note: String = row.get(2)?;
            let read = texts(bytes).map(|texts| texts.and(note));
            if read.is_none_or(|texts| says(&texts)) {
                gone.push(row.get::<_, i64>(0)?);
            }
        }
    }
    for id in &gone {
        tx.execute("DELETE FROM quarantine WHERE id = ?1", [id])?;
    }
    Ok(u64::try_from(gone.len()).unwrap_or(u64::MAX))
}

/// The keys and texts of change chunks that follow each other; `None` if they cannot be read.
fn texts(mut bytes: &[u8]) -> Option<Texts> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (chunk, rest) = bytes.split_at_checked(chunk_len(bytes)?)?;
        let change = Change::from_bytes(chunk.to_vec()).ok()?;
        let expanded = change.decode();
        found.extend(expanded.message);
        found.extend(expanded.operations.iter().flat_map(texts_of));
        bytes = rest;
    }
    Some(Texts(found))
}

fn texts_of(op: &Op) -> impl Iterator<Item = String> {
    let key = match &op.key {
        Key::Map(key) => Some(key.to_string()),
        Key::Seq(_) => None,
    };
    let value = op.primitive_value().and_then(|value| value.as_str().map(ToOwned::to_owned));
    key.into_iter().chain(value)
}

/// How long the first chunk is: its head, the length of its contents (LEB128), and those.
fn chunk_len(bytes: &[u8]) -> Option<usize> {
    let (mut length, mut shift, mut read) = (0_usize, 0_u32, HEAD_BYTES);
    loop {
        let byte = *bytes.get(read)?;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        (shift, read) = (shift.checked_add(7).filter(|shift| *shift < 35)?, read.checked_add(1)?);
        if byte & 0x80 == 0 {
            return read.checked_add(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use automerge::transaction::Transactable;
    use automerge::{ActorId, Automerge, ROOT};

    use super::*;

    #[test]
    fn changes_are_read_one_after_the_other_whether_compressed_or_not() {
        let mut doc = Automerge::load(&[]).unwrap().with_actor(ActorId::from(vec![1]));
        for text in ["Jānis Bērziņš".to_owned(), "Zoë ".repeat(200)] {
            let mut tx = doc.transaction();
            tx.put(ROOT, "who", text.as_str()).unwrap();
            tx.commit();
        }
        let bytes: Vec<u8> = doc.get_changes(&[]).iter_mut().flat_map(|change| change.bytes().into_owned()).collect();
        assert!(!bytes.windows(40).any(|some| some == "Zoë ".repeat(8).as_bytes()), "the second is compressed");
        let texts = texts(&bytes).unwrap();
        assert!(texts.names("who") && texts.names("Zoë Zoë") && !texts.names("Łukasz"));
        assert!(texts.is_named(&Erasure::of([].into(), ["Jānis Bērziņš".to_owned()])));
        for cut in [1, 8, 9, 20, bytes.len() - 1] {
            assert!(super::texts(&bytes[..cut]).is_none(), "{cut}");
        }
    }
}
