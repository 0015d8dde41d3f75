//! Interned texts: a value that a million rows share is stored once.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// An interned text. Equal texts have equal symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sym(NonZeroU32);

/// All texts of one portal. Texts are never given back.
#[derive(Debug, Default)]
pub(super) struct Pool {
    texts: Vec<Arc<str>>,
    // Looked up, never iterated.
    index: HashMap<Arc<str>, Sym>,
}

impl Pool {
    /// The symbol of `text`, new or known.
    pub(super) fn intern(&mut self, text: &str) -> Sym {
        if let Some(&found) = self.index.get(text) {
            return found;
        }
        let shared: Arc<str> = Arc::from(text);
        self.texts.push(Arc::clone(&shared));
        let number = u32::try_from(self.texts.len()).ok().and_then(NonZeroU32::new);
        let sym = Sym(number.unwrap_or(NonZeroU32::MAX));
        self.index.insert(shared, sym);
        sym
    }

    /// The symbol of `text` if it was ever interned.
    pub(super) fn find(&self, text: &str) -> Option<Sym> {
        self.index.get(text).copied()
    }

    /// The text of a symbol.
    pub(super) fn text(&self, sym: Sym) -> &str {
        self.texts.get(sym.0.get() as usize - 1).map_or("", |text| text)
    }
}
