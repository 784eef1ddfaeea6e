use super::{Draft, ImportError, ReadContext};
pub(crate) fn read(_b: &[u8], _c: &ReadContext) -> Result<Draft, ImportError> {
    Err(ImportError::Empty)
}
