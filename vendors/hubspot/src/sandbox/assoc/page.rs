//! Pages of a record's ties, and the cursor to the next one.

use crate::sandbox::{
    edges::{End, TypeId},
    kind::Kind,
    portal::Portal,
    table::Slot,
    wire::ApiError,
};

impl Portal {
    /// A page of a record's ties: rows, and the id that the next page begins with.
    pub(super) fn ties(
        &self,
        from: End,
        to: Kind,
        after: u64,
        limit: usize,
    ) -> (Vec<(Slot, &[TypeId])>, Option<u64>) {
        let first = self.table(to).slot_from(after);
        let mut rows: Vec<_> = self
            .edges
            .of(from, to, first)
            .filter(|(slot, _)| !self.hidden.contains(&(to, *slot)))
            .take(limit + 1)
            .collect();
        let next = if rows.len() > limit { rows.pop().map(|(slot, _)| self.id_of((to, slot))) } else { None };
        (rows, next)
    }
}

pub(super) fn opaque(id: u64) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(id.to_string())
}

pub(super) fn cursor(text: Option<&str>) -> Result<u64, ApiError> {
    use base64::Engine;
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(0) };
    let decoded = base64::engine::general_purpose::STANDARD.decode(text).ok();
    let id = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok());
    id.or_else(|| text.parse().ok()).ok_or_else(|| {
        ApiError::validation(&format!("Cannot deserialize value of type `long` from String \"{text}\""))
    })
}
